//! Memory of the caller: all `unsafe` of this crate.
//!
//! The types here are made by C code only; their fields are private, so that no Rust code can make one that points nowhere. Whoever
//! makes one promises what the header says: that the memory is there for the length of the call, and that nobody writes to
//! it meanwhile. Rust's side of the promise is that nothing borrowed from here outlives the call: each method borrows from `self`, which is
//! an argument on the callee's stack. What can be checked is checked before anything is touched: null, length, alignment.

use std::borrow::Cow;
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::slice;

use jackstaff::{Error, ErrorKind, Result};

/// A text: `len` bytes of UTF-8 at `data`, without a zero at the end. `data` may be null; where that means something other than the
/// empty text, the function says so. The bytes need to last only for the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    data: *const u8,
    len: usize,
}

/// Memory of the caller that bytes are written to: `len` bytes at `data`.
#[repr(C)]
pub struct Bytes {
    data: *mut u8,
    len: usize,
}

/// Numbers of the caller's: `len` of them at `data`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Numbers {
    data: *const u32,
    len: usize,
}

/// What the caller wants to have back in its callbacks; never looked at.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Data(*mut c_void);

// SAFETY: we hand the pointer from thread to thread and back to its owner, and never follow it. The header says that callbacks come from
// other threads, so whoever passes one promises that this is fine.
unsafe impl Send for Data {}
// SAFETY: as above; there is nothing to read through a shared one.
unsafe impl Sync for Data {}

impl Text {
    /// A text that points at nothing.
    pub const NULL: Self = Self { data: std::ptr::null(), len: 0 };

    /// A text of ours for the length of a callback.
    pub fn of(text: &str) -> Self {
        Self { data: text.as_ptr(), len: text.len() }
    }

    /// Is this the null text?
    #[inline]
    pub fn is_null(&self) -> bool {
        self.data.is_null()
    }

    /// The bytes.
    ///
    /// # Errors
    /// `InvalidArgument` for more than `limit` bytes, and for null with a length.
    #[inline]
    pub fn bytes(&self, limit: usize) -> Result<&[u8]> {
        if self.len == 0 {
            return Ok(&[]);
        }
        if self.data.is_null() || self.len > limit {
            return Err(unusable(self.data.is_null(), self.len, limit));
        }
        // SAFETY: not null, and shorter than isize::MAX (every limit is); readable for the call by the promise above.
        Ok(unsafe { slice::from_raw_parts(self.data, self.len) })
    }

    /// The text. Bytes that are no UTF-8 become U+FFFD: a check has to have an answer.
    ///
    /// # Errors
    /// As [`Text::bytes`].
    #[inline]
    pub fn lossy(&self, limit: usize) -> Result<Cow<'_, str>> {
        self.bytes(limit).map(String::from_utf8_lossy)
    }

    /// The text, which has to be UTF-8.
    ///
    /// # Errors
    /// As [`Text::bytes`], and `InvalidArgument` for bytes that are no UTF-8.
    pub fn strict(&self, limit: usize) -> Result<&str> {
        std::str::from_utf8(self.bytes(limit)?).map_err(|error| {
            Error::new(ErrorKind::InvalidArgument, format!("the text is not UTF-8 from byte {}", error.valid_up_to())).caused_by(error)
        })
    }
}

impl Bytes {
    /// The memory, of which nothing is known yet; none of it if it is null or larger than any memory.
    pub fn room(&mut self) -> &mut [MaybeUninit<u8>] {
        if self.data.is_null() || self.len > isize::MAX as usize {
            return &mut [];
        }
        // SAFETY: not null, no larger than a slice may be, alignment 1; ours alone for the call by the promise above. Nothing is read.
        unsafe { slice::from_raw_parts_mut(self.data.cast(), self.len) }
    }
}

impl Numbers {
    /// The numbers.
    ///
    /// # Errors
    /// `InvalidArgument` for more than `limit` of them, for null with a length, and for an address that no number can have.
    pub fn read(&self, limit: usize) -> Result<&[u32]> {
        if self.len == 0 {
            return Ok(&[]);
        }
        if self.data.is_null() || self.len > limit {
            return Err(unusable(self.data.is_null(), self.len, limit));
        }
        if !self.data.is_aligned() {
            return Err(Error::new(ErrorKind::InvalidArgument, "the numbers are not aligned to 4 bytes"));
        }
        // SAFETY: not null, aligned, and few enough; readable for the call by the promise above.
        Ok(unsafe { slice::from_raw_parts(self.data, self.len) })
    }
}

#[cold]
fn unusable(is_null: bool, len: usize, limit: usize) -> Error {
    let message = if is_null { format!("null with a length of {len}") } else { format!("a length of {len}: at most {limit} are allowed") };
    Error::new(ErrorKind::InvalidArgument, message)
}

#[cfg(test)]
impl Text {
    /// Whatever a caller could pass.
    pub fn raw(data: *const u8, len: usize) -> Self {
        Self { data, len }
    }
}

#[cfg(test)]
impl Bytes {
    /// Whatever a caller could pass.
    pub fn raw(data: *mut u8, len: usize) -> Self {
        Self { data, len }
    }
}

#[cfg(test)]
impl Numbers {
    /// Whatever a caller could pass.
    pub fn raw(data: *const u32, len: usize) -> Self {
        Self { data, len }
    }
}

#[cfg(test)]
impl Data {
    /// Whatever a caller could pass.
    pub fn raw(data: *mut c_void) -> Self {
        Self(data)
    }

    /// What was passed.
    pub fn get(self) -> *mut c_void {
        self.0
    }
}
