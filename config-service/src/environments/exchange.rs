//! Whole documents in and out: import, export, rollback.

use std::collections::BTreeMap;
use std::sync::Arc;

use jackstaff::format::native::Document;
use jackstaff::ruleset::{Node, Syntax};
use serde_json::value::RawValue;

use super::plan::{Action, Draft, Edit, Expectation};
use super::refusal::Refusal;
use super::state::{State, unmarked};
use super::{Environments, new_epoch};
use crate::store::{AuditEntry, Note, Section};

/// What importing `text` into `state` comes to: its flags and segments replace those of the same names, the environments
/// that it lists are made where they are missing. What the text does not name stays, unless `replace` says that it goes.
///
/// An environment that is only mentioned in a flag is not made: it is most often a slip, and the check then says so.
///
/// # Errors
/// The text is not a flag document; its flags are judged when the draft is planned.
pub fn import(state: &State, text: &str, syntax: Syntax, replace: bool, note: Note) -> Result<Draft, Refusal> {
    let node = Node::parse(text, syntax).map_err(|problem| Refusal::Invalid(vec![problem]))?;
    let document = Document::from_node(&node).map_err(Refusal::Invalid)?;
    let mut draft = Draft { note, ..Draft::default() };
    let is_listed = node.get("environments").is_some_and(|list| !list.is_null());
    for name in document.environments.iter().filter(|name| is_listed && !state.environments.contains_key(*name)) {
        draft.create.push((name.clone(), new_epoch()?));
    }
    for (section, parts) in [(Section::Segment, document.segments()), (Section::Flag, document.flags())] {
        for (name, node) in parts {
            let action = Action::Revive((**node).clone());
            draft.edits.push(Edit { part: (section, name.clone()), expected: Expectation::Any, action });
        }
        if replace {
            let stays = |name: &Arc<str>| parts.contains_key(name);
            let gone = state.parts.iter().filter(|((of, name), record)| *of == section && !record.archived && !stays(name));
            draft.edits.extend(gone.map(|(part, _)| Edit { part: part.clone(), expected: Expectation::Any, action: Action::Archive }));
        }
    }
    Ok(draft)
}

/// What undoing an audit entry comes to: its parts go back to what they were before it, whatever came after.
///
/// # Errors
/// The entry changed no flag and no segment, so there is nothing to go back to.
pub fn rollback(entry: &AuditEntry, note: Note) -> Result<Draft, Refusal> {
    #[derive(serde::Deserialize)]
    struct Before<'a> {
        #[serde(borrow)]
        flags: BTreeMap<String, Option<&'a RawValue>>,
        #[serde(borrow)]
        segments: BTreeMap<String, Option<&'a RawValue>>,
    }
    let before: Before<'_> = serde_json::from_str(&entry.before)
        .map_err(|error| Refusal::Impossible(format!("audit entry {} cannot be read back: {error}", entry.id)))?;
    let mut draft = Draft { note, ..Draft::default() };
    for (section, parts) in [(Section::Segment, before.segments), (Section::Flag, before.flags)] {
        for (name, doc) in parts {
            let action = doc.map_or(Action::Archive, |doc| Action::Revive(unmarked(doc.get())));
            draft.edits.push(Edit { part: (section, name.into()), expected: Expectation::Present, action });
        }
    }
    if draft.edits.is_empty() {
        let message = format!(
            "audit entry {} ({} {}) changed no flag and no segment: there is nothing to roll back",
            entry.id, entry.action, entry.target
        );
        return Err(Refusal::Impossible(message));
    }
    Ok(draft)
}

impl Environments {
    /// Imports a document in one commit; see [`import`]. Blocks on the store.
    ///
    /// # Errors
    /// The document has mistakes, or the store fails.
    pub fn import(&self, text: &str, syntax: Syntax, replace: bool, note: Note) -> Result<super::Outcome, Refusal> {
        let draft = import(&self.state(), text, syntax, replace, note)?;
        self.write(&draft)
    }
}
