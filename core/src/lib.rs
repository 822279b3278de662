//! Feature flags, evaluated in process: the core that every Jackstaff client shares.
//!
#![cfg_attr(feature = "client", doc = "```")]
#![cfg_attr(not(feature = "client"), doc = "```ignore")]
//! use jackstaff::{Client, Context, View, Value};
//!
//! let flags: Value = serde_json::from_str(r#"{ "flags": {
//!     "new_ui": { "rules": [{ "when": { "attribute": "plan", "equals": "pro" }, "serve": "on" }] }
//! } }"#)?;
//! let client = Client::from_document(flags, "development")?;
//! let ann = Context::new("ann")?.with("plan", "pro")?;
//! assert_eq!(client.peek_enabled("new_ui", ann.view(), false), Some(true));
//! assert_eq!(client.peek_enabled("new_ui", View::of("bob"), false), Some(false));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The story
//!
//! Somebody writes flags: rules over attributes, target lists, percentages. The document as written is a
//! [`ruleset`]; a front-end ([`format`]) compiles it, once, into a small [intermediate representation](ir), and that is a
//! [`Snapshot`](ir::Snapshot): immutable, replaced whole. A check reads it. [`eval::evaluate`] is a function of a
//! snapshot, a flag, a [`Context`] and a clock, and nothing else, so it gives the same [`Evaluation`] in the config service, the command line
//! and every language.
//!
//! A [`Client`] keeps a snapshot current. It asks the config service for the ruleset ([`api`]), follows its stream of
//! changes ([`feed`]), and swaps a new snapshot in while checks go on. Where it has no snapshot it asks the service for single answers
//! ([`source`]) and keeps them ([`cache`]) by rules under which an old answer never replaces a newer one.
//!
//! A check never fails, never blocks past its deadline, and never lies about its age: what goes wrong becomes the caller's
//! default with a [`Reason`].
//!
//! # The floors
//!
//! A module imports what stands on its own floor in its folder, and anything below; never upwards.
//!
//! | floor | modules |
//! | --- | --- |
//! | 6 | [`client`] |
//! | 5 | [`source`] |
//! | 4 | [`cache`], [`feed`], [`api`], [`kafka`] |
//! | 3 | [`ir`], [`eval`], [`format`], [`wire`]: pure |
//! | 2 | [`context`], [`evaluation`], [`ruleset`] |
//! | 1 | [`error`], [`value`], [`change`] |
//!
//! Without the feature `client` (on by default) floors 4 to 6 are left out, and with them tokio and HTTP: the config service evaluates with
//! exactly that.

#![forbid(unsafe_code)]

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
pub mod fault;
#[cfg(feature = "client")]
pub mod feed;
pub mod format;
pub mod ir;
#[cfg(feature = "kafka")]
pub mod kafka;
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

#[cfg(test)]
mod tests {
    /// What services keep in statics and send between threads.
    #[test]
    fn public_types_are_shared_between_threads() {
        fn shared<T: Send + Sync + 'static>() {}
        shared::<crate::ir::Snapshot>();
        shared::<crate::Context>();
        shared::<crate::Evaluation>();
        shared::<crate::Error>();
        #[cfg(feature = "client")]
        shared::<crate::Client>();
    }
}
