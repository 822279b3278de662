//! What crosses the boundary, and how it is converted.

use std::collections::HashMap;
use std::sync::Arc;

use jackstaff::change::Change as Changed;
use jackstaff::client::mock::Check as Checked;
use jackstaff::evaluation::Evaluation as Answer;
use jackstaff::{Origin, Value as CoreValue, ValueType};

/// A JSON value, with integers kept apart from doubles.
#[derive(Clone, Debug, PartialEq, uniffi::Enum)]
pub enum Value {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool {
        /// The value.
        value: bool,
    },
    /// A whole number that fits 64 bits.
    Int {
        /// The value.
        value: i64,
    },
    /// Any other number.
    Double {
        /// The value.
        value: f64,
    },
    /// Text.
    Text {
        /// The value.
        value: String,
    },
    /// A list. Not named so: in Kotlin the name would hide its own `List`.
    Items {
        /// The values.
        values: Vec<Value>,
    },
    /// An object; the order of its entries is not kept.
    Object {
        /// The values by name.
        entries: HashMap<String, Value>,
    },
}

impl From<Value> for CoreValue {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool { value } => Self::Bool(value),
            Value::Int { value } => Self::Int(value),
            // The core has no NaN and no infinity: as JSON, they are nothing.
            Value::Double { value } if !value.is_finite() => Self::Null,
            Value::Double { value } => Self::Float(value),
            Value::Text { value } => Self::Text(value.into()),
            Value::Items { values } => Self::List(values.into_iter().map(Self::from).collect()),
            Value::Object { entries } => object(entries),
        }
    }
}

impl From<&CoreValue> for Value {
    fn from(value: &CoreValue) -> Self {
        match value {
            CoreValue::Null => Self::Null,
            CoreValue::Bool(value) => Self::Bool { value: *value },
            CoreValue::Int(value) => Self::Int { value: *value },
            CoreValue::Float(value) => Self::Double { value: *value },
            CoreValue::Text(text) => Self::Text { value: text.to_string() },
            CoreValue::List(values) => Self::Items { values: values.iter().map(Self::from).collect() },
            CoreValue::Map(entries) => {
                Self::Object { entries: entries.iter().map(|(name, value)| (name.to_string(), value.into())).collect() }
            }
        }
    }
}

/// The core's object of these entries.
pub fn object(entries: HashMap<String, Value>) -> CoreValue {
    CoreValue::Map(entries.into_iter().map(|(name, value)| (Arc::from(name), value.into())).collect())
}

/// The type that the caller can use; a flag of another type is the default, with reason `type_mismatch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum FlagType {
    /// Any type will do.
    Any,
    /// `true` or `false`.
    Boolean,
    /// Text.
    String,
    /// A whole number that fits 64 bits.
    Integer,
    /// A number.
    Double,
    /// Any JSON.
    Json,
}

impl FlagType {
    /// What the core wants to know.
    pub fn wanted(self) -> Option<ValueType> {
        match self {
            Self::Any => None,
            Self::Boolean => Some(ValueType::Boolean),
            Self::String => Some(ValueType::String),
            Self::Integer => Some(ValueType::Integer),
            Self::Double => Some(ValueType::Double),
            Self::Json => Some(ValueType::Json),
        }
    }
}

/// The answer to a check.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct Evaluation {
    /// The flag that was asked about.
    pub flag: String,
    /// The variant's value; none if the caller's default is served, which stays with the caller.
    pub value: Option<Value>,
    /// For a boolean flag the value itself; for others: on, and not its off variant.
    pub enabled: bool,
    /// The variant; none if the default was served.
    pub variant: Option<String>,
    /// Why: `user_targeted`, `rule_matched`, `rollout`, `fallthrough`, `disabled`, `prerequisite_failed`, `flag_not_found`, `type_mismatch`, `not_ready`, `error`.
    pub reason: String,
    /// From where: `local`, `memory`, `redis`, `remote`, `default`.
    pub origin: String,
    /// The rule that decided.
    pub rule: Option<String>,
    /// What was wrong: `malformed_flag`, `cycle`, `targeting_key_missing`, …
    pub error: Option<String>,
    /// The version of the last change that could have altered this answer; 0 if the source has none.
    pub version: u64,
    /// The life of the store that `version` belongs to; empty if the source has none.
    pub epoch: String,
    /// Seconds since the answer was evaluated or, for a local one, known to be current.
    pub age: f64,
}

impl From<&Answer> for Evaluation {
    fn from(answer: &Answer) -> Self {
        // A service that only knows the guide names no variant; a flag in this process without one serves the caller's default.
        let is_default = answer.origin == Origin::Default || (answer.variant.is_none() && answer.origin == Origin::Local);
        Self {
            flag: answer.flag.to_string(),
            value: (!is_default).then(|| Value::from(&answer.value)),
            enabled: answer.enabled,
            variant: answer.variant.as_deref().map(str::to_owned),
            reason: answer.reason.as_str().to_owned(),
            origin: answer.origin.as_str().to_owned(),
            rule: answer.rule.as_deref().map(str::to_owned),
            error: answer.error.map(|error| error.as_str().to_owned()),
            version: answer.version,
            epoch: answer.epoch.to_string(),
            age: answer.age.as_secs_f64(),
        }
    }
}

/// An answer and how it comes about.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct Explanation {
    /// The answer.
    pub evaluation: Evaluation,
    /// What happened, in order: objects whose `step` says which kind (`flag`, `flag_answer`, `rule`, `condition`, `bucket`, `value`).
    pub steps: Vec<Value>,
}

/// What changed: an environment went from one version to a later one.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct Change {
    /// The environment that changed.
    pub environment: String,
    /// The life of the store that the versions belong to. Another epoch means: start over.
    pub epoch: String,
    /// The version that the environment has now.
    pub version: u64,
    /// The version before it, if that is known.
    pub previous: Option<u64>,
    /// The flags whose answers can have changed; none at all means any of them.
    pub flags: Vec<String>,
}

impl From<&Changed> for Change {
    fn from(change: &Changed) -> Self {
        Self {
            environment: change.environment.to_string(),
            epoch: change.epoch.to_string(),
            version: change.version,
            previous: change.previous,
            flags: change.flags.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Hears of changes. It is called by a thread of the library and must not block; what it throws is swallowed.
#[uniffi::export(with_foreign)]
pub trait ChangeListener: Send + Sync {
    /// Something changed.
    fn changed(&self, change: Change);
}

/// A check that a mock was asked.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Check {
    /// The flag.
    pub flag: String,
    /// The targeting key.
    pub user: Option<String>,
    /// The answer.
    pub enabled: bool,
}

impl From<Checked> for Check {
    fn from(check: Checked) -> Self {
        Self { flag: check.flag, user: check.user_id, enabled: check.enabled }
    }
}
