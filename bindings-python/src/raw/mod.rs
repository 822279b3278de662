//! All `unsafe` of the package: what PyO3 has no words for, or too slow ones.
//!
//! [`check`] is the entry of a check, with [`glance`] for the commonest and [`awaitable`] for the form of an answer under `await`; [`fork`] hears of forks that Python does not;
//! [`interpreter`] asks which interpreter this is. Each says what it relies on. `tests/fuzz.py` calls every entry with whatever there is, and `make memcheck` does so under
//! the eyes of valgrind.

mod awaitable;
pub mod check;
pub mod fork;
mod glance;
pub mod interpreter;
