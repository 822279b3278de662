//! Answers, as Python has them.

use std::hash::{Hash, Hasher};

use jackstaff::client::Stats;
use jackstaff::client::telemetry::INSTRUMENTS;
use jackstaff::eval::trace::Step;
use jackstaff::{Value, ValueType, evaluation as core};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::convert::to_python;

/// The answer to one check: a value, and always why and from where. Immutable.
///
/// Two are equal if all but their ages are.
#[pyclass(frozen, eq, hash, module = "jackstaff")]
pub struct Evaluation(pub core::Evaluation);

impl PartialEq for Evaluation {
    fn eq(&self, other: &Self) -> bool {
        let ageless = core::Evaluation { age: other.0.age, ..self.0.clone() };
        ageless == other.0
    }
}

impl Hash for Evaluation {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.0.flag, &self.0.variant, self.0.reason, self.0.version).hash(state);
    }
}

#[pymethods]
impl Evaluation {
    /// The flag that was asked about.
    #[getter]
    fn flag(&self) -> &str {
        &self.0.flag
    }
    /// The variant's value, or the caller's default. Lists and objects are new ones at each access.
    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        to_python(py, &self.0.value)
    }
    /// For a boolean flag the value itself; for others: the flag is on and did not serve its off variant.
    #[getter]
    fn enabled(&self) -> bool {
        self.0.enabled
    }
    /// The name of the variant that was served; None if the caller's default was.
    #[getter]
    fn variant(&self) -> Option<&str> {
        self.0.variant.as_deref()
    }
    /// Why: `user_targeted`, `rule_matched`, `rollout`, `fallthrough`, `disabled`, `prerequisite_failed`, `flag_not_found`,
    /// `type_mismatch`, `not_ready` or `error`.
    #[getter]
    fn reason(&self) -> &'static str {
        self.0.reason.as_str()
    }
    /// From where: `local`, `memory`, `redis`, `remote` or `default`.
    #[getter]
    fn origin(&self) -> &'static str {
        self.0.origin.as_str()
    }
    /// The version of the last change that could have altered this answer; 0 if the source has none.
    #[getter]
    fn version(&self) -> u64 {
        self.0.version
    }
    /// The life of the store that `version` counts in; empty if the source has none.
    #[getter]
    fn epoch(&self) -> &str {
        &self.0.epoch
    }
    /// How many seconds ago the answer was evaluated or, for a local one, known to be current.
    #[getter]
    fn age(&self) -> f64 {
        self.0.age.as_secs_f64()
    }
    /// The name of the rule that decided, where one did.
    #[getter]
    fn rule(&self) -> Option<&str> {
        self.0.rule.as_deref()
    }
    /// What was wrong with the flag, where something was: `flag_not_found`, `malformed_flag`, `cycle`, `type_mismatch`,
    /// `targeting_key_missing`, `unknown_variant` or `limit_exceeded`.
    #[getter]
    fn error(&self) -> Option<&'static str> {
        self.0.error.map(core::ErrorCode::as_str)
    }

    /// What OpenTelemetry is told of this answer.
    fn _event<'py>(&self, py: Python<'py>, environment: &str) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (name, value) in self.0.event(environment) {
            dict.set_item(name, to_python(py, &value)?)?;
        }
        Ok(dict)
    }

    /// All of it as a dict that JSON can hold.
    pub fn as_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        dict.set_item("flag", self.flag())?;
        dict.set_item("value", self.value(py)?)?;
        dict.set_item("enabled", self.enabled())?;
        dict.set_item("variant", self.variant())?;
        dict.set_item("reason", self.reason())?;
        dict.set_item("origin", self.origin())?;
        dict.set_item("version", self.version())?;
        dict.set_item("epoch", self.epoch())?;
        dict.set_item("age", self.age())?;
        dict.set_item("rule", self.rule())?;
        dict.set_item("error", self.error())?;
        Ok(dict)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let mut text = format!("Evaluation(flag={:?}, value={}", self.flag(), self.value(py)?.repr()?.to_string_lossy());
        for (name, word) in [("variant", self.variant()), ("rule", self.rule()), ("error", self.error())] {
            if let Some(word) = word {
                text += &format!(", {name}={word:?}");
            }
        }
        let enabled = if self.enabled() { "True" } else { "False" };
        Ok(text + &format!(", enabled={enabled}, reason={:?}, origin={:?}, version={})", self.reason(), self.origin(), self.version()))
    }
}

/// The value of an answer in the type that a getter promises: a double flag whose variant says `2` is `2.0`.
pub fn typed<'py>(py: Python<'py>, value: &Value, wanted: Option<ValueType>) -> PyResult<Bound<'py, PyAny>> {
    let exact = match wanted {
        Some(ValueType::Integer) => value.as_i64().map(Value::Int),
        Some(ValueType::Double) => value.as_f64().map(Value::Float),
        _ => None,
    };
    to_python(py, exact.as_ref().unwrap_or(value))
}

/// What a trace tells, in order, as dicts.
pub fn steps<'py>(py: Python<'py>, steps: &[Step]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for step in steps {
        let dict = PyDict::new(py);
        match step {
            Step::Flag { name } => {
                dict.set_item("step", "flag")?;
                dict.set_item("name", name)?;
            }
            Step::FlagAnswer { name, answer } => {
                dict.set_item("step", "flag_answer")?;
                dict.set_item("name", name)?;
                dict.set_item("answer", answer)?;
            }
            Step::Condition { says, actual, result } => {
                dict.set_item("step", "condition")?;
                dict.set_item("says", says)?;
                dict.set_item("actual", to_python(py, actual)?)?;
                dict.set_item("result", result)?;
            }
            Step::Bucket { by, bucket } => {
                dict.set_item("step", "bucket")?;
                dict.set_item("by", by)?;
                dict.set_item("bucket", to_python(py, bucket)?)?;
            }
            Step::Value { says, value } => {
                dict.set_item("step", "value")?;
                dict.set_item("says", says)?;
                dict.set_item("value", to_python(py, value)?)?;
            }
            Step::Rule { index, name, outcome } => {
                dict.set_item("step", "rule")?;
                dict.set_item("index", index)?;
                dict.set_item("name", name)?;
                dict.set_item("outcome", outcome)?;
            }
        }
        list.append(dict)?;
    }
    Ok(list)
}

/// The instruments that measures are of: name, whether it counts, unit, description, attribute.
#[pyfunction]
pub fn instruments() -> Vec<(&'static str, bool, &'static str, &'static str, &'static str)> {
    INSTRUMENTS.iter().map(|about| (about.name, about.counts, about.unit, about.description, about.attribute)).collect()
}

/// A moment's numbers as a dict.
pub fn stats<'py>(py: Python<'py>, stats: &Stats) -> PyResult<Bound<'py, PyAny>> {
    to_python(py, &stats.to_value())
}
