//! Where the core's few log lines go: to a callback, on a thread of their own.
//!
//! A line may be written in the middle of anything, a check included; a callback may be slow, or check a flag itself. So lines are queued, at most 1 000, and
//! what does not fit is dropped: the first lines of a calamity tell most.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

use jackstaff::Value;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::error::guard;
use crate::raw::{Data, Text};

/// Log nothing.
pub const JACKSTAFF_LOG_OFF: u32 = 0;
/// Mistakes in this library or its host.
pub const JACKSTAFF_LOG_ERROR: u32 = 1;
/// Outages, once each; flags that are asked for and are not there, once each.
pub const JACKSTAFF_LOG_WARN: u32 = 2;
/// And when an outage is over.
pub const JACKSTAFF_LOG_INFO: u32 = 3;
/// Steps, for who looks for a mistake.
pub const JACKSTAFF_LOG_DEBUG: u32 = 4;

/// Is called with a line: its level, what happened, and the details as a JSON object. No line holds a user id. Texts are there only for the call.
pub type Logged = Option<extern "C" fn(data: Data, level: u32, message: Text, fields: Text)>;

static LEVEL: AtomicU32 = AtomicU32::new(JACKSTAFF_LOG_OFF);
static SINK: Mutex<Option<(Logged, Data)>> = Mutex::new(None);
/// The way to the thread that writes lines, with the process that the thread is in.
static WRITER: Mutex<Option<(u32, SyncSender<Line>)>> = Mutex::new(None);

/// Has log lines of `level` and graver given to `logged`, for all clients of the process; a later call takes the place of an earlier one. Null, or
/// `JACKSTAFF_LOG_OFF`, means none, and that is how it begins.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_log(level: u32, logged: Logged, data: Data) {
    guard((), || {
        *SINK.lock().unwrap_or_else(PoisonError::into_inner) = Some((logged, data));
        let level = if logged.is_some() { level.min(JACKSTAFF_LOG_DEBUG) } else { JACKSTAFF_LOG_OFF };
        LEVEL.store(level, Ordering::Relaxed);
        // The second call finds the subscriber in place; a host in Rust that has one of its own keeps it, and that is right.
        let _ = tracing::subscriber::set_global_default(Queue(AtomicU64::new(1)));
    });
}

struct Line {
    level: u32,
    message: String,
    fields: Vec<(std::sync::Arc<str>, Value)>,
}

/// A subscriber that queues lines and knows no spans.
struct Queue(AtomicU64);

impl Subscriber for Queue {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // The libraries below us have their own talk, which is not for a service's log.
        number(metadata.level()) <= LEVEL.load(Ordering::Relaxed) && metadata.target().starts_with("jackstaff")
    }

    // The level may change later: what is asked here must be asked each time.
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> tracing::subscriber::Interest {
        if metadata.target().starts_with("jackstaff") {
            tracing::subscriber::Interest::sometimes()
        } else {
            tracing::subscriber::Interest::never()
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(self.0.fetch_add(1, Ordering::Relaxed).max(1))
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line { level: number(event.metadata().level()), message: String::new(), fields: Vec::new() };
        event.record(&mut line);
        // Never wait here: a check may be the one who has something to say, or a forked child whose parent held the lock.
        let Ok(mut writer) = WRITER.try_lock() else { return };
        let pid = std::process::id();
        if writer.as_ref().is_none_or(|(owner, _)| *owner != pid) {
            let (sender, lines) = sync_channel(1_000);
            let thread = std::thread::Builder::new().name("jackstaff-log".to_owned()).spawn(move || write(&lines));
            if thread.is_err() {
                return;
            }
            *writer = Some((pid, sender));
        }
        if let Some((_, sender)) = &*writer {
            let _ = sender.try_send(line);
        }
    }
}

/// Gives lines to whoever wants them, as long as the process lives.
fn write(lines: &Receiver<Line>) {
    while let Ok(line) = lines.recv() {
        let sink = *SINK.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((Some(logged), data)) = sink.filter(|_| line.level <= LEVEL.load(Ordering::Relaxed)) else { continue };
        let fields = Value::Map(line.fields.into()).to_json();
        logged(data, line.level, Text::of(&line.message), Text::of(&fields));
    }
}

impl Line {
    fn put(&mut self, field: &Field, value: Value) {
        self.fields.push((field.name().into(), value));
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, Value::from(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, i64::try_from(value).map_or_else(|_| Value::from(value.to_string()), Value::from));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, Value::from(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            self.message = text;
        } else {
            self.put(field, Value::from(text));
        }
    }
}

fn number(level: &Level) -> u32 {
    match *level {
        Level::ERROR => JACKSTAFF_LOG_ERROR,
        Level::WARN => JACKSTAFF_LOG_WARN,
        Level::INFO => JACKSTAFF_LOG_INFO,
        Level::DEBUG => JACKSTAFF_LOG_DEBUG,
        Level::TRACE => u32::MAX,
    }
}
