//! A question as Python puts it: what kind, about which flags, and what its answer becomes.

use jackstaff::{Client, Context, Evaluation, Value, ValueType};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString};

use crate::batch;
use crate::client::Core;
use crate::context::with_view;
use crate::convert::{ATTRIBUTE, Place, shown, text_of, type_name, value_of};
use crate::evaluation::{self, typed};
use crate::queue::Reply;

/// What is asked.
#[derive(Clone, Copy)]
enum Kind {
    Enabled,
    /// All that is known; of a type if one is asked for.
    Evaluation(Option<ValueType>),
    Value(ValueType),
    Batch,
}

impl Kind {
    fn of(word: &str) -> PyResult<Self> {
        Ok(match word {
            "enabled" => Self::Enabled,
            "evaluation" => Self::Evaluation(None),
            "batch" => Self::Batch,
            word => match word.strip_prefix("evaluation:") {
                Some(name) => Self::Evaluation(Some(type_of(name)?)),
                None => Self::Value(type_of(word)?),
            },
        })
    }

    fn wanted(self) -> Option<ValueType> {
        match self {
            Self::Enabled | Self::Batch => Some(ValueType::Boolean),
            Self::Evaluation(wanted) => wanted,
            Self::Value(wanted) => Some(wanted),
        }
    }
}

fn type_of(name: &str) -> PyResult<ValueType> {
    ValueType::ALL.into_iter().find(|value_type| value_type.as_str() == name).ok_or_else(|| {
        let names: Vec<&str> = ValueType::ALL.iter().map(|value_type| value_type.as_str()).collect();
        PyValueError::new_err(format!("type is \"{name}\": it is one of {}", names.join(", ")))
    })
}

/// A question as Python put it.
pub struct Question<'py> {
    kind: Kind,
    flags: Bound<'py, PyAny>,
    given: Bound<'py, PyAny>,
    default: Value,
}

impl<'py> Question<'py> {
    /// The question, checked as far as it can be without a user.
    ///
    /// # Errors
    /// `TypeError` or `ValueError` for a default that cannot be used.
    pub fn new(kind: &str, flags: &Bound<'py, PyAny>, given: &Bound<'py, PyAny>) -> PyResult<Self> {
        let kind = Kind::of(kind)?;
        let default = match kind {
            Kind::Enabled | Kind::Batch => Value::Bool(bool_of(given)?),
            _ => value_of(given, Place::Argument("default"), ATTRIBUTE)?,
        };
        Ok(Self { kind, flags: flags.clone(), given: given.clone(), default })
    }

    /// The answer now, or `None` if only a wait could tell.
    pub fn now(&self, core: &Core, user: &Bound<'py, PyAny>, context: Option<&Bound<'py, PyAny>>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if let Kind::Batch = self.kind {
            return Ok(batch::now(core, &self.flags, user, bool_of(&self.given)?, context)?.map(Bound::into_any));
        }
        let client = core.client()?;
        let flag = text_of(name_of(&self.flags)?, Place::Argument("flag_name"))?;
        let found = with_view(user, context, |view| client.peek(flag, view, self.kind.wanted(), &self.default))?;
        found.map(|evaluation| present(self.given.py(), self.kind, evaluation, &self.given, &self.default)).transpose()
    }

    /// The question as it goes to another thread, and what makes a Python object of the answers.
    pub fn later(
        self,
        client: &Client,
        user: &Bound<'py, PyAny>,
        context: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<impl Future<Output = Reply> + Send + 'static + use<>> {
        let mut names: Vec<Py<PyString>> = Vec::new();
        let mut flags: Vec<String> = Vec::new();
        let take = |name: &Bound<'py, PyString>| {
            flags.push(text_of(name, Place::Argument("flag_name"))?.to_owned());
            names.push(name.clone().unbind());
            Ok(true)
        };
        match self.kind {
            Kind::Batch => batch::each(&self.flags, take)?,
            _ => name_of(&self.flags).and_then(take)?,
        };
        let context = with_view(user, context, |view| Context::from(view))?;
        let (client, kind, default) = (client.clone(), self.kind, self.default);
        let given = self.given.unbind();
        Ok(async move {
            let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
            let mut found = client.batch(&flags, context.view(), kind.wanted(), &default).await;
            let reply: Reply = Box::new(move |py| match (kind, found.pop()) {
                (Kind::Batch, last) => {
                    found.extend(last);
                    let dict = PyDict::new(py);
                    for (name, evaluation) in names.iter().zip(&found) {
                        dict.set_item(name, evaluation.value.as_bool().or(default.as_bool()))?;
                    }
                    Ok(dict.into_any())
                }
                (_, Some(evaluation)) => present(py, kind, evaluation, given.bind(py), &default),
                (_, None) => Ok(given.into_bound(py)),
            });
            reply
        })
    }
}

/// An answer as the kind of question promises it.
fn present<'py>(py: Python<'py>, kind: Kind, found: Evaluation, given: &Bound<'py, PyAny>, default: &Value) -> PyResult<Bound<'py, PyAny>> {
    match kind {
        Kind::Evaluation(_) => Ok(evaluation::Evaluation(found).into_pyobject(py)?.into_any()),
        // The very object that the caller gave, not a copy.
        Kind::Value(_) if found.reason.is_default() => Ok(given.clone()),
        Kind::Value(wanted) => typed(py, &found.value, Some(wanted)),
        Kind::Enabled | Kind::Batch => {
            Ok(PyBool::new(py, found.value.as_bool().or(default.as_bool()).unwrap_or(false)).to_owned().into_any())
        }
    }
}

/// A flag's name.
///
/// # Errors
/// `TypeError` for anything but text.
#[inline]
pub fn name_of<'a, 'py>(name: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, PyString>> {
    if let Ok(text) = name.cast_exact::<PyString>() {
        return Ok(text); // the test that is only a comparison of pointers
    }
    name.cast::<PyString>()
        .map_err(|_| PyTypeError::new_err(format!("flag_name is {}, a {}: it has to be text", shown(name), type_name(name))))
}

/// The caller's default for a boolean.
///
/// # Errors
/// `TypeError` for anything but True and False.
#[inline]
pub fn bool_of(default: &Bound<'_, PyAny>) -> PyResult<bool> {
    match default.cast::<PyBool>() {
        Ok(bool) => Ok(bool.is_true()),
        Err(_) => {
            let message = format!("default is {}, a {}: it has to be True or False", shown(default), type_name(default));
            Err(PyTypeError::new_err(message))
        }
    }
}
