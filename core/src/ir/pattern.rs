//! Patterns that need backtracking, with a bound on their steps.

use std::fmt::{self, Display, Formatter};

use fancy_regex::{Regex, RegexBuilder};

/// How often a match may go back and try something else. Enough for any pattern on any text of a context that is not made to
/// take for ever; the worst takes some milliseconds.
pub const MAX_BACKTRACKS: usize = 100_000;

/// A pattern of the dialects that JavaScript and Python have beyond linear time: look-around and references back.
///
/// [`regex::Regex`] stays the first choice, since nothing can make it slow. Steps are bounded here by the engine
/// (`fancy-regex`), which counts each time it goes back; a match that runs out of them is unknown, not false.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn new(pattern: &str) -> Result<Self, String> {
        RegexBuilder::new(pattern).backtrack_limit(MAX_BACKTRACKS).build().map(Self).map_err(|error| error.to_string())
    }

    /// Does it match anywhere in the text? `None` if it ran out of steps.
    pub fn is_match(&self, text: &str) -> Option<bool> {
        self.0.is_match(text).ok()
    }
}

impl Display for Pattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}
