//! Jackstaff.
pub mod change;
pub mod context;
pub mod error;
pub mod eval;
pub mod evaluation;
pub mod format;
pub mod ir;
pub mod ruleset;
pub mod value;
