//! Why a write was refused.

use std::fmt;

use jackstaff::ruleset::Problem;

use crate::store::{PartName, Record, StoreError};

/// Why a write was refused; nothing of it was kept then.
#[derive(Debug)]
pub enum Refusal {
    /// There is no such flag or segment.
    NoPart(PartName),
    /// There is no such environment.
    NoEnvironment(String),
    /// There is no audit entry of that number.
    NoAuditEntry(u64),
    /// A flag, segment or environment of that name is there already.
    Exists(String),
    /// The part is archived: it has to be restored before it can be written.
    Archived(PartName),
    /// Somebody else wrote first; this is what they wrote.
    Changed(PartName, Box<Record>),
    /// The names or documents are wrong: every mistake at once.
    Invalid(Vec<Problem>),
    /// An argument is wrong.
    BadArgument(String),
    /// This cannot be done to that.
    Impossible(String),
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPart((section, name)) => write!(f, "there is no {} \"{name}\"", section.as_str()),
            Self::NoEnvironment(name) => write!(f, "there is no environment \"{name}\""),
            Self::NoAuditEntry(id) => write!(f, "there is no audit entry {id}"),
            Self::Exists(what) => write!(f, "{what} is there already"),
            Self::Archived((section, name)) => {
                write!(f, "{} \"{name}\" is archived: restore it first, or take another name", section.as_str())
            }
            Self::Changed((section, name), record) => {
                write!(f, "{} \"{name}\" is at revision {}: get it and try again", section.as_str(), record.revision)
            }
            Self::Invalid(problems) => {
                let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
            Self::BadArgument(message) | Self::Impossible(message) => f.write_str(message),
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Refusal {}
