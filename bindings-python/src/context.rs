//! Who is asking, as Python says it: a user id, a [`Context`], or a user id and a dict of attributes.

use std::sync::Arc;

use jackstaff::{Attributes, View, context as core};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyInt, PyMapping, PyString};

use crate::convert::{self, Place, shown, text_of, type_name};
use crate::error::raise;
use crate::names::Names;

/// A user id and attributes, converted once and used for many checks.
///
/// Accepted wherever a user id is; attributes given beside it are laid over its own. Immutable.
#[pyclass(frozen, eq, module = "jackstaff")]
#[derive(PartialEq)]
pub struct Context(pub core::Context);

#[pymethods]
impl Context {
    #[new]
    #[pyo3(signature = (user_id = None, attributes = None))]
    fn new(user_id: Option<&Bound<'_, PyAny>>, attributes: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let who = match user_id.filter(|user| !user.is_none()) {
            None => core::Context::anonymous(),
            Some(user) => with_view(user, None, |view| core::Context::from(view))?,
        };
        Ok(Self(match attributes {
            Some(attributes) => {
                let attributes = read_attributes(attributes, Some(who.attributes()))?;
                who.with_attributes(attributes)
            }
            None => who,
        }))
    }

    /// The user id as text; None for a context without one.
    #[getter]
    fn user_id(&self) -> Option<&str> {
        self.0.key()
    }

    /// The attributes as a new dict.
    #[getter]
    fn attributes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (name, value) in self.0.attributes().iter() {
            dict.set_item(name, convert::to_python(py, value)?)?;
        }
        Ok(dict)
    }

    /// Without the user id and the values: a representation ends up in logs.
    fn __repr__(&self) -> String {
        let names: Vec<&str> = self.0.attributes().iter().map(|(name, _)| name).collect();
        let who = if self.0.key().is_some() { "user" } else { "anonymous" };
        format!("<Context {who}, attributes {names:?}>")
    }
}

/// Calls `ask` with the context that `user` and `attributes` say.
///
/// `user` is text, an integer (its decimal digits), a [`Context`], or None for nobody in particular.
///
/// # Errors
/// `TypeError` or `ValueError`, naming the argument or the attribute.
#[inline]
pub fn with_view<R>(user: &Bound<'_, PyAny>, attributes: Option<&Bound<'_, PyAny>>, ask: impl FnOnce(View<'_>) -> R) -> PyResult<R> {
    if attributes.is_none() {
        // Exact first: that is a comparison of pointers. A subclass of text takes the longer way.
        if let Ok(text) = user.cast_exact::<PyString>() {
            return Ok(ask(View::of(checked(text_of(text, Place::Argument("user_id"))?)?)));
        }
        if let Ok(context) = user.cast::<Context>() {
            return Ok(ask(context.get().0.view()));
        }
    }
    with_any(user, attributes, ask)
}

fn with_any<R>(user: &Bound<'_, PyAny>, attributes: Option<&Bound<'_, PyAny>>, ask: impl FnOnce(View<'_>) -> R) -> PyResult<R> {
    let digits;
    let mut under = None;
    let key = if let Ok(text) = user.cast::<PyString>() {
        Some(checked(text_of(text, Place::Argument("user_id"))?)?)
    } else if let Ok(context) = user.cast::<Context>() {
        under = Some(context.get());
        context.get().0.key()
    } else if user.is_none() {
        None
    } else if user.is_instance_of::<PyInt>() && !user.is_instance_of::<PyBool>() {
        digits = user.str()?.to_str()?.to_owned();
        Some(&*digits)
    } else {
        let message = format!("user_id is {}, a {}: it has to be text, an integer, or a Context", shown(user), type_name(user));
        return Err(PyTypeError::new_err(message));
    };
    let under = under.map(|context| context.0.attributes());
    match attributes {
        None => Ok(ask(View { key, attributes: under.unwrap_or(Attributes::EMPTY) })),
        Some(attributes) => Ok(ask(View { key, attributes: &read_attributes(attributes, under)? })),
    }
}

fn checked(key: &str) -> PyResult<&str> {
    if key.len() <= core::MAX_TEXT {
        return Ok(key);
    }
    Err(PyValueError::new_err(format!("user_id has {} bytes: at most {} are allowed", key.len(), core::MAX_TEXT)))
}

/// The attributes of a dict (any mapping, or another context's), laid over those `under` it.
fn read_attributes(given: &Bound<'_, PyAny>, under: Option<&Attributes>) -> PyResult<Attributes> {
    // A dict is the rule, and the cheapest to tell.
    if let Ok(dict) = given.cast::<PyDict>() {
        let mut names = Names::here();
        return laid_over(under, dict.len(), dict.iter().map(|(name, value)| attribute(&mut names, &name, &value)));
    }
    if let Ok(context) = given.cast::<Context>() {
        let over = context.get().0.attributes();
        return laid_over(under, over.iter().len(), over.entries().iter().cloned().map(Ok));
    }
    if let Ok(mapping) = given.cast::<PyMapping>() {
        let (mut names, items) = (Names::here(), mapping.items()?);
        return laid_over(under, items.len(), items.iter().map(|pair| attribute(&mut names, &pair.get_item(0)?, &pair.get_item(1)?)));
    }
    if !given.is_none() {
        let message = format!("context is a {}: it has to be a dict of attributes, such as {{\"plan\": \"pro\"}}", type_name(given));
        return Err(PyTypeError::new_err(message));
    }
    Ok(under.cloned().unwrap_or_default())
}

type Pair = (Arc<str>, jackstaff::Value);

/// The attributes `under` with `pairs` over them. They go into their place as they are read, with no list of them in between.
fn laid_over(under: Option<&Attributes>, count: usize, pairs: impl Iterator<Item = PyResult<Pair>>) -> PyResult<Attributes> {
    let mut failure = None;
    let under = under.map_or(&[][..], Attributes::entries);
    let pairs = Reading { pairs, failure: &mut failure, at_least: count };
    let attributes = Attributes::new(under.iter().cloned().chain(pairs));
    match failure {
        Some(error) => Err(error),
        None => attributes.map_err(|error| raise(&error)),
    }
}

/// Pairs until one fails, as many as were announced.
struct Reading<'a, I> {
    pairs: I,
    failure: &'a mut Option<PyErr>,
    at_least: usize,
}

impl<I: Iterator<Item = PyResult<Pair>>> Iterator for Reading<'_, I> {
    type Item = Pair;

    fn next(&mut self) -> Option<Pair> {
        match self.pairs.next()? {
            Ok(pair) => Some(pair),
            Err(error) => {
                *self.failure = Some(error);
                None
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.at_least, None) // room is made by it once; a pair that fails leaves some of it
    }
}

fn attribute(names: &mut Names, name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<Pair> {
    let Ok(text) = name.cast::<PyString>() else {
        return Err(PyTypeError::new_err(format!("context has the key {}, a {}: attributes have names", shown(name), type_name(name))));
    };
    let name = names.text(text)?;
    let value = convert::value_of(value, Place::Attribute(&name), convert::ATTRIBUTE)?;
    Ok((name, value))
}
