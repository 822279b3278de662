//! A client for tests: flags from a map, no service, and a record of what was asked.
//!
//! It is the real client over a snapshot that the test writes, so it answers, converts and refuses as the real one does.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use super::options::{Bootstrap, Options};
use super::{Client, Inner};
use crate::context::View;
use crate::error::{Error, ErrorKind, Result};
use crate::ruleset::Node;
use crate::value::Value;

/// The most checks that are remembered; the oldest go first. Names longer than 1 000 characters are cut.
pub const MAX_RECORDED: usize = 10_000;

/// One check that a mock was asked.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// The flag.
    pub flag: String,
    /// The targeting key.
    pub user_id: Option<String>,
    /// The answer.
    pub enabled: bool,
}

/// The checks so far.
pub(crate) type Recorded = Mutex<VecDeque<Check>>;

impl Client {
    /// A client that answers from `flags`: `{"new_ui": true, "limit": 20, "theme": {"value": "dark", "users": {"u1": "light"}}}`.
    ///
    /// A value is a boolean, text, a number or any JSON. A map with `value` or `users` gives single users their own value. A map
    /// with any of the keys of our flag document (`rules`, `variants`, …) is such a flag.
    ///
    /// # Errors
    /// `InvalidArgument` or `InvalidDocument`, naming the flag.
    pub fn mock(flags: &Value) -> Result<Self> {
        let mut options = Options::without_service("test");
        options.bootstrap = Some(Bootstrap::Document(mock_document(flags)?));
        Self::build(options, true)
    }

    /// Replaces the flags of a mock.
    ///
    /// # Errors
    /// As [`Client::mock`].
    pub fn set_mock(&self, flags: &Value) -> Result<()> {
        self.replace_document(&mock_document(flags)?)
    }

    /// The checks that a mock was asked, oldest first; at most [`MAX_RECORDED`]. Empty for other clients.
    pub fn recorded(&self) -> Vec<Check> {
        self.inner.process().recorded.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

impl Inner {
    #[cold]
    pub(super) fn record(&self, flag: &str, context: View<'_>, enabled: bool) {
        let process = self.process();
        let mut recorded = process.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        if recorded.len() == MAX_RECORDED {
            recorded.pop_front();
        }
        let short = |text: &str| text.chars().take(1_000).collect();
        recorded.push_back(Check { flag: short(flag), user_id: context.key.map(short), enabled });
    }
}

const FLAG_KEYS: &[&str] = &["type", "variants", "rules", "targets", "fallthrough", "enabled", "prerequisites", "schedule"];

fn mock_document(flags: &Value) -> Result<Value> {
    let Value::Map(entries) = flags else {
        let message = format!("the flags of a mock are a map from names to values, and {} is not", Node::from(flags).excerpt());
        return Err(Error::new(ErrorKind::InvalidArgument, message));
    };
    let flags = entries.iter().map(|(name, value)| (name.clone(), mock_flag(value))).collect();
    Ok(map([("environments", Value::from(vec!["test"])), ("flags", Value::Map(flags))]))
}

fn mock_flag(value: &Value) -> Value {
    if FLAG_KEYS.iter().any(|key| value.get(key).is_some()) {
        return value.clone();
    }
    let users: Vec<(std::sync::Arc<str>, Value)> = match value.get("users") {
        Some(Value::Map(users)) => users.to_vec(),
        _ => Vec::new(),
    };
    let plain = match value.get("value") {
        Some(value) => value,
        None if users.is_empty() => value,
        None => &Value::Null,
    };
    // Without a value of its own the flag answers only the users it names, in their type.
    let sample = if matches!(plain, Value::Null) { users.first().map_or(plain, |(_, value)| value) } else { plain };
    let value_type = match sample {
        Value::Bool(_) => "boolean",
        Value::Text(_) => "string",
        Value::Int(_) => "integer",
        Value::Float(_) => "double",
        _ => "json",
    };
    let fallback = if matches!(plain, Value::Null) && value_type == "boolean" { Value::Bool(false) } else { plain.clone() };
    let mut variants: Vec<(std::sync::Arc<str>, Value)> = vec![("mock".into(), fallback)];
    let mut targets: Vec<(std::sync::Arc<str>, Value)> = Vec::new();
    for (at, (user, value)) in users.into_iter().enumerate() {
        let name: std::sync::Arc<str> = format!("user{at}").into();
        variants.push((name.clone(), value));
        targets.push((name, Value::from(vec![&*user])));
    }
    map([
        ("type", Value::from(value_type)),
        ("variants", Value::Map(variants.into())),
        ("targets", Value::Map(targets.into())),
        ("fallthrough", Value::from("mock")),
    ])
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
}
