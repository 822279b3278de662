//! Values between Python and the core.
//!
//! In: what JSON holds, and the few types that every Python service has in its hands and whose JSON form nobody disputes: enumerations (their
//! value), UUIDs (their text), dates (RFC 3339; the core reads one without a zone as UTC), decimals (the nearest double), tuples and
//! sets (lists). Anything else is refused by name: a check must not guess.

use std::fmt;
use std::sync::Arc;

use jackstaff::Value;
use pyo3::exceptions::{PyTypeError, PyUnicodeEncodeError, PyValueError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PyMapping, PySet, PyString, PyTuple, PyType};

/// How much of a value is read before it is refused: deep or endless ones would otherwise hang the caller.
#[derive(Clone, Copy)]
pub struct Limits {
    depth: usize,
    items: usize,
}

/// For attributes; the core refuses at the same depth.
pub const ATTRIBUTE: Limits = Limits { depth: jackstaff::context::MAX_DEPTH, items: 65_536 };
/// For flag documents and options.
pub const DOCUMENT: Limits = Limits { depth: 100, items: 50_000_000 };

/// What a message calls the value.
#[derive(Clone, Copy)]
pub enum Place<'a> {
    /// An argument or an option.
    Argument(&'a str),
    /// An attribute of a context.
    Attribute(&'a str),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(name) => f.write_str(name),
            Self::Attribute(name) => write!(f, "attribute \"{name}\""),
        }
    }
}

/// The value that `object` is.
///
/// # Errors
/// `TypeError` for a type without a JSON form; `ValueError` for NaN, infinities, integers beyond 64 bits, text that is not Unicode, a value that
/// contains itself or is larger than `limits`. All name the place.
pub fn value_of(object: &Bound<'_, PyAny>, place: Place<'_>, limits: Limits) -> PyResult<Value> {
    Reader { place, limits, left: limits.items }.read(object, limits.depth + 1)
}

/// The text of a string, borrowed.
///
/// # Errors
/// `ValueError` for a string with lone surrogates, which has no UTF-8.
#[inline]
pub fn text_of<'a>(text: &'a Bound<'_, PyString>, place: Place<'_>) -> PyResult<&'a str> {
    text.to_str().map_err(|error| match error.is_instance_of::<PyUnicodeEncodeError>(text.py()) {
        true => PyValueError::new_err(format!("{place} is not valid Unicode: it holds half of a surrogate pair")),
        false => error,
    })
}

struct Reader<'a> {
    place: Place<'a>,
    limits: Limits,
    left: usize,
}

impl Reader<'_> {
    fn read(&mut self, object: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
        let place = self.place;
        if depth == 0 {
            let most = self.limits.depth;
            return Err(PyValueError::new_err(format!("{place} contains itself or nests deeper than {most} levels: send it flatter")));
        }
        if self.left == 0 {
            return Err(PyValueError::new_err(format!("{place} holds more than {} values", self.limits.items)));
        }
        self.left -= 1;
        if object.is_none() {
            Ok(Value::Null)
        } else if let Ok(bool) = object.cast::<PyBool>() {
            Ok(Value::Bool(bool.is_true()))
        } else if let Ok(text) = object.cast::<PyString>() {
            Ok(Value::from(text_of(text, place)?))
        } else if let Ok(int) = object.cast::<PyInt>() {
            let int = int.extract::<i64>();
            Ok(Value::Int(int.map_err(|_| PyValueError::new_err(format!("{place} is {}: an integer has at most 64 bits", shown(object))))?))
        } else if let Ok(float) = object.cast::<PyFloat>() {
            self.float(float.value())
        } else if let Ok(dict) = object.cast::<PyDict>() {
            dict.iter().map(|(key, value)| self.entry(&key, &value, depth)).collect::<PyResult<Arc<[_]>>>().map(Value::Map)
        } else if object.is_instance_of::<PyList>()
            || object.is_instance_of::<PyTuple>()
            || object.is_instance_of::<PySet>()
            || object.is_instance_of::<PyFrozenSet>()
        {
            let items = object.try_iter()?.map(|item| self.read(&item?, depth - 1));
            items.collect::<PyResult<Arc<[Value]>>>().map(Value::List)
        } else if let Ok(mapping) = object.cast::<PyMapping>() {
            let pairs = mapping.items()?.into_iter();
            pairs.map(|pair| self.entry(&pair.get_item(0)?, &pair.get_item(1)?, depth)).collect::<PyResult<Arc<[_]>>>().map(Value::Map)
        } else {
            self.other(object, depth)
        }
    }

    fn float(&self, float: f64) -> PyResult<Value> {
        if float.is_finite() {
            return Ok(Value::Float(float));
        }
        Err(PyValueError::new_err(format!("{} is {float}: a number has to be finite", self.place)))
    }

    fn entry(&mut self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>, depth: usize) -> PyResult<(Arc<str>, Value)> {
        let Ok(name) = key.cast::<PyString>() else {
            let message = format!("{} has the key {}, a {}: keys are text", self.place, shown(key), type_name(key));
            return Err(PyTypeError::new_err(message));
        };
        Ok((text_of(name, self.place)?.into(), self.read(value, depth - 1)?))
    }

    #[cold]
    fn other(&mut self, object: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
        let py = object.py();
        let known = Known::get(py)?;
        let is = |class: &Py<PyType>| object.is_instance(class.bind(py));
        if is(&known.enumeration)? {
            self.read(&object.getattr("value")?, depth - 1)
        } else if is(&known.date)? {
            Ok(Value::from(object.call_method0("isoformat")?.extract::<String>()?)) // a datetime is a date
        } else if is(&known.uuid)? {
            Ok(Value::from(object.str()?.to_str()?))
        } else if is(&known.decimal)? {
            self.float(object.call_method0("__float__")?.extract()?)
        } else {
            let message = format!(
                "{} is a {}: it has to be text, a number, a boolean, None, a date, or a list or dict of these",
                self.place,
                type_name(object)
            );
            Err(PyTypeError::new_err(message))
        }
    }
}

/// The classes that are looked for by name, since C Python has no cheaper test for them.
struct Known {
    enumeration: Py<PyType>,
    date: Py<PyType>,
    uuid: Py<PyType>,
    decimal: Py<PyType>,
}

impl Known {
    fn get(py: Python<'_>) -> PyResult<&Self> {
        static KNOWN: PyOnceLock<Known> = PyOnceLock::new();
        KNOWN.get_or_try_init(py, || {
            let class = |module: &str, name: &str| PyResult::Ok(py.import(module)?.getattr(name)?.cast_into::<PyType>()?.unbind());
            Ok(Self {
                enumeration: class("enum", "Enum")?,
                date: class("datetime", "date")?,
                uuid: class("uuid", "UUID")?,
                decimal: class("decimal", "Decimal")?,
            })
        })
    }
}

/// The value as Python has it: dicts, lists, `str`, `int`, `float`, `bool`, `None`.
pub fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(bool) => PyBool::new(py, *bool).to_owned().into_any(),
        Value::Int(int) => int.into_pyobject(py)?.into_any(),
        Value::Float(float) => float.into_pyobject(py)?.into_any(),
        Value::Text(text) => PyString::new(py, text).into_any(),
        Value::List(list) => {
            let items = list.iter().map(|item| to_python(py, item)).collect::<PyResult<Vec<_>>>()?;
            PyList::new(py, items)?.into_any()
        }
        Value::Map(entries) => {
            let dict = PyDict::new(py);
            for (key, value) in entries.iter() {
                dict.set_item(&**key, to_python(py, value)?)?;
            }
            dict.into_any()
        }
    })
}

/// The name of an object's type, for messages.
pub fn type_name(object: &Bound<'_, PyAny>) -> String {
    object.get_type().name().map_or_else(|_| "value of an unknown type".to_owned(), |name| name.to_string())
}

/// An object as a message shows it: its start, on one line. A representation that fails is the type's name.
pub fn shown(object: &Bound<'_, PyAny>) -> String {
    let text = object.repr().map_or_else(|_| type_name(object), |text| text.to_string_lossy().into_owned());
    if text.chars().count() <= 60 { text } else { text.chars().take(60).chain("…".chars()).collect() }
}
