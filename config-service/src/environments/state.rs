//! Everything the service knows, as of one commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use jackstaff::format::native::Document;
use jackstaff::ruleset::{Kind, Node, Ruleset};

use super::published::{History, Published};
use crate::store::{PartName, Record, Section, Stored};

/// The flags and what the environments serve, as of one commit. Immutable; the next commit makes another.
#[derive(Default)]
pub struct State {
    /// The live flags and segments, and the names of the environments.
    pub document: Document,
    /// All flags and segments, archived ones included.
    pub parts: BTreeMap<PartName, Record>,
    /// What each environment serves.
    pub environments: BTreeMap<Arc<str>, Arc<Published>>,
}

impl State {
    /// The state that a store holds. What `previous` has in the same version is taken over.
    pub fn load(stored: Stored, previous: &State) -> Self {
        let mut document = Document::default();
        document.environments = stored.environments.keys().cloned().collect();
        for (part, record) in stored.parts.iter().filter(|(_, record)| !record.archived) {
            set(&mut document, part, Some(unmarked(&record.doc)));
        }
        let mut histories: BTreeMap<Arc<str>, History> = BTreeMap::new();
        let mut committed: BTreeMap<Arc<str>, i64> = BTreeMap::new();
        for change in stored.outbox {
            let is_current = stored.environments.get(&change.environment).is_some_and(|standing| standing.epoch == change.epoch);
            if is_current {
                // A version comes of parts that were written, so the last of them was written when it came.
                let flags = change.touched.flags.iter().map(|name| (Section::Flag, name.clone()));
                let parts = flags.chain(change.touched.segments.iter().map(|name| (Section::Segment, name.clone())));
                let written = parts.filter_map(|part| Some(stored.parts.get(&part)?.updated_at)).max();
                committed.insert(change.environment.clone(), written.unwrap_or_default());
                histories.entry(change.environment).or_default().push(change.version, Arc::new(change.touched));
            }
        }
        let mut environments = BTreeMap::new();
        for (name, standing) in stored.environments {
            let known = previous.environments.get(&name);
            if let Some(known) = known.filter(|known| known.standing() == standing) {
                environments.insert(name, known.clone());
                continue;
            }
            let versions = stored.versions.get(&name);
            let mut ruleset = Ruleset { epoch: standing.epoch, version: standing.version, ..document.ruleset(&name) };
            for (section, entries) in [(Section::Flag, &mut ruleset.flags), (Section::Segment, &mut ruleset.segments)] {
                for (part, entry) in entries {
                    let version = versions.and_then(|versions| versions.get(&(section, part.clone())));
                    entry.version = version.copied().unwrap_or(standing.version);
                }
            }
            let history = histories.remove(&name).unwrap_or_default();
            let at = committed.get(&name).copied().unwrap_or_default();
            environments.insert(name, Arc::new(Published::new(ruleset, history, known.map(|known| &**known)).committed(at)));
        }
        Self { document, parts: stored.parts, environments }
    }

    /// The part as it is kept.
    pub fn part(&self, section: Section, name: &str) -> Option<&Record> {
        self.parts.get(&(section, name.into()))
    }
}

/// Puts a part into a document, or takes it out.
pub fn set(document: &mut Document, (section, name): &PartName, node: Option<Node>) {
    match section {
        Section::Flag => document.set_flag(name, node),
        Section::Segment => document.set_segment(name, node),
    }
}

/// Kept JSON as a tree. Text that is not JSON, which only a hand in the store's file could bring, becomes a null,
/// so that this flag is invalid and the others are served.
pub fn unmarked(doc: &str) -> Node {
    Node::from_json(doc).unwrap_or_else(|_| Node::new(Kind::Null))
}
