//! The core's errors as Python's own exceptions, so that nobody has to import ours to catch them.

use jackstaff::{Error, ErrorKind};
use pyo3::PyErr;
use pyo3::exceptions::{PyConnectionError, PyLookupError, PyOSError, PyPermissionError, PyRuntimeError, PyTimeoutError, PyValueError};

/// The exception for an error; the kinds are mapped here and nowhere else.
pub fn raise(error: &Error) -> PyErr {
    let message = error.to_string();
    match error.kind() {
        ErrorKind::InvalidArgument | ErrorKind::InvalidDocument => PyValueError::new_err(message),
        ErrorKind::NotFound => PyLookupError::new_err(message),
        ErrorKind::Unauthorized => PyPermissionError::new_err(message),
        ErrorKind::Unavailable => PyConnectionError::new_err(message),
        ErrorKind::Timeout => PyTimeoutError::new_err(message),
        ErrorKind::Io => PyOSError::new_err(message),
        // Closed, an answer outside the contract, and whatever a later core may add.
        _ => PyRuntimeError::new_err(message),
    }
}
