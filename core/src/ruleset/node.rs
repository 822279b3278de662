//! A document as a tree that remembers where each part was written.
//!
//! YAML, JSON and TOML all become this, so there is one reader of flags with one set of messages. It keeps
//! the order of keys, and keys that come twice are mistakes found while parsing.

use std::fmt::{self, Display, Formatter};
use std::ops::Deref;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::value::{Value, same};

/// Line and column, from 1; 0 where unknown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Mark {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
}

/// A part of a document that owns what it holds.
pub type Node = Tree<'static>;

/// A part of a document. Its texts may be lent by the JSON that it was read from, which is how a ruleset is compiled without a
/// copy of its texts.
#[derive(Clone, Debug)]
pub struct Tree<'t> {
    /// Where it starts.
    pub at: Mark,
    /// What it is.
    pub kind: Kind<'t>,
}

/// What a part of a document is.
#[derive(Clone, Debug)]
pub enum Kind<'t> {
    /// Nothing.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// Another number.
    Float(f64),
    /// Text.
    Text(Text<'t>),
    /// A list.
    List(Arc<[Tree<'t>]>),
    /// A map in the order it was written.
    Map(Arc<[(Key<'t>, Tree<'t>)]>),
}

/// A key of a map and where it stands.
#[derive(Clone, Debug)]
pub struct Key<'t> {
    /// Where it starts.
    pub at: Mark,
    /// Its text.
    pub text: Text<'t>,
}

impl AsRef<str> for Key<'_> {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

/// Text of a document: lent by who holds the document, or shared by all who hold the part.
#[derive(Clone, Debug)]
pub enum Text<'t> {
    /// A piece of somebody's text.
    Lent(&'t str),
    /// A text of its own.
    Shared(Arc<str>),
}

impl Text<'_> {
    /// The text for who keeps it: a copy only of what is lent.
    pub fn share(&self) -> Arc<str> {
        match self {
            Self::Lent(text) => (*text).into(),
            Self::Shared(text) => text.clone(),
        }
    }
}

impl Deref for Text<'_> {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        match self {
            Self::Lent(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        self
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

impl From<Arc<str>> for Text<'_> {
    fn from(text: Arc<str>) -> Self {
        Self::Shared(text)
    }
}

impl<'t> Tree<'t> {
    /// The same part without a place.
    pub fn new(kind: Kind<'t>) -> Self {
        Self { at: Mark::default(), kind }
    }

    /// A map of these entries, without a place.
    pub fn map<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        let entries = entries.into_iter().map(|(key, node)| (Key { at: Mark::default(), text: Text::Shared(key.into()) }, node));
        Self::new(Kind::Map(entries.collect()))
    }

    /// The part that a value is, with the value's own texts.
    pub fn lent(value: &'t Value) -> Self {
        Self::new(match value {
            Value::Null => Kind::Null,
            Value::Bool(bool) => Kind::Bool(*bool),
            Value::Int(int) => Kind::Int(*int),
            Value::Float(float) => Kind::Float(*float),
            Value::Text(text) => Kind::Text(Text::Lent(text)),
            Value::List(list) => Kind::List(list.iter().map(Self::lent).collect()),
            Value::Map(entries) => {
                let key = |name: &'t Arc<str>| Key { at: Mark::default(), text: Text::Lent(name) };
                Kind::Map(entries.iter().map(|(name, value)| (key(name), Self::lent(value))).collect())
            }
        })
    }

    /// The entry of a map under `key`.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|(name, _)| same(&name.text, key)).map(|(_, node)| node)
    }

    /// The entries, if this is a map; else none.
    pub fn entries(&self) -> &[(Key<'t>, Self)] {
        match &self.kind {
            Kind::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The elements, if this is a list; else none.
    pub fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::List(list) => list,
            _ => &[],
        }
    }

    /// The text, if this is text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Is it null?
    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// This map with the entries of `over` put over its own; keys in `without` are left out.
    /// What is not a map stays as it is. One level deep: an environment that says `rules` replaces the shared rules, it does not add to them.
    #[must_use]
    pub fn overlaid(&self, over: Option<&Self>, without: &[&str]) -> Self {
        if !matches!(self.kind, Kind::Map(_)) {
            return self.clone(); // a mistake stays one, for whoever reads it
        }
        let over = over.map_or(&[][..], Self::entries);
        let kept = self.entries().iter().filter(|(key, _)| !over.iter().any(|(other, _)| other.text == key.text));
        let entries = kept.chain(over).filter(|(key, _)| !without.contains(&&*key.text)).cloned().collect();
        Self { at: self.at, kind: Kind::Map(entries) }
    }

    /// The content without the places.
    pub fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Null => Value::Null,
            Kind::Bool(bool) => Value::Bool(*bool),
            Kind::Int(int) => Value::Int(*int),
            Kind::Float(float) => Value::from(*float),
            Kind::Text(text) => Value::Text(text.share()),
            Kind::List(list) => Value::List(list.iter().map(Self::to_value).collect()),
            Kind::Map(entries) => Value::Map(entries.iter().map(|(key, node)| (key.text.share(), node.to_value())).collect()),
        }
    }

    /// A part as short text, for messages.
    pub fn excerpt(&self) -> String {
        let text = serde_json::to_string(self).unwrap_or_default();
        match text.char_indices().nth(60) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text,
        }
    }
}

impl From<&Value> for Node {
    fn from(value: &Value) -> Self {
        Self::new(match value {
            Value::Null => Kind::Null,
            Value::Bool(bool) => Kind::Bool(*bool),
            Value::Int(int) => Kind::Int(*int),
            Value::Float(float) => Kind::Float(*float),
            Value::Text(text) => Kind::Text(Text::Shared(text.clone())),
            Value::List(list) => Kind::List(list.iter().map(Node::from).collect()),
            Value::Map(entries) => {
                return Self::map(entries.iter().map(|(key, value)| (key.clone(), Node::from(value))));
            }
        })
    }
}

impl Serialize for Tree<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.kind {
            Kind::Null => serializer.serialize_unit(),
            Kind::Bool(bool) => serializer.serialize_bool(*bool),
            Kind::Int(int) => serializer.serialize_i64(*int),
            Kind::Float(float) => serializer.serialize_f64(*float),
            Kind::Text(text) => serializer.serialize_str(text),
            Kind::List(list) => serializer.collect_seq(list.iter()),
            Kind::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, node) in entries.iter() {
                    map.serialize_entry(&*key.text, node)?;
                }
                map.end()
            }
        }
    }
}
