//! One line when something goes away, one when it is back: a check in a loop must not fill the log.

use std::sync::atomic::{AtomicBool, Ordering};

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
#[derive(Debug, Default)]
pub struct Outage(AtomicBool);

impl Outage {
    /// Takes note of whether a request got through.
    pub fn report(&self, went_well: bool) -> Turn {
        // Nearly always nothing changes: a look is cheaper than a write to a shared line.
        if self.0.load(Ordering::Relaxed) != went_well {
            return Turn::None;
        }
        match (self.0.swap(!went_well, Ordering::AcqRel), went_well) {
            (false, false) => Turn::Began,
            (true, true) => Turn::Ended,
            _ => Turn::None,
        }
    }

    /// Is it away?
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_turns_are_told() {
        let outage = Outage::default();
        let told = [true, false, false, true, true, false].map(|well| outage.report(well));
        assert_eq!(told, [Turn::None, Turn::Began, Turn::None, Turn::Ended, Turn::None, Turn::Began]);
        assert!(outage.is_on());
    }
}
