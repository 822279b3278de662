//! How the core's errors look in JavaScript: an `Error` whose `code` is the kind's word.

use jackstaff::{Error, ErrorKind};

/// A result whose error carries one of [`ErrorKind`]'s words as its `code`.
pub type Result<T> = std::result::Result<T, napi::Error<&'static str>>;

/// The core's error as one that napi throws.
pub fn thrown(error: Error) -> napi::Error<&'static str> {
    napi::Error::new(error.kind().as_str(), error.message().to_owned())
}

/// An argument that our own JavaScript should not have let through.
pub fn argument(message: impl Into<String>) -> napi::Error<&'static str> {
    napi::Error::new(ErrorKind::InvalidArgument.as_str(), message.into())
}

/// Something that Node-API itself refused.
pub fn host(error: napi::Error) -> napi::Error<&'static str> {
    napi::Error::new(ErrorKind::Unavailable.as_str(), error.reason.clone())
}

/// An error as text, for promises: `code`, a line break, the message. Success is the empty text.
pub fn as_text(outcome: &jackstaff::Result<()>) -> String {
    match outcome {
        Ok(()) => String::new(),
        Err(error) => format!("{}\n{}", error.kind().as_str(), error.message()),
    }
}
