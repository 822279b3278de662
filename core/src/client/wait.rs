//! Waiting for a client, and asking how it is.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Client, Progress, Stats, runtime};
use crate::error::{Error, ErrorKind, Result};

impl Client {
    /// Waits until the client answers from a ruleset (or knows that the service gives none), at most `timeout`.
    ///
    /// # Errors
    /// `Timeout`, with the last failure; `Closed`. The client goes on trying in the background.
    pub async fn ready(&self, timeout: Duration) -> Result<()> {
        self.wait(timeout, |progress| progress.settled, "no ruleset has arrived").await
    }

    /// Waits until the snapshot has `version` or a later one, at most `timeout`.
    ///
    /// # Errors
    /// `Timeout`, with the version there is; `Closed`.
    pub async fn wait_for_version(&self, version: u64, timeout: Duration) -> Result<()> {
        self.wait(timeout, move |progress| progress.version >= version, &format!("version {version} has not arrived")).await
    }

    async fn wait(&self, timeout: Duration, done: impl Fn(&Progress) -> bool + Send + Sync + 'static, what: &str) -> Result<()> {
        self.start();
        if self.is_closed() {
            return Err(Error::new(ErrorKind::Closed, "the client is closed"));
        }
        let process = self.inner.process.load_full();
        let (mut progress, mut stop) = (process.progress.subscribe(), process.stop.subscribe());
        // On our own runtime, so that the caller may use any executor.
        let waiting = runtime::handle()?.spawn(async move {
            tokio::select! {
                arrived = tokio::time::timeout(timeout, progress.wait_for(|progress| done(progress))) => arrived.map(|_| true),
                _ = stop.wait_for(|stop| *stop) => Ok(false),
            }
        });
        match waiting.await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) | Err(_) => Err(Error::new(ErrorKind::Closed, "the client was closed meanwhile")),
            Ok(Err(_)) => {
                let progress = process.progress.borrow().clone();
                let why = progress
                    .failure
                    .map_or_else(|| format!("the client has version {}", progress.version), |(_, message)| message.to_string());
                Err(Error::new(ErrorKind::Timeout, format!("{what} within {timeout:?}: {why}")))
            }
        }
    }

    /// How the client is and what it has done.
    pub fn stats(&self) -> Stats {
        let by_origin = self.inner.stats.by_origin();
        let snapshot = self.inner.snapshot.load();
        let process = self.inner.process();
        let progress = process.progress.borrow().clone();
        let remote = process.remote.load();
        let (cache_entries, cache_bytes) = remote.as_ref().map_or((0, 0), |remote| remote.size());
        let (breaker, retries) = remote.as_ref().map_or(("closed", 0), |remote| remote.patience());
        Stats {
            status: self.inner.status(),
            checks: by_origin.iter().sum(),
            by_origin,
            version: snapshot.as_ref().map_or(0, |snapshot| snapshot.version),
            epoch: snapshot.as_ref().map_or_else(String::new, |snapshot| snapshot.epoch.to_string()),
            flags: snapshot.as_ref().map_or(0, |snapshot| snapshot.flag_count()),
            age: self.inner.age(),
            changes: self.inner.stats.changes.load(Ordering::Relaxed),
            failures: self.inner.stats.failures.load(Ordering::Relaxed),
            listeners: self.inner.listeners.load().len(),
            feeds: process.feeds.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            applied: self.inner.stats.applied_counts(),
            last_error: progress.failure.as_ref().map(|(_, message)| message.to_string()),
            cache_entries,
            cache_bytes,
            retries,
            breaker,
            redis: process.shared.load().as_ref().map(|shared| shared.stats()),
        }
    }
}
