//! An environment's flags and segments as they were written and as they are sent.
//!
//! The config service keeps documents, merges what is shared with what an environment says of its own, and
//! sends the result: a [`Ruleset`] the first time, a [`Delta`] after that. Each flag and segment stays the
//! JSON text it was written as ([`Entry`]), so a client that knows a newer version of one recompiles that one only, and a
//! flag that it cannot read spoils no other.

mod json;
pub mod node;
mod parse;
pub mod problem;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Error, ErrorKind, Result};
pub use node::{Key, Kind, Mark, Node, Text, Tree};
pub use parse::Syntax;
pub use problem::{Problem, Severity};

/// One flag or segment as written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The version of the last commit that could change what it answers.
    pub version: u64,
    /// Its document, without the other environments' settings.
    pub doc: Arc<RawValue>,
}

/// Everything that an environment needs to evaluate its flags.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ruleset {
    /// Whose it is.
    pub environment: Arc<str>,
    /// The life of the store; versions of different epochs do not compare.
    pub epoch: Arc<str>,
    /// One higher with every commit that touched the environment.
    pub version: u64,
    /// The flags by name.
    pub flags: BTreeMap<Arc<str>, Entry>,
    /// The segments by name.
    #[serde(default)]
    pub segments: BTreeMap<Arc<str>, Entry>,
    /// [`Ruleset::digest`] at the sender; empty when nobody computed it (a file).
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub digest: Arc<str>,
}

/// What moved between two versions of a ruleset.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Delta {
    /// Whose it is.
    pub environment: Arc<str>,
    /// The epoch of both versions.
    pub epoch: Arc<str>,
    /// The version to apply it to.
    pub prev: u64,
    /// The version that comes out.
    pub version: u64,
    /// Flags that are new or different.
    #[serde(default)]
    pub put_flags: BTreeMap<Arc<str>, Entry>,
    /// Flags that are gone.
    #[serde(default)]
    pub del_flags: Vec<Arc<str>>,
    /// Segments that are new or different.
    #[serde(default)]
    pub put_segments: BTreeMap<Arc<str>, Entry>,
    /// Segments that are gone.
    #[serde(default)]
    pub del_segments: Vec<Arc<str>>,
    /// The digest of the ruleset that comes out.
    pub digest: Arc<str>,
    /// When the last of its changes was committed, in milliseconds since 1970 by the clock of the service that took it; absent where
    /// nobody knows. Says nothing of what the change is: it is there to measure how long changes take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed_at: Option<i64>,
}

impl Ruleset {
    /// An empty ruleset of version 0.
    pub fn empty(environment: &str, epoch: &str) -> Self {
        Self {
            environment: environment.into(),
            epoch: epoch.into(),
            version: 0,
            flags: BTreeMap::new(),
            segments: BTreeMap::new(),
            digest: "".into(),
        }
    }

    /// A fingerprint of which flags and segments are here in which version: the sum of the XXH3 hashes of
    /// `f<name>\0<version as 8 bytes little-endian>` for each flag and of `s…` for each segment, as 16 hex digits.
    /// After a delta, sender and receiver must have the same one. A sum, so that a delta costs what it changes and not the whole.
    pub fn digest(&self) -> Arc<str> {
        let sum = |kind: u8, entries: &Entries| entries.iter().fold(0_u64, |sum, (name, entry)| sum.wrapping_add(print(kind, name, entry)));
        hex(sum(b'f', &self.flags).wrapping_add(sum(b's', &self.segments)))
    }

    /// The digest after `delta`, provided that [`Ruleset::digest`] is that of the content; where there is none, it is computed.
    pub fn digest_after(&self, delta: &Delta) -> Arc<str> {
        let known = if self.digest.len() == 16 { u64::from_str_radix(&self.digest, 16).ok() } else { None };
        let known = known.or_else(|| u64::from_str_radix(&self.digest(), 16).ok()).unwrap_or_default();
        let changes =
            [(b'f', &self.flags, &delta.put_flags, &delta.del_flags), (b's', &self.segments, &delta.put_segments, &delta.del_segments)];
        hex(changes.into_iter().fold(known, |sum, (kind, entries, put, del)| {
            let del: BTreeSet<&Arc<str>> = del.iter().collect();
            let gone = put.keys().chain(del.iter().copied().filter(|name| !put.contains_key(*name)));
            let gone = gone.filter_map(|name| Some(print(kind, name, entries.get(name)?)));
            let sum = gone.fold(sum, u64::wrapping_sub);
            let come = put.iter().filter(|(name, _)| !del.contains(name));
            come.fold(sum, |sum, (name, entry)| sum.wrapping_add(print(kind, name, entry)))
        }))
    }

    /// What leads from `older` to this one.
    pub fn delta_from(&self, older: &Ruleset) -> Delta {
        let (put_flags, del_flags) = difference(&self.flags, &older.flags);
        let (put_segments, del_segments) = difference(&self.segments, &older.segments);
        Delta {
            environment: self.environment.clone(),
            epoch: self.epoch.clone(),
            prev: older.version,
            version: self.version,
            put_flags,
            del_flags,
            put_segments,
            del_segments,
            digest: self.digest(),
            committed_at: None,
        }
    }

    /// Applies `delta`. One that starts at an older version applies too: it holds whole documents, as they are at its end, of all that
    /// changed since its start (that happens where two feeds tell of the same changes).
    ///
    /// # Errors
    /// `InvalidResponse` if the delta starts at a later version or does not lead further, or the result's digest would not be the sender's;
    /// the ruleset is unharmed, and the caller fetches the whole one.
    pub fn apply(&mut self, delta: &Delta) -> Result<()> {
        let refuse = |message: String| Err(Error::new(ErrorKind::InvalidResponse, message));
        if delta.epoch != self.epoch || delta.prev > self.version || delta.version <= self.version {
            return refuse(format!(
                "a delta from version {} of epoch {} does not apply to version {} of epoch {}",
                delta.prev, delta.epoch, self.version, self.epoch
            ));
        }
        let digest = self.digest_after(delta);
        if digest != delta.digest {
            return refuse(format!("after the delta to version {} the digest is {digest}, the sender has {}", delta.version, delta.digest));
        }
        (self.version, self.digest) = (delta.version, digest);
        self.flags.extend(delta.put_flags.iter().map(|(name, entry)| (name.clone(), entry.clone())));
        self.segments.extend(delta.put_segments.iter().map(|(name, entry)| (name.clone(), entry.clone())));
        delta.del_flags.iter().for_each(|name| drop(self.flags.remove(name)));
        delta.del_segments.iter().for_each(|name| drop(self.segments.remove(name)));
        Ok(())
    }
}

fn print(kind: u8, name: &str, entry: &Entry) -> u64 {
    let mut bytes = Vec::with_capacity(name.len() + 10);
    bytes.push(kind);
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(&entry.version.to_le_bytes());
    xxh3_64(&bytes)
}

fn hex(sum: u64) -> Arc<str> {
    format!("{sum:016x}").into()
}

type Entries = BTreeMap<Arc<str>, Entry>;

fn difference(new: &Entries, old: &Entries) -> (Entries, Vec<Arc<str>>) {
    let put = new.iter().filter(|(name, entry)| old.get(*name).is_none_or(|old| old.version != entry.version));
    let del = old.keys().filter(|name| !new.contains_key(*name));
    (put.map(|(name, entry)| (name.clone(), entry.clone())).collect(), del.cloned().collect())
}
