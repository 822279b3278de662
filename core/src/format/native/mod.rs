//! Our own flag document.
//!
//! ```yaml
//! environments: [development, production]
//! segments:
//!   staff: { when: { attribute: email, ends_with: "@shop.example" } }
//! flags:
//!   new_ui:
//!     type: boolean
//!     targets: { on: [user123] }
//!     rules:
//!       - { name: staff first, when: { segment: staff }, serve: on }
//!       - { when: { attribute: country, in: [DE, AT] }, serve: on, percentage: 25 }
//!     fallthrough: off
//!     environments:
//!       production: { enabled: false }
//! ```
//!
//! [`Document`] is such a text read and looked after: it finds every mistake at once ([`Document::check`]), and
//! yields what one environment sees ([`Document::ruleset`]). [`compile`] makes the snapshot of that. A document's
//! environment lays its own keys over the shared ones, one level deep.

mod condition;
mod document;
mod flag;
mod reader;
mod references;
mod rollout;
mod segment;
#[cfg(test)]
mod tests;
mod variants;

use std::sync::Arc;

use super::Format;
use crate::error::Result;
use crate::eval::Answer;
use crate::evaluation::ErrorCode;
use crate::ir::{Flag, Invalid, Segment, Snapshot};
use crate::ruleset::problem::to_error;
use crate::ruleset::{Entry, Node, Ruleset, Severity, Syntax};
pub use document::Document;
use reader::Reader;
pub use reader::is_name;

/// The JSON Schema of the document, for editors: `jackstaff schema` prints it.
pub const SCHEMA: &str = include_str!("schema.json");

/// The native format.
pub static FORMAT: Format = Format { name: "native", about: "Jackstaff's own flags: YAML, JSON or TOML", compile: compile_text, reason };

fn reason(answer: &Result<Answer<'_>, ErrorCode>) -> &'static str {
    match answer {
        Ok(answer) => answer.reason.as_str(),
        Err(code) => code.reason().as_str(),
    }
}

/// A whole document for one environment. Mistakes in it are errors here: a file is written by a person who can mend it.
fn compile_text(text: &str, syntax: Syntax, environment: &str) -> Result<Snapshot> {
    let document = Document::parse(text, syntax)?;
    let problems = document.check(None);
    if problems.iter().any(|problem| problem.severity == Severity::Error) {
        return Err(to_error(None, &problems));
    }
    document.require_environment(environment)?;
    Ok(compile(&document.ruleset(environment), None))
}

/// The snapshot of a ruleset. What `previous` holds in the same version of the same epoch is taken over, so that a
/// change of one flag compiles one flag. A flag that does not compile is there as an invalid one.
pub fn compile(ruleset: &Ruleset, previous: Option<&Snapshot>) -> Snapshot {
    let mut snapshot = match previous {
        Some(previous) if previous.epoch == ruleset.epoch && previous.environment == ruleset.environment && ruleset.version > 0 => {
            previous.clone()
        }
        _ => Snapshot::empty(&ruleset.environment),
    };
    snapshot.epoch = ruleset.epoch.clone();
    snapshot.version = ruleset.version;
    for (name, entry) in &ruleset.segments {
        if snapshot.segment(name).is_none_or(|known| known.version != entry.version || entry.version == 0) {
            snapshot.put_segment(compile_segment(name, entry));
        }
    }
    for (name, entry) in &ruleset.flags {
        if snapshot.flag(name).is_none_or(|known| known.version != entry.version || entry.version == 0) {
            snapshot.put_flag(compile_flag(name, entry));
        }
    }
    // All that is in the ruleset is in the snapshot now; only if there is more, something has to go.
    if snapshot.flags().len() > ruleset.flags.len() {
        snapshot.retain_flags(|name| ruleset.flags.contains_key(name));
    }
    if snapshot.segment_count() > ruleset.segments.len() {
        snapshot.retain_segments(|name| ruleset.segments.contains_key(name));
    }
    snapshot
}

fn compile_flag(name: &Arc<str>, entry: &Entry) -> Flag {
    let body = read(entry, |reader, node| flag::compile(reader, name, node));
    Flag { key: name.clone(), version: entry.version, body }
}

fn compile_segment(name: &Arc<str>, entry: &Entry) -> Segment {
    let body = read(entry, segment::compile);
    Segment { key: name.clone(), version: entry.version, body }
}

fn read<T>(entry: &Entry, compile: impl FnOnce(&mut Reader, &Node) -> Option<T>) -> Result<T, Invalid> {
    let invalid = |message: String| Invalid { code: ErrorCode::MalformedFlag, message: message.into() };
    let node = Node::from_json(entry.doc.get()).map_err(|problem| invalid(problem.to_string()))?;
    let mut reader = Reader::default();
    let compiled = compile(&mut reader, &node);
    match compiled {
        Some(compiled) if !reader.has_errors() => Ok(compiled),
        _ => Err(invalid(to_error(None, &reader.problems).to_string())),
    }
}
