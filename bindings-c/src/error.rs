//! Errors as codes with a message, and the guard that every entry point runs in.

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};

use jackstaff::ErrorKind;

use crate::text::OwnedText;

/// What went wrong, as far as a program can act on it. In every language the word for it is the name in lower case.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Nothing.
    Ok = 0,
    /// An argument or option is not usable; the message names the value and what would be right.
    InvalidArgument = 1,
    /// A flag document does not compile; the message lists every mistake with its place.
    InvalidDocument = 2,
    /// The thing asked for does not exist.
    NotFound = 3,
    /// The credentials are missing, wrong, or not good for this environment.
    Unauthorized = 4,
    /// The other side could not be reached, or said that it cannot answer now.
    Unavailable = 5,
    /// The other side answered something that is not in the contract.
    InvalidResponse = 6,
    /// The deadline passed first.
    Timeout = 7,
    /// The client was closed.
    Closed = 8,
    /// A file could not be read or written.
    Io = 9,
    /// A mistake in this library.
    Internal = 10,
}

impl Code {
    fn of(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::InvalidArgument => Self::InvalidArgument,
            ErrorKind::InvalidDocument => Self::InvalidDocument,
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::Unauthorized => Self::Unauthorized,
            ErrorKind::Unavailable => Self::Unavailable,
            ErrorKind::InvalidResponse => Self::InvalidResponse,
            ErrorKind::Timeout => Self::Timeout,
            ErrorKind::Closed => Self::Closed,
            ErrorKind::Io => Self::Io,
            _ => Self::Internal,
        }
    }
}

/// An error: its code, and a sentence for people that `jackstaff_error_free` gives back.
#[repr(C)]
pub struct Error {
    pub(crate) code: Code,
    pub(crate) message: OwnedText,
}

/// Runs `body`; a panic in it becomes `fallback`, since unwinding into C is undefined.
#[inline]
pub fn guard<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    // Nothing is left half done that a later call could see: what the core changes it swaps whole.
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(fallback)
}

/// Runs `body` and says how it went, to `out` in full.
pub fn attempt<T>(out: Option<&mut MaybeUninit<Error>>, body: impl FnOnce() -> jackstaff::Result<T>) -> (Code, Option<T>) {
    let (code, value, message) = match guard(None, || Some(body())) {
        Some(Ok(value)) => (Code::Ok, Some(value), OwnedText::none()),
        Some(Err(error)) => (Code::of(error.kind()), None, OwnedText::from(error.message().to_owned())),
        None => (Code::Internal, None, OwnedText::from("a mistake in jackstaff: please report it".to_owned())),
    };
    if let Some(out) = out {
        out.write(Error { code, message });
    }
    (code, value)
}

/// How something went, for a callback: its code and its message.
pub fn told(outcome: &jackstaff::Result<()>) -> (Code, &str) {
    match outcome {
        Ok(()) => (Code::Ok, ""),
        Err(error) => (Code::of(error.kind()), error.message()),
    }
}

/// Frees the message of an error, which then has none. Null is fine.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_error_free(error: Option<&mut Error>) {
    if let Some(error) = error {
        error.message = OwnedText::none();
    }
}
