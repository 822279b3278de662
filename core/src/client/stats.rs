//! What a client has done and how it is: counters, and a status to watch.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::evaluation::Origin;

/// How current the answers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// No ruleset has arrived yet.
    NotReady,
    /// Answers are current, or as current as the mode of evaluation can tell.
    Ready,
    /// There are answers, but the service has not been heard of lately.
    Stale,
    /// The client was closed.
    Closed,
}

impl Status {
    /// The word for it in every language.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotReady => "not_ready",
            Self::Ready => "ready",
            Self::Stale => "stale",
            Self::Closed => "closed",
        }
    }
}

/// A moment's numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Stats {
    /// How current the answers are.
    pub status: Status,
    /// All checks so far.
    pub checks: u64,
    /// Checks by [`Origin`], in the order of [`Origin::ALL`].
    pub by_origin: [u64; 5],
    /// The version of the snapshot; 0 without one.
    pub version: u64,
    /// The epoch of the snapshot; empty without one.
    pub epoch: String,
    /// How many flags the snapshot has.
    pub flags: usize,
    /// How long ago the service was last heard of; zero while a stream is up.
    pub age: Duration,
    /// How many changes have been applied.
    pub changes: u64,
    /// How many trips to the service failed.
    pub failures: u64,
    /// How many change listeners there are.
    pub listeners: usize,
    /// The last failure, until a success.
    pub last_error: Option<String>,
}

/// The counters behind [`Stats`].
///
/// Checks are counted in several places, a thread always in the same one, so that two threads that check at the same
/// time do not pull one cache line to and fro.
pub(crate) struct Counters {
    shards: Box<[Shard; SHARDS]>,
    pub changes: AtomicU64,
    pub failures: AtomicU64,
}

const SHARDS: usize = 16;

#[derive(Default)]
#[repr(align(128))]
struct Shard([AtomicU64; 5]);

impl Counters {
    pub fn new() -> Self {
        Self { shards: Box::default(), changes: AtomicU64::new(0), failures: AtomicU64::new(0) }
    }

    /// Counts one check.
    #[inline]
    pub fn check(&self, origin: Origin) {
        self.shards[shard()].0[origin as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Begins anew, in a forked child.
    pub fn reset(&self) {
        let counts = self.shards.iter().flat_map(|shard| &shard.0);
        counts.chain([&self.changes, &self.failures]).for_each(|count| count.store(0, Ordering::Relaxed));
    }

    pub fn by_origin(&self) -> [u64; 5] {
        std::array::from_fn(|origin| self.shards.iter().map(|shard| shard.0[origin].load(Ordering::Relaxed)).sum())
    }
}

#[inline]
fn shard() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
    }
    MINE.with(|mine| *mine)
}
