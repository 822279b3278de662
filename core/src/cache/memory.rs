//! Answers in this process's memory.
//!
//! The rules of what may be served stand in [`super::known`]; here is how long. An answer lives twice: for the *hard* time from its
//! evaluation, wherever that was, and for the *local* time from when this process took it in, after which the shared cache or the
//! service is asked again. In the last fifth of either it is served and refreshed behind the caller's back. Entries past their time stay
//! until they are evicted: when the service fails they are the last known answer. Times are shortened by up to a tenth, by
//! the key, so that what was loaded together does not expire together.
//!
//! Local evaluations are never cached: evaluating is cheaper than looking up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::key::Key;
use super::known::{Applied, Fill, Known, Ticket};
use super::sync::RwLock;
use crate::change::Change;
use crate::evaluation::Evaluation;

/// An answer that is kept.
#[derive(Debug)]
pub struct Held {
    /// The answer; `None` if the service knows no such flag.
    pub answer: Option<Evaluation>,
    /// When it was evaluated, as far as this process can tell: when it was asked for.
    pub at: Instant,
    /// When it came into this memory.
    pub taken: Instant,
    generation: u64,
    /// What it takes, in bytes.
    bytes: usize,
    /// Has somebody been sent for a younger one?
    refreshing: AtomicBool,
}

impl Held {
    /// An answer that was evaluated at `at`, comes in at `taken`, and was asked for with `ticket`.
    pub fn new(answer: Option<Evaluation>, at: Instant, taken: Instant, ticket: &Ticket) -> Self {
        let bytes = ENTRY + answer.as_ref().map_or(0, size);
        Self { answer, at, taken, generation: ticket.generation(), bytes, refreshing: AtomicBool::new(false) }
    }

    fn stamp(&self) -> Option<(&Arc<str>, u64)> {
        self.answer.as_ref().map(|answer| (&answer.epoch, answer.version))
    }
}

/// How long answers are served.
#[derive(Clone, Debug)]
pub struct Lives {
    /// From this age on an answer is refreshed while it is served.
    pub soft: Duration,
    /// Beyond this age it is not served, unless the service fails.
    pub hard: Duration,
    /// How long this process trusts its own copy before it looks again.
    pub local: Duration,
    /// How long "there is no such flag" is remembered.
    pub unknown: Duration,
}

impl Lives {
    /// The times that follow from the options: refreshing begins at `soft` or after four fifths of `hard`; unknown flags are
    /// remembered for a tenth of the shorter time, at most 10 s.
    pub fn new(soft: Option<Duration>, hard: Duration, local: Duration) -> Self {
        let unknown = (hard.min(local) / 10).min(Duration::from_secs(10));
        Self { soft: soft.unwrap_or(hard.mul_f64(0.8)), hard, local, unknown }
    }
}

/// An answer from memory.
#[derive(Debug)]
pub struct Hit {
    /// The answer.
    pub held: Arc<Held>,
    /// The caller should send for a younger one. Said once an entry.
    pub refresh: bool,
}

/// An entry's weight: its bytes, or its share of the most entries if that is more.
#[derive(Clone)]
struct Weight {
    least: u64,
}

impl Weighter<Key, Arc<Held>> for Weight {
    fn weight(&self, _key: &Key, held: &Arc<Held>) -> u64 {
        (held.bytes as u64).max(self.least)
    }
}

fn size(answer: &Evaluation) -> usize {
    let texts = [Some(&answer.flag), answer.variant.as_ref(), answer.rule.as_ref(), Some(&answer.epoch)];
    answer.value.size() + texts.into_iter().flatten().map(|text| text.len() + 16).sum::<usize>()
}

/// What an entry takes besides its texts and its value: the key twice, the record, the cache's own bookkeeping.
const ENTRY: usize = size_of::<Key>() * 2 + size_of::<Held>() + 64;

/// The memory.
pub struct Memory {
    entries: Cache<Key, Arc<Held>, Weight>,
    known: RwLock<Known>,
    lives: Lives,
}

impl Memory {
    /// A memory for at most `entries` answers and `bytes` bytes.
    pub fn new(entries: usize, bytes: u64, lives: Lives) -> Self {
        let entries = entries.max(1);
        let weight = Weight { least: (bytes / entries as u64).max(1) };
        Self { entries: Cache::with_weighter(entries, bytes.max(1), weight), known: RwLock::default(), lives }
    }

    /// How long answers are served.
    pub fn lives(&self) -> &Lives {
        &self.lives
    }

    /// The entry about `flag` under `key`, if it is good at `now`.
    pub fn get(&self, key: Key, flag: &str, now: Instant) -> Option<Hit> {
        let held = self.last(key, flag)?;
        let (age, here) = (now.saturating_duration_since(held.at), now.saturating_duration_since(held.taken));
        let spread = 0.9 + 0.1 * (key.number() as u16 as f64 / f64::from(u16::MAX));
        let is_over = |time: Duration, life: Duration| time >= life.mul_f64(spread);
        let Lives { soft, hard, local, unknown } = self.lives;
        if held.answer.is_none() {
            return (!is_over(age, unknown)).then_some(Hit { held, refresh: false });
        }
        if is_over(age, hard) || is_over(here, local) {
            return None;
        }
        let is_soft = soft < hard && (is_over(age, soft) || is_over(here, local.mul_f64(0.8)));
        let refresh = is_soft && !held.refreshing.swap(true, Ordering::AcqRel);
        Some(Hit { held, refresh })
    }

    /// The entry about `flag` under `key`, however old, unless something newer is known.
    pub fn last(&self, key: Key, flag: &str) -> Option<Arc<Held>> {
        let held = self.entries.get(&key)?;
        let stamp = held.stamp().map(|(epoch, version)| (&**epoch, version));
        let is_good = self.read(|known| known.is_good(flag, stamp, held.generation));
        is_good.then_some(held)
    }

    /// Looks at what is known.
    pub fn read<T>(&self, look: impl FnOnce(&Known) -> T) -> T {
        look(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes an answer about `flag` in, asked for with `ticket`, unless something newer is known. Says what it did.
    pub fn put(&self, key: Key, flag: &Arc<str>, held: Held, ticket: &Ticket) -> Fill {
        // The lock is held over the insertion: a version learnt in between would otherwise be overtaken by this answer.
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let fill = known.fill(flag, held.stamp(), ticket);
        if fill == Fill::Restart {
            self.entries.clear();
        }
        if fill != Fill::Old {
            // What began a new life belongs to it.
            let generation = if fill == Fill::Restart { known.ticket().generation() } else { held.generation };
            self.entries.insert(key, Arc::new(Held { generation, ..held }));
        }
        fill
    }

    /// A change was heard of at `now` (milliseconds since 1970).
    pub fn change(&self, change: &Change, now: i64) -> Applied {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let applied = known.change(change, now);
        if applied == Applied::Restart {
            self.entries.clear();
        }
        applied
    }

    /// How many answers are held, and about how many bytes they take.
    pub fn size(&self) -> (usize, u64) {
        (self.entries.len(), self.entries.weight())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::View;
    use crate::evaluation::Reason;
    use crate::value::Value;

    fn answer(flag: &str, epoch: &str, version: u64) -> Option<Evaluation> {
        let reason = Reason::Fallthrough;
        Some(Evaluation { epoch: epoch.into(), version, ..Evaluation::default(flag, Value::Bool(true), reason) })
    }

    const HARD: Duration = Duration::from_secs(300);
    const LOCAL: Duration = Duration::from_secs(60);

    fn memory() -> Memory {
        Memory::new(10, 1 << 20, Lives::new(None, HARD, LOCAL))
    }

    fn key(user: &str) -> Key {
        Key::new("f", View::of(user))
    }

    fn put(memory: &Memory, user: &str, answer: Option<Evaluation>, at: Instant, taken: Instant) -> Fill {
        let ticket = memory.read(Known::ticket);
        memory.put(key(user), &"f".into(), Held::new(answer, at, taken, &ticket), &ticket)
    }

    #[test]
    fn guide_flaw_33_age_runs_from_the_evaluation() {
        let memory = memory();
        let taken = Instant::now() + HARD;
        // Found in the shared cache at an age of 250 s: it has at most 50 s left, not another 60.
        put(&memory, "u", answer("f", "e", 1), taken - Duration::from_secs(250), taken);
        assert!(memory.get(key("u"), "f", taken).is_some());
        assert!(memory.get(key("u"), "f", taken + Duration::from_secs(50)).is_none());
        assert!(memory.last(key("u"), "f").is_some(), "it is still the last known answer");
    }

    #[test]
    fn the_copy_is_looked_after_sooner_than_the_answer() {
        let memory = memory();
        let now = Instant::now();
        put(&memory, "u", answer("f", "e", 1), now, now);
        assert!(memory.get(key("u"), "f", now + LOCAL.mul_f64(0.7)).is_some_and(|hit| !hit.refresh));
        assert!(memory.get(key("u"), "f", now + LOCAL.mul_f64(0.85)).is_some_and(|hit| hit.refresh));
        assert!(memory.get(key("u"), "f", now + LOCAL.mul_f64(0.85)).is_some_and(|hit| !hit.refresh), "one is enough");
        assert!(memory.get(key("u"), "f", now + LOCAL).is_none());
    }

    #[test]
    fn guide_flaw_31_what_came_together_does_not_go_together() {
        let memory = Memory::new(1_000, 1 << 20, Lives::new(None, HARD, LOCAL));
        let now = Instant::now();
        let users: Vec<String> = (0..500).map(|user| user.to_string()).collect();
        for user in &users {
            put(&memory, user, answer("f", "e", 1), now, now);
        }
        let left = users.iter().filter(|user| memory.get(key(user), "f", now + LOCAL.mul_f64(0.95)).is_some()).count();
        assert!((150..350).contains(&left), "{left} of 500 are left half-way through the last tenth");
    }

    #[test]
    fn an_older_answer_does_not_go_in_and_one_that_is_in_does_not_come_out() {
        let (memory, now) = (memory(), Instant::now());
        put(&memory, "ann", answer("f", "e", 3), now, now);
        put(&memory, "bob", answer("f", "e", 5), now, now);
        assert!(memory.get(key("ann"), "f", now).is_none(), "version 5 of the flag is known, and ann's answer is of version 3");
        assert_eq!(put(&memory, "ann", answer("f", "e", 4), now, now), Fill::Old);
        assert_eq!(put(&memory, "ann", answer("f", "e", 5), now, now), Fill::Keep);
    }

    #[test]
    fn another_epoch_starts_over() {
        let (memory, now) = (memory(), Instant::now());
        put(&memory, "ann", answer("f", "old", 9), now, now);
        assert_eq!(put(&memory, "bob", answer("f", "new", 1), now, now), Fill::Restart);
        assert!(memory.last(key("ann"), "f").is_none());
        assert!(memory.get(key("bob"), "f", now).is_some());
    }

    #[test]
    fn unknown_flags_are_remembered_for_less_long_and_until_something_happens() {
        let (memory, now) = (memory(), Instant::now());
        put(&memory, "u", None, now, now);
        assert!(memory.get(key("u"), "f", now + Duration::from_secs(5)).is_some());
        assert!(memory.get(key("u"), "f", now + Duration::from_secs(6)).is_none());
        let change = Change { environment: "test".into(), epoch: "e".into(), version: 1, previous: Some(0), flags: vec!["f".into()] };
        memory.change(&change, 0);
        assert!(memory.get(key("u"), "f", now).is_none());
    }

    #[test]
    fn memory_is_bounded_by_entries() {
        let (memory, now) = (Memory::new(100, 1 << 30, Lives::new(None, HARD, LOCAL)), Instant::now());
        for user in 0..10_000 {
            put(&memory, &user.to_string(), answer("f", "e", 1), now, now);
        }
        assert!(memory.size().0 <= 100, "{:?}", memory.size());
    }

    #[test]
    fn memory_is_bounded_by_bytes() {
        let (memory, now) = (Memory::new(100_000, 100_000, Lives::new(None, HARD, LOCAL)), Instant::now());
        for user in 0..1_000 {
            let large = Evaluation { value: Value::from("x".repeat(1_000)), ..answer("f", "e", 1).unwrap() };
            put(&memory, &user.to_string(), Some(large), now, now);
        }
        let (entries, bytes) = memory.size();
        assert!(entries <= 90 && bytes <= 100_000, "{entries} entries, {bytes} bytes");
    }
}
