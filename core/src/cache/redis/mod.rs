//! Answers that a fleet shares, in a Redis or Valkey, beside the guide's own clients.
//!
//! A batch is one `MGET`, and what it did not find is written in one pipeline, after the callers have their answers: a write that fails
//! costs nobody anything. Whatever goes wrong is a miss: reads have a budget of milliseconds, and after several failures in a
//! row nothing is asked for a while (the breaker), with one line of log when that begins and one when it ends.
//!
//! Nothing is ever deleted. An entry carries its version, and whoever knows a newer one takes it for a miss ([`super::known`]); it
//! expires by itself when its time, counted from its evaluation, is over.
//!
//! Beside the answers there is one blob an environment, the ruleset ([`snapshot`]), so that a service can start while the
//! config service is away.

mod entry;
mod link;
mod place;
pub mod snapshot;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use self::entry::Read;
use self::link::{Connection, Link};
use super::key::Key;
use crate::context::View;
use crate::error::{Error, ErrorKind, Result};
use crate::evaluation::Evaluation;
use crate::fault::{Breaker, BreakerOptions, Outage, Pass, Turn, chance};

pub use self::entry::Secret;
pub use self::place::Place;

/// The most writes that are under way; beyond it answers are not written, which costs the fleet a few more questions.
const MAX_WRITES: usize = 64;
/// How long a write may take; nobody waits for it.
const WRITE: Duration = Duration::from_secs(2);
/// Entries expire up to this part of their time early, so that what was written together does not go together.
const SPREAD: f64 = 0.1;

/// How a Redis is used.
#[derive(Clone, Debug)]
pub struct RedisOptions {
    /// Where it is.
    pub place: Place,
    /// Trust these certificates (PEM) instead of the system's.
    pub ca: Option<Vec<u8>>,
    /// How long a read may take before it is a miss.
    pub timeout: Duration,
    /// How long an answer may be served, from its evaluation.
    pub ttl: Duration,
    /// What entries are signed with; without one they are not.
    pub secret: Option<Secret>,
    /// When to stop asking.
    pub breaker: BreakerOptions,
}

/// The shared cache of one environment.
pub struct Redis {
    link: Arc<Link>,
    environment: Arc<str>,
    timeout: Duration,
    ttl: Duration,
    secret: Option<Secret>,
    breaker: Breaker,
    outage: Outage,
    writes: Semaphore,
    runtime: Handle,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    misses: AtomicU64,
    errors: AtomicU64,
    corrupt: AtomicU64,
    written: AtomicU64,
    unwritten: AtomicU64,
}

/// A moment's numbers of a shared cache. Hits are among the client's checks by origin.
#[derive(Clone, Debug, PartialEq)]
pub struct RedisStats {
    /// The breaker: `closed`, `open` or `half_open`.
    pub breaker: &'static str,
    /// Keys that were asked for and held nothing of use.
    pub misses: u64,
    /// Requests that failed or took too long.
    pub errors: u64,
    /// Entries that could not be read or whose signature was wrong.
    pub corrupt: u64,
    /// Entries that were written.
    pub written: u64,
    /// Entries that were not, because of a failure or too many writes under way.
    pub unwritten: u64,
    /// Connections that were made.
    pub connects: u64,
}

/// An answer to be written.
pub struct Entry {
    /// Where it is kept in memory.
    pub key: Key,
    /// The answer.
    pub answer: Evaluation,
}

impl Redis {
    /// A shared cache; connects when it is first used.
    pub fn new(options: RedisOptions, environment: Arc<str>, runtime: Handle) -> Self {
        let certificates = options.ca.map(|ca| redis::TlsCertificates { client_tls: None, root_cert: Some(ca) });
        Self {
            link: Arc::new(Link::new(options.place, certificates, runtime.clone())),
            environment,
            timeout: options.timeout,
            ttl: options.ttl,
            secret: options.secret,
            breaker: Breaker::new(options.breaker, Instant::now()),
            outage: Outage::new(Instant::now()),
            writes: Semaphore::new(MAX_WRITES),
            runtime,
            counts: Counts::default(),
        }
    }

    /// What is there about these flags for this context, each with its age; `None` for a miss. Takes no longer than the budget. `now` is in
    /// milliseconds since 1970.
    pub async fn get(&self, asked: &[(Key, &str)], context: View<'_>, now: i64) -> Vec<Option<(Evaluation, Duration)>> {
        let names: Vec<Option<String>> = asked.iter().map(|(key, flag)| entry::name(&self.environment, flag, context, *key)).collect();
        let mut found = vec![None; asked.len()];
        let mut command = redis::cmd("MGET");
        for name in names.iter().flatten() {
            command.arg(name);
        }
        if names.iter().all(Option::is_none) {
            return found;
        }
        let budget = self.timeout;
        let brought: Result<Vec<Option<Vec<u8>>>> = self.guarded(budget, async |connection| connection.ask(&command).await).await;
        let Ok(brought) = brought else { return found };
        let places = names.iter().enumerate().filter_map(|(place, name)| name.as_deref().map(|name| (place, name)));
        for ((place, name), payload) in places.zip(brought) {
            let (key, flag) = asked[place];
            let read = payload.map(|payload| entry::read(name, key, flag, &payload, now, self.secret.as_ref()));
            found[place] = match read {
                // Redis forgets by its own clock and the writer's; ours counts here.
                Some(Read::Answer(answer, age)) if age < self.ttl => Some((answer, age)),
                Some(Read::Corrupt) => {
                    if self.counts.corrupt.fetch_add(1, Ordering::Relaxed) == 0 {
                        tracing::warn!(flag, "redis: an entry cannot be read, or its signature is wrong; such entries are misses");
                    }
                    None
                }
                _ => None,
            };
        }
        let misses = found.iter().filter(|found| found.is_none()).count() as u64;
        self.counts.misses.fetch_add(misses, Ordering::Relaxed);
        found
    }

    /// Writes answers that were just evaluated, in the background. `now` is when, in milliseconds since 1970.
    pub fn put(self: &Arc<Self>, entries: &[Entry], context: View<'_>, now: i64) {
        let commands: Vec<redis::Cmd> = entries.iter().filter_map(|entry| self.command(entry, context, now)).collect();
        if commands.is_empty() {
            return;
        }
        let me = self.clone();
        self.runtime.spawn(async move {
            let count = commands.len() as u64;
            let counter = match me.write(commands).await {
                Ok(()) => &me.counts.written,
                Err(_) => &me.counts.unwritten,
            };
            counter.fetch_add(count, Ordering::Relaxed);
        });
    }

    fn command(&self, entry: &Entry, context: View<'_>, now: i64) -> Option<redis::Cmd> {
        let name = entry::name(&self.environment, &entry.answer.flag, context, entry.key)?;
        let left = self.ttl.checked_sub(entry.answer.age).filter(|left| !left.is_zero())?;
        let payload = entry::write(&name, entry.key, &entry.answer, entry.answer.age, now, self.secret.as_ref())?;
        let mut command = redis::cmd("SET");
        command.arg(name).arg(payload).arg("PX").arg((left.mul_f64(1.0 - SPREAD * chance()).as_millis() as u64).max(1));
        Some(command)
    }

    async fn write(&self, commands: Vec<redis::Cmd>) -> Result<()> {
        let busy = |_| Error::new(ErrorKind::Unavailable, format!("{MAX_WRITES} writes are under way already"));
        let _permit = self.writes.try_acquire().map_err(busy)?;
        self.guarded(WRITE, async |connection| connection.send(commands).await).await
    }

    /// How it is and what it has done.
    pub fn stats(&self) -> RedisStats {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        RedisStats {
            breaker: self.breaker.state(Instant::now()),
            misses: count(&self.counts.misses),
            errors: count(&self.counts.errors),
            corrupt: count(&self.counts.corrupt),
            written: count(&self.counts.written),
            unwritten: count(&self.counts.unwritten),
            connects: self.link.connects(),
        }
    }

    /// Does `work` with the connection, within `limit`, if the breaker lets it.
    async fn guarded<T>(&self, limit: Duration, work: impl AsyncFnOnce(&mut Connection) -> redis::RedisResult<T>) -> Result<T> {
        let pass = self.breaker.pass(Instant::now());
        if let Pass::Stop(left) = pass {
            return Err(Error::new(ErrorKind::Unavailable, format!("redis is left alone for another {left:?}")));
        }
        let mut used = None;
        let done = tokio::time::timeout(limit, async {
            let (mut connection, number) = self.link.connection().await?;
            used = Some(number);
            work(&mut connection).await.map_err(|error| from_redis(&error))
        });
        match done.await {
            Ok(Ok(done)) => {
                self.breaker.success();
                self.report(None);
                Ok(done)
            }
            Ok(Err(error)) => {
                self.failed(used, &error);
                Err(error)
            }
            Err(_) => {
                let error = Error::new(ErrorKind::Timeout, format!("no answer within {limit:?}"));
                self.failed(used, &error);
                Err(error)
            }
        }
    }

    fn failed(&self, used: Option<u64>, error: &Error) {
        self.counts.errors.fetch_add(1, Ordering::Relaxed);
        self.report(Some(error));
        // A server that says no (out of memory, no right to) is there and may still be read: only silence and broken connections open
        // the breaker.
        let opened = error.is_temporary() && self.breaker.failure(Instant::now(), chance());
        // A slow answer says nothing of the connection; so many in a row do, and so does any other failure.
        if let Some(number) = used
            && (opened || error.kind() == ErrorKind::Unavailable)
        {
            self.link.give_up(number);
        }
    }

    /// One line when it goes away, one when it is back.
    fn report(&self, error: Option<&Error>) {
        let place = || self.link.shown();
        match (self.outage.report(error.is_none(), Instant::now()), error) {
            (Turn::Began, Some(error)) => {
                tracing::warn!(%error, place = place(), "redis cannot be used; checks go on without the shared cache");
            }
            (Turn::Ended, _) => tracing::info!(place = place(), "redis can be used again"),
            _ => {}
        }
    }
}

/// `Unavailable` where another connection may help, `InvalidResponse` where the server said no. Never the command: it holds ids.
fn from_redis(error: &redis::RedisError) -> Error {
    let is_lost = error.is_io_error() || error.is_connection_dropped() || error.is_unrecoverable_error() || error.is_cluster_error();
    // A master that became a replica, or one that is still loading, is not the one to talk to.
    let is_elsewhere = matches!(error.code(), Some("READONLY" | "LOADING" | "MASTERDOWN" | "CLUSTERDOWN"));
    let kind = match () {
        () if error.is_timeout() => ErrorKind::Timeout,
        () if is_lost || is_elsewhere => ErrorKind::Unavailable,
        () => ErrorKind::InvalidResponse,
    };
    let message = error.detail().map_or_else(|| error.to_string(), |detail| format!("{}: {detail}", error.code().unwrap_or("error")));
    Error::new(kind, message)
}
