//! Jackstaff for C, and for every language that can call C: Go is the first.
//!
//! The header, `include/jackstaff.h`, is this crate's public face; it is generated from these files, their comments with
//! it, and a test keeps it true. It has three kinds of functions:
//!
//! - *Looking* ([`check`]): answers from memory, or says that only a wait could tell. No lock worth naming, no callback, nothing kept of
//!   the caller's memory, so that a host may call them in the cheapest way it has.
//! - *Asking later* ([`later`]): returns at once and calls back from a thread of ours. For hosts with a scheduler of their own, such as Go.
//! - *Asking and waiting* ([`later`], the functions without `_later`): for hosts whose threads may wait, such as C.
//!
//! Texts are a pointer and a length and need no zero at the end ([`raw::Text`]). A flag that is asked about often gets an index once
//! ([`flag`]); a context with attributes is built once ([`context`]). Answers are written where the caller says ([`evaluation`]).
//!
//! No function panics over the boundary: each runs in [`error::guard`]. Null where something is needed is refused with a code, and by a check
//! with the caller's default. What the types of the arguments cannot say is said in [`raw`], which holds all `unsafe` of this crate:
//! a null pointer is an `Option`, an opaque handle a reference, memory to write to a `MaybeUninit`, and a freed handle a `Box` that came back.

pub mod check;
pub mod client;
pub mod context;
pub mod error;
pub mod evaluation;
pub mod flag;
pub mod later;
pub mod listen;
pub mod log;
pub mod raw;
pub mod text;

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;

/// The number of this interface: a change that an older caller would not survive makes it larger.
pub const JACKSTAFF_ABI: u32 = 1;

/// The number of the interface that this library was built with: compare it with `JACKSTAFF_ABI` of the header you compiled with.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_abi() -> u32 {
    JACKSTAFF_ABI
}
