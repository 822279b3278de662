//! What a write would do: a function of the state and the draft, with no store and no clock.
//!
//! It makes the candidate document, lets the core judge it, finds which environments really change by it, and yields
//! the commit together with the state that follows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jackstaff::format::native::{Document, is_name};
use jackstaff::ruleset::{Entry, Node, Problem, Ruleset, Severity};
use serde_json::value::RawValue;

use super::published::Published;
use super::refusal::Refusal;
use super::state::{State, set, unmarked};
use crate::store::{Commit, Move, Note, PartName, PartWrite, Record, Section, Touched};

/// What a writer must have seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// Anything, or nothing.
    Any,
    /// No part of that name.
    Absent,
    /// Some part of that name.
    Present,
    /// The part in this revision.
    Revision(u64),
}

/// What to do to a part.
#[derive(Clone, Debug)]
pub enum Action {
    /// This is its document from now on.
    Put(Node),
    /// The same, and an archived part comes back by it.
    Revive(Node),
    /// Take it out of all rulesets.
    Archive,
    /// Bring it back as it was.
    Restore,
}

/// One change of a draft.
#[derive(Clone, Debug)]
pub struct Edit {
    /// Of which part.
    pub part: PartName,
    /// What the writer saw.
    pub expected: Expectation,
    /// What to do.
    pub action: Action,
}

/// A write that somebody wants done.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Who, what, when and why.
    pub note: Note,
    /// The changes of flags and segments; no part twice.
    pub edits: Vec<Edit>,
    /// Environments to make, with their epochs.
    pub create: Vec<(Arc<str>, Arc<str>)>,
    /// Environments to drop.
    pub delete: Vec<Arc<str>>,
}

/// What a draft comes to.
pub struct Plan {
    /// What the store is to keep.
    pub commit: Commit,
    /// The state after it.
    pub next: State,
    /// What somebody should look at; errors are a [`Refusal`].
    pub warnings: Vec<Problem>,
}

impl Plan {
    /// Would it change nothing?
    pub fn is_empty(&self) -> bool {
        self.commit.parts.is_empty() && self.commit.create.is_empty() && self.commit.delete.is_empty()
    }
}

/// What `draft` would do to `state`.
///
/// # Errors
/// The draft does not fit the state, or the document that would come out has mistakes that were not there before.
pub fn plan(state: &State, draft: &Draft) -> Result<Plan, Refusal> {
    let mut candidate = state.document.clone(); // with the places of the new text, for the messages
    let mut document = state.document.clone(); // without: they would mislead whoever breaks this flag from elsewhere
    let environments = environment_names(state, draft)?;
    candidate.environments.clone_from(&environments);
    document.environments = environments;

    let mut writes = Vec::new();
    for edit in &draft.edits {
        let Some((write, node)) = write_of(state, edit)? else { continue };
        set(&mut document, &write.part, node.is_some().then(|| unmarked(&write.doc)));
        set(&mut candidate, &write.part, node);
        writes.push(write);
    }
    let warnings = judge(state, &candidate, draft)?;

    let mut next = State { document, parts: state.parts.clone(), environments: state.environments.clone() };
    let (mut before, mut after) = (Parts::default(), Parts::default());
    for write in &writes {
        let old = state.parts.get(&write.part);
        before.put(&write.part, old.filter(|old| !old.archived).map(|old| &old.doc));
        after.put(&write.part, (!write.archived).then_some(&write.doc));
        let record = Record {
            doc: write.doc.clone(),
            revision: write.seen + 1,
            archived: write.archived,
            created_at: old.map_or(draft.note.at, |old| old.created_at),
            updated_at: draft.note.at,
        };
        next.parts.insert(write.part.clone(), record);
    }
    let moves = move_environments(&mut next, &writes, draft);
    let (before, after) = (before.to_json(), after.to_json());
    let commit = Commit {
        seen: None,
        note: draft.note.clone(),
        parts: writes,
        create: draft.create.clone(),
        delete: draft.delete.clone(),
        moves,
        before,
        after,
    };
    Ok(Plan { commit, next, warnings })
}

fn environment_names(state: &State, draft: &Draft) -> Result<BTreeSet<Arc<str>>, Refusal> {
    let mut names = state.document.environments.clone();
    for name in &draft.delete {
        if !names.remove(name) {
            return Err(Refusal::NoEnvironment(name.to_string()));
        }
    }
    for (name, _) in &draft.create {
        require_name("an environment", name)?;
        if !names.insert(name.clone()) {
            return Err(Refusal::Exists(format!("environment \"{name}\"")));
        }
    }
    Ok(names)
}

/// # Errors
/// `name` is not a name.
pub fn require_name(what: &str, name: &str) -> Result<(), Refusal> {
    if is_name(name) {
        return Ok(());
    }
    let shown: String = name.chars().take(60).collect();
    Err(Refusal::BadArgument(format!("\"{shown}\" cannot name {what}: take 1 to 128 letters, digits, dots, hyphens and underscores")))
}

/// What an edit writes and what the live document then holds; `None` if it changes nothing.
fn write_of(state: &State, edit: &Edit) -> Result<Option<(PartWrite, Option<Node>)>, Refusal> {
    let part = &edit.part;
    require_name(&format!("a {}", part.0.as_str()), &part.1)?;
    let old = state.parts.get(part);
    match (edit.expected, old) {
        (Expectation::Absent, Some(old)) if old.archived => return Err(Refusal::Archived(part.clone())),
        (Expectation::Absent, Some(_)) => return Err(Refusal::Exists(format!("{} \"{}\"", part.0.as_str(), part.1))),
        (Expectation::Present | Expectation::Revision(_), None) => return Err(Refusal::NoPart(part.clone())),
        (Expectation::Revision(seen), Some(old)) if seen != old.revision => {
            return Err(Refusal::Changed(part.clone(), Box::new(old.clone())));
        }
        _ => {}
    }
    let seen = old.map_or(0, |old| old.revision);
    let write = |doc: Arc<str>, archived| PartWrite { part: part.clone(), seen, doc, archived };
    Ok(match (&edit.action, old) {
        (Action::Put(_), Some(old)) if old.archived => return Err(Refusal::Archived(part.clone())),
        (Action::Put(node) | Action::Revive(node), old) => {
            let doc: Arc<str> = serde_json::to_string(node).unwrap_or_default().into();
            let is_same = old.is_some_and(|old| !old.archived && old.doc == doc);
            (!is_same).then(|| (write(doc, false), Some(node.clone())))
        }
        (Action::Archive | Action::Restore, None) => return Err(Refusal::NoPart(part.clone())),
        (Action::Archive, Some(old)) => (!old.archived).then(|| (write(old.doc.clone(), true), None)),
        (Action::Restore, Some(old)) => old.archived.then(|| (write(old.doc.clone(), false), Some(unmarked(&old.doc)))),
    })
}

/// The warnings about a candidate. Its errors refuse it, except those that the document had before: a stricter
/// Jackstaff must not lock everybody out of a store that an older one filled.
fn judge(state: &State, candidate: &Document, draft: &Draft) -> Result<Vec<Problem>, Refusal> {
    let (mut errors, warnings): (Vec<_>, Vec<_>) =
        candidate.check(Some(draft.note.at)).into_iter().partition(|problem| problem.severity == Severity::Error);
    if !errors.is_empty() {
        let known = state.document.check(None);
        errors.retain(|error| !known.iter().any(|known| known.path == error.path && known.message == error.message));
    }
    if errors.is_empty() { Ok(warnings) } else { Err(Refusal::Invalid(errors)) }
}

/// Makes the next version of every environment whose ruleset changes, and only of those.
fn move_environments(next: &mut State, writes: &[PartWrite], draft: &Draft) -> Vec<Move> {
    draft.delete.iter().for_each(|name| drop(next.environments.remove(name)));
    for (name, epoch) in &draft.create {
        next.environments.insert(name.clone(), Arc::new(Published::new(Ruleset::empty(name, epoch), Default::default(), None)));
    }
    let mut written = Document::default();
    for write in writes.iter().filter(|write| !write.archived) {
        set(&mut written, &write.part, Some(unmarked(&write.doc)));
    }
    let mut reach: BTreeMap<BTreeSet<PartName>, BTreeSet<PartName>> = BTreeMap::new();
    let mut moves = Vec::new();
    for (name, published) in &mut next.environments {
        let is_new = draft.create.iter().any(|(created, _)| created == name);
        let fresh = if is_new { next.document.ruleset(name) } else { written.ruleset(name) };
        let changed: BTreeSet<PartName> = if is_new {
            names(&fresh).collect()
        } else {
            let parts = writes.iter().map(|write| write.part.clone());
            parts.filter(|part| text(entry(&published.ruleset, part)) != text(entry(&fresh, part))).collect()
        };
        if changed.is_empty() {
            continue;
        }
        // Looking at the document after it is enough: only what changed can mention others than before, and it is in the set itself.
        let touched = reach.entry(changed.clone()).or_insert_with_key(|changed| dependants(&next.document, changed));
        let (ruleset, touched) = advance(&published.ruleset, &fresh, &changed, touched);
        let mut history = published.history().clone();
        history.push(ruleset.version, Arc::new(touched.clone()));
        moves.push(Move { environment: name.clone(), epoch: ruleset.epoch.clone(), version: ruleset.version, touched });
        *published = Arc::new(Published::new(ruleset, history, Some(published)).committed(draft.note.at));
    }
    moves
}

fn names(ruleset: &Ruleset) -> impl Iterator<Item = PartName> {
    let flags = ruleset.flags.keys().map(|name| (Section::Flag, name.clone()));
    flags.chain(ruleset.segments.keys().map(|name| (Section::Segment, name.clone())))
}

fn entry<'r>(ruleset: &'r Ruleset, (section, name): &PartName) -> Option<&'r Entry> {
    match section {
        Section::Flag => ruleset.flags.get(name),
        Section::Segment => ruleset.segments.get(name),
    }
}

fn text(entry: Option<&Entry>) -> Option<&str> {
    entry.map(|entry| entry.doc.get())
}

fn dependants(document: &Document, changed: &BTreeSet<PartName>) -> BTreeSet<PartName> {
    let of = |wanted| changed.iter().filter(move |(section, _)| *section == wanted).map(|(_, name)| name.clone()).collect::<Vec<_>>();
    let (flags, segments) = document.affected(&of(Section::Flag), &of(Section::Segment));
    let flags = flags.into_iter().map(|name| (Section::Flag, name));
    flags.chain(segments.into_iter().map(|name| (Section::Segment, name))).collect()
}

/// The next version of a ruleset: what is in `fresh` replaces, what changed and is not in it goes, and everything
/// touched carries the new version.
fn advance(ruleset: &Ruleset, fresh: &Ruleset, changed: &BTreeSet<PartName>, touched: &BTreeSet<PartName>) -> (Ruleset, Touched) {
    let mut next = ruleset.clone();
    next.version += 1;
    let mut told = Touched::default();
    let (mut created, mut gone) = (Vec::new(), Vec::new());
    for part in touched {
        let (entries, told) = match part.0 {
            Section::Flag => (&mut next.flags, &mut told.flags),
            Section::Segment => (&mut next.segments, &mut told.segments),
        };
        match entry(fresh, part) {
            Some(new) => {
                if entries.insert(part.1.clone(), Entry { version: next.version, doc: new.doc.clone() }).is_none() {
                    created.push(part.clone());
                }
            }
            None if changed.contains(part) => {
                if entries.remove(&part.1).is_some() {
                    gone.push(part.clone());
                }
            }
            None => {
                let Some(kept) = entries.get_mut(&part.1) else { continue };
                kept.version = next.version;
            }
        }
        told.push(part.1.clone());
    }
    let flags = |parts: Vec<PartName>| parts.into_iter().filter(|(section, _)| *section == Section::Flag).map(|(_, name)| name).collect();
    (told.created, told.gone) = (flags(created), flags(gone));
    (next, told)
}

/// The changed parts as the audit log keeps them.
#[derive(Default, serde::Serialize)]
struct Parts<'a> {
    flags: BTreeMap<&'a str, Option<&'a RawValue>>,
    segments: BTreeMap<&'a str, Option<&'a RawValue>>,
}

impl<'a> Parts<'a> {
    fn put(&mut self, (section, name): &'a PartName, doc: Option<&'a Arc<str>>) {
        let parts = match section {
            Section::Flag => &mut self.flags,
            Section::Segment => &mut self.segments,
        };
        parts.insert(name, doc.and_then(|doc| serde_json::from_str(doc).ok()));
    }

    fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
