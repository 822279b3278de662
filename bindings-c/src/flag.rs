//! Flags by index: a name crosses the boundary once, and a number after that.
//!
//! Indices belong to the process, not to a client or a version of the flags: a name that has one keeps it. Names are looked up by
//! index without a lock.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, OnceLock, PoisonError};

use crate::error::guard;
use crate::raw::Text;
use crate::text::MAX_NAME;

/// No flag: there are too many names, or this is none. A check by it is the caller's default.
pub const JACKSTAFF_NO_FLAG: u32 = u32::MAX;

/// Chunks, so that the table can grow while it is read.
const CHUNK: usize = 256;
const CHUNKS: usize = 256;

type Chunk = [OnceLock<&'static str>; CHUNK];

static NAMES: [OnceLock<Box<Chunk>>; CHUNKS] = [const { OnceLock::new() }; CHUNKS];
static INDICES: LazyLock<Mutex<HashMap<&'static str, u32>>> = LazyLock::new(Mutex::default);

/// The index of a flag name, for `jackstaff_look_at` and `jackstaff_look_at_many`. The flag need not exist. A process can have 65 536 names; they are
/// kept for its life, so give indices to the names in your program and not to what users send. `JACKSTAFF_NO_FLAG` beyond that.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_flag(name: Text) -> u32 {
    guard(JACKSTAFF_NO_FLAG, || name.lossy(MAX_NAME).map_or(JACKSTAFF_NO_FLAG, |name| index(&name)))
}

fn index(name: &str) -> u32 {
    let mut indices = INDICES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(index) = indices.get(name) {
        return *index;
    }
    let at = indices.len();
    if at >= CHUNK * CHUNKS {
        return JACKSTAFF_NO_FLAG;
    }
    // Leaked: an index is good for the life of the process.
    let name: &'static str = Box::leak(name.into());
    let chunk = NAMES[at / CHUNK].get_or_init(|| Box::new([const { OnceLock::new() }; CHUNK]));
    chunk[at % CHUNK].get_or_init(|| name);
    indices.insert(name, at as u32);
    at as u32
}

/// The name that has this index.
#[inline]
pub fn name(index: u32) -> Option<&'static str> {
    let index = index as usize;
    NAMES.get(index / CHUNK)?.get()?[index % CHUNK].get().copied()
}
