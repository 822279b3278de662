//! Jackstaff for Kotlin, Swift and Ruby: the core's client, exported once with UniFFI.
//!
//! UniFFI reads what is exported here out of the built library and writes each language's code from it (`make bindings`); the settings
//! are in the top-level `uniffi.toml`. Names, docstrings and defaults are therefore written once. On top of what is generated stands a thin skin in
//! each language that is tested: `kotlin/` (a Maven package) and `ruby/` (a gem).
//!
//! - [`options`]: the options of a client, as a record.
//! - [`types`]: values, evaluations, changes: what crosses, and the conversions.
//! - [`context`]: who is asking.
//! - [`client`]: the client and its mock.
//! - [`error`]: errors by kind.
//! - [`raw`]: the check itself. A generated call costs microseconds (a buffer for each text, a clone of the handle, a status record), so the
//!   question that is asked a million times has a function of its own that takes plain pointers. All `unsafe` is there.

pub mod client;
pub mod context;
pub mod error;
pub mod options;
pub mod raw;
pub mod types;

uniffi::setup_scaffolding!("jackstaff");
