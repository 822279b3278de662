//! Who is asking: a targeting key (the wire calls it `user_id`) and attributes.
//!
//! A check borrows its context ([`View`]), so that the common one, a user id and nothing else,
//! costs no allocation. Limits are enforced where a context is made, with an error that names the
//! key; rules later meet only values that JSON can hold.

use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use crate::error::{Error, ErrorKind, Result};
use crate::value::{Value, read_entries, same};

/// The most attributes that a context may carry.
pub const MAX_ATTRIBUTES: usize = 256;
/// How deep lists and maps in an attribute may nest.
pub const MAX_DEPTH: usize = 8;
/// The longest text in bytes, be it the targeting key or inside an attribute.
pub const MAX_TEXT: usize = 64 * 1024;

/// Named values, sorted by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes(Vec<(Arc<str>, Value)>);

impl Attributes {
    /// No attributes; usable as a borrowed constant.
    pub const EMPTY: &'static Self = &Self(Vec::new());

    /// Attributes from pairs; a name that comes twice keeps its last value.
    ///
    /// # Errors
    /// `InvalidArgument` past [`MAX_ATTRIBUTES`], [`MAX_DEPTH`] or [`MAX_TEXT`], naming the attribute.
    pub fn new<K: Into<Arc<str>>>(pairs: impl IntoIterator<Item = (K, Value)>) -> Result<Self> {
        let pairs = pairs.into_iter();
        let mut attributes = Self(Vec::with_capacity(pairs.size_hint().0.min(MAX_ATTRIBUTES)));
        for (name, value) in pairs {
            attributes.set(name.into(), value)?;
        }
        Ok(attributes)
    }

    /// Attributes from the text of a JSON object; a name that comes twice keeps its last value.
    ///
    /// # Errors
    /// `InvalidArgument` for a text that is no JSON object, and as [`Attributes::new`].
    pub fn from_json(text: &str) -> Result<Self> {
        match serde_json::from_str::<Entries>(text) {
            Ok(entries) => Self::new(entries.0),
            Err(error) => Err(invalid(format!("a context is a JSON object of attributes: {error}"))),
        }
    }

    fn set(&mut self, name: Arc<str>, value: Value) -> Result<()> {
        check_value(&name, &value, 1)?;
        match self.0.binary_search_by(|(other, _)| other.cmp(&name)) {
            Ok(at) => self.0[at].1 = value,
            Err(_) if self.0.len() >= MAX_ATTRIBUTES => {
                return Err(invalid(format!("attribute \"{name}\" is one too many: a context holds at most {MAX_ATTRIBUTES}")));
            }
            Err(at) => self.0.insert(at, (name, value)),
        }
        Ok(())
    }

    /// The attribute of that name.
    #[inline]
    pub fn get(&self, name: &str) -> Option<&Value> {
        // A handful of attributes is the rule, and then a scan beats a binary search.
        if self.0.len() <= 8 { self.0.iter().find(|(other, _)| same(other, name)).map(|(_, value)| value) } else { self.find(name) }
    }

    #[inline(never)]
    fn find(&self, name: &str) -> Option<&Value> {
        self.0.binary_search_by(|(other, _)| (**other).cmp(name)).ok().map(|at| &self.0[at].1)
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The attributes as they are kept: sorted by name.
    pub fn entries(&self) -> &[(Arc<str>, Value)] {
        &self.0
    }

    /// The attributes in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }
}

/// The entries of an object on their way in: without the map that a [`Value`] would be meanwhile.
struct Entries(Vec<(Arc<str>, Value)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Entries;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Entries, A::Error> {
                read_entries(&mut map).map(Entries)
            }
        }
        deserializer.deserialize_map(Object)
    }
}

fn check_value(name: &str, value: &Value, depth: usize) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(invalid(format!("attribute \"{name}\" nests deeper than {MAX_DEPTH} levels: send it flatter")));
    }
    match value {
        Value::Text(text) => check_text(|| format!("attribute \"{name}\""), text),
        Value::List(list) => list.iter().try_for_each(|item| check_value(name, item, depth + 1)),
        Value::Map(entries) => entries.iter().try_for_each(|(_, item)| check_value(name, item, depth + 1)),
        _ => Ok(()),
    }
}

fn check_text(what: impl Fn() -> String, text: &str) -> Result<()> {
    if text.len() > MAX_TEXT {
        return Err(invalid(format!("{} has {} bytes of text: at most {MAX_TEXT} are allowed", what(), text.len())));
    }
    Ok(())
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

/// A targeting key with attributes, built once and used for many checks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Context {
    key: Option<Arc<str>>,
    attributes: Attributes,
}

impl Context {
    /// A context of a key and nothing else.
    ///
    /// # Errors
    /// `InvalidArgument` if the key is longer than [`MAX_TEXT`].
    pub fn new(key: impl Into<Arc<str>>) -> Result<Self> {
        let key = key.into();
        check_text(|| "the targeting key".to_owned(), &key)?;
        Ok(Self { key: Some(key), attributes: Attributes::default() })
    }

    /// A context without a key: rules on attributes work, rollouts by key do not.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// The same context with these attributes in place of its own.
    #[must_use]
    pub fn with_attributes(mut self, attributes: Attributes) -> Self {
        self.attributes = attributes;
        self
    }

    /// The same context with one attribute more.
    ///
    /// # Errors
    /// As [`Attributes::new`].
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Result<Self> {
        self.attributes.set(name.into(), value.into())?;
        Ok(self)
    }

    /// The targeting key, if there is one.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The attributes.
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// The context as a check borrows it.
    pub fn view(&self) -> View<'_> {
        View { key: self.key.as_deref(), attributes: &self.attributes }
    }
}

/// A borrowed context: what an evaluation reads.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The targeting key.
    pub key: Option<&'a str>,
    /// The attributes.
    pub attributes: &'a Attributes,
}

impl<'a> View<'a> {
    /// A user id and nothing else.
    #[inline]
    pub fn of(key: &'a str) -> Self {
        Self { key: Some(key), attributes: Attributes::EMPTY }
    }
}

impl<'a> From<&'a Context> for View<'a> {
    fn from(context: &'a Context) -> Self {
        context.view()
    }
}

impl<'a> From<&'a str> for View<'a> {
    fn from(key: &'a str) -> Self {
        Self::of(key)
    }
}

impl From<View<'_>> for Context {
    fn from(view: View<'_>) -> Self {
        Self { key: view.key.map(Into::into), attributes: view.attributes.clone() }
    }
}
