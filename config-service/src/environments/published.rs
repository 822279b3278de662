//! What an environment serves at one version: its ruleset, the snapshot compiled of it, and the bytes to send.
//!
//! Immutable and replaced whole. Bytes are made when somebody first asks, once per version, however many clients ask.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Write as _;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::body::Bytes;
use jackstaff::format::native;
use jackstaff::ir::Snapshot;
use jackstaff::ruleset::{Delta, Ruleset};

use crate::store::{OUTBOX_KEEP, Standing, Touched};

/// The most memory that the names of past changes may take per environment.
const HISTORY_BYTES: usize = 4 * 1024 * 1024;
/// How many deltas of different beginnings are kept per version.
const DELTAS: usize = 64;

/// What each of the last versions touched, oldest first: enough to make a delta from any of them.
///
/// Only names are kept. A delta takes the documents from the newest ruleset, so a client that is five versions behind
/// gets each changed flag once, and a ring of whole rulesets is not needed.
#[derive(Clone, Debug, Default)]
pub struct History {
    versions: VecDeque<(u64, Arc<Touched>)>,
    bytes: usize,
}

fn size(touched: &Touched) -> usize {
    touched.flags.iter().chain(&touched.segments).map(|name| name.len() + size_of::<Arc<str>>()).sum::<usize>() + 64
}

impl History {
    /// Notes what `version` touched. A version that does not follow the last one starts the history anew.
    pub fn push(&mut self, version: u64, touched: Arc<Touched>) {
        if self.versions.back().is_some_and(|(last, _)| last + 1 != version) {
            *self = Self::default();
        }
        self.bytes += size(&touched);
        self.versions.push_back((version, touched));
        while self.versions.len() as u64 > OUTBOX_KEEP || self.bytes > HISTORY_BYTES {
            let Some((_, dropped)) = self.versions.pop_front() else { break };
            self.bytes -= size(&dropped);
        }
    }

    /// What changed after `version`, or `None` if that is too long ago.
    fn since(&self, version: u64) -> Option<impl Iterator<Item = &Touched>> {
        let first = self.versions.front()?.0;
        let skip = usize::try_from(version.checked_add(1)?.checked_sub(first)?).ok()?;
        (skip <= self.versions.len()).then(|| self.versions.iter().skip(skip).map(|(_, touched)| &**touched))
    }
}

/// One version of an environment.
pub struct Published {
    /// As sent.
    pub ruleset: Ruleset,
    /// As evaluated.
    pub snapshot: Arc<Snapshot>,
    /// When this version was committed, in milliseconds since 1970 by the clock of who wrote it; 0 where nobody knows.
    pub committed_at: i64,
    history: History,
    json: OnceLock<Bytes>,
    gzip: OnceLock<Bytes>,
    deltas: Mutex<BTreeMap<u64, Bytes>>,
}

impl Published {
    /// Compiles `ruleset`; what `previous` holds in the same version is taken over.
    pub fn new(mut ruleset: Ruleset, history: History, previous: Option<&Published>) -> Self {
        ruleset.digest = ruleset.digest();
        let snapshot = Arc::new(native::compile(&ruleset, previous.map(|previous| &*previous.snapshot)));
        Self { ruleset, snapshot, committed_at: 0, history, json: OnceLock::new(), gzip: OnceLock::new(), deltas: Mutex::default() }
    }

    /// The same, committed then.
    #[must_use]
    pub fn committed(mut self, at: i64) -> Self {
        self.committed_at = at;
        self
    }

    /// Epoch and version.
    pub fn standing(&self) -> Standing {
        Standing { epoch: self.ruleset.epoch.clone(), version: self.ruleset.version }
    }

    /// `<epoch>-<version>`: the `ETag` and the id of stream events.
    pub fn tag(&self) -> String {
        format!("{}-{}", self.ruleset.epoch, self.ruleset.version)
    }

    /// What the next version's history begins with.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The ruleset as JSON.
    pub fn json(&self) -> Bytes {
        self.json.get_or_init(|| to_bytes(&self.ruleset)).clone()
    }

    /// The ruleset as JSON, gzipped. The first call per version does the work: not one for an async thread.
    pub fn gzip(&self) -> Bytes {
        self.gzip
            .get_or_init(|| {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                let written = encoder.write_all(&self.json()).and_then(|()| encoder.finish());
                written.map(Bytes::from).expect("writing to memory cannot fail")
            })
            .clone()
    }

    /// The gzipped ruleset, if somebody has made it already.
    pub fn gzip_made(&self) -> Option<Bytes> {
        self.gzip.get().cloned()
    }

    /// The delta from an older version as JSON; `None` if that version is of another epoch, too long ago, or not older.
    pub fn delta_json(&self, from: &Standing) -> Option<Bytes> {
        if from.epoch != self.ruleset.epoch || from.version >= self.ruleset.version {
            return None;
        }
        let mut deltas = self.deltas.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(made) = deltas.get(&from.version) {
            return Some(made.clone());
        }
        let made = to_bytes(&self.delta(from.version)?);
        if deltas.len() >= DELTAS {
            deltas.pop_first(); // whoever is furthest behind is rarest
        }
        deltas.insert(from.version, made.clone());
        Some(made)
    }

    fn delta(&self, from: u64) -> Option<Delta> {
        let (mut flags, mut segments) = (BTreeSet::new(), BTreeSet::new());
        for touched in self.history.since(from)? {
            flags.extend(touched.flags.iter());
            segments.extend(touched.segments.iter());
        }
        let Ruleset { environment, epoch, version, digest, .. } = &self.ruleset;
        let mut delta = Delta {
            environment: environment.clone(),
            epoch: epoch.clone(),
            prev: from,
            version: *version,
            put_flags: BTreeMap::new(),
            del_flags: Vec::new(),
            put_segments: BTreeMap::new(),
            del_segments: Vec::new(),
            digest: digest.clone(),
            committed_at: (self.committed_at > 0).then_some(self.committed_at),
        };
        for (names, entries, put, del) in [
            (flags, &self.ruleset.flags, &mut delta.put_flags, &mut delta.del_flags),
            (segments, &self.ruleset.segments, &mut delta.put_segments, &mut delta.del_segments),
        ] {
            for name in names {
                match entries.get(name) {
                    Some(entry) => drop(put.insert(name.clone(), entry.clone())),
                    None => del.push(name.clone()),
                }
            }
        }
        Some(delta)
    }
}

fn to_bytes(value: &impl serde::Serialize) -> Bytes {
    serde_json::to_vec(value).map(Bytes::from).expect("rulesets hold nothing that JSON cannot")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touched(names: &[String]) -> Arc<Touched> {
        Arc::new(Touched { flags: names.iter().map(|name| name.as_str().into()).collect(), ..Touched::default() })
    }

    fn count(history: &History, since: u64) -> Option<usize> {
        history.since(since).map(Iterator::count)
    }

    #[test]
    fn a_history_is_bounded_by_versions_and_by_bytes() {
        let mut history = History::default();
        assert_eq!(count(&history, 0), None, "nothing is known yet");
        (1..=OUTBOX_KEEP + 10).for_each(|version| history.push(version, touched(&[])));
        assert_eq!(history.versions.len() as u64, OUTBOX_KEEP);
        assert_eq!(count(&history, 9), None, "too long ago");
        assert_eq!(count(&history, 10), Some(OUTBOX_KEEP as usize));
        assert_eq!(count(&history, OUTBOX_KEEP + 9), Some(1));
        assert_eq!(count(&history, OUTBOX_KEEP + 10), Some(0));
        assert_eq!(count(&history, OUTBOX_KEEP + 11), None, "that version is yet to come");
        let long: Vec<String> = (0..10_000).map(|at| format!("{at:0128}")).collect();
        (0..10).for_each(|at| history.push(OUTBOX_KEEP + 11 + at, touched(&long)));
        assert!(history.bytes <= HISTORY_BYTES && history.versions.len() < 10, "{} versions", history.versions.len());
        assert_eq!(history.bytes, history.versions.iter().map(|(_, touched)| size(touched)).sum::<usize>());
    }

    #[test]
    fn a_history_with_a_gap_begins_anew() {
        let mut history = History::default();
        [1, 2, 5].into_iter().for_each(|version| history.push(version, touched(&[])));
        assert_eq!((count(&history, 1), count(&history, 4), count(&history, 5)), (None, Some(1), Some(0)));
    }

    #[test]
    fn deltas_are_made_once_and_only_so_many_are_kept() {
        let mut history = History::default();
        (1..=200).for_each(|version| history.push(version, touched(&["a".to_owned()])));
        let published = Published::new(Ruleset { version: 200, ..Ruleset::empty("test", "e") }, history, None);
        let from = |version| published.delta_json(&Standing { epoch: "e".into(), version });
        assert_eq!(from(7).unwrap().as_ptr(), from(7).unwrap().as_ptr());
        (0..200).for_each(|version| assert!(from(version).is_some(), "{version}"));
        assert!(published.deltas.lock().unwrap().len() <= DELTAS);
        assert!(from(200).is_none() && from(201).is_none());
        assert!(published.delta_json(&Standing { epoch: "other".into(), version: 7 }).is_none());
    }
}
