//! A flag's variants: their names, their values, and which of them is off.

use super::reader::{Reader, present, suggestion};
use crate::evaluation::Reason;
use crate::ir::{Expr, Target, ValueType, Variant};
use crate::ruleset::{Kind, Mark, Node};
use crate::value::Value;

/// A flag's variants while its other parts are read.
pub struct Variants {
    /// What they hold.
    pub value_type: ValueType,
    /// As written.
    pub list: Vec<Variant>,
    off: Option<u32>,
}

impl Variants {
    /// Reads `type`, `variants` and `off` of a flag.
    pub fn read(reader: &mut Reader, node: &Node) -> Option<Self> {
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
                list = [("on", true), ("off", false)]
                    .map(|(key, value)| Variant { key: key.into(), value: Ok(value.into()), enabled: value })
                    .into();
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
                    list.push(Variant { key: key.text.clone(), value: Ok(value), enabled });
                }
            }),
        }
        let mut variants = Self { value_type, list, off: None };
        variants.off = match reader.text(node, "off") {
            Some(off) => Some(reader.within("off", |reader| variants.index(reader, &off, present(node, "off")?.at))?),
            None if value_type == ValueType::Boolean => variants.holding(false),
            None => None,
        };
        if let Some(off) = variants.off {
            variants.list[off as usize].enabled &= value_type == ValueType::Boolean;
        }
        Some(variants)
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
    pub fn named(&self, reader: &mut Reader, node: &Node) -> Option<u32> {
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
