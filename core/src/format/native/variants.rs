//! A flag's variants: their names, their values, and which of them is off.

use std::sync::{Arc, LazyLock};

use super::reader::{Reader, present, suggestion};
use crate::evaluation::Reason;
use crate::ir::{Expr, Target, ValueType, Variant};
use crate::ruleset::{Kind, Mark, Tree};
use crate::value::Value;

/// What a boolean flag has that says nothing of variants: nearly all of them, so it is there once.
static ON_OFF: LazyLock<Arc<[Variant]>> = LazyLock::new(|| {
    [("on", true), ("off", false)].map(|(key, value)| Variant { key: key.into(), value: Ok(value.into()), enabled: value }).into()
});

/// A flag's variants while its other parts are read.
pub struct Variants {
    /// What they hold.
    pub value_type: ValueType,
    /// As written.
    pub list: Arc<[Variant]>,
    off: Option<u32>,
}

impl Variants {
    /// Reads `type`, `variants` and `off` of a flag.
    pub fn read(reader: &mut Reader, node: &Tree<'_>) -> Option<Self> {
        let type_name = reader.text(node, "type");
        let value_type = match &type_name {
            None if present(node, "type").is_some() => return None,
            None => ValueType::Boolean,
            Some(name) => match ValueType::ALL.into_iter().find(|value_type| value_type.as_str() == &**name) {
                Some(value_type) => value_type,
                None => {
                    let hint = suggestion(name, ValueType::ALL.iter().map(|value_type| value_type.as_str()));
                    let at = present(node, "type")?.at;
                    return reader.within("type", |reader| reader.error(at, format!("there is no flag type \"{name}\"{hint}")));
                }
            },
        };
        let mut list = Vec::new();
        match present(node, "variants") {
            None if value_type == ValueType::Boolean => {
                let variants = Self { value_type, list: ON_OFF.clone(), off: Some(1) };
                return variants.with_off(reader, node);
            }
            None => return reader.error(node.at, format!("a {} flag needs variants, as in {{small: …, large: …}}", value_type.as_str())),
            Some(variants) => reader.within("variants", |reader| {
                if variants.entries().is_empty() {
                    reader.error::<()>(variants.at, "has to be a map from names to values, with at least one");
                }
                for (key, node) in variants.entries() {
                    let value = node.to_value();
                    reader.check_name(&key.text, key.at);
                    if !value_type.admits(&value) {
                        let message =
                            format!("{} is {}, and the flag's type is {}", node.excerpt(), value.type_name(), value_type.as_str());
                        reader.within(&*key.text, |reader| reader.error::<()>(node.at, message));
                    }
                    let enabled = value.as_bool().filter(|_| value_type == ValueType::Boolean).unwrap_or(true);
                    list.push(Variant { key: reader.common.text(&key.text), value: Ok(value), enabled });
                }
            }),
        }
        let off =
            list.iter().position(|variant| matches!(variant.value, Ok(Value::Bool(false)))).filter(|_| value_type == ValueType::Boolean);
        Self { value_type, list: list.into(), off: off.map(|at| at as u32) }.with_off(reader, node)
    }

    /// The same with the off variant that the flag names, if it names one.
    fn with_off(mut self, reader: &mut Reader, node: &Tree<'_>) -> Option<Self> {
        if let Some(off) = reader.text(node, "off") {
            self.off = Some(reader.within("off", |reader| self.index(reader, &off, present(node, "off")?.at))?);
        }
        if let (Some(off), true) = (self.off, self.value_type != ValueType::Boolean) {
            // Not on, whatever it holds. The list is still this flag's own: only a boolean's is shared.
            let list = self.list.iter().enumerate();
            self.list = list.map(|(at, variant)| Variant { enabled: variant.enabled && at != off as usize, ..variant.clone() }).collect();
        }
        Some(self)
    }

    /// The first variant that is this boolean.
    pub fn holding(&self, bool: bool) -> Option<u32> {
        self.list.iter().position(|variant| matches!(variant.value, Ok(Value::Bool(value)) if value == bool)).map(|at| at as u32)
    }

    /// The variant of that name; a mistake if there is none.
    pub fn index(&self, reader: &mut Reader, name: &str, at: Mark) -> Option<u32> {
        match self.list.iter().position(|variant| &*variant.key == name) {
            Some(index) => Some(index as u32),
            None => {
                let hint = suggestion(name, self.list.iter().map(|variant| &*variant.key));
                reader.error(at, format!("there is no variant \"{name}\"{hint}"))
            }
        }
    }

    /// The variant under `serve` and its like: by name, or for a boolean flag by its value.
    pub fn named(&self, reader: &mut Reader, node: &Tree<'_>) -> Option<u32> {
        match &node.kind {
            Kind::Text(name) => self.index(reader, name, node.at),
            Kind::Bool(bool) if self.value_type == ValueType::Boolean => match self.holding(*bool) {
                Some(index) => Some(index),
                None => reader.error(node.at, format!("no variant is {bool}")),
            },
            _ => reader.error(node.at, format!("has to be the name of a variant, and {} is not", node.excerpt())),
        }
    }

    /// Serve the off variant, or the caller's default where the flag has none.
    pub fn off(&self, reason: Reason) -> Expr {
        Expr::Target(Target { variant: self.off, reason, note: None })
    }
}
