//! Universal Flag Configuration: the flags of Eppo and of Datadog, who took the format over and changed it.
//!
//! A flag has *variations* and, in order, *allocations*: when (dates), for whom (rules), and *splits* that
//! share a variation out by *shards* of a hash of the subject. The first allocation with a matching split
//! has the word; one whose rules match but whose splits do not is passed over. So an allocation is a rule
//! here, and its splits are an outcome that may decline.
//!
//! The two houses differ in small things, which [`Dialect`] lists; a document is recognised by what only one of
//! them writes. The vendor's own word for an outcome, OpenFeature's reason, travels as the target's note.

mod condition;
mod dialect;
mod flag;
mod part;
mod split;
#[cfg(test)]
mod tests;
mod variations;

use super::Format;
use crate::error::{Error, ErrorKind, Result};
use crate::eval::Answer;
use crate::evaluation::ErrorCode;
use crate::ir::{Flag, Invalid, Snapshot};
use crate::ruleset::problem::to_error;
use crate::ruleset::{Node, Syntax};
pub use dialect::Dialect;

/// Universal Flag Configuration, of either house.
pub static FORMAT: Format =
    Format { name: "ufc", about: "Eppo's and Datadog's Universal Flag Configuration: JSON", compile: compile_text, reason };

fn compile_text(text: &str, syntax: Syntax, environment: &str) -> Result<Snapshot> {
    let parsed = match syntax {
        // A machine wrote it: no need for places.
        Syntax::Json => Node::from_json(text),
        other => Node::parse(text, other),
    };
    let document = parsed.map_err(|problem| to_error(None, &[problem]))?;
    let document = content(&document);
    let dialect = Dialect::of(document);
    compile(document, dialect, environment)
}

/// The snapshot of a document in a known dialect. `environment` only names the snapshot: a document holds the
/// flags of one environment. A flag that does not compile is there as an invalid one.
///
/// # Errors
/// `InvalidDocument` if there is no map of `flags`, or if their keys are hashed for use in browsers.
pub fn compile(document: &Node, dialect: Dialect, environment: &str) -> Result<Snapshot> {
    if let Some(format @ ("CLIENT" | "PRECOMPUTED")) = document.get("format").and_then(Node::as_str) {
        return Err(Error::new(
            ErrorKind::InvalidDocument,
            format!(
                "the configuration has format \"{format}\", which is made for browsers and cannot be evaluated here: fetch the \"SERVER\" format"
            ),
        ));
    }
    let Some(flags) = document.get("flags").filter(|flags| part::is_map(flags)) else {
        return Err(Error::new(ErrorKind::InvalidDocument, "the configuration has no \"flags\": want a map of flags by their keys"));
    };
    let mut snapshot = Snapshot::empty(environment);
    for (key, node) in flags.entries() {
        let body = flag::compile(node, dialect).map_err(|message| Invalid { code: ErrorCode::MalformedFlag, message: message.into() });
        snapshot.put_flag(Flag { key: key.text.share(), version: 0, body });
    }
    Ok(snapshot)
}

/// The configuration inside the envelope that Datadog's API once put around it.
fn content(document: &Node) -> &Node {
    document.get("data").and_then(|data| data.get("attributes")).unwrap_or(document)
}

/// OpenFeature's reason for an outcome. A malformed flag is as good as absent: `DEFAULT`, as the vendor's fixtures want it.
fn reason(answer: &Result<Answer<'_>, ErrorCode>) -> &'static str {
    match answer {
        Ok(answer) => {
            let note = answer.note.map_or("", |note| &**note);
            flag::REASONS.into_iter().find(|reason| *reason == note).unwrap_or("UNKNOWN")
        }
        Err(ErrorCode::MalformedFlag) => flag::DEFAULT,
        Err(_) => "ERROR",
    }
}
