//! The variations of a flag: their keys and typed values.

use std::sync::Arc;

use super::dialect::Dialect;
use super::part::{Part, is_map, text, wrong};
use crate::evaluation::ErrorCode;
use crate::ir::{ValueType, Variant};
use crate::ruleset::{Kind, Node};
use crate::value::Value;

/// The variations of a flag while its allocations are read.
pub struct Variations {
    dialect: Dialect,
    /// As written, and then those that are only mentioned.
    pub list: Vec<Variant>,
}

impl Variations {
    /// Reads `variations`.
    pub fn read(flag: &Node, value_type: ValueType, dialect: Dialect) -> Part<Self> {
        let Some(variations) = flag.get("variations").filter(|node| is_map(node)) else {
            return Err(wrong(flag, "variations", "a map of variations by their keys"));
        };
        let mut list = Vec::with_capacity(variations.entries().len());
        for (_, node) in variations.entries() {
            let key = text(node, "key")?;
            let value = match (value(node, value_type, dialect), dialect) {
                (Some(value), _) => Ok(value),
                (None, Dialect::Eppo) => Err(ErrorCode::TypeMismatch),
                (None, Dialect::Datadog) => {
                    return Err(format!("variation \"{key}\": {}", wrong(node, "value", &format!("a {}", value_type.as_str()))));
                }
            };
            let enabled = !matches!(value, Ok(Value::Bool(false)));
            list.push(Variant { key, value, enabled });
        }
        Ok(Self { dialect, list })
    }

    /// The house that wrote the flag.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The place of a variation. One that does not exist is put there as an error where the dialect wants it so: the flag
    /// answers with that error for those who get it, and a trace still tells the allocation.
    pub fn place(&mut self, key: &Arc<str>) -> Part<u32> {
        let found = self.list.iter().position(|variant| variant.key == *key);
        let place = match (found, self.dialect) {
            (Some(place), _) => place,
            (None, Dialect::Eppo) => {
                self.list.push(Variant { key: key.clone(), value: Err(ErrorCode::MalformedFlag), enabled: true });
                self.list.len() - 1
            }
            (None, Dialect::Datadog) => return Err(format!("\"variationKey\" is \"{key}\", and the flag has no such variation")),
        };
        u32::try_from(place).map_err(|_| "there are more than 4294967295 variations".to_owned())
    }
}

/// The value of a variation; `None` if it has not the type of the flag.
fn value(variation: &Node, value_type: ValueType, dialect: Dialect) -> Option<Value> {
    let node = variation.get("value")?;
    match (value_type, dialect) {
        (ValueType::Json, Dialect::Eppo) => Node::from_json(node.as_str()?).ok().map(|json| json.to_value()),
        // 3.0 is an integer to Eppo, who reads all numbers as doubles.
        (ValueType::Integer, Dialect::Eppo) => node.to_value().as_i64().map(Value::Int),
        (ValueType::Integer, Dialect::Datadog) => Some(node.to_value()).filter(|value| matches!(value, Value::Int(_))),
        (ValueType::Double, _) => match node.kind {
            Kind::Int(int) => Some(Value::Float(int as f64)),
            Kind::Float(float) => Some(Value::from(float)),
            _ => None,
        },
        _ => Some(node.to_value()).filter(|value| value_type.admits(value)),
    }
}
