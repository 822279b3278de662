//! Python's way into the core: the module `jackstaff._native`.
//!
//! A check comes in through [`raw::check`], an entry written by hand, because it is called for every request and a generated one
//! costs half as much again. It borrows the text of its arguments, asks [`jackstaff::Client::peek_enabled`] and returns; no lock is let go and no event
//! loop is touched. Everything else is ordinary PyO3: [`client`] converts ([`question`], [`batch`], [`context`], [`names`], [`convert`]), calls the core, converts back
//! ([`evaluation`], [`error`]).
//!
//! What can only be answered after a wait goes to the core's own runtime ([`wait`]). Threads of that runtime never touch
//! Python: an interpreter that is ending would take them down in the middle of Rust code. They leave a message in a [`queue`], and a Python thread, which
//! Python can end in order, carries it to the event loop or the listener it is for. The core's log lines ([`log`]) take the same way. A child
//! process begins anew, whoever forked it ([`raw::fork`]), and a second interpreter is refused ([`raw::interpreter`]).
//!
//! The classes that people use are Python (`python/jackstaff/`): two skins, one with `await` and one without, over the one
//! [`client::Core`].

mod batch;
mod client;
mod context;
mod convert;
mod error;
mod evaluation;
mod flag;
mod log;
mod names;
mod question;
mod queue;
mod raw;
mod wait;

use pyo3::prelude::*;

// A free-threaded interpreter turns its lock on for us: nothing here relies on it by design, but no test of ours has run without one yet.
#[pymodule(gil_used = true)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    raw::interpreter::check(module.py())?;
    log::install();
    queue::install();
    raw::fork::watch();
    module.add_class::<client::Core>()?;
    module.add_class::<flag::Flag>()?;
    module.add_class::<context::Context>()?;
    module.add_class::<evaluation::Evaluation>()?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_function(wrap_pyfunction!(evaluation::instruments, module)?)?;
    module.add_function(wrap_pyfunction!(queue::take, module)?)?;
    module.add_function(wrap_pyfunction!(queue::close, module)?)?;
    module.add_function(wrap_pyfunction!(queue::after_fork, module)?)?;
    raw::check::install(module)
}
