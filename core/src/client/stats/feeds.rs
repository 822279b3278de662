//! How each feed is, and how long changes take to arrive.

use std::sync::Arc;

use crate::value::Value;

/// The upper ends of the buckets of [`Stats::applied`], in milliseconds.
pub const APPLIED_BUCKETS: [u64; 13] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 5_000, 30_000, 300_000];

/// How a feed is and what it brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeedStats {
    /// Its name: `stream`, `kafka`, `redis`.
    pub feed: &'static str,
    /// Is it joined now?
    pub is_up: bool,
    /// How often it was joined.
    pub joins: u64,
    /// Changes that were news.
    pub changes: u64,
    /// Changes that were known already: sent twice, late, or heard by another feed before.
    pub duplicates: u64,
    /// How often changes before one were missing.
    pub gaps: u64,
    /// Messages that nobody can read.
    pub unreadable: u64,
    /// Messages about nothing of ours: other environments, tombstones.
    pub ignored: u64,
    /// Why it is away, or was last.
    pub last_error: Option<String>,
}

impl FeedStats {
    pub(in crate::client) fn new(feed: &'static str) -> Self {
        Self { feed, ..Self::default() }
    }

    /// It is there. True if it had been away.
    pub(in crate::client) fn joined(&mut self) -> bool {
        let was_away = !self.is_up && self.last_error.is_some();
        self.is_up = true;
        self.joins += 1;
        was_away
    }

    /// It is away. True if that is news.
    pub(in crate::client) fn away(&mut self, error: String) -> bool {
        let is_news = self.is_up || self.last_error.is_none();
        self.is_up = false;
        self.last_error = Some(error);
        is_news
    }

    /// True for the first one.
    pub(in crate::client) fn unreadable(&mut self) -> bool {
        self.unreadable += 1;
        self.unreadable == 1
    }

    pub(in crate::client) fn count(&mut self, which: impl FnOnce(&mut Self) -> &mut u64) -> bool {
        *which(self) += 1;
        true
    }

    pub(in crate::client) fn count_if(&mut self, is_so: bool, which: impl FnOnce(&mut Self) -> &mut u64) -> bool {
        is_so && self.count(which)
    }

    /// By names that all languages share.
    pub(in crate::client) fn to_value(&self) -> Value {
        let counts = [
            ("joins", self.joins),
            ("changes", self.changes),
            ("duplicates", self.duplicates),
            ("gaps", self.gaps),
            ("unreadable", self.unreadable),
            ("ignored", self.ignored),
        ];
        let counts = counts.into_iter().map(|(name, count)| (Arc::from(name), int(count)));
        let others = [("up", Value::Bool(self.is_up)), ("last_error", self.last_error.as_deref().map_or(Value::Null, Value::from))];
        Value::Map(counts.chain(others.map(|(name, value)| (Arc::from(name), value))).collect())
    }
}

/// The buckets as a map from their upper ends in milliseconds (`"+Inf"` for the last) to their counts.
pub(in crate::client) fn to_value(applied: &[u64; APPLIED_BUCKETS.len() + 1]) -> Value {
    let ends = APPLIED_BUCKETS.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
    Value::Map(ends.zip(applied).map(|(end, count)| (end.into(), int(*count))).collect())
}

fn int(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}
