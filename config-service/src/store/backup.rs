//! A whole store as lines of JSON, to move it into another: from SQLite to PostgreSQL, from one server to the next.
//!
//! Epochs and versions come along, so clients that follow notice nothing; so do archived flags, the audit log, and the keys (their
//! hashes, as the store has them). The first line says what it is; the order of the others is of no meaning.

use std::collections::BTreeSet;
use std::io::{BufRead, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{AuditEntry, AuditQuery, FlagStore, KeyRecord, Move, PartName, Record, Result, Section, Standing, StoreError, Touched};

/// The form that this jackstaff writes, and the newest that it reads.
const FORM: u32 = 1;
/// How many audit entries are read at a time.
const PAGE: usize = 500;

/// One line of a backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Line {
    /// The first: in which form the others are.
    Jackstaff {
        /// One higher whenever older readers would misread it.
        backup: u32,
    },
    /// An environment.
    Environment {
        /// Its name.
        name: Arc<str>,
        /// Where it stands.
        #[serde(flatten)]
        standing: Standing,
    },
    /// A flag or a segment.
    Part {
        /// Which section.
        section: Section,
        /// Its name.
        name: Arc<str>,
        /// As it is kept.
        #[serde(flatten)]
        record: Record,
    },
    /// The version of the last commit that touched a part in an environment.
    Version {
        /// The environment.
        environment: Arc<str>,
        /// Which section.
        section: Section,
        /// The part's name.
        name: Arc<str>,
        /// The version.
        version: u64,
    },
    /// One of the last moves.
    Move {
        /// Which environment.
        environment: Arc<str>,
        /// Its epoch.
        epoch: Arc<str>,
        /// The version that came out.
        version: u64,
        /// What moved.
        touched: Touched,
    },
    /// An entry of the audit log.
    Audit(AuditEntry),
    /// An API key.
    Key(KeyRecord),
}

fn failed(error: impl std::fmt::Display) -> StoreError {
    StoreError::Failed(error.to_string())
}

/// Writes everything that `store` holds.
///
/// # Errors
/// The store cannot be read, or `out` cannot be written.
pub fn write(store: &dyn FlagStore, out: &mut dyn Write) -> Result<()> {
    let mut say = |line: &Line| -> Result<()> {
        serde_json::to_writer(&mut *out, line).map_err(failed)?;
        out.write_all(b"\n").map_err(failed)
    };
    say(&Line::Jackstaff { backup: FORM })?;
    let stored = store.load()?;
    for (name, standing) in stored.environments {
        say(&Line::Environment { name, standing })?;
    }
    for ((section, name), record) in stored.parts {
        say(&Line::Part { section, name, record })?;
    }
    for (environment, versions) in stored.versions {
        for ((section, name), version) in versions {
            say(&Line::Version { environment: environment.clone(), section, name, version })?;
        }
    }
    for Move { environment, epoch, version, touched } in stored.outbox {
        say(&Line::Move { environment, epoch, version, touched })?;
    }
    for key in store.keys()? {
        say(&Line::Key(key))?;
    }
    // An entry that is written meanwhile is newer than all that are read; it may then tell of a write that is not in the lines before.
    let mut query = AuditQuery { limit: PAGE, ..AuditQuery::default() };
    loop {
        let page = store.audit(&query)?;
        let Some(last) = page.last().map(|entry| entry.id) else { break };
        query.before = Some(last);
        for entry in page {
            say(&Line::Audit(entry))?;
        }
    }
    out.flush().map_err(failed)
}

/// The lines of a backup, as they are read.
pub fn read(from: impl BufRead) -> impl Iterator<Item = Result<Line>> {
    let mut at = 0;
    from.lines().map(move |line| {
        at += 1;
        let line: Line = serde_json::from_str(&line.map_err(failed)?).map_err(|error| failed(format!("line {at}: {error}")))?;
        match (&line, at) {
            (Line::Jackstaff { backup }, 1) if *backup > FORM => {
                Err(failed(format!("the backup is of form {backup} and this jackstaff reads up to {FORM}; use a newer one")))
            }
            (Line::Jackstaff { .. }, 1) => Ok(line),
            (_, 1) => Err(failed("this is no backup: it would begin with {\"jackstaff\":…}, as jackstaff export --backup writes it")),
            (Line::Jackstaff { .. }, _) => Err(failed(format!("line {at}: a second backup begins here"))),
            _ => Ok(line),
        }
    })
}

/// The parts that an audit entry is about.
pub(super) fn parts_of(entry: &AuditEntry) -> Result<BTreeSet<PartName>> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Parts<'a> {
        #[serde(borrow)]
        flags: std::collections::BTreeMap<String, &'a RawValue>,
        #[serde(borrow)]
        segments: std::collections::BTreeMap<String, &'a RawValue>,
    }
    let mut names = BTreeSet::new();
    for text in [&entry.before, &entry.after] {
        let parts: Parts<'_> = serde_json::from_str(text).map_err(|error| failed(format!("audit entry {}: {error}", entry.id)))?;
        names.extend(parts.flags.into_keys().map(|name| (Section::Flag, name.into())));
        names.extend(parts.segments.into_keys().map(|name| (Section::Segment, name.into())));
    }
    Ok(names)
}
