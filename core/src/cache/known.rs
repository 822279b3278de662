//! What a client knows to be true of the flags' versions, and what follows for an answer.
//!
//! `(epoch, V)` is the newest version of the environment that was heard of, and `K_f` the newest of flag *f*, learnt from answers and from
//! changes. *Read*: an answer is good if its epoch is the known one and `v ≥ K_f`. *Fill*: the same test, at the moment of
//! insertion, so that a slow answer never replaces a newer one. *Change*: another epoch forgets everything; a version that is known is
//! a duplicate; the next one raises `K_f` of the flags it names; one that leaves a gap raises them too, and makes everything that
//! is held old, since nobody said what happened in between.
//!
//! An event of another epoch is not the last word on which epoch it is: it may be a late one, of a life of the store that is over. So
//! what was known of the epoch that is left is kept beside, and holds again if the service turns out to be still in it; and until the
//! service has answered, what others left in the shared cache does not count. (`tests/model` finds what happens otherwise.)
//!
//! A service or an event that knows no versions is told apart by *generations*: each event makes the flag a generation older, and an answer
//! that was asked for before it does not count.

use std::collections::HashMap;
use std::sync::Arc;

use crate::change::Change;

/// The most flags whose versions are remembered; far more than any environment has.
const MAX_FLAGS: usize = 100_000;

/// What was known when a question was asked.
#[derive(Clone, Debug)]
pub struct Ticket {
    epoch: Arc<str>,
    generation: u64,
}

impl Ticket {
    /// The moment of the question among the events.
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

/// What becomes of an answer that has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// It is as new as anything known.
    Keep,
    /// It is of another epoch: it is kept, and all that was held goes.
    Restart,
    /// Something newer is known: it is neither kept nor served.
    Old,
}

/// What a change meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It was known already.
    Duplicate,
    /// The flags it names have moved.
    Moved,
    /// Versions in between were missed, or it names no flags: all that is held is old.
    Gap,
    /// Another epoch: all that is held is of another life.
    Restart,
}

#[derive(Clone, Copy, Debug, Default)]
struct Floor {
    /// `K_f`.
    version: u64,
    /// The generation of the last change of any kind: what carries no version must have been asked for since.
    told: u64,
    /// The generation of the last change without a version: everything must have been asked for since.
    bare: u64,
    /// When that was, in milliseconds since 1970, for answers that others evaluated.
    bare_at: i64,
}

/// What is known.
#[derive(Debug, Default)]
pub struct Known {
    epoch: Arc<str>,
    /// The newest version heard of in a change.
    heard: u64,
    /// The newest version heard of at all.
    version: u64,
    flags: HashMap<Arc<str>, Floor>,
    /// What holds of every flag.
    all: Floor,
    /// Counts the changes.
    generation: u64,
    /// The epoch before this one, in case it is not over.
    former: Option<Box<Former>>,
    /// Is the epoch one that was only heard of?
    is_hearsay: bool,
}

/// What was known of an epoch that was left.
#[derive(Debug)]
struct Former {
    epoch: Arc<str>,
    heard: u64,
    version: u64,
    flags: HashMap<Arc<str>, Floor>,
}

impl Known {
    /// To be taken before a question is asked.
    pub fn ticket(&self) -> Ticket {
        Ticket { epoch: self.epoch.clone(), generation: self.generation }
    }

    /// The known epoch; empty if none is.
    pub fn epoch(&self) -> &Arc<str> {
        &self.epoch
    }

    /// The newest version that was heard of, of the environment or any flag.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// `K_f`: the least version that an answer about the flag must have.
    pub fn floor(&self, flag: &str) -> u64 {
        self.flags.get(flag).map_or(0, |floor| floor.version)
    }

    /// Is an answer about `flag`, evaluated at version `stamp` and asked for in `generation`, as new as anything known? `None` for what
    /// carries no version, such as "there is no such flag".
    pub fn is_good(&self, flag: &str, stamp: Option<(&str, u64)>, generation: u64) -> bool {
        let floor = self.flags.get(flag).copied().unwrap_or_default();
        match stamp {
            Some((epoch, version)) if !epoch.is_empty() => {
                *epoch == *self.epoch && version >= floor.version && generation >= floor.bare.max(self.all.bare)
            }
            Some(_) if !self.epoch.is_empty() => false,
            _ => generation >= floor.told.max(self.all.told),
        }
    }

    /// May an answer of this epoch count that stood in the shared cache? Not if it may be left over from another life of the store.
    pub fn may_share(&self, epoch: &str) -> bool {
        self.epoch.is_empty() || (*self.epoch == *epoch && !self.is_hearsay)
    }

    /// May an answer of somebody else's asking, evaluated at `at` (milliseconds since 1970), be later than the last change that
    /// carried no version? Their clock and ours are taken to agree within the age that is allowed anyway.
    pub fn is_after_bare(&self, flag: &str, at: i64) -> bool {
        let floor = self.flags.get(flag).map_or(0, |floor| floor.bare_at);
        at > floor.max(self.all.bare_at)
    }

    /// An answer has arrived, asked for with `ticket`. What is good raises `K_f`.
    pub fn fill(&mut self, flag: &Arc<str>, stamp: Option<(&Arc<str>, u64)>, ticket: &Ticket) -> Fill {
        if let Some((epoch, version)) = stamp
            && *epoch != self.epoch
        {
            // The store began a new life while the question was under way, unless we heard of another one since: then it is the
            // answer that is of a former one.
            if ticket.epoch != self.epoch || ticket.generation < self.all.bare {
                return Fill::Old;
            }
            self.restart(epoch.clone(), version);
            self.is_hearsay = false;
            if version < self.floor(flag) {
                return Fill::Old; // back in an epoch of which more is known
            }
            self.raise(flag, version);
            return Fill::Restart;
        }
        if !self.is_good(flag, stamp.map(|(epoch, version)| (&**epoch, version)), ticket.generation) {
            return Fill::Old;
        }
        if let Some((_, version)) = stamp {
            self.is_hearsay = false;
            self.version = self.version.max(version);
            self.raise(flag, version);
        }
        Fill::Keep
    }

    /// A change was heard of at `now` (milliseconds since 1970).
    pub fn change(&mut self, change: &Change, now: i64) -> Applied {
        if change.epoch.is_empty() {
            self.generation += 1;
            self.tell(&change.flags, 0, Some(now));
            return if change.flags.is_empty() { Applied::Gap } else { Applied::Moved };
        }
        if change.epoch != self.epoch {
            let is_first = self.epoch.is_empty();
            self.restart(change.epoch.clone(), change.version);
            self.is_hearsay = !is_first;
            self.heard = self.heard.max(change.version);
            self.tell(&change.flags, change.version, None);
            return if is_first { Applied::Gap } else { Applied::Restart };
        }
        if change.version <= self.heard && change.flags.iter().all(|flag| self.floor(flag) >= change.version) {
            return Applied::Duplicate;
        }
        let is_next = change.version <= self.heard || change.previous.is_none_or(|previous| previous <= self.heard);
        self.generation += 1;
        self.heard = self.heard.max(change.version);
        self.version = self.version.max(change.version);
        self.tell(&change.flags, change.version, None);
        if is_next && !change.flags.is_empty() {
            return Applied::Moved;
        }
        self.tell(&[], 0, Some(now));
        Applied::Gap
    }

    fn restart(&mut self, epoch: Arc<str>, version: u64) {
        let generation = self.generation + 1;
        let left = std::mem::take(self);
        let all = Floor { told: generation, ..Floor::default() };
        *self = Self { epoch, version, all, generation, ..Self::default() };
        self.former = left.former;
        if let Some(back) = self.former.take_if(|former| former.epoch == self.epoch) {
            (self.heard, self.version) = (back.heard, back.version.max(version));
            // Its generations are of another time; its versions are as true as they were.
            self.flags = back.flags.into_iter().map(|(flag, floor)| (flag, Floor { version: floor.version, ..Floor::default() })).collect();
        }
        if !left.epoch.is_empty() {
            let Self { epoch, heard, version, flags, .. } = left;
            self.former = Some(Box::new(Former { epoch, heard, version, flags }));
        }
    }

    /// Writes a change down for the flags it names, or for all. `bare` is when, if it carried no version.
    fn tell(&mut self, flags: &[Arc<str>], version: u64, bare: Option<i64>) {
        let generation = self.generation;
        let note = |floor: &mut Floor| {
            floor.version = floor.version.max(version);
            floor.told = generation;
            if let Some(at) = bare {
                (floor.bare, floor.bare_at) = (generation, at);
            }
        };
        // Names come from outside: where there is no more room for them, everything is old, which is always right.
        if flags.is_empty() || self.flags.len() + flags.len() > MAX_FLAGS {
            note(&mut self.all);
            self.all.version = 0; // a flag that has not moved keeps its version: only the generation speaks for all
            return;
        }
        for flag in flags {
            note(self.flags.entry(flag.clone()).or_default());
        }
    }

    fn raise(&mut self, flag: &Arc<str>, version: u64) {
        if let Some(floor) = self.flags.get_mut(flag) {
            floor.version = floor.version.max(version);
        } else if self.flags.len() < MAX_FLAGS {
            self.flags.insert(flag.clone(), Floor { version, ..Floor::default() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(epoch: &str, version: u64, previous: Option<u64>, flags: &[&str]) -> Change {
        let flags = flags.iter().map(|&flag| flag.into()).collect();
        Change { environment: "test".into(), epoch: epoch.into(), version, previous, flags }
    }

    /// What is known after an answer about `f` of epoch `e`, version 3.
    fn known() -> Known {
        let mut known = Known::default();
        let ticket = known.ticket();
        assert_eq!(known.fill(&"f".into(), Some((&"e".into(), 3)), &ticket), Fill::Restart);
        assert_eq!(known.change(&change("e", 3, Some(2), &["f"]), 0), Applied::Gap, "the first that is heard of");
        known
    }

    #[test]
    fn an_answer_that_a_change_overtook_is_old() {
        let mut known = known();
        let ticket = known.ticket();
        assert_eq!(known.change(&change("e", 4, Some(3), &["f"]), 0), Applied::Moved);
        assert_eq!(known.fill(&"f".into(), Some((&"e".into(), 3)), &ticket), Fill::Old);
        assert_eq!(known.fill(&"f".into(), Some((&"e".into(), 4)), &ticket), Fill::Keep);
        assert_eq!(known.fill(&"g".into(), Some((&"e".into(), 1)), &ticket), Fill::Keep, "another flag has not moved");
    }

    #[test]
    fn duplicates_change_nothing_and_order_does_not_matter() {
        let mut known = known();
        assert_eq!(known.change(&change("e", 5, Some(3), &["f"]), 0), Applied::Moved);
        assert_eq!(known.change(&change("e", 5, Some(3), &["f"]), 0), Applied::Duplicate);
        assert_eq!(known.change(&change("e", 4, Some(3), &["f"]), 0), Applied::Duplicate);
        assert_eq!(known.change(&change("e", 4, Some(3), &["g"]), 0), Applied::Moved, "late, and about a flag that nothing is known of");
        assert_eq!((known.floor("f"), known.floor("g"), known.version()), (5, 4, 5));
    }

    #[test]
    fn a_gap_makes_everything_held_old_but_refuses_no_version() {
        let mut known = known();
        let before = known.ticket();
        assert_eq!(known.change(&change("e", 9, Some(8), &["f"]), 0), Applied::Gap);
        assert!(!known.is_good("g", Some(("e", 2)), before.generation()));
        let ticket = known.ticket();
        assert_eq!(known.fill(&"g".into(), Some((&"e".into(), 2)), &ticket), Fill::Keep, "asked for since, it may still be of version 2");
        assert_eq!(known.fill(&"f".into(), Some((&"e".into(), 8)), &ticket), Fill::Old);
    }

    #[test]
    fn guide_flaw_46_an_event_without_a_version_counts_too() {
        let mut known = known();
        let before = known.ticket();
        assert_eq!(known.change(&change("", 0, None, &["f"]), 1_000), Applied::Moved);
        assert_eq!(known.fill(&"f".into(), Some((&"e".into(), 3)), &before), Fill::Old, "it was asked for before the event");
        let ticket = known.ticket();
        assert_eq!(known.fill(&"f".into(), Some((&"e".into(), 3)), &ticket), Fill::Keep, "the event may have been about nothing");
        assert!(!known.is_after_bare("f", 1_000) && known.is_after_bare("f", 1_001) && known.is_after_bare("g", 1));
    }

    #[test]
    fn what_has_no_version_lives_until_the_next_change() {
        let mut known = known();
        let ticket = known.ticket();
        assert!(known.is_good("new", None, ticket.generation()));
        known.change(&change("e", 4, Some(3), &["new"]), 0);
        assert!(!known.is_good("new", None, ticket.generation()), "it was created");
        assert!(known.is_good("other", None, ticket.generation()));
    }

    #[test]
    fn another_epoch_starts_over_and_the_former_one_does_not_come_back() {
        let mut known = known();
        let before = known.ticket();
        assert_eq!(known.change(&change("new", 1, Some(0), &["f"]), 0), Applied::Restart);
        assert_eq!(known.fill(&"f".into(), Some((&"e".into(), 9)), &before), Fill::Old, "it was under way when the store began anew");
        assert_eq!(known.fill(&"f".into(), Some((&"new".into(), 1)), &before), Fill::Keep);
        let ticket = known.ticket();
        assert_eq!(known.fill(&"f".into(), Some((&"newer".into(), 1)), &ticket), Fill::Restart);
    }

    #[test]
    fn a_late_event_of_a_former_life_breaks_no_promise() {
        let mut known = known();
        assert_eq!(known.change(&change("new", 1, None, &["f"]), 0), Applied::Restart);
        assert!(!known.may_share("new"), "it was only heard of");
        let ticket = known.ticket();
        assert_eq!(known.fill(&"f".into(), Some((&"new".into(), 1)), &ticket), Fill::Keep);
        assert!(known.may_share("new") && !known.may_share("e"));
        assert_eq!(known.change(&change("new", 2, Some(1), &["f"]), 0), Applied::Moved);
        // It was sent before the store was restored, and comes now.
        assert_eq!(known.change(&change("e", 4, Some(3), &["f"]), 0), Applied::Restart);
        assert!(!known.may_share("e"), "what stands in Redis of that life is from before version 2 of this one");
        let ticket = known.ticket();
        assert_eq!(known.fill(&"f".into(), Some((&"new".into(), 1)), &ticket), Fill::Old, "a replica that lags; version 2 was known");
        assert_eq!(known.fill(&"f".into(), Some((&"new".into(), 2)), &known.ticket()), Fill::Keep);
        assert_eq!((known.floor("f"), &**known.epoch()), (2, "new"));
    }

    #[test]
    fn a_service_without_versions_is_told_apart_by_generations() {
        let mut known = Known::default();
        let ticket = known.ticket();
        assert_eq!(known.fill(&"f".into(), Some((&"".into(), 0)), &ticket), Fill::Keep);
        known.change(&change("", 0, None, &["f"]), 0);
        assert_eq!(known.fill(&"f".into(), Some((&"".into(), 0)), &ticket), Fill::Old);
        assert_eq!(known.fill(&"f".into(), Some((&"".into(), 0)), &known.ticket()), Fill::Keep);
    }

    #[test]
    fn names_from_outside_do_not_fill_the_memory() {
        let mut known = known();
        let before = known.ticket();
        for number in 0..MAX_FLAGS as u64 + 10 {
            known.change(&change("", 0, None, &[&format!("junk{number}")]), 0);
        }
        assert!(known.flags.len() <= MAX_FLAGS);
        assert!(!known.is_good("f", Some(("e", 3)), before.generation()), "what did not fit counts for all");
    }
}
