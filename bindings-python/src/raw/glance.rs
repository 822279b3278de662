//! The commonest question there is, answered without what the others need.
//!
//! A flag's name and a user in plain text (or a [`Context`]), no keyword, and True or False if there is a default: such a call needs no sorting
//! of arguments and makes no error. Whatever is different about a call, be it wrong or only rarer, it is `None` here, and [`super::check`] finds out what to make of it.

use jackstaff::{View, context::MAX_TEXT};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::check::{Door, Form};
use super::fork;
use crate::context::Context;

/// The answer of memory, if the call is of that kind and memory has one.
///
/// # Safety
/// `this` is an instance of the door's class and `args` holds live objects; the caller is attached.
#[inline]
pub unsafe fn glance<D: Door, F: Form>(py: Python<'_>, this: &Bound<'_, PyAny>, args: &[*mut ffi::PyObject]) -> Option<bool> {
    let (flag, user, default) = match (D::KNOWN, args) {
        (0, [flag, user]) => (Some(flag), user, false),
        (0, [flag, user, default]) => (Some(flag), user, truth(*default)?),
        (0, [flag, user, default, context]) if F::TAKES_FOUR && is_none(*context) => (Some(flag), user, truth(*default)?),
        (1, [user]) => (None, user, false),
        (1, [user, default]) => (None, user, truth(*default)?),
        (1, [user, default, context]) if F::TAKES_FOUR && is_none(*context) => (None, user, truth(*default)?),
        _ => return None,
    };
    if fork::happened() {
        return None;
    }
    // SAFETY: the caller's promises.
    unsafe {
        let flag = match flag {
            Some(flag) => Some(plain_text(*flag)?),
            None => None,
        };
        let (client, flag) = D::plain(this, flag)?;
        let user = Bound::ref_from_ptr(py, user);
        if user.is_exact_instance_of::<PyString>() {
            let text = plain_text(user.as_ptr())?;
            return if text.len() <= MAX_TEXT { client.peek_enabled(flag, View::of(text), default) } else { None };
        }
        let context = user.cast_exact::<Context>().ok()?;
        client.peek_enabled(flag, context.get().0.view(), default)
    }
}

/// Is it True or False itself?
#[inline]
fn truth(default: *mut ffi::PyObject) -> Option<bool> {
    // SAFETY: only addresses are compared, of two objects that live for ever.
    unsafe {
        match default {
            yes if yes == ffi::Py_True() => Some(true),
            no if no == ffi::Py_False() => Some(false),
            _ => None,
        }
    }
}

#[inline]
fn is_none(context: *mut ffi::PyObject) -> bool {
    // SAFETY: as above.
    unsafe { context == ffi::Py_None() }
}

/// The text of a string that is neither of a subclass nor has half of a surrogate pair in it.
///
/// # Safety
/// `text` is a live object, which outlives the answer; the caller is attached.
#[inline]
unsafe fn plain_text<'a>(text: *mut ffi::PyObject) -> Option<&'a str> {
    let mut length = 0;
    // SAFETY: a live object, which is a string where it is asked for its text. What comes back is the string's own UTF-8 form, which lives and stays the same as
    // long as the string does.
    unsafe {
        if ffi::PyUnicode_CheckExact(text) == 0 {
            return None;
        }
        let bytes = ffi::PyUnicode_AsUTF8AndSize(text, &mut length);
        if bytes.is_null() {
            ffi::PyErr_Clear(); // it is made again, with the name of the argument
            return None;
        }
        Some(std::str::from_utf8_unchecked(std::slice::from_raw_parts(bytes.cast(), length.unsigned_abs())))
    }
}
