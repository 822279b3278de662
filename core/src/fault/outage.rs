//! One line when something goes away, one when it is back: a check in a loop must not fill the log.
//!
//! What goes away again and again is one outage: a Redis that is full refuses every write and answers every read, and one that is as slow
//! as its limit answers every other question. So the line is written at most once a minute.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long after a line that something went away there is no other.
const QUIET: Duration = Duration::from_secs(60);

/// What a report changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It went away just now: the line to write.
    Began,
    /// It is back: the other line.
    Ended,
    /// As before.
    None,
}

/// Is the other side away?
#[derive(Debug)]
pub struct Outage {
    is_on: AtomicBool,
    /// Was it told that it began, and not yet that it ended?
    is_told: AtomicBool,
    /// From when on the next one may be told, in milliseconds from `origin`.
    quiet_until: AtomicU64,
    origin: Instant,
}

impl Outage {
    /// Nothing is away.
    pub fn new(now: Instant) -> Self {
        Self { is_on: AtomicBool::new(false), is_told: AtomicBool::new(false), quiet_until: AtomicU64::new(0), origin: now }
    }

    /// Takes note of whether a request got through.
    pub fn report(&self, went_well: bool, now: Instant) -> Turn {
        // Nearly always nothing changes: a look is cheaper than a write to a shared line.
        if self.is_on.load(Ordering::Relaxed) != went_well {
            return Turn::None;
        }
        match (self.is_on.swap(!went_well, Ordering::AcqRel), went_well) {
            (false, false) => {
                let now = now.saturating_duration_since(self.origin).as_millis() as u64;
                let quiet_until = self.quiet_until.load(Ordering::Acquire);
                let later = now + QUIET.as_millis() as u64;
                let may_tell = now >= quiet_until
                    && self.quiet_until.compare_exchange(quiet_until, later, Ordering::AcqRel, Ordering::Relaxed).is_ok();
                if !may_tell {
                    return Turn::None;
                }
                self.is_told.store(true, Ordering::Release);
                Turn::Began
            }
            (true, true) if self.is_told.swap(false, Ordering::AcqRel) => Turn::Ended,
            _ => Turn::None,
        }
    }

    /// Is it away?
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_turns_are_told() {
        let now = Instant::now();
        let outage = Outage::new(now);
        let told = [true, false, false, true, true].map(|well| outage.report(well, now));
        assert_eq!(told, [Turn::None, Turn::Began, Turn::None, Turn::Ended, Turn::None]);
        assert_eq!(outage.report(false, now + QUIET), Turn::Began);
        assert!(outage.is_on());
    }

    #[test]
    fn what_goes_away_again_and_again_is_told_once_a_minute() {
        let now = Instant::now();
        let outage = Outage::new(now);
        let told = [false, true, false, true, false, true].map(|well| outage.report(well, now));
        assert_eq!(told, [Turn::Began, Turn::Ended, Turn::None, Turn::None, Turn::None, Turn::None]);
        assert_eq!([false, true].map(|well| outage.report(well, now + QUIET)), [Turn::Began, Turn::Ended]);
    }
}
