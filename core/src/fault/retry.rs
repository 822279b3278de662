//! When a failed request is sent again.
//!
//! Exponential back-off with full jitter (Marc Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015), under a
//! budget as in Finagle: each request pays a part of a retry in, each retry takes a whole one out.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use crate::error::Error;

/// How failed requests are repeated.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryOptions {
    /// How often a request is sent in all, the first time included; default 3, at most 10; 1 sends nothing again.
    pub attempts: u32,
    /// The first pause is drawn from zero to this; each later one from twice as much. Default 1 s.
    pub min: Duration,
    /// No pause is longer; default 10 s.
    pub max: Duration,
    /// Retries may be this part of all requests (0 to 1), beyond a reserve of ten; default 0.1.
    pub budget: f64,
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self { attempts: 3, min: Duration::from_secs(1), max: Duration::from_secs(10), budget: 0.1 }
    }
}

impl RetryOptions {
    /// Nothing is sent twice.
    pub fn off() -> Self {
        Self { attempts: 1, ..Self::default() }
    }
}

/// A thousandth of a retry.
const WHOLE: i64 = 1_000;
/// The reserve: what a client that asks seldom may spend.
const RESERVE: i64 = 10 * WHOLE;

/// The rule and what is left of the budget.
#[derive(Debug)]
pub struct Retry {
    options: RetryOptions,
    budget: AtomicI64,
    retries: AtomicU64,
}

impl Retry {
    /// A rule with a full reserve.
    pub fn new(options: RetryOptions) -> Self {
        Self { options, budget: AtomicI64::new(RESERVE), retries: AtomicU64::new(0) }
    }

    /// A request is sent for the first time: it pays into the budget.
    pub fn begin(&self) {
        let paid = (self.options.budget * WHOLE as f64) as i64;
        let pay = |left: i64| Some((left + paid).min(RESERVE));
        // The closure never declines.
        let _ = self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay);
    }

    /// `attempt` (1 is the first) failed with `error`: how long to wait before the next one, or `None` if there is none. `left` is
    /// the time until the deadline, `chance` a random number from 0 to 1.
    ///
    /// Only what may succeed later is tried again: no connection, a server's error, too many requests; never a refusal. A
    /// `Retry-After` is the least that is waited.
    pub fn pause(&self, attempt: u32, error: &Error, left: Duration, chance: f64) -> Option<Duration> {
        if attempt >= self.options.attempts || !error.is_temporary() {
            return None;
        }
        let ceiling = self.options.min.saturating_mul(1 << (attempt - 1).min(16)).min(self.options.max);
        let pause = ceiling.mul_f64(chance).max(error.retry_after().unwrap_or_default());
        // One that ends after the deadline could only waste the other side's time.
        if pause >= left {
            return None;
        }
        let take = |budget: i64| (budget >= WHOLE).then_some(budget - WHOLE);
        self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).ok()?;
        self.retries.fetch_add(1, Ordering::Relaxed);
        Some(pause)
    }

    /// How many requests were sent again.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    const LEFT: Duration = Duration::from_secs(60);

    fn unavailable() -> Error {
        Error::new(ErrorKind::Unavailable, "no")
    }

    #[test]
    fn guide_flaw_35_a_failed_request_is_repeated_with_growing_pauses() {
        let retry = Retry::new(RetryOptions { attempts: 10, ..RetryOptions::default() });
        let pauses: Vec<u64> = (1..7).map(|attempt| retry.pause(attempt, &unavailable(), LEFT, 1.0).unwrap().as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 10, 10]);
        assert_eq!(retry.pause(1, &unavailable(), LEFT, 0.25), Some(Duration::from_millis(250)));
        assert_eq!(retry.retries(), 7);
    }

    #[test]
    fn guide_flaw_39_only_what_may_succeed_later_is_repeated() {
        let retry = Retry::new(RetryOptions::default());
        for kind in [ErrorKind::Unauthorized, ErrorKind::NotFound, ErrorKind::InvalidArgument, ErrorKind::InvalidResponse] {
            assert_eq!(retry.pause(1, &Error::new(kind, "no"), LEFT, 0.5), None, "{kind:?}");
        }
        assert!(retry.pause(2, &unavailable(), LEFT, 0.5).is_some());
        assert_eq!(retry.pause(3, &unavailable(), LEFT, 0.5), None, "three in all");
    }

    #[test]
    fn a_service_that_says_when_is_listened_to() {
        let retry = Retry::new(RetryOptions::default());
        let busy = |seconds| unavailable().after(Duration::from_secs(seconds));
        assert_eq!(retry.pause(1, &busy(4), LEFT, 0.5), Some(Duration::from_secs(4)));
        assert_eq!(retry.pause(1, &busy(90), LEFT, 0.5), None, "that is after the deadline");
    }

    #[test]
    fn retries_stay_a_tenth_of_the_requests() {
        let retry = Retry::new(RetryOptions::default());
        let mut repeated = 0;
        for _ in 0..1_000 {
            retry.begin();
            repeated += u32::from(retry.pause(1, &unavailable(), LEFT, 0.0).is_some());
        }
        assert!((100..=111).contains(&repeated), "{repeated}");
    }
}
