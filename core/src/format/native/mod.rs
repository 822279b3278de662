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

mod common;
mod condition;
mod document;
mod flag;
mod judge;
mod reader;
mod references;
mod rollout;
mod segment;
mod sent;
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
use crate::ruleset::{Delta, Entry, Node, Ruleset, Syntax, Tree};
pub use document::{Document, Written};
use reader::Reader;
pub use reader::is_name;
pub use sent::{compile_sent, compile_sent_json};

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
    // Places are for messages. JSON is first read without, ten times as quickly; whatever is wrong then, it is read once more.
    if syntax == Syntax::Json
        && let Some(node) = Node::without_places(text)
        && let Ok(document) = Document::from_node(&node)
        && document.environments.contains(environment)
        && let Ok(snapshot) = document.snapshot(environment)
    {
        return Ok(snapshot);
    }
    compile_document(&Document::parse(text, syntax)?, environment)
}

/// The snapshot of what an environment of a document sees.
///
/// # Errors
/// `InvalidDocument` with every mistake; `NotFound` for an environment that the document does not have.
pub fn compile_document(document: &Document, environment: &str) -> Result<Snapshot> {
    let snapshot = document.snapshot(environment).map_err(|problems| to_error(None, &problems))?;
    document.require_environment(environment)?;
    Ok(snapshot)
}

/// The snapshot of a ruleset. What `previous` holds in the same version of the same epoch is taken over, so that a
/// change of one flag compiles one flag. A flag that does not compile is there as an invalid one.
pub fn compile(ruleset: &Ruleset, previous: Option<&Snapshot>) -> Snapshot {
    let mut snapshot = match previous {
        Some(previous) if previous.epoch == ruleset.epoch && previous.environment == ruleset.environment && ruleset.version > 0 => {
            previous.clone()
        }
        _ => Snapshot::with_room(&ruleset.environment, ruleset.flags.len(), ruleset.segments.len()),
    };
    snapshot.epoch = ruleset.epoch.clone();
    snapshot.version = ruleset.version;
    let mut reader = Reader::default();
    for (name, entry) in &ruleset.segments {
        if snapshot.segment(name).is_none_or(|known| known.version != entry.version || entry.version == 0) {
            snapshot.put_segment(compile_segment(&mut reader, name, entry));
        }
    }
    for (name, entry) in &ruleset.flags {
        if snapshot.flag(name).is_none_or(|known| known.version != entry.version || entry.version == 0) {
            snapshot.put_flag(compile_flag(&mut reader, name, entry));
        }
    }
    // All that is in the ruleset is in the snapshot now; only if there is more, something has to go.
    if snapshot.flag_count() > ruleset.flags.len() {
        snapshot.retain_flags(|name| ruleset.flags.contains_key(name));
    }
    if snapshot.segment_count() > ruleset.segments.len() {
        snapshot.retain_segments(|name| ruleset.segments.contains_key(name));
    }
    snapshot
}

/// The snapshot of a ruleset to which `delta` led from the one that `previous` is of: only what the delta names is looked at, so that the
/// size of the ruleset does not count.
pub fn compile_after(ruleset: &Ruleset, delta: &Delta, previous: &Snapshot) -> Snapshot {
    let mut snapshot = previous.clone();
    snapshot.version = ruleset.version;
    let mut reader = Reader::default();
    for name in delta.put_segments.keys().chain(&delta.del_segments) {
        match ruleset.segments.get(name) {
            Some(entry) => snapshot.put_segment(compile_segment(&mut reader, name, entry)),
            None => snapshot.remove_segment(name),
        }
    }
    for name in delta.put_flags.keys().chain(&delta.del_flags) {
        match ruleset.flags.get(name) {
            Some(entry) => snapshot.put_flag(compile_flag(&mut reader, name, entry)),
            None => snapshot.remove_flag(name),
        }
    }
    snapshot
}

fn compile_flag(reader: &mut Reader, name: &Arc<str>, entry: &Entry) -> Flag {
    let body = read(reader, entry, |reader, tree| flag::compile(reader, name, tree));
    Flag { key: name.clone(), version: entry.version, body }
}

fn compile_segment(reader: &mut Reader, name: &Arc<str>, entry: &Entry) -> Segment {
    let body = read(reader, entry, segment::compile);
    Segment { key: name.clone(), version: entry.version, body }
}

fn read<T>(reader: &mut Reader, entry: &Entry, compile: impl FnOnce(&mut Reader, &Tree<'_>) -> Option<T>) -> Result<T, Invalid> {
    let tree = Tree::lent_by_json(entry.doc.get()).map_err(|problem| invalid(problem.to_string()))?;
    read_tree(reader, &tree, compile)
}

fn invalid(message: String) -> Invalid {
    Invalid { code: ErrorCode::MalformedFlag, message: message.into() }
}

fn read_tree<T>(reader: &mut Reader, tree: &Tree<'_>, compile: impl FnOnce(&mut Reader, &Tree<'_>) -> Option<T>) -> Result<T, Invalid> {
    reader.begin(&[]);
    match compile(reader, tree) {
        Some(compiled) if !reader.has_errors() => Ok(compiled),
        _ => Err(invalid(to_error(None, &reader.problems).to_string())),
    }
}
