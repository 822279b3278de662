//! All `unsafe` of the addon: what napi-rs has no words for, or too slow ones.
//!
//! [`door`] is the way of a check, a bare Node-API callback; [`epoch`] writes a number into JavaScript's memory. Each says what it relies on. `test/fuzz.js` calls
//! every door with whatever there is, and `make memcheck` does so under the eyes of valgrind.

pub mod door;
pub mod epoch;
