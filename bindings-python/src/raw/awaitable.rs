//! `await client.is_enabled(…)` for an answer that is there: two objects for ever, one that is True when awaited and one that is False.
//!
//! Up to Python 3.11 the interpreter awaits a type with `am_send` without making an exception to carry the value, which is
//! three times as fast as a coroutine; from 3.12 on a plain `async def` is as cheap, and these are not used. They have no state, so any number of tasks, loops and
//! threads may await them at once. They have `send`, `throw` and `close`, and so are coroutines to asyncio, anyio and trio.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyType};

/// The object that is True when awaited, and the one that is False. Set once, when the module is made, and kept for ever.
static DONE: [AtomicPtr<ffi::PyObject>; 2] = [AtomicPtr::new(ptr::null_mut()), AtomicPtr::new(ptr::null_mut())];

/// A new reference to the object that is `enabled` when awaited.
#[inline]
pub fn done(enabled: bool) -> *mut ffi::PyObject {
    let object = DONE[usize::from(enabled)].load(Ordering::Relaxed);
    // SAFETY: set before any check can be made, and never freed; the caller is attached.
    unsafe {
        ffi::Py_INCREF(object);
    }
    object
}

/// A new reference to the bool that `this` stands for.
unsafe fn value(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    let enabled = ptr::eq(this, DONE[1].load(Ordering::Relaxed));
    // SAFETY: called by the interpreter, attached.
    PyBool::new(unsafe { Python::assume_attached() }, enabled).to_owned().into_ptr()
}

unsafe extern "C" fn itself(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a live object, lent by the interpreter.
    unsafe { ffi::Py_INCREF(this) };
    this
}

unsafe extern "C" fn am_send(this: *mut ffi::PyObject, _: *mut ffi::PyObject, result: *mut *mut ffi::PyObject) -> ffi::PySendResult {
    // SAFETY: `result` is where the interpreter wants the value, as a new reference.
    unsafe { *result = value(this) };
    ffi::PySendResult::PYGEN_RETURN
}

unsafe extern "C" fn next(this: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: the value is a reference of ours, given back after the exception has taken its own.
    unsafe {
        let value = value(this);
        ffi::PyErr_SetObject(ffi::PyExc_StopIteration, value);
        ffi::Py_DECREF(value);
    }
    ptr::null_mut()
}

unsafe extern "C" fn send(this: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: as `next`.
    unsafe { next(this) }
}

unsafe extern "C" fn close(_: *mut ffi::PyObject, _: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: attached; None is always there.
    unsafe { ffi::Py_NewRef(ffi::Py_None()) }
}

/// `throw(exception)` or `throw(type, value, traceback)`: raises it, as a coroutine does that has not begun.
unsafe extern "C" fn throw(
    _: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: ffi::Py_ssize_t,
    _: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the calling convention's promise about `args`; the interpreter calls us attached.
    let args = if count <= 0 { &[] } else { unsafe { std::slice::from_raw_parts(args, count.unsigned_abs()) } };
    Python::attach(|py| {
        // SAFETY: as above: live objects.
        let own = |argument: &*mut ffi::PyObject| unsafe { Bound::from_borrowed_ptr(py, *argument) };
        let given: Vec<Bound<'_, PyAny>> = args.iter().map(own).collect();
        let error = match given.as_slice() {
            [] => PyTypeError::new_err("throw() needs an exception"),
            [class, value, ..] if class.is_instance_of::<PyType>() && !value.is_none() => match class.call1((value,)) {
                _ if value.is_instance(class).unwrap_or(false) => PyErr::from_value(value.clone()),
                Ok(exception) => PyErr::from_value(exception),
                Err(error) => error,
            },
            // An exception, or a class of them.
            [exception, ..] => PyErr::from_value(exception.clone()),
        };
        error.restore(py);
    });
    ptr::null_mut()
}

/// Forgetting `await` in `if client.is_enabled(…)` would be True for every flag.
unsafe extern "C" fn truth(_: *mut ffi::PyObject) -> c_int {
    Python::attach(|py| PyTypeError::new_err("this answer has to be awaited first: `await client.is_enabled(…)`").restore(py));
    -1
}

/// Makes the type and its two objects.
pub fn install(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    let method = |name: &'static std::ffi::CStr, ml_meth, ml_flags| ffi::PyMethodDef {
        ml_name: name.as_ptr(),
        ml_meth,
        ml_flags,
        ml_doc: ptr::null::<c_char>(),
    };
    // Leaked, all of it: a type points into its definition for as long as it lives, which is to the end.
    let methods = Box::leak(Box::new([
        method(c"send", ffi::PyMethodDefPointer { PyCFunction: send }, ffi::METH_O),
        method(c"throw", ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: throw }, ffi::METH_FASTCALL | ffi::METH_KEYWORDS),
        method(c"close", ffi::PyMethodDefPointer { PyCFunction: close }, ffi::METH_NOARGS),
        ffi::PyMethodDef::zeroed(),
    ]));
    let slot = |slot: c_int, pfunc: *mut c_void| ffi::PyType_Slot { slot, pfunc };
    let slots = Box::leak(Box::new([
        slot(ffi::Py_am_await, itself as *mut c_void),
        slot(ffi::Py_am_send, am_send as *mut c_void),
        slot(ffi::Py_tp_iter, itself as *mut c_void),
        slot(ffi::Py_tp_iternext, next as *mut c_void),
        slot(ffi::Py_nb_bool, truth as *mut c_void),
        slot(ffi::Py_tp_methods, methods.as_mut_ptr().cast()),
        slot(ffi::Py_tp_doc, c"The answer to a check, to be awaited.".as_ptr().cast_mut().cast()),
        slot(0, ptr::null_mut()),
    ]));
    let mut spec = ffi::PyType_Spec {
        name: c"jackstaff._native.Answer".as_ptr(),
        basicsize: 0, // as large as `object`
        itemsize: 0,
        flags: (ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION) as _,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the specification is complete and ends with a zero slot; new references or null come back.
    let class = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyType_FromSpec(&raw mut spec)) }?.cast_into::<PyType>()?;
    for done in &DONE {
        // SAFETY: the type is ready and its objects hold nothing beyond `object`.
        let object = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyType_GenericAlloc(class.as_type_ptr(), 0)) }?;
        done.store(object.into_ptr(), Ordering::Relaxed);
    }
    module.add("Answer", class)
}
