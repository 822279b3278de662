//! Jackstaff.
#[cfg(feature = "client")]
pub mod api;
#[cfg(feature = "client")]
pub mod cache;
pub mod change;
#[cfg(feature = "client")]
pub mod client;
pub mod context;
pub mod error;
pub mod eval;
pub mod evaluation;
#[cfg(feature = "client")]
pub mod feed;
pub mod format;
pub mod ir;
pub mod ruleset;
#[cfg(feature = "client")]
pub mod source;
pub mod value;
pub mod wire;

#[cfg(feature = "client")]
pub use client::{Client, Options};
pub use context::{Attributes, Context, View};
pub use error::{Error, ErrorKind, Result};
pub use evaluation::{Evaluation, Origin, Reason};
pub use ir::ValueType;
pub use value::Value;
