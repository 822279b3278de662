//! Who holds results: our clients by their rules, and the guide's client as it is printed.

use crate::state::{Entry, Stored};
use crate::world::{Rules, World};

/// Something of one of our clients that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flight {
    /// An answer of the service, evaluated and not yet here.
    Answer(Entry),
    /// What Redis was read to hold, not yet looked at.
    Read(Entry, bool),
    /// A result on its way into Redis.
    Write(Entry),
}

/// What a replica said when it was asked what is newer, not yet here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Resync {
    pub(crate) epoch: u8,
    pub(crate) version: u8,
    pub(crate) floor: u8,
}

/// A client of ours.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Client {
    /// The epoch it believes in.
    pub epoch: u8,
    /// False from an event of another epoch until the service has said which one it is. Nothing is served meanwhile.
    pub is_sure: bool,
    /// The version of the environment up to which it knows every change.
    pub version: u8,
    /// The newest version of the flag that it knows of.
    pub floor: u8,
    /// A version of the flag in an epoch that it heard of and does not believe in yet.
    pub hint: Option<(u8, u8)>,
    /// Its memory: the result, and when it came in.
    pub memory: Option<(Entry, u8)>,
    /// What is under way, for two callers. Sorted, for the callers are alike.
    pub flights: [Option<Flight>; 2],
    /// The question for what is newer, under way.
    pub resync: Option<Resync>,
    /// For the judge: the newest `(epoch, version)` of the flag that it has processed.
    pub processed: (u8, u8),
    /// For the judge: the newest that it has served.
    pub served: (u8, u8),
}

impl Client {
    pub(crate) fn new() -> Self {
        Self {
            epoch: 0,
            is_sure: true,
            version: 0,
            floor: 0,
            hint: None,
            memory: None,
            flights: [None; 2],
            resync: None,
            processed: (0, 0),
            served: (0, 0),
        }
    }

    /// *Read*: whether a result may be served. `kept` is when this layer got it.
    pub(crate) fn may_serve(&self, rules: Rules, entry: Entry, kept: u8, ttl: u8, now: u8) -> bool {
        let born = if rules.age_from_evaluation { entry.at } else { kept };
        self.is_sure && entry.epoch == self.epoch && entry.version >= self.floor && now - born <= ttl
    }

    /// *Fill*: takes a result in, tested at the moment of insertion. Says whether it did.
    pub(crate) fn fill(&mut self, rules: Rules, entry: Entry, has_version: bool, world: &World, now: u8) -> bool {
        let is_known = has_version || !rules.needs_version;
        let is_current = self.is_sure && entry.epoch == self.epoch && entry.version >= self.floor;
        // An entry without a version that is trusted passes for whatever is known.
        let is_taken_for_current = is_current || !rules.fill_test || !has_version;
        let is_fresh = !rules.age_from_evaluation || now - entry.at <= world.cache_ttl;
        if !(is_known && is_taken_for_current && is_fresh) {
            return false;
        }
        if has_version && entry.epoch == self.epoch {
            self.floor = self.floor.max(entry.version);
        }
        self.memory = Some((entry, now));
        true
    }

    /// *Change*: acts on an event. `version` is the commit's, the one before it is `version - 1`.
    pub(crate) fn hear(&mut self, rules: Rules, epoch: u8, version: u8, changes: bool) {
        if changes {
            self.processed = self.processed.max((epoch, version));
        }
        if epoch != self.epoch || !self.is_sure {
            self.is_sure = false;
            self.resync = None; // it may have been answered before the epoch changed
            if rules.keeps_floors_in_doubt {
                if epoch == self.epoch && changes {
                    self.floor = self.floor.max(version);
                } else if changes && self.hint.is_none_or(|(heard, floor)| heard != epoch || floor < version) {
                    self.hint = Some((epoch, version));
                }
            }
        } else if version > self.version {
            if changes {
                self.floor = self.floor.max(version);
            }
            if version == self.version + 1 {
                self.version = version; // else a gap: only the question for what is newer closes it
            }
        }
    }

    /// Takes in what the service said to the question for what is newer.
    pub(crate) fn learn(&mut self, rules: Rules, resync: Resync) {
        if resync.epoch == self.epoch && (self.is_sure || rules.keeps_floors_in_doubt) {
            self.version = self.version.max(resync.version);
            self.floor = self.floor.max(resync.floor);
        } else {
            (self.epoch, self.version, self.floor) = (resync.epoch, resync.version, resync.floor);
            self.memory = None;
        }
        if let Some((epoch, version)) = self.hint.take()
            && epoch == self.epoch
        {
            self.floor = self.floor.max(version);
        }
        self.is_sure = true;
        self.processed = self.processed.max((resync.epoch, resync.floor));
    }
}

/// The guide's client: it fetches, writes with SETEX and no version, deletes on events, and serves what Redis has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Guide {
    /// An answer that has been evaluated and not yet written.
    pub fetched: Option<Entry>,
    /// For the judge.
    pub processed: (u8, u8),
    /// For the judge.
    pub served: (u8, u8),
}

impl Guide {
    pub(crate) fn store(entry: Entry, now: u8, ttl: u8) -> Stored {
        Stored { entry, has_version: false, until: now + ttl }
    }
}
