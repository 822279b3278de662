//! The memory of answers as it is in `core/src/cache`, file by file, but with a lock whose every order can be tried: `shuttle` runs the
//! threads of a test one at a time and decides at each lock who goes on.
//!
//! The files are compiled from where they are, so what is tried is what is shipped. Only `sync` is another: `core` has the standard
//! library's lock there. Not a feature of `core`, because features add up: whoever turned it on anywhere in a build would turn
//! it on for everybody.

pub mod cache;

// Where the files look for the rest of the core.
pub use jackstaff::{change, context, evaluation, value};
