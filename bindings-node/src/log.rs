//! Where the core's few log lines go: standard error, one line each, warnings and worse.
//!
//! The environment variable `JACKSTAFF_LOG` (`off`, `error`, `warn`, `info`, `debug`) sets the level. Lines are written by the
//! thread that has something to say, not handed to JavaScript: a process whose event loop is stuck is one whose log is read.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Begins to listen, once a process.
pub fn install() {
    let level = std::env::var("JACKSTAFF_LOG").ok().and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::WARN);
    // The second environment of a process finds the first one's in place, and that is right.
    let _ = tracing::subscriber::set_global_default(StandardError { level, spans: AtomicU64::new(1) });
}

struct StandardError {
    level: LevelFilter,
    spans: AtomicU64,
}

impl Subscriber for StandardError {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // The libraries below us have their own talk, which is not for a service's log.
        *metadata.level() <= self.level && metadata.target().starts_with("jackstaff")
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
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
