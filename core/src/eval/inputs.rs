//! What an evaluation asks of the world. Everything is handed in, so that a test, a replay and the service can each give their own.

use crate::context::View;
use crate::value::Value;

/// The clock, randomness, and values and sets that are kept outside the snapshot.
///
/// A closure that yields the time is one that knows nothing else, which is enough for our own flags:
///
/// ```
/// # use jackstaff::eval::Inputs;
/// let inputs: &dyn Inputs = &|| 1_795_305_600_000;
/// assert_eq!((inputs.now(), inputs.random()), (1_795_305_600_000, None));
/// ```
///
/// Nothing here may block: a check waits for it. What has to be fetched is fetched before.
pub trait Inputs {
    /// Now, in milliseconds since 1970. Called only for flags that ask for the time.
    fn now(&self) -> i64;

    /// 64 random bits, others each time; `None` (the default) where there is no randomness.
    fn random(&self) -> Option<u64> {
        None
    }

    /// The value of that name for this context; `None` (the default) where nobody knows it.
    fn external(&self, name: &str, context: View<'_>) -> Option<Value> {
        let _ = (name, context);
        None
    }

    /// Is `member` in the set of that name? `None` (the default) where nobody knows the set.
    fn contains(&self, set: &str, member: &str) -> Option<bool> {
        let _ = (set, member);
        None
    }
}

impl<F: Fn() -> i64> Inputs for F {
    fn now(&self) -> i64 {
        self()
    }
}

/// Which inputs an answer rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The clock: the answer may be another later, without any change of the flag.
    pub time: bool,
    /// Randomness: the answer is for this one check, and keeping it would give everybody the same.
    pub random: bool,
    /// A value or a set from outside, which may change without the flag.
    pub external: bool,
}

impl Asked {
    /// Is the answer the same until the flag changes, so that a caller may keep it?
    pub fn nothing(self) -> bool {
        self == Self::default()
    }
}
