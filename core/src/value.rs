//! What an attribute or a variant holds: JSON, with integers kept apart from doubles.
//!
//! Cheap to clone (text, lists and maps are shared), because an evaluation carries its value away.

use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// A JSON value.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// Nothing: a missing attribute and an attribute that is null are the same to every rule.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number without a fraction that fits 64 bits.
    Int(i64),
    /// Any other number. Never NaN and never infinite.
    Float(f64),
    /// Text.
    Text(Arc<str>),
    /// A list.
    List(Arc<[Value]>),
    /// A map in the order it was written; keys do not repeat.
    Map(Arc<[(Arc<str>, Value)]>),
}

impl Value {
    /// The JSON name of what this holds, for messages.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Int(_) => "integer",
            Self::Float(_) => "double",
            Self::Text(_) => "string",
            Self::List(_) => "list",
            Self::Map(_) => "object",
        }
    }

    /// The text, if this is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The boolean, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(bool) => Some(*bool),
            _ => None,
        }
    }

    /// The integer, if this is a number that is one without loss.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(*int),
            // 2^53: beyond it a double no longer says which integer was meant.
            Self::Float(float) if float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0 => Some(*float as i64),
            _ => None,
        }
    }

    /// The number as a double, if this is a number that a double holds without loss.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(float) => Some(*float),
            Self::Int(int) if int.unsigned_abs() <= 1 << 53 => Some(*int as f64),
            _ => None,
        }
    }

    /// The entry of a map under `key`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Self::Map(entries) => entries.iter().find(|(name, _)| &**name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// About how many bytes it takes, texts and containers included; for caches that are bounded by bytes.
    pub fn size(&self) -> usize {
        let inner = match self {
            Self::Text(text) => text.len() + 16,
            Self::List(list) => list.iter().map(Self::size).sum::<usize>() + 16,
            Self::Map(entries) => entries.iter().map(|(name, value)| name.len() + 16 + value.size()).sum::<usize>() + 16,
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) => 0,
        };
        size_of::<Self>() + inner
    }

    /// The value as JSON text.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "null".to_owned())
    }
}

/// Numbers are equal when they are the same number, maps when they hold the same entries in any order.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a == b,
            (Self::Int(int), Self::Float(float)) | (Self::Float(float), Self::Int(int)) => {
                float.fract() == 0.0 && float.abs() < 9.3e18 && *float as i128 == i128::from(*int)
            }
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::List(a), Self::List(b)) => a == b,
            (Self::Map(a), Self::Map(b)) => a.len() == b.len() && a.iter().all(|(key, value)| other.get(key) == Some(value)),
            _ => false,
        }
    }
}

impl From<bool> for Value {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}
impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Self::Int(int)
    }
}
impl From<i32> for Value {
    fn from(int: i32) -> Self {
        Self::Int(int.into())
    }
}
/// A double that JSON cannot hold (NaN, infinities) becomes null; the doors of the clients refuse it before.
impl From<f64> for Value {
    fn from(float: f64) -> Self {
        if float.is_finite() { Self::Float(float) } else { Self::Null }
    }
}
impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}
impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(list: Vec<T>) -> Self {
        Self::List(list.into_iter().map(Into::into).collect())
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(bool) => serializer.serialize_bool(*bool),
            Self::Int(int) => serializer.serialize_i64(*int),
            Self::Float(float) => serializer.serialize_f64(*float),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(list) => {
                let mut seq = serializer.serialize_seq(Some(list.len()))?;
                for item in list.iter() {
                    seq.serialize_element(item)?;
                }
                seq.end()
            }
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries.iter() {
                    map.serialize_entry(&**key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, bool: bool) -> Result<Value, E> {
        Ok(Value::Bool(bool))
    }
    fn visit_i64<E>(self, int: i64) -> Result<Value, E> {
        Ok(Value::Int(int))
    }
    fn visit_u64<E>(self, int: u64) -> Result<Value, E> {
        Ok(i64::try_from(int).map_or(Value::Float(int as f64), Value::Int))
    }
    fn visit_f64<E>(self, float: f64) -> Result<Value, E> {
        Ok(Value::from(float))
    }
    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.into()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list.into()))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        Ok(Value::Map(last_of_each(read_entries(&mut map)?).into()))
    }
}

/// The entries of a map as they come.
pub(crate) fn read_entries<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Vec<(Arc<str>, Value)>, A::Error> {
    let mut entries = Vec::new();
    while let Some((Name(name), value)) = map.next_entry()? {
        entries.push((name, value));
    }
    Ok(entries)
}

/// A key of a map. (serde's own reader of an `Arc<str>` makes a `String` first.)
pub(crate) struct Name(pub Arc<str>);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Name;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a name")
            }
            fn visit_str<E>(self, text: &str) -> Result<Name, E> {
                Ok(Name(text.into()))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Are the two texts the same? Names have a dozen bytes, and for those a call of the library's comparison costs more than two words
/// of each.
#[inline]
pub(crate) fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    match a.len() {
        8..=16 => a.first_chunk::<8>() == b.first_chunk::<8>() && a.last_chunk::<8>() == b.last_chunk::<8>(),
        4..=7 => a.first_chunk::<4>() == b.first_chunk::<4>() && a.last_chunk::<4>() == b.last_chunk::<4>(),
        2..=3 => a.first_chunk::<2>() == b.first_chunk::<2>() && a.last_chunk::<1>() == b.last_chunk::<1>(),
        _ => a == b,
    }
}

/// The first bytes of a text and its length in a word: texts of up to seven bytes are the same if and only if their heads are, and longer
/// ones are not if their heads differ.
#[inline]
pub(crate) fn head(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let len = bytes.len();
    let four = |bytes: &[u8; 4]| u64::from(u32::from_le_bytes(*bytes));
    let two = |bytes: &[u8; 2]| u64::from(u16::from_le_bytes(*bytes));
    // Both ends of the text, which overlap in the same bytes.
    let word = if let Some(first) = bytes.first_chunk::<8>() {
        u64::from_le_bytes(*first) & !(0xff << 56)
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        four(first) | four(last) << (8 * (len - 4))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<2>(), bytes.last()) {
        two(first) | u64::from(*last) << (8 * (len - 1))
    } else {
        bytes.first().map_or(0, |byte| u64::from(*byte))
    };
    word | (len.min(255) as u64) << 56
}

/// Does a key come twice?
pub(crate) fn repeats<K: AsRef<str>, V>(entries: &[(K, V)]) -> bool {
    let name = |at: usize| entries[at].0.as_ref();
    if entries.len() <= 8 {
        // Most maps are small and have no key twice: then there is nothing to sort.
        return (1..entries.len()).any(|at| (0..at).any(|before| name(before) == name(at)));
    }
    let mut names: Vec<&str> = entries.iter().map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}

/// Entries without those whose key comes again later: the last one wins, as in every JSON reader our users know. By sorting, since a body
/// of many thousand keys must not cost their square.
pub(crate) fn last_of_each<K: AsRef<str>, V>(entries: Vec<(K, V)>) -> Vec<(K, V)> {
    if !repeats(&entries) {
        return entries;
    }
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by(|a, b| entries[*a].0.as_ref().cmp(entries[*b].0.as_ref())); // stable: equal keys stay in order
    let mut is_last = vec![true; entries.len()];
    for pair in order.windows(2) {
        is_last[pair[0]] = entries[pair[0]].0.as_ref() != entries[pair[1]].0.as_ref();
    }
    entries.into_iter().zip(is_last).filter_map(|(entry, is_last)| is_last.then_some(entry)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_goes_in_and_comes_out() {
        let text = r#"{"b":1,"a":[true,null,2.5,-9007199254740993,"é"],"c":{"x":1.5e+300}}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(value.to_json(), text);
    }

    #[test]
    fn texts_are_told_apart_as_the_library_does() {
        let texts: Vec<String> =
            (0..20).flat_map(|len| ["a".repeat(len), format!("{}b", "a".repeat(len)), format!("b{}", "a".repeat(len))]).collect();
        for (a, b) in texts.iter().flat_map(|a| texts.iter().map(move |b| (a, b))) {
            assert_eq!(same(a, b), a == b, "{a} {b}");
            assert!(head(a) == head(b) || a != b, "{a} {b}");
            assert!(a.len() > 7 || b.len() > 7 || (head(a) == head(b)) == (a == b), "{a} {b}");
        }
    }

    #[test]
    fn of_a_key_that_comes_twice_the_last_counts() {
        let value: Value = serde_json::from_str(r#"{"a":1,"b":2,"a":3,"c":4,"b":5}"#).unwrap();
        assert_eq!(value.to_json(), r#"{"a":3,"c":4,"b":5}"#);
    }

    #[test]
    fn numbers_are_equal_when_they_are_the_same_number() {
        assert_eq!(Value::Int(2), Value::Float(2.0));
        assert_ne!(Value::Int(9_007_199_254_740_993), Value::Float(9_007_199_254_740_992.0));
        assert_ne!(Value::Int(1), Value::Bool(true));
        assert_eq!(Value::from(f64::NAN).type_name(), "null");
    }

    #[test]
    fn numbers_change_their_type_only_without_loss() {
        assert_eq!((Value::Float(3.0).as_i64(), Value::Float(3.5).as_i64(), Value::Float(1e17).as_i64()), (Some(3), None, None));
        assert_eq!((Value::Int(3).as_f64(), Value::Int(9_007_199_254_740_993).as_f64()), (Some(3.0), None));
    }
}
