//! Waiting for what the core cannot say at once.
//!
//! Every wait is first polled on the spot: a client that begins on a file, or was closed, has its answer there and then.
//! What is left goes to the core's runtime. A caller without a loop sleeps with Python's lock let go, and looks up now and then so
//! that Ctrl-C works; a coroutine gets its answer through the [queue](crate::queue).

use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use jackstaff::Client;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;

use crate::error::raise;
use crate::queue::{Message, REPLIES, Reply};

/// How long a waiting thread does not look whether somebody pressed Ctrl-C.
const LOOK_UP: Duration = Duration::from_millis(100);

/// Waits for `future` without holding Python's lock.
///
/// # Errors
/// What a signal handler raised; `ConnectionError` if the system gives us no thread.
pub fn block<T: Send + 'static>(py: Python<'_>, client: &Client, future: impl Future<Output = T> + Send + 'static) -> PyResult<T> {
    let mut future: Pin<Box<dyn Future<Output = T> + Send>> = Box::pin(future);
    if let Some(answer) = py.detach(|| now(&mut future)) {
        return Ok(answer);
    }
    let (tell, mut hear) = sync_channel(1);
    let errand = async move {
        // The one who asked may have been interrupted and gone.
        let _ = tell.send(future.await);
    };
    client.spawn(errand).map_err(|error| raise(&error))?;
    loop {
        let heard;
        (hear, heard) = py.detach(move || {
            let heard = hear.recv_timeout(LOOK_UP);
            (hear, heard)
        });
        match heard {
            Ok(answer) => return Ok(answer),
            Err(RecvTimeoutError::Timeout) => py.check_signals()?,
            Err(RecvTimeoutError::Disconnected) => return Err(PyRuntimeError::new_err("the wait was given up")),
        }
    }
}

/// Begins to wait for `future`. Its reply comes as `callback(result, exception)` from a thread of Python's, unless it is
/// there already: then it is returned, and nobody is called.
///
/// # Errors
/// `ConnectionError` if the system gives us no thread.
pub fn begin<'py>(
    py: Python<'py>,
    client: &Client,
    callback: Py<PyAny>,
    future: impl Future<Output = Reply> + Send + 'static,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let mut future: Pin<Box<dyn Future<Output = Reply> + Send>> = Box::pin(future);
    if let Some(reply) = py.detach(|| now(&mut future)) {
        return reply(py).map(Some);
    }
    let errand = async move {
        let reply = future.await;
        REPLIES.load().put(Message::Reply(callback, reply));
    };
    client.spawn(errand).map_err(|error| raise(&error))?;
    Ok(None)
}

fn now<T>(future: &mut Pin<Box<dyn Future<Output = T> + Send>>) -> Option<T> {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None, // the runtime polls it again at once, with a waker that works
    }
}

/// A number of seconds, as an argument.
///
/// # Errors
/// `ValueError`, naming the argument.
pub fn seconds(name: &str, seconds: f64) -> PyResult<Duration> {
    let most = 31_536_000.0;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if seconds <= most => Ok(duration),
        _ => Err(PyValueError::new_err(format!("{name} is {seconds}: it has to be a number of seconds from 0 to a year"))),
    }
}
