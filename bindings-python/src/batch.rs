//! Several flags for one user, as a dict.
//!
//! A program asks about the same few lists of flags again and again. What does not change between two calls is kept: the names as the core reads them, and a dict
//! of them in which all is False. An answer is then a copy of that dict, which costs a third of filling a new one, with the flags in it that are on.

use std::sync::{Arc, Mutex, PoisonError};

use jackstaff::View;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use crate::client::Core;
use crate::context::with_view;
use crate::convert::{Place, shown, text_of, type_name};
use crate::question::name_of;

/// How many lists a client keeps, and how long they may be.
const MAX_LISTS: usize = 16;
const MAX_NAMES: usize = 1024;

/// A list of flags.
struct List {
    names: Vec<(Py<PyString>, Box<str>)>,
    /// Each name with False; never given to anybody.
    all_off: Py<PyDict>,
}

/// The lists that a client was asked about, the latest first.
#[derive(Default)]
pub struct Lists(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    lists: Vec<Arc<List>>,
    /// Which lists came once, by a number made of their names: one that never comes again is not worth keeping.
    seen: [isize; MAX_LISTS],
    next: usize,
}

/// Which of these flags are on, now; `None` if only a wait could tell.
///
/// # Errors
/// `TypeError` or `ValueError` for names, a user or attributes that cannot be used.
pub fn now<'py>(
    core: &Core,
    flags: &Bound<'py, PyAny>,
    user: &Bound<'py, PyAny>,
    default: bool,
    context: Option<&Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyDict>>> {
    let (py, client) = (flags.py(), core.client()?);
    let checks = client.checks();
    if let Some(list) = core.lists.of(flags)? {
        let dict = list.all_off.bind(py).copy()?;
        let ask = |view: View<'_>| {
            for (name, text) in &list.names {
                match checks.enabled(text, view, default) {
                    Some(true) => dict.set_item(name.bind(py), true)?,
                    Some(false) => {}
                    None => return Ok(false),
                }
            }
            PyResult::Ok(true)
        };
        let whole = with_view(user, context, ask)??;
        return Ok(whole.then_some(dict));
    }
    let dict = PyDict::new(py);
    let ask = |view: View<'_>| {
        each(flags, |name| match checks.enabled(text_of(name, Place::Argument("flag_name"))?, view, default) {
            Some(enabled) => dict.set_item(name, enabled).map(|()| true),
            None => Ok(false),
        })
    };
    let whole = with_view(user, context, ask)??;
    Ok(whole.then_some(dict))
}

impl Lists {
    /// The list that says the same as `flags`, if it is kept; from the second time on it is.
    fn of(&self, flags: &Bound<'_, PyAny>) -> PyResult<Option<Arc<List>>> {
        let mut count = 0;
        let mut first = None;
        let mut number: isize = 0;
        {
            // Nobody waits here: what compares names is ours, and runs no Python code.
            let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            for list in &kept.lists {
                if list.is(flags)? {
                    return Ok(Some(list.clone()));
                }
            }
        }
        let plain = each(flags, |name| {
            first.get_or_insert_with(|| name.clone());
            count += 1;
            number = number.rotate_left(5) ^ name.hash()?;
            Ok(count <= MAX_NAMES && name.is_exact_instance_of::<PyString>())
        })?;
        if !plain || first.is_none() {
            return Ok(None);
        }
        let again = {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let again = kept.seen.contains(&number);
            if !again {
                let next = kept.next;
                kept.seen[next] = number;
                kept.next = (next + 1) % MAX_LISTS;
            }
            again
        };
        if !again {
            return Ok(None);
        }
        let list = Arc::new(List::of(flags)?);
        let dropped = {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.lists.insert(0, list.clone());
            if kept.lists.len() > MAX_LISTS { kept.lists.pop() } else { None }
        };
        drop(dropped); // outside the lock
        Ok(Some(list))
    }
}

impl List {
    fn of(flags: &Bound<'_, PyAny>) -> PyResult<Self> {
        let (mut names, all_off) = (Vec::new(), PyDict::new(flags.py()));
        each(flags, |name| {
            names.push((name.clone().unbind(), text_of(name, Place::Argument("flag_name"))?.into()));
            all_off.set_item(name, false).map(|()| true)
        })?;
        Ok(Self { names, all_off: all_off.unbind() })
    }

    /// Are these the names? Mostly they are the very objects.
    fn is(&self, flags: &Bound<'_, PyAny>) -> PyResult<bool> {
        let mut own = self.names.iter();
        let same = each_of(flags, |name| {
            let Some((object, text)) = own.next() else { return Ok(false) };
            if object.as_ptr() == name.as_ptr() {
                return Ok(true);
            }
            // Text that is no Unicode is nobody's name, and whoever reads it next says so.
            Ok(name.cast_exact::<PyString>().is_ok_and(|name| name.to_str().is_ok_and(|name| *name == **text)))
        })?;
        Ok(same && own.next().is_none())
    }
}

/// Calls `visit` with each name of a list or tuple while it says true; whether it always did.
///
/// # Errors
/// `TypeError` for what is neither, or holds what is no text; what `visit` says.
pub fn each<'py>(flags: &Bound<'py, PyAny>, mut visit: impl FnMut(&Bound<'py, PyString>) -> PyResult<bool>) -> PyResult<bool> {
    each_of(flags, |name| visit(name_of(name)?))
}

fn each_of<'py>(flags: &Bound<'py, PyAny>, mut visit: impl FnMut(&Bound<'py, PyAny>) -> PyResult<bool>) -> PyResult<bool> {
    if let Ok(list) = flags.cast::<PyList>() {
        for name in list {
            if !visit(&name)? {
                return Ok(false);
            }
        }
    } else if let Ok(tuple) = flags.cast::<PyTuple>() {
        for name in tuple {
            if !visit(&name)? {
                return Ok(false);
            }
        }
    } else {
        let message = format!("flag_names is {}, a {}: it has to be a list of names", shown(flags), type_name(flags));
        return Err(PyTypeError::new_err(message));
    }
    Ok(true)
}
