//! Everything the service knows, as of one commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use jackstaff::format::native::Document;
use jackstaff::ruleset::{Entry, Kind, Node, Ruleset};

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

    /// This state and what a few commits wrote on top of it ([`FlagStore::load_since`](crate::store::FlagStore::load_since)): only what they
    /// touched is read, and compiled. `None` if they do not lead on from here: environments came or went, or a move is missing.
    pub fn after(&self, recent: Stored) -> Option<Self> {
        let same_names = self.environments.keys().eq(recent.environments.keys());
        let same_lives = recent.environments.iter().all(|(name, standing)| {
            self.environments
                .get(name)
                .is_some_and(|known| known.ruleset.epoch == standing.epoch && known.ruleset.version <= standing.version)
        });
        if !same_names || !same_lives {
            return None;
        }
        let mut next = Self { document: self.document.clone(), parts: self.parts.clone(), environments: self.environments.clone() };
        let mut written = Document::default();
        for (part, record) in &recent.parts {
            let live = (!record.archived).then(|| unmarked(&record.doc));
            if live.is_some() {
                set(&mut written, part, live.clone());
            }
            set(&mut next.document, part, live);
        }
        for (name, standing) in &recent.environments {
            let known = self.environments.get(name)?;
            if known.ruleset.version == standing.version {
                continue;
            }
            let fresh = written.ruleset(name);
            let (mut ruleset, mut history) = (known.ruleset.clone(), known.history().clone());
            for change in recent.outbox.iter().filter(|change| change.environment == *name && change.version > known.ruleset.version) {
                if change.epoch != ruleset.epoch || change.version != ruleset.version + 1 {
                    return None;
                }
                ruleset.version = change.version;
                touch(&mut ruleset.flags, &fresh.flags, &change.touched.flags, change.version, |name| {
                    recent.parts.contains_key(&(Section::Flag, name))
                });
                touch(&mut ruleset.segments, &fresh.segments, &change.touched.segments, change.version, |name| {
                    recent.parts.contains_key(&(Section::Segment, name))
                });
                history.push(change.version, Arc::new(change.touched.clone()));
            }
            if ruleset.version != standing.version {
                return None;
            }
            let at = recent.parts.values().map(|record| record.updated_at).max().unwrap_or_default();
            next.environments.insert(name.clone(), Arc::new(Published::new(ruleset, history, Some(known)).committed(at)));
        }
        next.parts.extend(recent.parts);
        Some(next)
    }

    /// The part as it is kept.
    pub fn part(&self, section: Section, name: &str) -> Option<&Record> {
        self.parts.get(&(section, name.into()))
    }
}

/// What a move touched is as `fresh` has it, or gone if it was written and is not there; what only depends on that stays as it is. All of it
/// carries the new version.
fn touch(entries: &mut Entries, fresh: &Entries, names: &[Arc<str>], version: u64, was_written: impl Fn(Arc<str>) -> bool) {
    for name in names {
        match fresh.get(name) {
            Some(new) => drop(entries.insert(name.clone(), Entry { version, doc: new.doc.clone() })),
            None if was_written(name.clone()) => drop(entries.remove(name)),
            None => {
                if let Some(kept) = entries.get_mut(name) {
                    kept.version = version;
                }
            }
        }
    }
}

type Entries = BTreeMap<Arc<str>, Entry>;

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

#[cfg(test)]
mod tests {
    use jackstaff::ruleset::Delta;

    use super::*;
    use crate::clock;
    use crate::environments::plan::{Action, Draft, Edit, Expectation};
    use crate::environments::{Environments, new_epoch};
    use crate::store::{FlagStore, SqliteStore};

    fn put(section: Section, name: &str, doc: &str) -> Edit {
        edit(section, name, Action::Revive(Node::from_json(doc).unwrap()))
    }

    fn edit(section: Section, name: &str, action: Action) -> Edit {
        Edit { part: (section, name.into()), expected: Expectation::Any, action }
    }

    /// One process writes whatever can be written; another takes over what was written, a write at a time or several, and always comes to
    /// what a third finds that loads everything.
    #[test]
    fn what_is_taken_over_is_what_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let fresh: Vec<(Arc<str>, Arc<str>)> = vec![("test".into(), "e1".into()), ("production".into(), "e2".into())];
        let open = || Arc::new(SqliteStore::open(&folder.path().join("flags.db"), &fresh).unwrap());
        let environments = |store| Environments::open(store, Vec::new(), clock::system()).unwrap();
        let (writer, prompt, slow, third) = (environments(open()), environments(open()), environments(open()), open());
        let on =
            |what: &str| format!(r#"{{"type":"boolean","rules":[{{"when":{{"segment":"staff"}},"serve":"on"}}],"fallthrough":"{what}"}}"#);
        let edits = |edits| Draft { edits, ..Draft::default() };
        let drafts = [
            edits(vec![put(Section::Segment, "staff", r#"{"users":["ann"]}"#), put(Section::Flag, "a", &on("on"))]),
            edits(vec![put(Section::Flag, "b", &on("off")), put(Section::Flag, "c", r#"{"type":"boolean"}"#)]),
            edits(vec![put(Section::Segment, "staff", r#"{"users":["bob"]}"#)]), // touches a and b too
            edits(vec![put(Section::Flag, "c", r#"{"type":"boolean","description":"for people: moves nothing"}"#)]),
            edits(vec![put(Section::Flag, "c", r#"{"type":"boolean","environments":{"test":{"enabled":false}}}"#)]), // one of two environments
            edits(vec![edit(Section::Flag, "a", Action::Archive)]),
            edits(vec![put(Section::Flag, "a", &on("off"))]),
            edits(vec![edit(Section::Flag, "b", Action::Archive)]),
            Draft { create: vec![("new".into(), new_epoch().unwrap())], ..Draft::default() },
            edits(vec![put(Section::Flag, "a", &on("on"))]),
            Draft { delete: vec!["test".into()], ..edits(vec![put(Section::Flag, "c", r#"{"type":"boolean"}"#)]) },
            edits(vec![put(Section::Flag, "d", &on("on"))]),
        ];
        for (at, draft) in drafts.iter().enumerate() {
            let moved = writer.write(draft).unwrap().moved;
            prompt.refresh().unwrap();
            let whole = State::load(third.load().unwrap(), &State::default());
            let wanted = (describe(&writer.state()), describe(&whole));
            assert_eq!(describe(&prompt.state()), wanted.0, "write {at}");
            assert_eq!(wanted.0, wanted.1, "write {at}");
            if at % 3 == 2 {
                slow.refresh().unwrap();
                assert_eq!(describe(&slow.state()), wanted.1, "write {at}, three at once");
            }
            for (name, now) in moved {
                let before = crate::store::Standing { version: now.version - 1, ..now };
                let delta = |state: &State| {
                    state.environments[&name].delta_json(&before).map(|json| serde_json::from_slice::<Delta>(&json).unwrap())
                };
                let flags = |delta: Option<Delta>| {
                    delta.map(|delta| (delta.put_flags.into_keys().collect::<Vec<_>>(), delta.del_flags, delta.digest))
                };
                assert_eq!(flags(delta(&prompt.state())), flags(delta(&writer.state())), "the way to write {at}");
            }
        }
    }

    fn describe(state: &State) -> Vec<String> {
        let rulesets = state.environments.values().map(|published| serde_json::to_string(&published.ruleset).unwrap());
        let parts = state.parts.iter().map(|(part, record)| format!("{part:?} {record:?}"));
        let names = std::iter::once(format!("{:?}", state.document.environments));
        let documents = state.environments.keys().map(|name| serde_json::to_string(&state.document.ruleset(name)).unwrap());
        rulesets.chain(parts).chain(names).chain(documents).collect()
    }
}
