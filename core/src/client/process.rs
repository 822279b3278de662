//! What of a client belongs to one process, and is left behind by a fork.
//!
//! A child has only the thread that forked. A lock that another thread held at that moment is held for ever there, and so is
//! whatever such a thread was about to do. So everything of a client that has a lock in it, or a thread behind it, stands here, and a child replaces
//! the whole at once without looking inside: the parent's is leaked, since even dropping it would take its locks and talk on
//! its sockets. What outlives a fork (the snapshot, the listeners, the counters) is kept in [`Inner`] without locks, behind
//! atomic pointers.
//!
//! A child is found in two ways: a binding says so ([`Client::after_fork`](super::Client::after_fork)), or a use that is not in a hurry sees another process
//! id ([`Inner::process`]).

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use arc_swap::{ArcSwapOption, Guard};
use tokio::sync::watch;

use super::stats::FeedStats;
use super::{Inner, Progress, mock};
use crate::cache::Redis;
use crate::source::Remote;

/// A client's state in one process.
pub(super) struct Process {
    /// Whose it is.
    pub id: u32,
    /// Held by the one who starts the client; whoever comes second waits until there is somewhere to ask.
    pub gate: Mutex<()>,
    /// Do the updates run, as far as there is something to follow?
    pub started: AtomicBool,
    /// Did they run in the process that this one was forked from?
    pub inherited: bool,
    /// Tells the background task to end.
    pub stop: watch::Sender<bool>,
    /// What waiters for readiness and for versions look at.
    pub progress: watch::Sender<Progress>,
    /// The way to the service; none while there is no need for one.
    pub remote: ArcSwapOption<Remote>,
    /// The cache that a fleet shares; none unless the options name one.
    pub shared: ArcSwapOption<Redis>,
    /// How the feeds are.
    pub feeds: Mutex<Vec<FeedStats>>,
    /// The flags that were warned about.
    pub warned: Mutex<HashSet<String>>,
    /// What a mock was asked.
    pub recorded: mock::Recorded,
}

impl Process {
    /// The state of a client in this process, that has not been used yet. `progress` is how far it has come all the same.
    pub fn new(inherited: bool, progress: Progress) -> Self {
        Self {
            id: std::process::id(),
            gate: Mutex::default(),
            started: AtomicBool::new(false),
            inherited,
            stop: watch::Sender::new(false),
            progress: watch::Sender::new(progress),
            remote: ArcSwapOption::empty(),
            shared: ArcSwapOption::empty(),
            feeds: Mutex::default(),
            warned: Mutex::default(),
            recorded: mock::Recorded::default(),
        }
    }
}

impl Inner {
    /// The state in this process. Costs a system call: checks that memory answers take `self.process.load()`.
    pub(super) fn process(&self) -> Guard<Arc<Process>> {
        let process = self.process.load();
        if process.id == std::process::id() {
            return process;
        }
        self.renew(&process);
        self.process.load()
    }

    /// Puts a new state in place of `parents`, unless another thread of this process did.
    pub(super) fn renew(&self, parents: &Arc<Process>) {
        let snapshot = self.snapshot.load();
        let version = snapshot.as_ref().map_or(0, |snapshot| snapshot.version);
        let progress = Progress { settled: snapshot.is_some(), version, ..Progress::default() };
        let inherited = parents.inherited || parents.started.load(Ordering::Acquire);
        let before = self.process.compare_and_swap(parents, Arc::new(Process::new(inherited, progress)));
        if Arc::ptr_eq(&before, parents) {
            std::mem::forget(parents.clone()); // never dropped: see the top
            // The stream stayed with the parent: until the child has its own, answers have an age.
            self.live.store(false, Ordering::Relaxed);
            // The parent counts its own checks.
            self.stats.reset();
        }
    }
}
