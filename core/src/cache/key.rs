//! What an answer is kept under: a flag and a context.

use xxhash_rust::xxh3::Xxh3;

use crate::context::View;
use crate::value::Value;

/// 128 bits that stand for a flag and a context. Hashed without ambiguity, so `("a:b", "c")` is not `("a", "b:c")`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(u128);

impl Key {
    /// The key of a flag asked for a context.
    pub fn new(flag: &str, context: View<'_>) -> Self {
        let mut hash = Xxh3::new();
        text(&mut hash, flag);
        match context.key {
            Some(key) => text(&mut hash, key),
            None => hash.update(&[0xff; 9]),
        }
        for (name, attribute) in context.attributes.iter() {
            text(&mut hash, name);
            value(&mut hash, attribute);
        }
        Self(hash.digest128())
    }

    /// The key as a number.
    pub fn number(self) -> u128 {
        self.0
    }
}

fn text(hash: &mut Xxh3, text: &str) {
    hash.update(&(text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}

fn value(hash: &mut Xxh3, attribute: &Value) {
    match attribute {
        Value::Null => hash.update(&[0]),
        Value::Bool(bool) => hash.update(&[1, u8::from(*bool)]),
        Value::Int(int) => {
            hash.update(&[2]);
            hash.update(&int.to_le_bytes());
        }
        Value::Float(float) => {
            hash.update(&[3]);
            hash.update(&float.to_bits().to_le_bytes());
        }
        Value::Text(inner) => {
            hash.update(&[4]);
            text(hash, inner);
        }
        Value::List(list) => {
            hash.update(&[5]);
            hash.update(&(list.len() as u64).to_le_bytes());
            list.iter().for_each(|item| value(hash, item));
        }
        Value::Map(entries) => {
            hash.update(&[6]);
            hash.update(&(entries.len() as u64).to_le_bytes());
            for (key, item) in entries.iter() {
                text(hash, key);
                value(hash, item);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Attributes;

    #[test]
    fn keys_tell_apart_what_differs() {
        let attributes = |pairs: &[(&str, Value)]| Attributes::new(pairs.iter().cloned()).unwrap();
        let sets = [
            attributes(&[]),
            attributes(&[("a", Value::from("1"))]),
            attributes(&[("a", Value::Int(1))]),
            attributes(&[("a", Value::Float(1.0))]),
            attributes(&[("a", Value::Bool(true))]),
            attributes(&[("a", Value::Null)]),
            attributes(&[("a", Value::from(vec!["x", "y"]))]),
            attributes(&[("a", Value::from(vec!["xy"]))]),
            attributes(&[("a1", Value::from(""))]),
        ];
        let mut keys: Vec<Key> = sets.iter().map(|attributes| Key::new("f", View { key: Some("u"), attributes })).collect();
        keys.push(Key::new("f", View { key: None, attributes: &sets[0] }));
        keys.push(Key::new("f:u", View::of("")));
        keys.push(Key::new("fu", View::of("")));
        let distinct: std::collections::HashSet<Key> = keys.iter().copied().collect();
        assert_eq!(distinct.len(), keys.len());
    }
}
