//! Answers in this process's memory, by the rules that keep a cache from lying.
//!
//! An answer carries the version `v` of the last change that could have altered it, and the store's epoch. The
//! cache knows the newest epoch and, per flag, the newest version that it has seen of it (`K_f`).
//! *Read*: an entry is good if its epoch is the known one, `v ≥ K_f`, and its age, counted from its evaluation, is below the
//! time to live. *Fill*: an answer goes in only if its epoch is the known one and `v ≥ K_f`, so a slow answer never
//! replaces a newer one. Entries past their time stay until evicted: when the service fails they are the last known answer.
//!
//! Local evaluations are never cached: evaluating is cheaper than looking up.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use quick_cache::sync::Cache;
use xxhash_rust::xxh3::Xxh3;

use crate::context::View;
use crate::evaluation::Evaluation;
use crate::value::Value;

/// The most flags whose versions are remembered.
const MAX_FLAGS: usize = 100_000;

/// 128 bits that stand for a flag and a context. Hashed without ambiguity, so `("a:b", "c")` is not `("a", "b:c")`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(u128);

impl Key {
    /// The key of a flag asked for a context.
    pub fn new(flag: &str, context: View<'_>) -> Self {
        let mut hash = Xxh3::new();
        text(&mut hash, flag);
        match context.key {
            Some(key) => text(&mut hash, key),
            None => hash.update(&[0xff; 9]),
        }
        for (name, attribute) in context.attributes.iter() {
            text(&mut hash, name);
            value(&mut hash, attribute);
        }
        Self(hash.digest128())
    }
}

fn text(hash: &mut Xxh3, text: &str) {
    hash.update(&(text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}

fn value(hash: &mut Xxh3, attribute: &Value) {
    match attribute {
        Value::Null => hash.update(&[0]),
        Value::Bool(bool) => hash.update(&[1, u8::from(*bool)]),
        Value::Int(int) => {
            hash.update(&[2]);
            hash.update(&int.to_le_bytes());
        }
        Value::Float(float) => {
            hash.update(&[3]);
            hash.update(&float.to_bits().to_le_bytes());
        }
        Value::Text(inner) => {
            hash.update(&[4]);
            text(hash, inner);
        }
        Value::List(list) => {
            hash.update(&[5]);
            hash.update(&(list.len() as u64).to_le_bytes());
            list.iter().for_each(|item| value(hash, item));
        }
        Value::Map(entries) => {
            hash.update(&[6]);
            hash.update(&(entries.len() as u64).to_le_bytes());
            for (key, item) in entries.iter() {
                text(hash, key);
                value(hash, item);
            }
        }
    }
}

/// An answer that is kept.
#[derive(Clone, Debug)]
pub struct Held {
    /// The answer; `None` if the service knows no such flag.
    pub answer: Option<Evaluation>,
    /// When it was evaluated, as far as this process can tell: when it was asked for.
    pub at: Instant,
}

#[derive(Default)]
struct Known {
    epoch: Arc<str>,
    floors: HashMap<Arc<str>, u64>,
}

/// The memory.
pub struct Memory {
    entries: Cache<Key, Arc<Held>>,
    known: RwLock<Known>,
    ttl: Duration,
    unknown_ttl: Duration,
}

impl Memory {
    /// A memory for `capacity` answers that are good for `ttl`; unknown flags are remembered for a tenth of it, at most 10 s.
    pub fn new(capacity: usize, ttl: Duration) -> Self {
        Self { entries: Cache::new(capacity.max(1)), known: RwLock::default(), ttl, unknown_ttl: (ttl / 10).min(Duration::from_secs(10)) }
    }

    /// The entry under `key`, if it is good at `now`.
    pub fn get(&self, key: Key, now: Instant) -> Option<Arc<Held>> {
        let held = self.last(key)?;
        let ttl = if held.answer.is_some() { self.ttl } else { self.unknown_ttl };
        (now.saturating_duration_since(held.at) < ttl).then_some(held)
    }

    /// The entry under `key`, however old, unless a newer version of its flag is known.
    pub fn last(&self, key: Key) -> Option<Arc<Held>> {
        let held = self.entries.get(&key)?;
        let Some(answer) = &held.answer else { return Some(held) };
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let is_good = answer.epoch == known.epoch && known.floors.get(&answer.flag).is_none_or(|floor| answer.version >= *floor);
        is_good.then_some(held)
    }

    /// Takes an answer in, unless a newer one of its flag is known. Says whether it did.
    pub fn put(&self, key: Key, held: Held) -> bool {
        // The lock is held over the insertion: a version learnt in between would otherwise be overtaken by this answer.
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = &held.answer {
            if answer.epoch != known.epoch {
                *known = Known { epoch: answer.epoch.clone(), floors: HashMap::new() };
                self.entries.clear();
            }
            let floor = known.floors.get(&answer.flag).copied().unwrap_or(0);
            if answer.version < floor {
                return false;
            }
            if answer.version > floor {
                if known.floors.len() >= MAX_FLAGS {
                    known.floors.clear();
                    self.entries.clear();
                }
                known.floors.insert(answer.flag.clone(), answer.version);
            }
        }
        self.entries.insert(key, Arc::new(held));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Attributes;
    use crate::evaluation::Reason;

    fn answer(flag: &str, epoch: &str, version: u64) -> Option<Evaluation> {
        let reason = Reason::Fallthrough;
        Some(Evaluation { epoch: epoch.into(), version, ..Evaluation::default(flag, Value::Bool(true), reason) })
    }

    fn held(answer: Option<Evaluation>, at: Instant) -> Held {
        Held { answer, at }
    }

    const TTL: Duration = Duration::from_secs(60);

    #[test]
    fn age_runs_from_the_evaluation() {
        let memory = Memory::new(10, TTL);
        let (key, at) = (Key::new("f", View::of("u")), Instant::now());
        assert!(memory.put(key, held(answer("f", "e", 1), at)));
        assert!(memory.get(key, at + TTL - Duration::from_millis(1)).is_some());
        assert!(memory.get(key, at + TTL).is_none());
        assert!(memory.last(key).is_some(), "it is still the last known answer");
    }

    #[test]
    fn an_older_answer_does_not_go_in_and_one_that_is_in_does_not_come_out() {
        let memory = Memory::new(10, TTL);
        let (ann, bob, now) = (Key::new("f", View::of("ann")), Key::new("f", View::of("bob")), Instant::now());
        assert!(memory.put(ann, held(answer("f", "e", 3), now)));
        assert!(memory.put(bob, held(answer("f", "e", 5), now)));
        assert!(memory.get(ann, now).is_none(), "version 5 of the flag is known, and ann's answer is of version 3");
        assert!(!memory.put(ann, held(answer("f", "e", 4), now)));
        assert!(memory.put(ann, held(answer("f", "e", 5), now)));
        assert!(memory.put(Key::new("g", View::of("ann")), held(answer("g", "e", 1), now)), "another flag has its own versions");
    }

    #[test]
    fn another_epoch_starts_over() {
        let memory = Memory::new(10, TTL);
        let (ann, bob, now) = (Key::new("f", View::of("ann")), Key::new("f", View::of("bob")), Instant::now());
        memory.put(ann, held(answer("f", "old", 9), now));
        assert!(memory.put(bob, held(answer("f", "new", 1), now)));
        assert!(memory.last(ann).is_none());
        assert!(memory.get(bob, now).is_some());
    }

    #[test]
    fn unknown_flags_are_remembered_for_less_long() {
        let memory = Memory::new(10, TTL);
        let (key, now) = (Key::new("f", View::of("u")), Instant::now());
        memory.put(key, held(None, now));
        assert!(memory.get(key, now + Duration::from_secs(5)).is_some());
        assert!(memory.get(key, now + Duration::from_secs(6)).is_none());
    }

    #[test]
    fn keys_tell_apart_what_differs() {
        let attributes = |pairs: &[(&str, Value)]| Attributes::new(pairs.iter().cloned()).unwrap();
        let sets = [
            attributes(&[]),
            attributes(&[("a", Value::from("1"))]),
            attributes(&[("a", Value::Int(1))]),
            attributes(&[("a", Value::Float(1.0))]),
            attributes(&[("a", Value::Bool(true))]),
            attributes(&[("a", Value::Null)]),
            attributes(&[("a", Value::from(vec!["x", "y"]))]),
            attributes(&[("a", Value::from(vec!["xy"]))]),
            attributes(&[("a1", Value::from(""))]),
        ];
        let mut keys: Vec<Key> = sets.iter().map(|attributes| Key::new("f", View { key: Some("u"), attributes })).collect();
        keys.push(Key::new("f", View { key: None, attributes: &sets[0] }));
        keys.push(Key::new("f:u", View::of("")));
        keys.push(Key::new("fu", View::of("")));
        let distinct: std::collections::HashSet<Key> = keys.iter().copied().collect();
        assert_eq!(distinct.len(), keys.len());
    }

    #[test]
    fn memory_is_bounded() {
        let memory = Memory::new(100, TTL);
        for user in 0..10_000 {
            memory.put(Key::new("f", View::of(&user.to_string())), held(answer("f", "e", 1), Instant::now()));
        }
        assert!(memory.entries.len() <= 100, "{}", memory.entries.len());
    }
}
