//! The way from the core's threads into Python: messages that a Python thread takes out.
//!
//! Two lanes, so that a listener that takes its time does not hold up somebody who awaits an answer. In a forked child both are
//! new: another thread may have held the parent's lock at the moment of the fork.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError};

use arc_swap::ArcSwap;
use jackstaff::change::Change;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::log;
use crate::raw::fork;

/// The most changes that wait for their listeners. Beyond it the oldest go: a later change says more than an earlier one.
const MAX_CHANGES: usize = 1_000;

/// What an answer becomes, once a thread of Python's has it.
pub type Reply = Box<dyn for<'py> FnOnce(Python<'py>) -> PyResult<Bound<'py, PyAny>> + Send>;

/// Something for Python to do.
pub enum Message {
    /// Somebody awaits this: `callback(result, exception)`. As many as there are waiting coroutines.
    Reply(Py<PyAny>, Reply),
    /// Flags changed: `callback(change)`.
    Change(Arc<Py<PyAny>>, Change),
}

/// A lane of messages.
#[derive(Default)]
pub struct Queue {
    messages: Mutex<VecDeque<Message>>,
    arrived: Condvar,
    closed: AtomicBool,
}

/// Answers that somebody awaits, and log lines.
pub static REPLIES: LazyLock<ArcSwap<Queue>> = LazyLock::new(ArcSwap::default);
/// Changes for listeners.
pub static CHANGES: LazyLock<ArcSwap<Queue>> = LazyLock::new(ArcSwap::default);

impl Queue {
    /// Leaves a message. Never blocks on Python.
    pub fn put(&self, message: Message) {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(message, Message::Change(..)) && messages.len() >= MAX_CHANGES {
            messages.pop_front();
        }
        messages.push_back(message);
        self.arrived.notify_one();
    }

    /// Wakes the one who takes.
    pub fn wake(&self) {
        // With the lock, or the one who is about to wait would miss it.
        let _messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        self.arrived.notify_all();
    }

    fn next(&self, ends_early: impl Fn() -> bool) -> Option<Message> {
        let mut messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if self.closed.load(Ordering::Acquire) || ends_early() {
                return None;
            }
            if let Some(message) = messages.pop_front() {
                return Some(message);
            }
            messages = self.arrived.wait(messages).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn lane(changes: bool) -> Arc<Queue> {
    if changes { CHANGES.load_full() } else { REPLIES.load_full() }
}

/// Waits for the next message: a callable and its arguments. None means that the lane is closed and the thread may end.
#[pyfunction]
pub fn take<'py>(py: Python<'py>, changes: bool) -> PyResult<Option<(Py<PyAny>, Bound<'py, PyTuple>)>> {
    let queue = lane(changes);
    loop {
        let message = py.detach(|| queue.next(|| !changes && log::is_pending()));
        match message {
            None if queue.closed.load(Ordering::Acquire) => return Ok(None),
            None => log::drain(py),
            Some(Message::Reply(callback, reply)) => {
                let arguments = match reply(py) {
                    Ok(result) => (result, py.None()).into_pyobject(py)?,
                    Err(error) => (py.None(), error).into_pyobject(py)?,
                };
                return Ok(Some((callback, arguments)));
            }
            Some(Message::Change(callback, change)) => {
                return Ok(Some((callback.clone_ref(py), (describe(py, &change)?,).into_pyobject(py)?)));
            }
        }
    }
}

fn describe<'py>(py: Python<'py>, change: &Change) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("environment", &*change.environment)?;
    dict.set_item("epoch", &*change.epoch)?;
    dict.set_item("version", change.version)?;
    dict.set_item("previous", change.previous)?;
    dict.set_item("flags", change.flags.iter().map(|flag| &**flag).collect::<Vec<_>>())?;
    Ok(dict)
}

/// Lets the threads that take end. For the interpreter's exit.
#[pyfunction]
pub fn close() {
    for changes in [false, true] {
        let queue = lane(changes);
        queue.closed.store(true, Ordering::Release);
        queue.wake();
    }
}

/// Makes the lanes, so that no fork finds a thread in the middle of it.
pub fn install() {
    LazyLock::force(&REPLIES);
    LazyLock::force(&CHANGES);
}

/// In a forked child: new lanes. The parent's are left alone, locks and all. False, and nothing is done, if that was done before.
#[pyfunction]
pub fn after_fork() -> bool {
    let news = fork::take();
    if news {
        renew();
    }
    news
}

fn renew() {
    std::mem::forget(REPLIES.swap(Arc::default()));
    std::mem::forget(CHANGES.swap(Arc::default()));
    log::after_fork();
}
