//! The core's errors as errors of the language, one class per kind.

use jackstaff::ErrorKind;

/// What went wrong, by what a program can do about it. The message names the value that was wrong and what would be right.
#[derive(Debug, uniffi::Error)]
#[uniffi(flat_error)]
pub enum FeatureFlagsError {
    /// An argument or option is not usable.
    InvalidArgument(String),
    /// A flag document does not compile; the message lists every mistake with its place.
    InvalidDocument(String),
    /// The thing asked for does not exist.
    NotFound(String),
    /// The credentials are missing, wrong, or not good for this environment.
    Unauthorized(String),
    /// The other side could not be reached, or said that it cannot answer now.
    Unavailable(String),
    /// The other side answered something that is not in the contract.
    InvalidResponse(String),
    /// The deadline passed first.
    Timeout(String),
    /// The client was closed.
    Closed(String),
    /// A file could not be read or written.
    Io(String),
    /// A mistake in this library.
    Internal(String),
}

/// A result of the library's functions.
pub type Result<T> = std::result::Result<T, FeatureFlagsError>;

impl From<jackstaff::Error> for FeatureFlagsError {
    fn from(error: jackstaff::Error) -> Self {
        let message = error.message().to_owned();
        match error.kind() {
            ErrorKind::InvalidArgument => Self::InvalidArgument(message),
            ErrorKind::InvalidDocument => Self::InvalidDocument(message),
            ErrorKind::NotFound => Self::NotFound(message),
            ErrorKind::Unauthorized => Self::Unauthorized(message),
            ErrorKind::Unavailable => Self::Unavailable(message),
            ErrorKind::InvalidResponse => Self::InvalidResponse(message),
            ErrorKind::Timeout => Self::Timeout(message),
            ErrorKind::Closed => Self::Closed(message),
            ErrorKind::Io => Self::Io(message),
            _ => Self::Internal(message),
        }
    }
}

impl std::fmt::Display for FeatureFlagsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::InvalidArgument(message)
            | Self::InvalidDocument(message)
            | Self::NotFound(message)
            | Self::Unauthorized(message)
            | Self::Unavailable(message)
            | Self::InvalidResponse(message)
            | Self::Timeout(message)
            | Self::Closed(message)
            | Self::Io(message)
            | Self::Internal(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for FeatureFlagsError {}
