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

mod away;
mod build;
mod check;
mod hints;
pub mod inputs;
pub mod mock;
pub mod options;
#[cfg(feature = "otel")]
pub mod otel;
mod process;
mod runtime;
pub mod stats;
pub mod telemetry;
mod updates;
mod wait;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::change::Change;
use crate::error::{Error, ErrorKind, Result};
use crate::ir::Snapshot;
pub use options::{Evaluate, Options};
use process::Process;
pub use stats::{Stats, Status};

/// A clock: milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    // The one place where the core looks at the wall clock; everything below is handed the time.
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as i64)
}

/// Somebody who is told what changed.
type Listener = Box<dyn Fn(&Change) + Send + Sync>;
/// The most of them: one that is added for each request is a leak.
const MAX_LISTENERS: usize = 1_000;
/// All of them, by their numbers.
type Listeners = Vec<(u64, Arc<Listener>)>;

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
    waiting: ArcSwapOption<Snapshot>,
    /// Everything with a lock in it or a thread behind it: replaced whole after a fork. Nothing beside it may have a lock.
    process: ArcSwap<Process>,
    closed: AtomicBool,
    listeners: ArcSwap<Listeners>,
    next_listener: AtomicU64,
    stats: stats::Counters,
    contact: ArcSwapOption<Instant>,
    /// Is the stream up, so that what is served is known to be current?
    live: AtomicBool,
    /// Are checks recorded?
    is_mock: bool,
    /// The file that the client lives on, as it was when it was read.
    file_stamp: Option<build::Stamp>,
    /// What the application gave for evaluations to ask.
    provided: OnceLock<inputs::Provided>,
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
        let id = self.inner.next_listener.fetch_add(1, Ordering::Relaxed);
        let listener: Arc<Listener> = Arc::new(Box::new(listener));
        let before = self.inner.listeners.rcu(|listeners| match listeners.len() {
            MAX_LISTENERS.. => Listeners::clone(listeners),
            _ => listeners.iter().cloned().chain([(id, listener.clone())]).collect(),
        });
        if before.len() >= MAX_LISTENERS {
            let message = format!("there are {MAX_LISTENERS} change listeners already: remove those you no longer need");
            return Err(Error::new(ErrorKind::InvalidArgument, message));
        }
        self.start();
        Ok(id)
    }

    /// Forgets a listener; does nothing if it is gone already.
    pub fn remove_listener(&self, id: u64) {
        self.inner.listeners.rcu(|listeners| listeners.iter().filter(|(other, _)| *other != id).cloned().collect::<Listeners>());
    }

    /// Puts what is already there in place and starts the background task, once a process. Cheap when it runs.
    pub fn start(&self) {
        let inner = &self.inner;
        if inner.closed.load(Ordering::Acquire) {
            return;
        }
        let process = inner.process();
        if process.started.load(Ordering::Acquire) {
            return;
        }
        let begun = {
            let _gate = process.gate.lock().unwrap_or_else(PoisonError::into_inner);
            if process.started.load(Ordering::Acquire) {
                return;
            }
            // In place before it is gone from where it waited: a fork in between loses nothing.
            let begun = inner.waiting.load_full().filter(|_| inner.snapshot.load().is_none());
            if let Some(snapshot) = &begun {
                inner.snapshot.store(Some(snapshot.clone()));
            }
            inner.waiting.store(None);
            inner.begin_updates();
            process.started.store(true, Ordering::Release);
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
            let process = self.inner.process();
            process.stop.send_replace(true);
            self.inner.snapshot.store(None);
            process.remote.store(None);
            self.inner.listeners.store(Arc::default());
        }
    }

    /// Was it closed?
    pub fn is_closed(&self) -> bool {
        self.inner.closed.load(Ordering::Acquire)
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

    /// Puts a snapshot in place if there is none yet.
    fn install_first(&self, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        let before = self.snapshot.compare_and_swap(std::ptr::null(), Some(snapshot.clone()));
        if before.is_some() {
            return;
        }
        if self.closed.load(Ordering::Acquire) {
            self.snapshot.store(None);
            return;
        }
        self.announce(&snapshot, None, Vec::new());
    }

    fn announce(&self, snapshot: &Snapshot, previous: Option<u64>, flags: Vec<Arc<str>>) {
        let (environment, epoch) = (snapshot.environment.clone(), snapshot.epoch.clone());
        let change = Change { environment, epoch, version: snapshot.version, previous, flags };
        // Listeners first: who waits for a version may rely on what they did (the bindings make their memos old in one).
        self.tell(&change);
        self.process().progress.send_modify(|progress| {
            progress.settled = true;
            progress.remote_only = false;
            progress.version = self.snapshot.load().as_ref().map_or(change.version, |current| current.version);
        });
    }

    fn tell(&self, change: &Change) {
        for (_, listener) in self.listeners.load_full().iter() {
            // A listener that panics is the host's bug; it must not end the updates.
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| listener(change))).is_err() {
                tracing::error!(version = change.version, "a change listener panicked");
            }
        }
    }

    /// The service was heard of just now.
    fn touch(&self) {
        self.contact.store(Some(Arc::new(Instant::now())));
    }

    /// How old what is served may be: zero while the stream is up.
    fn age(&self) -> Duration {
        if self.live.load(Ordering::Relaxed) {
            return Duration::ZERO;
        }
        self.contact.load().as_ref().map_or(Duration::ZERO, |at| at.elapsed())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // A child that never used the client must not touch what it inherited, not even to drop it.
        self.process().stop.send_replace(true);
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

    #[test]
    fn a_forked_child_waits_for_none_of_its_parents_locks() {
        let client = client();
        let heard = Arc::new(AtomicU64::new(0));
        let hears = heard.clone();
        client.on_change(move |_| _ = hears.fetch_add(1, Ordering::Relaxed)).unwrap();
        let parents = client.inner.process.load_full();
        // As a thread would that was in the middle of something when another one forked.
        let held = (parents.gate.lock(), parents.warned.lock(), parents.recorded.lock(), parents.progress.borrow());
        client.after_fork();
        let child = client.clone();
        let (done, finished) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let view = crate::context::View::of("u");
            assert_eq!(child.peek_enabled("f", view, false), Some(true));
            assert_eq!(child.peek_enabled("unknown", view, true), Some(true));
            let document: Value = serde_json::from_str(r#"{"flags":{"f":{"enabled":false}}}"#).unwrap();
            child.replace_document(&document).unwrap();
            assert_eq!(child.block_on(child.ready(Duration::from_secs(5))).unwrap().map_err(|error| error.to_string()), Ok(()));
            assert_eq!((child.stats().checks, child.stats().listeners, child.stats().status), (2, 1, Status::Ready));
            child.recorded();
            child.close();
            done.send(()).unwrap();
        });
        finished.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!(heard.load(Ordering::Relaxed), 1);
        drop(held);
    }

    #[test]
    fn a_check_after_close_is_answered_at_once_and_counted() {
        let client = client();
        client.close();
        let view = crate::context::View::of("u");
        assert_eq!((client.peek_enabled("f", view, true), client.peek_enabled("f", view, false)), (Some(true), Some(false)));
        let found = client.peek("f", view, None, &Value::Int(7)).unwrap();
        assert_eq!((found.value, found.reason), (Value::Int(7), crate::evaluation::Reason::NotReady));
        assert_eq!(client.stats().by_origin[crate::evaluation::Origin::Default as usize], 3);
    }
}
