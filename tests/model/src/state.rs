//! What a moment of the world looks like.

use crate::actors::{Client, Guide};

/// A result, and where and when it was computed. Ordered by `(epoch, version)`, which is how old a result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Entry {
    /// The life of the store.
    pub epoch: u8,
    /// The version of the last commit that changed the flag, at the replica that evaluated.
    pub version: u8,
    /// When it was evaluated.
    pub at: u8,
}

/// What stands in Redis under the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stored {
    /// The result. The guide's client does not write its version; the model knows it all the same, to judge.
    pub entry: Entry,
    /// Whether the version was written.
    pub has_version: bool,
    /// When Redis drops it.
    pub until: u8,
}

/// A write to the service's store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Commit {
    /// Whether it changes the flag; it changes another one otherwise.
    pub changes: bool,
    /// When it was made.
    pub at: u8,
    /// Whether it was made in this epoch, and so announced in it, or came with the backup.
    pub is_announced: bool,
}

/// A promise that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Promise {
    /// A result from before a version that was processed.
    G1,
    /// A result older than one that was served before.
    G2,
    /// A result that has been wrong for too long.
    G3,
}

/// A moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The time.
    pub now: u8,
    /// What was committed, per epoch; the last one is the store as it is.
    pub history: Vec<Vec<Commit>>,
    /// The version that the lagging replica has of the last epoch.
    pub replica: u8,
    /// The shared cache.
    pub redis: Option<Stored>,
    /// Our clients.
    pub clients: Vec<Client>,
    /// The guide's client.
    pub guide: Option<Guide>,
    /// The first promise that was broken. A broken world is explored no further.
    pub broken: Option<Promise>,
}

impl State {
    /// The epoch of the store as it is.
    pub fn epoch(&self) -> u8 {
        self.history.len() as u8 - 1
    }

    /// The store's version.
    pub fn version(&self) -> u8 {
        self.history.last().map_or(0, Vec::len) as u8
    }

    /// The version of the last commit up to `version` that changed the flag: what an evaluation there is stamped with.
    pub fn stamp(&self, version: u8) -> u8 {
        let commits = self.history.last().map_or(&[][..], |commits| &commits[..usize::from(version)]);
        commits.iter().rposition(|commit| commit.changes).map_or(0, |place| place as u8 + 1)
    }

    /// An evaluation at a replica that has `version`.
    pub fn evaluate(&self, version: u8) -> Entry {
        Entry { epoch: self.epoch(), version: self.stamp(version), at: self.now }
    }

    /// Since when a result of the last epoch is wrong; `None` while it is right.
    pub fn wrong_since(&self, entry: Entry) -> Option<u8> {
        let later = &self.history[usize::from(entry.epoch)][usize::from(entry.version)..];
        later.iter().find(|commit| commit.changes).map(|commit| commit.at)
    }
}
