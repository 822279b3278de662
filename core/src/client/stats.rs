//! What a client has done and how it is: counters, and a status to watch.

mod feeds;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

pub use feeds::{APPLIED_BUCKETS, FeedStats};

use crate::cache::RedisStats;
use crate::evaluation::Origin;
use crate::value::Value;

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
    /// Answers of the service that are held in memory.
    pub cache_entries: usize,
    /// About how many bytes they take.
    pub cache_bytes: u64,
    /// Questions to the service that were sent again.
    pub retries: u64,
    /// The breaker on the way to the service: `closed`, `open` or `half_open`.
    pub breaker: &'static str,
    /// The shared cache; `None` without one.
    pub redis: Option<RedisStats>,
    /// The feeds: the service's stream, Kafka, Redis. Those that were ever joined or tried.
    pub feeds: Vec<FeedStats>,
    /// How long changes took from their commit to being applied here, by [`APPLIED_BUCKETS`]; one more bucket for what took longer. Known
    /// for changes that the stream brought or Kafka or Redis told of; across machines it holds the difference of their clocks too.
    pub applied: [u64; APPLIED_BUCKETS.len() + 1],
}

impl Stats {
    /// The numbers as one value, by names that all languages share: what the bindings hand on.
    pub fn to_value(&self) -> Value {
        let int = |number: u64| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
        let map = |entries: Vec<(&str, Value)>| Value::Map(entries.into_iter().map(|(name, value)| (Arc::from(name), value)).collect());
        let origins = Origin::ALL.iter().zip(self.by_origin).map(|(origin, count)| (origin.as_str(), int(count))).collect();
        map(vec![
            ("status", Value::from(self.status.as_str())),
            ("checks", int(self.checks)),
            ("by_origin", map(origins)),
            ("version", int(self.version)),
            ("epoch", Value::from(&*self.epoch)),
            ("flags", int(self.flags as u64)),
            ("age", Value::Float(self.age.as_secs_f64())),
            ("changes", int(self.changes)),
            ("failures", int(self.failures)),
            ("listeners", int(self.listeners as u64)),
            ("last_error", self.last_error.as_deref().map_or(Value::Null, Value::from)),
            ("cache_entries", int(self.cache_entries as u64)),
            ("cache_bytes", int(self.cache_bytes)),
            ("retries", int(self.retries)),
            ("breaker", Value::from(self.breaker)),
            ("redis", self.redis.as_ref().map_or(Value::Null, |redis| map(redis_entries(redis)))),
            ("feeds", map(self.feeds.iter().map(|feed| (feed.feed, feed.to_value())).collect())),
            ("applied_ms", feeds::to_value(&self.applied)),
        ])
    }
}

#[cfg(feature = "redis")]
fn redis_entries(stats: &RedisStats) -> Vec<(&'static str, Value)> {
    let counts = [
        ("misses", stats.misses),
        ("errors", stats.errors),
        ("corrupt", stats.corrupt),
        ("written", stats.written),
        ("unwritten", stats.unwritten),
        ("connects", stats.connects),
    ];
    let counts = counts.map(|(name, count)| (name, Value::Int(i64::try_from(count).unwrap_or(i64::MAX))));
    [("breaker", Value::from(stats.breaker))].into_iter().chain(counts).collect()
}

#[cfg(not(feature = "redis"))]
fn redis_entries(stats: &RedisStats) -> Vec<(&'static str, Value)> {
    match *stats {}
}

/// The counters behind [`Stats`].
///
/// Checks are counted in several places, a thread always in the same one, so that two threads that check at the same
/// time do not pull one cache line to and fro.
pub(crate) struct Counters {
    shards: Box<[Shard; SHARDS]>,
    pub changes: AtomicU64,
    pub failures: AtomicU64,
    applied: [AtomicU64; APPLIED_BUCKETS.len() + 1],
}

const SHARDS: usize = 16;

#[derive(Default)]
#[repr(align(128))]
struct Shard([AtomicU64; 5]);

impl Counters {
    pub fn new() -> Self {
        Self { shards: Box::default(), changes: AtomicU64::new(0), failures: AtomicU64::new(0), applied: Default::default() }
    }

    /// Counts one check.
    #[inline]
    pub fn check(&self, origin: Origin) {
        self.checks(origin, 1);
    }

    /// Counts checks. (A place that only its thread may write, without the locked addition, was measured: it wins one nanosecond.)
    #[inline]
    pub fn checks(&self, origin: Origin, more: u64) {
        self.shards[shard()].0[origin as usize].fetch_add(more, Ordering::Relaxed);
    }

    /// Begins anew, in a forked child.
    pub fn reset(&self) {
        let counts = self.shards.iter().flat_map(|shard| &shard.0);
        counts.chain([&self.changes, &self.failures]).chain(&self.applied).for_each(|count| count.store(0, Ordering::Relaxed));
    }

    /// A change was applied so long after its commit.
    pub fn applied(&self, took: Duration) {
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.applied.get(APPLIED_BUCKETS.partition_point(|end| *end < took)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn applied_counts(&self) -> [u64; APPLIED_BUCKETS.len() + 1] {
        std::array::from_fn(|at| self.applied.get(at).map_or(0, |bucket| bucket.load(Ordering::Relaxed)))
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
