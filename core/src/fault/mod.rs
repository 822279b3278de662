//! What to do when the other side fails: try again, or stop asking for a while.
//!
//! A [`Retry`] says whether and when a failed request is sent again: at most so many times, after a pause that grows and is
//! drawn at random, and only while retries stay a small part of all requests, so that a fleet does not bury a service that is
//! coming back. A [`Breaker`] stops asking altogether after several failures in a row, and lets one request through now and
//! then to see whether it is over. An [`Outage`] makes one line of log out of it, and one more when it ends.
//!
//! All three are handed the time and the chance, and hold numbers only: no lock that another thread could have taken along into
//! a fork, no runtime, no opinion on what is asked.

mod breaker;
mod outage;
mod retry;

pub use breaker::{Breaker, BreakerOptions, Pass};
pub use outage::{Outage, Turn};
pub use retry::{Retry, RetryOptions};

/// A random number from 0 to 1, good enough to spread a fleet.
pub fn chance() -> f64 {
    let number = std::hash::BuildHasher::hash_one(&std::collections::hash_map::RandomState::new(), 0_u8);
    (number >> 11) as f64 / (1_u64 << 53) as f64
}
