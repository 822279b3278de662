//! Forks, also those that Python does not hear of.
//!
//! `os.fork` tells `os.register_at_fork`, and all is well; but a server written in C (uWSGI) forks without a word to Python, and a child that nobody told would go
//! on answering from a snapshot that nothing keeps up. So the system itself is asked to say so: its handler only sets a
//! flag, which is all that may be done there, and the first use of a client in the child acts on it. A child that execs at once
//! (`subprocess`) never looks.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;

static HAPPENED: AtomicBool = AtomicBool::new(false);

#[cfg(unix)]
unsafe extern "C" {
    fn pthread_atfork(
        prepare: Option<unsafe extern "C" fn()>,
        parent: Option<unsafe extern "C" fn()>,
        child: Option<unsafe extern "C" fn()>,
    ) -> std::ffi::c_int;
}

#[cfg(unix)]
unsafe extern "C" fn in_child() {
    HAPPENED.store(true, Ordering::Relaxed);
}

/// Begins to watch, once a process: a module is never unloaded.
pub fn watch() {
    #[cfg(unix)]
    // SAFETY: the handler stays where it is for as long as the process lives, takes no lock and allocates nothing. If the system has no
    // memory for it, Python's own notice is all there is.
    let _ = unsafe { pthread_atfork(None, None, Some(in_child)) };
}

/// Is this a child that nobody has told its clients of?
#[inline]
pub fn happened() -> bool {
    HAPPENED.load(Ordering::Relaxed)
}

/// The same, and from now on somebody has.
pub fn take() -> bool {
    HAPPENED.swap(false, Ordering::Relaxed)
}

/// Tells the clients.
#[cold]
pub fn tell() {
    Python::attach(|py| {
        let told = py.import("jackstaff._threads").and_then(|threads| threads.call_method0("after_fork"));
        if let Err(error) = told {
            error.write_unraisable(py, None);
        }
    });
}
