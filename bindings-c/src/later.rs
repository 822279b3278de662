//! Asking: what only a wait can tell.
//!
//! A host with a scheduler of its own is called back from a thread of ours, exactly once, whatever happens; a host whose thread may wait takes
//! the function without `_later`. Either way the wait has an end: the `timeout` option for answers, the caller's limit for the rest.

use std::mem::MaybeUninit;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jackstaff::evaluation::Evaluation as Answer;
use jackstaff::{Error, ErrorKind, Result};

use crate::check::{JACKSTAFF_MAX_BATCH, refused};
use crate::client::{Client, some};
use crate::context::{Context, with_view};
use crate::error::{self, Code, attempt, guard, told};
use crate::evaluation::{Evaluation, fallback, wanted};
use crate::raw::{Data, Numbers, Text};
use crate::text::{MAX_JSON, MAX_NAME};

/// Is called with the answers, one for each flag and in their order, and with all their texts. Both are there only for the call: copy what you keep. No
/// answers at all mean that something went wrong in this library.
pub type Answered = Option<extern "C" fn(data: Data, evaluations: *const Evaluation, count: usize, texts: Text)>;

/// Is called when the wait is over. The message is there only for the call.
pub type Done = Option<extern "C" fn(data: Data, code: Code, message: Text)>;

/// Is the flag on? Waits, at most for the `timeout` option. Never fails: the default serves where nobody can say. Not for callbacks.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_is_enabled(
    client: Option<&Client>,
    flag: Text,
    user: Text,
    context: Option<&Context>,
    default_value: bool,
) -> bool {
    let ask = || -> Result<bool> {
        let (client, flag) = (some(client)?, flag.lossy(MAX_NAME)?);
        with_view(user, context, |view| client.0.block_on(client.0.is_enabled(&flag, view, default_value)).unwrap_or(default_value))
    };
    guard(default_value, || ask().unwrap_or(default_value))
}

/// The answer with all that is known about it, as `jackstaff_look_closely` writes it. Waits, at most for the `timeout` option. The caller frees the
/// evaluation. Not for callbacks.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_evaluate(
    client: Option<&Client>,
    flag: Text,
    user: Text,
    context: Option<&Context>,
    wanted_type: u32,
    default_value: i32,
    out: Option<&mut MaybeUninit<Evaluation>>,
) {
    let Some(out) = out else { return };
    let (wanted, default) = (wanted(wanted_type), fallback(default_value));
    let ask = || -> Result<Option<Answer>> {
        let (client, flag) = (some(client)?, flag.lossy(MAX_NAME)?);
        with_view(user, context, |view| client.0.block_on(client.0.evaluate(&flag, view, wanted, &default)))
    };
    let answer = guard(None, || ask().ok().flatten()).unwrap_or_else(|| refused("", &default));
    out.write(Evaluation::new(&answer, wanted, &mut []));
}

/// Finds the answers about one or several flags, and calls `answered` with them. `names` are the names, one after the other without
/// anything between them; `lengths` are their lengths in bytes. The rest is as for `jackstaff_look_closely`; all is copied before this returns.
///
/// If it returns anything but `JACKSTAFF_CODE_OK`, `answered` is not called.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_answer_later(
    client: Option<&Client>,
    names: Text,
    lengths: Numbers,
    user: Text,
    context: Option<&Context>,
    wanted_type: u32,
    default_value: i32,
    answered: Answered,
    data: Data,
) -> Code {
    attempt(None, || {
        let (client, answered) = (some(client)?.0.clone(), answered.ok_or_else(no_callback)?);
        let flags = split(names, lengths)?;
        let context = with_view(user, context, |view| jackstaff::Context::from(view))?;
        let (wanted, default) = (wanted(wanted_type), fallback(default_value));
        let runtime = client.clone();
        once(
            &runtime,
            move |answers: Option<Vec<Answer>>| {
                let (evaluations, texts) = Evaluation::several(&answers.unwrap_or_default(), wanted);
                answered(data, evaluations.as_ptr(), evaluations.len(), Text::of(&texts));
            },
            async move {
                let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
                client.batch(&flags, context.view(), wanted, &default).await
            },
        )
    })
    .0
}

/// Waits until the client answers from a ruleset, or knows that the service gives none; at most `seconds`. `JACKSTAFF_CODE_TIMEOUT` with the last failure,
/// or `JACKSTAFF_CODE_CLOSED`. The client goes on trying in the background. Not for callbacks.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_ready(client: Option<&Client>, seconds: f64, error: Option<&mut MaybeUninit<error::Error>>) -> Code {
    attempt(error, || {
        let (client, timeout) = (&some(client)?.0, limit(seconds)?);
        client.block_on(client.ready(timeout)).unwrap_or_else(|| Err(no_runtime()))
    })
    .0
}

/// As `jackstaff_ready`, with a callback. If it returns anything but `JACKSTAFF_CODE_OK`, `done` is not called.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_ready_later(client: Option<&Client>, seconds: f64, done: Done, data: Data) -> Code {
    attempt(None, || {
        let (client, timeout) = (some(client)?.0.clone(), limit(seconds)?);
        tell(&client.clone(), done, data, async move { client.ready(timeout).await })
    })
    .0
}

/// Waits until the flags have `version` or a later one, at most `seconds`. Otherwise as `jackstaff_ready`.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_wait_for_version(
    client: Option<&Client>,
    version: u64,
    seconds: f64,
    error: Option<&mut MaybeUninit<error::Error>>,
) -> Code {
    attempt(error, || {
        let (client, timeout) = (&some(client)?.0, limit(seconds)?);
        client.block_on(client.wait_for_version(version, timeout)).unwrap_or_else(|| Err(no_runtime()))
    })
    .0
}

/// As `jackstaff_wait_for_version`, with a callback. If it returns anything but `JACKSTAFF_CODE_OK`, `done` is not called.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_wait_for_version_later(client: Option<&Client>, version: u64, seconds: f64, done: Done, data: Data) -> Code {
    attempt(None, || {
        let (client, timeout) = (some(client)?.0.clone(), limit(seconds)?);
        tell(&client.clone(), done, data, async move { client.wait_for_version(version, timeout).await })
    })
    .0
}

fn tell(client: &jackstaff::Client, done: Done, data: Data, wait: impl Future<Output = Result<()>> + Send + 'static) -> Result<()> {
    let done = done.ok_or_else(no_callback)?;
    let call = move |outcome: Option<Result<()>>| {
        let outcome = outcome.unwrap_or_else(|| Err(no_runtime()));
        let (code, message) = told(&outcome);
        done(data, code, Text::of(message));
    };
    once(client, call, wait)
}

/// Runs `future` on the core's runtime and calls `call` with what came of it; with nothing if the future is dropped, by a panic or with its runtime.
fn once<T: Send + 'static>(
    client: &jackstaff::Client,
    call: impl FnOnce(Option<T>) + Send + 'static,
    future: impl Future<Output = T> + Send + 'static,
) -> Result<()> {
    let call = Box::new(call) as Box<dyn FnOnce(Option<T>) + Send>;
    let pending = std::sync::Arc::new(Pending(Mutex::new(Some(call))));
    let task = pending.clone();
    let spawned = client.spawn(async move {
        // Dropped with the task, however that ends.
        let last = Last(task);
        let outcome = future.await;
        last.0.settle(Some(outcome));
    });
    if spawned.is_err() {
        pending.disarm(); // the caller is told by the code
    }
    spawned
}

type Call<T> = Box<dyn FnOnce(Option<T>) + Send>;

/// A callback that is called once.
struct Pending<T>(Mutex<Option<Call<T>>>);

impl<T> Pending<T> {
    fn disarm(&self) -> Option<Call<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn settle(&self, outcome: Option<T>) {
        if let Some(call) = self.disarm() {
            call(outcome);
        }
    }
}

/// Calls back with nothing when it is dropped, if nobody has called.
struct Last<T>(std::sync::Arc<Pending<T>>);

impl<T> Drop for Last<T> {
    fn drop(&mut self) {
        self.0.settle(None);
    }
}

fn split(names: Text, lengths: Numbers) -> Result<Vec<String>> {
    let mut rest = names.bytes(MAX_JSON)?;
    let lengths = lengths.read(JACKSTAFF_MAX_BATCH)?;
    let name = |len: &u32| {
        let (name, after) = rest.split_at_checked(*len as usize).filter(|_| *len as usize <= MAX_NAME).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidArgument,
                format!("a length of {len}, and the names have {} bytes left, at most {MAX_NAME} each", rest.len()),
            )
        })?;
        rest = after;
        Ok(String::from_utf8_lossy(name).into_owned())
    };
    lengths.iter().map(name).collect()
}

fn limit(seconds: f64) -> Result<Duration> {
    if (0.0..=31_536_000.0).contains(&seconds) {
        return Ok(Duration::from_secs_f64(seconds));
    }
    Err(Error::new(ErrorKind::InvalidArgument, format!("timeout is {seconds}: it has to be a number of seconds from 0 to a year")))
}

fn no_callback() -> Error {
    Error::new(ErrorKind::InvalidArgument, "the callback is null")
}

fn no_runtime() -> Error {
    Error::new(ErrorKind::Unavailable, "the background thread could not be started")
}
