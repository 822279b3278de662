//! The entry of a check, written by hand.
//!
//! PyO3 makes an entry that takes its arguments apart in general; a check knows its four. So there is one `METH_FASTCALL | METH_KEYWORDS` function, put on
//! the PyO3 classes as a method descriptor. What it relies on:
//!
//! - The interpreter calls it attached, with `args` pointing at `nargs` positional values followed by one for each name in `kwnames`, all borrowed and
//!   alive for the call. That is the calling convention's promise.
//! - A method descriptor refuses, before we are called, a `self` that is not an instance of the class it was made for. So the cast to the class is sound.
//! - The class is frozen: there is no borrow flag to check.
//! - No panic passes: the body runs in `catch_unwind`, and one becomes a `RuntimeError`.
//!
//! The hot road makes no `Py<…>`, so it needs none of PyO3's bookkeeping of who is attached; the cold ones enter through [`Python::attach`].

use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use jackstaff::Client;
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyString, PyTuple, PyType};

use super::{awaitable, fork, glance};
use crate::client::Core;
use crate::context::with_view;
use crate::convert::{Place, text_of};
use crate::flag::Flag;
use crate::log;
use crate::question::{bool_of, name_of};

/// Puts the checks on the classes.
pub fn install(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    awaitable::install(module)?;
    let (core, flag) = (py.get_type::<Core>(), py.get_type::<Flag>());
    put(&core, c"_check", c"is_enabled", entry::<Whole, Wait>, CHECK)?;
    put(&core, c"_check_soon", c"is_enabled", entry::<Whole, Await>, CHECK)?;
    put(&core, c"_check_now", c"_check_now", entry::<Whole, Now>, CHECK_NOW)?;
    put(&flag, c"_check", c"enabled", entry::<Bound1, Wait>, FLAG_CHECK)?;
    put(&flag, c"_check_soon", c"enabled", entry::<Bound1, Await>, FLAG_CHECK)?;
    put(&flag, c"_check_now", c"_check_now", entry::<Bound1, Now>, FLAG_CHECK_NOW)
}

const CHECK: &CStr = c"is_enabled($self, flag_name, user_id, default=False, *, context=None)\n--\n\n\
Is the flag on for this user?\n\n\
A boolean flag's value; ``default`` if nobody can say (an unknown flag, no ruleset yet, a failure), which a disabled flag is not.\n\
``user_id`` is text, an integer (its digits), a Context, or None for nobody in particular; ``context`` is a dict of attributes.\n\
Never raises for anything that the network does, and never waits longer than the client's ``timeout``; raises TypeError or\n\
ValueError, naming the argument or the attribute, for one that cannot be used.";
const CHECK_NOW: &CStr = c"_check_now($self, flag_name, user_id, default=False, context=None)\n--\n\n\
Is the flag on? None if only a wait could tell.";
const FLAG_CHECK: &CStr = c"enabled($self, user_id, default=False, *, context=None)\n--\n\n\
Is this flag on for this user? As the client's is_enabled.";
const FLAG_CHECK_NOW: &CStr = c"_check_now($self, user_id, default=False, context=None)\n--\n\n\
Is the flag on? None if only a wait could tell.";

/// Puts `function` on `class` as the method `attribute`.
fn put(
    class: &Bound<'_, PyType>,
    attribute: &CStr,
    name: &'static CStr,
    function: ffi::PyCFunctionFastWithKeywords,
    doc: &'static CStr,
) -> PyResult<()> {
    let definition = ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: function },
        ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
        ml_doc: doc.as_ptr().cast::<c_char>(),
    };
    // Leaked: a descriptor keeps a pointer to its definition and may outlive everything.
    let definition = Box::leak(Box::new(definition));
    // SAFETY: the class and the definition are alive (for ever, the one by its module and the other by the leak); a new reference or null comes back.
    let method = unsafe { Bound::from_owned_ptr_or_err(class.py(), ffi::PyDescr_NewMethod(class.as_type_ptr(), definition)) }?;
    class.setattr(PyString::new(class.py(), &attribute.to_string_lossy()), method)
}

/// Whose method it is.
pub trait Door {
    /// How many of the four arguments `self` stands for: a bound flag knows its name.
    const KNOWN: usize;
    /// The client, the flag's name and its text, from `self` and the first argument.
    ///
    /// # Safety
    /// `this` is an instance of this door's class.
    unsafe fn open<'a, 'py>(this: &'a Bound<'py, PyAny>, flag: Option<&'a Bound<'py, PyAny>>) -> PyResult<(&'a Client, &'a str)>;
    /// The same where the first argument is known to be text, or there is none; `None` for a client that was never opened.
    ///
    /// # Safety
    /// As [`Door::open`].
    unsafe fn plain<'a>(this: &'a Bound<'_, PyAny>, flag: Option<&'a str>) -> Option<(&'a Client, &'a str)>;
    /// What a wait needs: the client's object and the flag's name.
    ///
    /// # Safety
    /// As [`Door::open`].
    unsafe fn whole<'py>(this: &Bound<'py, PyAny>, flag: Option<&Bound<'py, PyAny>>) -> (Bound<'py, Core>, Bound<'py, PyAny>);
}

/// `client.is_enabled(flag_name, user_id, …)`.
struct Whole;
/// `flag.enabled(user_id, …)`.
struct Bound1;

impl Door for Whole {
    const KNOWN: usize = 0;
    #[inline]
    unsafe fn open<'a, 'py>(this: &'a Bound<'py, PyAny>, flag: Option<&'a Bound<'py, PyAny>>) -> PyResult<(&'a Client, &'a str)> {
        // SAFETY: the caller's promise.
        let core = unsafe { this.cast_unchecked::<Core>() }.get();
        let Some(flag) = flag else { return Err(missing("flag_name")) };
        Ok((core.client()?, text_of(name_of(flag)?, Place::Argument("flag_name"))?))
    }
    #[inline]
    unsafe fn plain<'a>(this: &'a Bound<'_, PyAny>, flag: Option<&'a str>) -> Option<(&'a Client, &'a str)> {
        // SAFETY: the caller's promise.
        Some((unsafe { this.cast_unchecked::<Core>() }.get().opened()?, flag?))
    }
    unsafe fn whole<'py>(this: &Bound<'py, PyAny>, flag: Option<&Bound<'py, PyAny>>) -> (Bound<'py, Core>, Bound<'py, PyAny>) {
        // SAFETY: the caller's promise.
        let core = unsafe { this.cast_unchecked::<Core>() }.clone();
        (core, flag.map_or_else(|| this.py().None().into_bound(this.py()), Clone::clone))
    }
}

impl Door for Bound1 {
    const KNOWN: usize = 1;
    #[inline]
    unsafe fn open<'a, 'py>(this: &'a Bound<'py, PyAny>, _: Option<&'a Bound<'py, PyAny>>) -> PyResult<(&'a Client, &'a str)> {
        // SAFETY: the caller's promise.
        let flag = unsafe { this.cast_unchecked::<Flag>() }.get();
        Ok((&flag.client, &flag.text))
    }
    #[inline]
    unsafe fn plain<'a>(this: &'a Bound<'_, PyAny>, _: Option<&'a str>) -> Option<(&'a Client, &'a str)> {
        // SAFETY: the caller's promise.
        let flag = unsafe { this.cast_unchecked::<Flag>() }.get();
        Some((&flag.client, &flag.text))
    }
    unsafe fn whole<'py>(this: &Bound<'py, PyAny>, _: Option<&Bound<'py, PyAny>>) -> (Bound<'py, Core>, Bound<'py, PyAny>) {
        // SAFETY: the caller's promise.
        let flag = unsafe { this.cast_unchecked::<Flag>() }.get();
        (flag.owner.bind(this.py()).clone(), flag.name.bind(this.py()).clone().into_any())
    }
}

/// A question that memory could not answer.
pub struct Unanswered<'a, 'py> {
    core: Bound<'py, Core>,
    flag: Bound<'py, PyAny>,
    user: &'a Bound<'py, PyAny>,
    default: bool,
    context: Option<&'a Bound<'py, PyAny>>,
}

/// In which form the answer goes back.
pub trait Form {
    /// May the context come without its name? Only where our own Python calls, which saves itself the keyword.
    const TAKES_FOUR: bool = false;
    /// A new reference to what stands for an answer that is there.
    fn now(py: Python<'_>, enabled: bool) -> *mut ffi::PyObject;
    /// What is returned when only a wait could tell.
    fn later<'py>(py: Python<'py>, question: &Unanswered<'_, 'py>) -> PyResult<Bound<'py, PyAny>>;
}

/// A bool, after a wait of this thread if need be.
struct Wait;
/// Something to await.
struct Await;
/// A bool or None.
struct Now;

impl Form for Wait {
    #[inline]
    fn now(py: Python<'_>, enabled: bool) -> *mut ffi::PyObject {
        PyBool::new(py, enabled).to_owned().into_ptr()
    }
    fn later<'py>(py: Python<'py>, question: &Unanswered<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
        let default = PyBool::new(py, question.default).to_owned().into_any();
        question.core.get()._ask(py, "enabled", &question.flag, question.user, &default, question.context)
    }
}

impl Form for Await {
    #[inline]
    fn now(_: Python<'_>, enabled: bool) -> *mut ffi::PyObject {
        awaitable::done(enabled)
    }
    fn later<'py>(py: Python<'py>, question: &Unanswered<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
        // Looked up each time: a `Once` that imports could be under way in another thread at a fork, and would be for ever in the child.
        let ask = py.import("jackstaff._waiting")?.getattr("ask")?;
        ask.call1((&question.core, "enabled", &question.flag, question.user, question.default, question.context))
    }
}

impl Form for Now {
    const TAKES_FOUR: bool = true;
    #[inline]
    fn now(py: Python<'_>, enabled: bool) -> *mut ffi::PyObject {
        <Wait as Form>::now(py, enabled)
    }
    fn later<'py>(py: Python<'py>, _: &Unanswered<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(py.None().into_bound(py))
    }
}

/// The entry.
unsafe extern "C" fn entry<D: Door, F: Form>(
    this: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    let body = || {
        // SAFETY: the interpreter calls us attached; see the top for the pointers.
        let py = unsafe { Python::assume_attached() };
        let this = unsafe { Bound::ref_from_ptr(py, &this) };
        if names.is_null() {
            let args = if positional == 0 { &[] } else { unsafe { std::slice::from_raw_parts(args, positional.unsigned_abs()) } };
            // SAFETY: `this` is what the descriptor checked, and the pointers in `args` are live objects.
            if let Some(enabled) = unsafe { glance::glance::<D, F>(py, this, args) } {
                return finished::<F>(py, enabled);
            }
        }
        // SAFETY: as above.
        unsafe { answer::<D, F>(py, this, args, positional.unsigned_abs(), names) }.unwrap_or_else(fail)
    };
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(answer) => answer,
        Err(_) => fail(PyRuntimeError::new_err("a check failed inside jackstaff; this is a bug, please report it")),
    }
}

/// What goes back for an answer that is there.
#[inline]
fn finished<F: Form>(py: Python<'_>, enabled: bool) -> *mut ffi::PyObject {
    if log::is_pending() {
        Python::attach(log::drain);
    }
    F::now(py, enabled)
}

#[cold]
fn fail(error: PyErr) -> *mut ffi::PyObject {
    Python::attach(|py| error.restore(py));
    ptr::null_mut()
}

/// The answer to any call, right or wrong.
///
/// # Safety
/// `this` is an instance of the door's class; `args` points at live objects, `positional` and then one for each name in `names`.
#[inline(never)]
unsafe fn answer<D: Door, F: Form>(
    py: Python<'_>,
    this: &Bound<'_, PyAny>,
    args: *const *mut ffi::PyObject,
    positional: usize,
    names: *mut ffi::PyObject,
) -> PyResult<*mut ffi::PyObject> {
    // SAFETY: the caller's promise.
    let names = if names.is_null() { None } else { Some(unsafe { Bound::ref_from_ptr(py, &names).cast_unchecked::<PyTuple>() }) };
    let count = positional + names.map_or(0, |names| names.len());
    let args = if count == 0 { &[] } else { unsafe { std::slice::from_raw_parts(args, count) } };
    let mut given: [Option<&Bound<'_, PyAny>>; 4] = [None; 4];
    let most = 3 + usize::from(F::TAKES_FOUR) - D::KNOWN;
    if positional > most {
        return Err(too_many(most, positional));
    }
    for (place, argument) in given[D::KNOWN..].iter_mut().zip(&args[..positional]) {
        // SAFETY: the caller's promise.
        *place = Some(unsafe { Bound::ref_from_ptr(py, argument) });
    }
    if let Some(names) = names {
        for (at, argument) in args[positional..].iter().enumerate() {
            let place = place_of(names, at, D::KNOWN)?;
            if given[place].is_some() {
                return Err(PyTypeError::new_err(format!("is_enabled() got two values for '{}'", WORDS[place])));
            }
            // SAFETY: as above.
            given[place] = Some(unsafe { Bound::ref_from_ptr(py, argument) });
        }
    }
    let [flag, user, default, context] = given;
    if fork::happened() {
        fork::tell();
    }
    // SAFETY: the caller's promise.
    let (client, text) = unsafe { D::open(this, flag) }?;
    let Some(user) = user else { return Err(missing("user_id")) };
    let default = default.map_or(Ok(false), bool_of)?;
    let context = context.filter(|context| !context.is_none());
    let found = with_view(user, context, |view| client.peek_enabled(text, view, default))?;
    match found {
        Some(enabled) => Ok(finished::<F>(py, enabled)),
        None => {
            if log::is_pending() {
                Python::attach(log::drain);
            }
            // SAFETY: the caller's promise.
            let (core, flag) = unsafe { D::whole(this, flag) };
            later::<F>(&Unanswered { core, flag, user, default, context })
        }
    }
}

#[cold]
fn later<F: Form>(question: &Unanswered<'_, '_>) -> PyResult<*mut ffi::PyObject> {
    let py = question.user.py();
    // Entered only to be counted in: what follows makes and drops owned references.
    Python::attach(|_| F::later(py, question)).map(Bound::into_ptr)
}

const WORDS: [&str; 4] = ["flag_name", "user_id", "default", "context"];

/// Which argument the name at `at` means.
fn place_of(names: &Bound<'_, PyTuple>, at: usize, known: usize) -> PyResult<usize> {
    static INTERNED: PyOnceLock<[Py<PyString>; 4]> = PyOnceLock::new();
    let py = names.py();
    let interned = INTERNED.get_or_init(py, || WORDS.map(|word| PyString::intern(py, word).unbind()));
    let name = names.get_borrowed_item(at)?;
    // A name in source code is interned, so that comparing pointers nearly always does; one from a dict may not be.
    if let Some(place) = interned.iter().position(|word| word.as_ptr() == name.as_ptr()).filter(|place| *place >= known) {
        return Ok(place);
    }
    let name = name.cast::<PyString>()?;
    let text = name.to_string_lossy();
    let place = WORDS.iter().position(|word| *word == text).filter(|place| *place >= known);
    place.ok_or_else(|| PyTypeError::new_err(format!("is_enabled() got an unexpected keyword argument '{text}'")))
}

#[cold]
fn missing(name: &str) -> PyErr {
    PyTypeError::new_err(format!("is_enabled() is missing the argument '{name}'"))
}

#[cold]
fn too_many(most: usize, given: usize) -> PyErr {
    PyTypeError::new_err(format!("is_enabled() takes at most {most} positional arguments, and {given} were given"))
}
