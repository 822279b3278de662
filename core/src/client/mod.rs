//! The client: what a service holds on to and asks.
//!
//! A [`Client`] is made once and shared. Making one never blocks and never connects; the first use that needs
//! the network starts one background task ([`updates`]) on a runtime that all clients of the process share
//! ([`runtime`]). From then on the environment's snapshot is kept in memory and a check is a function call:
//! [`Client::peek`] answers without a future, a lock or an allocation worth naming. What cannot be answered now, an
//! `auto` client before its first snapshot or a `remote` one that has not cached the answer, goes to the config service
//! once ([`crate::source`]), within the deadline.
//!
//! A check never fails: what goes wrong becomes the caller's default, with a [`Reason`].

mod build;
mod check;
pub mod mock;
pub mod options;
mod runtime;
pub mod stats;
mod updates;
mod wait;

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use crate::change::Change;
use crate::error::{Error, ErrorKind, Result};
use crate::ir::Snapshot;
use crate::source::Remote;
pub use options::{Evaluate, Options};
pub use stats::{Stats, Status};

/// A clock: milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    // The one place where the core looks at the wall clock; everything below is handed the time.
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

/// Somebody who is told what changed.
type Listener = Box<dyn Fn(&Change) + Send + Sync>;

/// A feature-flag client. Cheap to clone; all clones are one client.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    options: Options,
    /// What checks are evaluated on; none until the client has started and a ruleset is there.
    snapshot: ArcSwapOption<Snapshot>,
    /// A snapshot from the options or the disk, which the start puts in place: so that the first check, which finds
    /// nothing, starts the updates, and no later check has to look whether they run.
    waiting: Mutex<Option<Arc<Snapshot>>>,
    /// The way to the service; none while there is no need for one.
    remote: ArcSwapOption<Remote>,
    /// The process that the background task runs in: another id after a fork.
    started_in: AtomicU32,
    closed: AtomicBool,
    /// Tells the background task to end.
    stop: watch::Sender<bool>,
    /// What waiters for readiness and for versions look at.
    progress: watch::Sender<Progress>,
    listeners: Mutex<Vec<(u64, Arc<Listener>)>>,
    next_listener: AtomicU64,
    stats: stats::Counters,
    contact: Mutex<Option<Instant>>,
    /// Is the stream up, so that what is served is known to be current?
    live: AtomicBool,
    recorded: Option<mock::Recorded>,
    /// The file that the client lives on, as it was when it was read.
    file_stamp: Option<build::Stamp>,
    /// The flags that were warned about.
    warned: Mutex<HashSet<String>>,
}

/// How far the client has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    /// Is there a ruleset, or do we know that the service has none to give?
    settled: bool,
    /// The service answers only single evaluations.
    remote_only: bool,
    version: u64,
    /// The last thing that went wrong, until something goes right.
    failure: Option<(ErrorKind, Arc<str>)>,
}

impl Client {
    /// The options that this client was made with.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// The snapshot that checks are evaluated on now.
    pub fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.inner.snapshot.load_full()
    }

    /// Calls `listener` after each change, on the background task: it must not block. Returns a number for
    /// [`Client::remove_listener`]. At most 1 000 listeners.
    ///
    /// # Errors
    /// `InvalidArgument` when there are too many: a listener that is added for each request is a leak.
    pub fn on_change(&self, listener: impl Fn(&Change) + Send + Sync + 'static) -> Result<u64> {
        let mut listeners = self.inner.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if listeners.len() >= 1_000 {
            return Err(Error::new(ErrorKind::InvalidArgument, "there are 1000 change listeners already: remove those you no longer need"));
        }
        let id = self.inner.next_listener.fetch_add(1, Ordering::Relaxed);
        listeners.push((id, Arc::new(Box::new(listener))));
        drop(listeners);
        self.start();
        Ok(id)
    }

    /// Forgets a listener; does nothing if it is gone already.
    pub fn remove_listener(&self, id: u64) {
        self.inner.listeners.lock().unwrap_or_else(PoisonError::into_inner).retain(|(other, _)| *other != id);
    }

    /// Puts what is already there in place and starts the background task, once a process. Cheap when it runs.
    pub fn start(&self) {
        let inner = &self.inner;
        let pid = std::process::id();
        if inner.closed.load(Ordering::Acquire) || inner.started_in.load(Ordering::Acquire) == pid {
            return;
        }
        let begun = {
            // Whoever comes second waits until there is somewhere to ask, instead of finding nothing.
            let Some(mut waiting) = lock_within(&inner.waiting, Duration::from_secs(1)) else { return };
            if inner.started_in.load(Ordering::Acquire) == pid {
                return;
            }
            let begun = waiting.take();
            if let Some(snapshot) = &begun {
                inner.snapshot.store(Some(snapshot.clone()));
            }
            inner.begin_updates();
            inner.started_in.store(pid, Ordering::Release);
            begun
        };
        // Outside the lock: a listener may come back here.
        if let Some(snapshot) = begun {
            inner.announce(&snapshot, None, Vec::new());
        }
    }

    /// Ends the background task and forgets the answers' source; later checks get their defaults with reason
    /// `not_ready`. Bounded, and harmless when repeated.
    pub fn close(&self) {
        if !self.inner.closed.swap(true, Ordering::AcqRel) {
            self.inner.stop.send_replace(true);
            self.inner.snapshot.store(None);
            self.inner.remote.store(None);
            self.inner.listeners.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    /// Was it closed?
    pub fn is_closed(&self) -> bool {
        self.inner.closed.load(Ordering::Acquire)
    }
}

/// Locks, or gives up: a thread of a parent process may have held the lock when this process was forked from it, and will never
/// let go.
fn lock_within<T>(mutex: &Mutex<T>, limit: Duration) -> Option<MutexGuard<'_, T>> {
    let begun = Instant::now();
    loop {
        match mutex.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if begun.elapsed() >= limit => return None,
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_micros(50)),
        }
    }
}

impl Inner {
    /// Puts a snapshot in place and tells everybody. `flags` are those whose answers may differ; empty for any.
    fn install(&self, snapshot: Arc<Snapshot>, flags: Vec<Arc<str>>) {
        if self.closed.load(Ordering::Acquire) {
            return;
        }
        let previous = self.snapshot.swap(Some(snapshot.clone())).map(|before| before.version);
        if self.closed.load(Ordering::Acquire) {
            self.snapshot.store(None); // closed while this came in: what is closed answers nothing
            return;
        }
        self.announce(&snapshot, previous, flags);
    }

    fn announce(&self, snapshot: &Snapshot, previous: Option<u64>, flags: Vec<Arc<str>>) {
        let (environment, epoch) = (snapshot.environment.clone(), snapshot.epoch.clone());
        let change = Change { environment, epoch, version: snapshot.version, previous, flags };
        // Listeners first: who waits for a version may rely on what they did (the bindings make their memos old in one).
        self.tell(&change);
        self.progress.send_modify(|progress| {
            progress.settled = true;
            progress.remote_only = false;
            progress.version = self.snapshot.load().as_ref().map_or(change.version, |current| current.version);
        });
    }

    fn tell(&self, change: &Change) {
        let listeners: Vec<_> = {
            let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
            listeners.iter().map(|(_, listener)| listener.clone()).collect()
        };
        for listener in listeners {
            // A listener that panics is the host's bug; it must not end the updates.
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| listener(change))).is_err() {
                tracing::error!(version = change.version, "a change listener panicked");
            }
        }
    }

    /// The service was heard of just now.
    fn touch(&self) {
        *self.contact.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// How old what is served may be: zero while the stream is up.
    fn age(&self) -> Duration {
        if self.live.load(Ordering::Relaxed) {
            return Duration::ZERO;
        }
        self.contact.lock().unwrap_or_else(PoisonError::into_inner).map_or(Duration::ZERO, |at| at.elapsed())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("environment", &self.inner.options.environment).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Value;

    fn client() -> Client {
        let document: Value = serde_json::from_str(r#"{"flags":{"f":{}}}"#).unwrap();
        Client::from_document(document, "development").unwrap()
    }

    #[test]
    fn a_forked_child_does_not_take_the_parents_stream_for_its_own() {
        let client = client();
        client.inner.touch();
        client.inner.live.store(true, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(client.stats().age, Duration::ZERO);
        client.after_fork();
        assert!(client.stats().age >= Duration::from_millis(2));
    }

    #[test]
    fn what_arrives_at_a_closed_client_is_dropped() {
        let client = client();
        let snapshot = client.snapshot().unwrap();
        client.close();
        client.inner.install(snapshot, Vec::new());
        assert!(client.snapshot().is_none());
    }
}
