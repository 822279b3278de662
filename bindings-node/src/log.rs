//! Where the core's few log lines go: to the loggers that JavaScript gave (`lib/log.js`) or, where it gave none, to standard error, one line each.
//!
//! The environment variable `JACKSTAFF_LOG` (`off`, `error`, `warn`, `info`, `debug`) sets the level; without it loggers hear what is
//! `info` and worse, standard error `warn` and worse. Standard error is written by the thread that has something to say, not by way of JavaScript: a process
//! whose event loop is stuck is one whose log is read. A line says nothing of which client it is about, so every environment's loggers hear all of them.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use napi::Status;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi_derive::napi;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::error::{Result, host};

/// Takes a line and says whether it goes on taking lines: an environment that has ended does not.
type Ear = Box<dyn Fn(String) -> bool + Send + Sync>;

/// Those who listen, by number: at most one for each environment, that of its `lib/log.js`.
static EARS: RwLock<Vec<(u64, Ear)>> = RwLock::new(Vec::new());
static NEXT_EAR: AtomicU64 = AtomicU64::new(1);

/// Calls `listener` with each line: its level, a line break, its text. Does not keep the process alive; of lines that a stuck loop cannot take, 1 024 wait and the others
/// are lost. Returns a number for `unlisten_log`.
#[napi]
pub fn listen_log(listener: Function<'_, String, ()>) -> Result<f64> {
    let listener = listener
        .build_threadsafe_function::<String>()
        .weak::<true>()
        .callee_handled::<false>()
        .max_queue_size::<1024>()
        .build()
        .map_err(host)?;
    let ear = move |line| listener.call(line, ThreadsafeFunctionCallMode::NonBlocking) != Status::Closing;
    let number = NEXT_EAR.fetch_add(1, Ordering::Relaxed);
    EARS.write().unwrap_or_else(PoisonError::into_inner).push((number, Box::new(ear)));
    Ok(number as f64)
}

/// Ends that.
#[napi]
pub fn unlisten_log(number: f64) {
    EARS.write().unwrap_or_else(PoisonError::into_inner).retain(|(ear, _)| *ear != number as u64);
}

/// Tells those who listen; false if nobody does.
fn tell(line: &str) -> bool {
    let ears = EARS.read().unwrap_or_else(PoisonError::into_inner);
    let gone: Vec<u64> = ears.iter().filter(|(_, ear)| !ear(line.to_owned())).map(|(number, _)| *number).collect();
    let heard = ears.len() > gone.len();
    drop(ears);
    if !gone.is_empty() {
        EARS.write().unwrap_or_else(PoisonError::into_inner).retain(|(number, _)| !gone.contains(number));
    }
    heard
}

/// Begins to listen, once a process.
pub fn install() {
    let level = std::env::var("JACKSTAFF_LOG").ok().filter(|level| !level.is_empty()).and_then(|level| level.parse().ok());
    // The second environment of a process finds the first one's in place, and that is right.
    let _ = tracing::subscriber::set_global_default(Lines { level, spans: AtomicU64::new(1) });
}

struct Lines {
    /// What the environment variable says.
    level: Option<LevelFilter>,
    spans: AtomicU64,
}

impl Lines {
    fn level(&self) -> LevelFilter {
        self.level.unwrap_or(LevelFilter::INFO)
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // The libraries below us have their own talk, which is not for a service's log.
        *metadata.level() <= self.level() && metadata.target().starts_with("jackstaff")
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level())
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed).max(1))
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line { message: String::new(), fields: String::new() };
        event.record(&mut line);
        let level = event.metadata().level().as_str().to_ascii_lowercase();
        if tell(&format!("{level}\n{}{}", line.message, line.fields)) || (self.level.is_none() && *event.metadata().level() > Level::WARN) {
            return;
        }
        // A closed standard error is no reason to fail.
        let _ = writeln!(std::io::stderr().lock(), "jackstaff {level}: {}{}", line.message, line.fields);
    }
}

struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        // Debug quotes and escapes: a flag name cannot forge a line.
        self.record_debug(field, &value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ =
            if field.name() == "message" { write!(self.message, "{value:?}") } else { write!(self.fields, " {}={value:?}", field.name()) };
    }
}
