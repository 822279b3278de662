//! The tokio runtime that all clients of a process share.
//!
//! Made at the first use that needs it and never at import, with its process's id: after a fork the child makes a new one
//! and leaks the one it inherited, whose threads did not survive and whose destructor would wait for them for ever.

use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::{Error, ErrorKind, Result};

static RUNTIME: Mutex<Option<(u32, &'static Runtime)>> = Mutex::new(None);

/// The runtime of this process.
///
/// # Errors
/// `Unavailable` if the system gives us no thread.
pub fn handle() -> Result<Handle> {
    let pid = std::process::id();
    let mut slot = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((owner, runtime)) = *slot
        && owner == pid
    {
        return Ok(runtime.handle().clone());
    }
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("jackstaff")
        .enable_all()
        .build()
        .map_err(|error| Error::new(ErrorKind::Unavailable, "the background thread could not be started").caused_by(error))?;
    // Leaked on purpose: a runtime that is dropped while the host exits, or in a forked child, can hang it.
    let runtime: &'static Runtime = Box::leak(Box::new(runtime));
    *slot = Some((pid, runtime));
    Ok(runtime.handle().clone())
}
