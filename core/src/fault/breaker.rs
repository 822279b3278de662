//! A circuit breaker: after several failures in a row nothing is sent for a while, then one probe decides.
//!
//! Closed, open and half-open as in Michael Nygard's "Release It!"; the whole state is one word, so that a check never waits for
//! another to leave it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// When a breaker opens, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakerOptions {
    /// How many failures in a row open it; default 5; 0 never opens it.
    pub failures: u32,
    /// How long it stays open, a random tenth less or more; default 60 s.
    pub reset: Duration,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self { failures: 5, reset: Duration::from_secs(60) }
    }
}

impl BreakerOptions {
    /// It never opens.
    pub fn off() -> Self {
        Self { failures: 0, ..Self::default() }
    }
}

/// Whether a request may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// It may.
    Go,
    /// It may, and what becomes of it decides whether others may.
    Probe,
    /// It may not, for this much longer.
    Stop(Duration),
}

/// The breaker. The word is `failures` in a row while it is closed, and `OPEN | until` (milliseconds) while it is open;
/// with `PROBE` besides while somebody finds out.
#[derive(Debug)]
pub struct Breaker {
    options: BreakerOptions,
    word: AtomicU64,
    /// Where its milliseconds are counted from.
    origin: Instant,
}

const OPEN: u64 = 1 << 63;
const PROBE: u64 = 1 << 62;
const TIME: u64 = PROBE - 1;

impl Breaker {
    /// A closed breaker.
    pub fn new(options: BreakerOptions, now: Instant) -> Self {
        Self { options, word: AtomicU64::new(0), origin: now }
    }

    /// May a request be sent? Whoever gets `Go` or `Probe` reports by [`Breaker::success`] or [`Breaker::failure`].
    pub fn pass(&self, now: Instant) -> Pass {
        let word = self.word.load(Ordering::Acquire);
        if word & OPEN == 0 {
            return Pass::Go;
        }
        let (until, at) = (word & TIME, self.millis(now));
        if at < until {
            return Pass::Stop(Duration::from_millis(until - at));
        }
        // A probe that never reports, because its task died, must not close the road for ever: it has one more period.
        let probing = OPEN | PROBE | (at + self.options.reset.as_millis() as u64);
        match self.word.compare_exchange(word, probing, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Pass::Probe,
            Err(_) => Pass::Stop(self.options.reset), // somebody else was first
        }
    }

    /// The other side answered, whatever it said.
    pub fn success(&self) {
        self.word.store(0, Ordering::Release);
    }

    /// The other side did not answer, or could not. `chance` is a random number from 0 to 1. Says whether this opened it.
    pub fn failure(&self, now: Instant, chance: f64) -> bool {
        if self.options.failures == 0 {
            return false;
        }
        let until = OPEN | (self.millis(now) + self.options.reset.mul_f64(0.9 + 0.2 * chance).as_millis() as u64);
        let next = |word: u64| {
            if word & OPEN == 0 {
                let failures = word + 1;
                return Some(if failures >= u64::from(self.options.failures) { until } else { failures });
            }
            (word & PROBE != 0).then_some(until) // a late report of before it opened changes nothing
        };
        self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).is_ok_and(|before| next(before) == Some(until))
    }

    /// The other side asked to be left alone for so long (`Retry-After`): it is open until then, a minute at most.
    pub fn hold(&self, now: Instant, pause: Duration) {
        if self.options.failures > 0 {
            let until = self.millis(now) + pause.min(Duration::from_secs(60)).as_millis() as u64;
            self.word.fetch_max(OPEN | until, Ordering::AcqRel);
        }
    }

    /// The state as a word: `closed`, `open` or `half_open`.
    pub fn state(&self, now: Instant) -> &'static str {
        let word = self.word.load(Ordering::Acquire);
        match word & OPEN {
            0 => "closed",
            _ if word & PROBE != 0 || self.millis(now) >= word & TIME => "half_open",
            _ => "open",
        }
    }

    fn millis(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.origin).as_millis() as u64 & TIME
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESET: Duration = Duration::from_secs(60);

    fn opened() -> (Breaker, Instant) {
        let now = Instant::now();
        let breaker = Breaker::new(BreakerOptions::default(), now);
        for failure in 1..=5 {
            assert_eq!(breaker.pass(now), Pass::Go);
            assert_eq!(breaker.failure(now, 0.5), failure == 5);
        }
        (breaker, now)
    }

    #[test]
    fn guide_flaw_36_five_failures_in_a_row_open_it() {
        let (breaker, now) = opened();
        assert_eq!(breaker.pass(now), Pass::Stop(RESET));
        assert_eq!(breaker.state(now), "open");
    }

    #[test]
    fn a_success_between_failures_starts_the_count_over() {
        let now = Instant::now();
        let breaker = Breaker::new(BreakerOptions::default(), now);
        for _ in 0..10 {
            (0..4).for_each(|_| assert!(!breaker.failure(now, 0.5)));
            breaker.success();
        }
        assert_eq!(breaker.pass(now), Pass::Go);
    }

    #[test]
    fn one_probe_at_a_time_decides() {
        let (breaker, now) = opened();
        let later = now + RESET;
        assert_eq!(breaker.pass(later), Pass::Probe);
        assert!(matches!(breaker.pass(later), Pass::Stop(_)), "the others wait for the probe");
        assert!(breaker.failure(later, 0.5));
        assert_eq!(breaker.pass(later), Pass::Stop(RESET));
        let again = later + RESET;
        assert_eq!(breaker.pass(again), Pass::Probe);
        breaker.success();
        assert_eq!((breaker.pass(again), breaker.state(again)), (Pass::Go, "closed"));
    }

    #[test]
    fn a_probe_that_never_reports_does_not_close_the_road() {
        let (breaker, now) = opened();
        assert_eq!(breaker.pass(now + RESET), Pass::Probe);
        assert_eq!(breaker.pass(now + RESET * 2), Pass::Probe);
    }

    #[test]
    fn the_end_is_spread() {
        let until = |chance| {
            let now = Instant::now();
            let breaker = Breaker::new(BreakerOptions { failures: 1, reset: RESET }, now);
            breaker.failure(now, chance);
            breaker.pass(now)
        };
        assert_eq!((until(0.0), until(1.0)), (Pass::Stop(Duration::from_secs(54)), Pass::Stop(Duration::from_secs(66))));
    }

    #[test]
    fn who_asks_to_be_left_alone_is() {
        let now = Instant::now();
        let breaker = Breaker::new(BreakerOptions::default(), now);
        breaker.hold(now, Duration::from_secs(7));
        assert_eq!(breaker.pass(now), Pass::Stop(Duration::from_secs(7)));
        assert_eq!(breaker.pass(now + Duration::from_secs(7)), Pass::Probe);
    }

    #[test]
    fn off_is_off() {
        let now = Instant::now();
        let breaker = Breaker::new(BreakerOptions::off(), now);
        (0..100).for_each(|_| assert!(!breaker.failure(now, 0.5)));
        breaker.hold(now, RESET);
        assert_eq!(breaker.pass(now), Pass::Go);
    }
}
