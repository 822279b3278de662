//! The tokio runtime that all clients of a process share.
//!
//! Made at the first use that needs it and never at import, with its process's id: after a fork the child makes a new one
//! and leaves the one it inherited alone, whose threads did not survive and whose destructor would wait for them for ever. There is no lock
//! to be held by another thread at a fork: two threads that come first at the same time make two, and one of them is put away.

use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};
use tokio::runtime::{Builder, Handle};

use crate::error::{Error, ErrorKind, Result};

/// The process's id, and its runtime.
static RUNTIME: ArcSwapOption<(u32, Handle)> = ArcSwapOption::const_empty();

/// The runtime of this process.
///
/// # Errors
/// `Unavailable` if the system gives us no thread.
pub fn handle() -> Result<Handle> {
    let pid = std::process::id();
    loop {
        let current = RUNTIME.load();
        if let Some((owner, handle)) = current.as_deref()
            && *owner == pid
        {
            return Ok(handle.clone());
        }
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("jackstaff")
            .enable_all()
            .build()
            .map_err(|error| Error::new(ErrorKind::Unavailable, "the background thread could not be started").caused_by(error))?;
        let handle = runtime.handle().clone();
        let before = RUNTIME.compare_and_swap(&*current, Some(Arc::new((pid, handle.clone()))));
        if before.as_ref().map(Arc::as_ptr) == current.as_ref().map(Arc::as_ptr) {
            // Leaked on purpose: a runtime that is dropped while the host exits, or in a forked child, can hang it.
            std::mem::forget(runtime);
            // So is the parent's handle: it may be the last.
            std::mem::forget(Guard::into_inner(before));
            return Ok(handle);
        }
        runtime.shutdown_background(); // another thread was quicker
    }
}
