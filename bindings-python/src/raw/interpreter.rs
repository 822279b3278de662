//! Which interpreter of the process this is.
//!
//! Threads that come from outside find their way into Python by an interface that knows one interpreter a process, and our types and the queue of answers are the
//! process's. In a second interpreter that would be a deadlock at the first error or a crash at its end, so it is refused in so many words.

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

/// Lets only the main interpreter pass.
///
/// # Errors
/// `ImportError`, with what to do.
pub fn check(_: Python<'_>) -> PyResult<()> {
    // SAFETY: attached, as the token proves; the interpreter that is current then lives.
    match unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) } {
        0 => Ok(()), // the main one's, always
        id => Err(PyImportError::new_err(format!(
            "jackstaff works in the main interpreter of a process, and this is interpreter {id}; under mod_wsgi, set WSGIApplicationGroup %{{GLOBAL}}"
        ))),
    }
}
