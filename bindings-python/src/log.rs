//! The core's few log lines, for Python's `logging` under the name `jackstaff`.
//!
//! A line may be written by any thread, in the middle of anything; logging handlers are Python and may be slow. So lines are
//! kept, at most 1 000, and the next check or the thread that carries answers hands them over.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use arc_swap::ArcSwap;
use pyo3::prelude::*;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::queue;

const MAX_LINES: usize = 1_000;

type Lines = Mutex<VecDeque<(u8, String)>>;

static LINES: LazyLock<ArcSwap<Lines>> = LazyLock::new(ArcSwap::default);
static PENDING: AtomicBool = AtomicBool::new(false);

/// Begins to listen, once a process.
pub fn install() {
    LazyLock::force(&LINES); // not in the middle of something at a fork
    // A second interpreter in the process finds the first one's in place, and that is right.
    let _ = tracing::subscriber::set_global_default(Keeper(AtomicU64::new(1)));
}

/// Are there lines to hand over?
#[inline]
pub fn is_pending() -> bool {
    PENDING.load(Ordering::Relaxed)
}

/// Hands over the lines there are. A handler that fails is the host's matter and is reported as Python reports such.
#[cold]
pub fn drain(py: Python<'_>) {
    PENDING.store(false, Ordering::Relaxed);
    let lines = std::mem::take(&mut *LINES.load().lock().unwrap_or_else(PoisonError::into_inner));
    let hand_over = || -> PyResult<()> {
        let logger = py.import("logging")?.call_method1("getLogger", ("jackstaff",))?;
        lines.into_iter().try_for_each(|line| {
            let (level, text) = line;
            logger.call_method1("log", (level, "%s", text)).map(drop)
        })
    };
    if let Err(error) = hand_over() {
        error.write_unraisable(py, None);
    }
}

/// In a forked child: the parent's lines are the parent's.
pub fn after_fork() {
    std::mem::forget(LINES.swap(Arc::default()));
    PENDING.store(false, Ordering::Relaxed);
}

/// A subscriber that keeps lines and knows no spans.
struct Keeper(AtomicU64);

impl Subscriber for Keeper {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // The libraries below us have their own talk, which is not for a service's log.
        *metadata.level() <= Level::INFO && metadata.target().starts_with("jackstaff")
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(self.0.fetch_add(1, Ordering::Relaxed).max(1))
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        // The numbers of Python's levels.
        let level = match *event.metadata().level() {
            Level::ERROR => 40,
            Level::WARN => 30,
            _ => 20,
        };
        {
            let lines = LINES.load();
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() == MAX_LINES {
                return; // the first lines of a calamity tell most
            }
            lines.push_back((level, line.message + &line.fields));
        }
        PENDING.store(true, Ordering::Relaxed);
        queue::REPLIES.load().wake();
    }
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        // Debug quotes and escapes the text of a field: a flag name cannot forge a line.
        let _ =
            if field.name() == "message" { write!(self.message, "{value:?}") } else { write!(self.fields, " {}={value:?}", field.name()) };
    }
}
