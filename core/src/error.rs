//! One error for the whole crate: a kind to act on, a sentence to read, and where it came from.
//!
//! A *check* never returns this: it answers with the caller's default and a
//! [`Reason`](crate::evaluation::Reason). Errors belong to set-up, to loading and to the service.

use std::fmt;
use std::time::Duration;

/// What went wrong, as far as a program can act on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument or option is not usable; the message names the value and what would be right.
    InvalidArgument,
    /// A flag document does not compile; the message lists every mistake with its place.
    InvalidDocument,
    /// The thing asked for does not exist.
    NotFound,
    /// The credentials are missing, wrong, or not good for this environment.
    Unauthorized,
    /// The other side could not be reached, or said that it cannot answer now.
    Unavailable,
    /// The other side answered something that is not in the contract.
    InvalidResponse,
    /// The deadline passed first.
    Timeout,
    /// The client was closed.
    Closed,
    /// A file could not be read or written.
    Io,
}

impl ErrorKind {
    /// The kind as a stable lower-case word, for logs, codes and bindings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid_argument",
            Self::InvalidDocument => "invalid_document",
            Self::NotFound => "not_found",
            Self::Unauthorized => "unauthorized",
            Self::Unavailable => "unavailable",
            Self::InvalidResponse => "invalid_response",
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Io => "io",
        }
    }
}

/// An error with its kind, its message and, where there is one, its cause.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    retry_after: Option<Duration>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of `kind`; `message` is lower-case and names the value that was wrong.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after: None, source: None }
    }

    /// The same error, keeping what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same error, with how long the other side asked to be left alone.
    #[must_use]
    pub fn after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
        self
    }

    /// How long the other side asked to be left alone, if it did.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What went wrong, to match on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What went wrong, to read.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// May the same call succeed later without anybody changing anything?
    pub fn is_temporary(&self) -> bool {
        matches!(self.kind, ErrorKind::Unavailable | ErrorKind::Timeout)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
