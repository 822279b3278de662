//! Front-ends: documents of flags, ours and the rivals', into snapshots.
//!
//! A front-end is one folder that ends in one [`Format`]; the only other line that knows of it is its
//! entry in [`FORMATS`]. Clients, the service and the command line find it there by name.

pub mod native;
pub mod ufc;

use crate::error::{Error, ErrorKind, Result};
use crate::eval::Answer;
use crate::evaluation::ErrorCode;
use crate::ir::Snapshot;
use crate::ruleset::Syntax;

/// A kind of flag document and how to compile it.
pub struct Format {
    /// The name in options and on the command line.
    pub name: &'static str,
    /// One line for `--help`.
    pub about: &'static str,
    /// Compiles a document for an environment. Flags that do not compile become invalid flags; an `Err`
    /// means that the document as a whole cannot be used.
    pub compile: fn(text: &str, syntax: Syntax, environment: &str) -> Result<Snapshot>,
    /// The vendor's own word for why an evaluation came out as it did; ours is [`crate::evaluation::Reason`].
    pub reason: fn(&Result<Answer<'_>, ErrorCode>) -> &'static str,
}

/// All formats, ours first.
pub static FORMATS: &[&Format] = &[&native::FORMAT, &ufc::FORMAT];

/// The format of that name.
///
/// # Errors
/// `InvalidArgument`, listing the names there are.
pub fn by_name(name: &str) -> Result<&'static Format> {
    FORMATS.iter().copied().find(|format| format.name == name).ok_or_else(|| {
        let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
        Error::new(ErrorKind::InvalidArgument, format!("there is no flag format \"{name}\"; the formats are {}", names.join(", ")))
    })
}
