//! What stands in the place of the shared cache where the feature `redis` is off: there never is one.

use std::sync::Arc;
use std::time::Duration;

use super::Key;
use crate::context::View;
use crate::evaluation::Evaluation;
use crate::ruleset::Ruleset;

/// A shared cache that cannot be.
pub enum Redis {}

/// Its numbers.
pub type RedisStats = std::convert::Infallible;

/// An answer to be written.
pub struct Entry {
    /// Where it is kept in memory.
    pub key: Key,
    /// The answer.
    pub answer: Evaluation,
}

impl Redis {
    /// Never called: there is none.
    pub async fn get(&self, _: &[(Key, &str)], _: View<'_>, _: i64) -> Vec<Option<(Evaluation, Duration)>> {
        match *self {}
    }

    /// Never called: there is none.
    pub fn put(self: &Arc<Self>, _: &[Entry], _: View<'_>, _: i64) {
        match **self {}
    }

    /// Never called: there is none.
    pub async fn ruleset(&self) -> Option<Ruleset> {
        match *self {}
    }

    /// Never called: there is none.
    pub fn offer(self: &Arc<Self>, _: &Ruleset) {
        match **self {}
    }

    /// Never called: there is none.
    pub fn stats(&self) -> RedisStats {
        match *self {}
    }
}
