//! How a client keeps up: one background task that loads the ruleset, follows the service's stream, and asks again
//! whenever it cannot be sure.
//!
//! Every round begins with a question for what is newer (`If-None-Match`, `since`), so a lost event, a gap or a service
//! that was restored from a backup is repaired by the same few lines that start a client. Then the stream is followed until
//! it ends, breaks, or is silent for three pings. Rounds that fail wait longer and longer, up to half a minute, each
//! time a random part of it, so that a fleet does not come back in step.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::away::start_from_shared;
use super::build::{Stamp, read_file};
use super::hints::Hints;
use super::options::{Bootstrap, Evaluate, Options};
use super::stats::FeedStats;
use super::{Inner, Status, runtime};
use crate::api::{Api, Fetched};
use crate::error::{Error, ErrorKind, Result};
use crate::evaluation::{Evaluation, Origin};
use crate::fault::chance;
use crate::feed::Report;
use crate::feed::sse::{Event, Events};
use crate::format::native;
use crate::ruleset::{Delta, Ruleset};
use crate::source::saved;
use crate::wire::{self, Goodbye, Ping};

/// The longest wait between two rounds that fail.
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// How long a stream has to last to count as a success.
const STEADY: Duration = Duration::from_secs(60);
/// How often a service that offers no rulesets is asked whether it does by now.
const REMOTE_ONLY: Duration = Duration::from_secs(300);
/// The name of the service's own stream among the feeds.
const STREAM: &str = "stream";
/// How often a file is looked at.
const FILE_INTERVAL: Duration = Duration::from_secs(1);

impl Inner {
    /// Starts the background task, and puts the way to the service in place.
    pub(super) fn begin_updates(self: &Arc<Self>) {
        let file = match &self.options.bootstrap {
            Some(Bootstrap::File { path, format }) => Some((path.clone(), format.clone())),
            _ => None,
        };
        if self.options.config_service_url.is_none() && file.is_none() {
            return; // a document in memory: nothing to keep up with, and no thread for it
        }
        let failed = |error: Error| self.failed(&error);
        let runtime = match runtime::handle() {
            Ok(runtime) => runtime,
            Err(error) => return failed(error),
        };
        let me = Arc::downgrade(self);
        let process = self.process();
        let stop = process.stop.subscribe();
        let Some(base) = &self.options.config_service_url else {
            if let Some((path, format)) = file {
                runtime.spawn(until_stopped(stop, watch_file(me, path, format)));
            }
            return;
        };
        // What connects to Redis and Kafka needs the runtime's context.
        let _context = runtime.enter();
        let Options { environment, api_key, timeout, retry, breaker, .. } = &self.options;
        let certificates = match self.options.service_certificates() {
            Ok(certificates) => certificates,
            Err(error) => return failed(error),
        };
        let api = match Api::new(base, environment, api_key.as_deref(), certificates, *timeout, retry.clone(), breaker.clone()) {
            Ok(api) => Arc::new(api),
            Err(error) => return failed(error),
        };
        // The options were looked at when the client was made; a file that is gone since then costs the shared cache only.
        let shared = self.shared(&runtime).unwrap_or_else(|error| {
            tracing::warn!(%error, "checks go on without the shared cache");
            None
        });
        process.shared.store(shared.clone());
        if self.options.evaluation != Evaluate::Local {
            process.remote.store(Some(Arc::new(self.remote(api.clone(), shared.clone(), &runtime))));
        }
        let hints = match Hints::of(&self.options) {
            Ok(hints) => hints,
            Err(error) => return failed(error),
        };
        let link = Link { client: me.clone(), api, ruleset: None, hints };
        if self.options.evaluation == Evaluate::Remote {
            process.progress.send_modify(|progress| progress.settled = true);
            if link.hints.has_feeds() {
                runtime.spawn(until_stopped(stop, link.listen()));
            }
        } else {
            if let Some(shared) = shared {
                runtime.spawn(until_stopped(process.stop.subscribe(), start_from_shared(me, shared)));
            }
            runtime.spawn(until_stopped(stop, follow(link)));
        }
    }

    /// Something failed that nobody is waiting for.
    fn failed(&self, error: &Error) {
        self.stats.failures.fetch_add(1, Ordering::Relaxed);
        self.live.store(false, Ordering::Relaxed);
        let mut is_first = false;
        self.process().progress.send_modify(|progress| {
            is_first = progress.failure.is_none();
            progress.failure = Some((error.kind(), error.message().into()));
        });
        // One line per outage, and one when it ends.
        if is_first {
            tracing::warn!(%error, environment = &*self.options.environment, "the config service cannot be followed; answers stay as they are");
        }
    }

    fn succeeded(&self) {
        self.touch();
        let mut was_failing = false;
        self.process().progress.send_if_modified(|progress| {
            was_failing = progress.failure.take().is_some();
            was_failing
        });
        if was_failing {
            tracing::info!(environment = &*self.options.environment, "the config service can be followed again");
        }
    }

    /// Takes note of how a trip for answers went. A question that the service refuses (a name that none can have) is the caller's
    /// mistake, and no sign that the service is away.
    pub(super) fn note_trip(&self, evaluations: &[Evaluation], trouble: Option<&Error>) {
        match trouble {
            Some(error) if error.kind() != ErrorKind::InvalidArgument => self.failed(error),
            Some(_) => self.succeeded(),
            None if evaluations.iter().any(|evaluation| evaluation.origin == Origin::Remote) => self.succeeded(),
            None => {}
        }
    }

    /// How the client is.
    pub(super) fn status(&self) -> Status {
        let process = self.process();
        let progress = process.progress.borrow();
        if self.closed.load(Ordering::Acquire) {
            Status::Closed
        } else if self.snapshot.load().is_none() && !progress.settled {
            Status::NotReady
        } else if progress.failure.is_some() {
            Status::Stale
        } else {
            Status::Ready
        }
    }
}

async fn until_stopped(mut stop: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        // An error means that the client is gone.
        _ = stop.wait_for(|stop| *stop) => {}
    }
}

/// Keeps the snapshot as the service has it, for as long as the client lives.
async fn follow(mut link: Link) {
    let mut wait = Duration::from_secs(1);
    loop {
        let begun = Instant::now();
        let (pause, heeds) = match link.round().await {
            Ok(Next::Wait(pause)) => {
                wait = Duration::from_secs(1);
                (pause, true)
            }
            Ok(Next::Gone) => return,
            Err(error) => {
                let Some(client) = link.client.upgrade() else { return };
                let remote_only =
                    error.kind() == ErrorKind::NotFound && client.options.evaluation == Evaluate::Auto && client.snapshot.load().is_none();
                if remote_only {
                    // The guide's two endpoints are all there is: the service evaluates, for ever or until it can do more.
                    client.process().progress.send_modify(|progress| (progress.settled, progress.remote_only) = (true, true));
                    (REMOTE_ONLY.mul_f64(0.5 + 0.5 * chance()), false)
                } else {
                    client.failed(&error);
                    if begun.elapsed() >= STEADY {
                        wait = Duration::from_secs(1);
                    }
                    let pause = wait.mul_f64(chance());
                    wait = (wait * 2).min(MAX_BACKOFF);
                    (pause, false)
                }
            }
        };
        link.pause(pause, heeds).await;
    }
}

/// What comes after a round.
enum Next {
    Wait(Duration),
    Gone,
}

/// The state of a client that follows a service.
struct Link {
    client: Weak<Inner>,
    api: Arc<Api>,
    /// What the snapshot was compiled from, to apply changes to.
    ruleset: Option<Ruleset>,
    /// What others say.
    hints: Hints,
}

impl Link {
    /// Hears hints for as long as the client lives: all that there is to follow in remote mode.
    async fn listen(mut self) {
        while self.client.strong_count() > 0 {
            self.pause(REMOTE_ONLY, false).await;
        }
    }

    /// Waits, and hears hints meanwhile. With `heeds` it ends early when one is worth a question.
    async fn pause(&mut self, pause: Duration, heeds: bool) {
        let end = Instant::now() + pause;
        loop {
            let ask_at = self.hints.ask_at().filter(|_| heeds);
            tokio::select! {
                report = self.hints.next() => self.hear(report),
                () = sleep_until(ask_at.map_or(end, |at| at.min(end))) => return,
            }
        }
    }

    fn hear(&mut self, report: Report) {
        let Some(client) = self.client.upgrade() else { return };
        let known = self.ruleset.as_ref().map(|ruleset| (&*ruleset.epoch, ruleset.version));
        self.hints.hear(&client, report, known, chance());
    }

    /// One question and, if there is one, the stream that follows.
    async fn round(&mut self) -> Result<Next> {
        let Some(client) = self.client.upgrade() else { return Ok(Next::Gone) };
        let (follows, poll, deadline) = (client.options.stream, client.options.poll_interval, client.options.timeout);
        drop(client); // nothing that waits holds the client: dropping its last handle ends this task
        self.load(deadline).await?;
        if !follows {
            return Ok(Next::Wait(poll.mul_f64(0.8 + 0.4 * chance())));
        }
        let known = self.ruleset.as_ref().map(|ruleset| (&*ruleset.epoch, ruleset.version));
        let events = match self.api.stream(known).await {
            Ok(events) => events,
            // Rulesets but no stream: the questions go on.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Next::Wait(poll.mul_f64(0.8 + 0.4 * chance()))),
            Err(error) => return Err(error),
        };
        let Some(client) = self.client.upgrade() else { return Ok(Next::Gone) };
        client.note_feed(STREAM, FeedStats::joined);
        drop(client);
        let ended = self.stream(events, deadline).await;
        if let Some(client) = self.client.upgrade() {
            client.live.store(false, Ordering::Relaxed);
            let message = ended.as_ref().map_or_else(ToString::to_string, |_| "the service said goodbye".to_owned());
            client.note_feed(STREAM, |stats| stats.away(message));
        }
        ended
    }

    /// Follows a stream to its end, and hears hints meanwhile.
    async fn stream(&mut self, mut events: Events, deadline: Duration) -> Result<Next> {
        loop {
            let ask_at = self.hints.ask_at();
            let event = tokio::select! {
                event = events.next() => event?,
                report = self.hints.next() => {
                    self.hear(report);
                    continue;
                }
                () = async { match ask_at { Some(at) => sleep_until(at).await, None => std::future::pending().await } } => {
                    self.load(deadline).await?;
                    continue;
                }
            };
            let Some(client) = self.client.upgrade() else { return Ok(Next::Gone) };
            let Some(event) = event else {
                return Err(Error::new(ErrorKind::Unavailable, "the service ended the stream without a goodbye"));
            };
            client.live.store(true, Ordering::Relaxed);
            client.succeeded();
            if let Some(next) = self.event(&client, &event)? {
                return Ok(next);
            }
        }
    }

    /// Asks for what is newer.
    async fn load(&mut self, deadline: Duration) -> Result<()> {
        let known = self.ruleset.as_ref().map(|ruleset| (&*ruleset.epoch, ruleset.version));
        // A large ruleset may take longer than a check; it still has an end.
        let fetched = timeout(deadline * 6, self.api.ruleset(known)).await;
        let fetched = fetched.map_err(|_| Error::new(ErrorKind::Timeout, "the ruleset did not arrive in time"))??;
        let Some(client) = self.client.upgrade() else { return Ok(()) };
        let brought = !matches!(fetched, Fetched::Unchanged);
        match fetched {
            Fetched::Unchanged => {}
            Fetched::Full(ruleset) => self.take_whole(&client, *ruleset)?,
            Fetched::Delta(delta) => self.apply(&client, &delta)?,
        }
        self.hints.asked(self.ruleset.as_ref().map(|ruleset| (&*ruleset.epoch, ruleset.version)), brought);
        client.succeeded();
        Ok(())
    }

    /// Acts on an event; says what comes next if the round is over.
    fn event(&mut self, client: &Arc<Inner>, event: &Event) -> Result<Option<Next>> {
        match event.name.as_str() {
            wire::event::FULL => {
                let ruleset: Ruleset = parse(&event.data)?;
                self.api.check_environment(&ruleset.environment)?;
                self.take_whole(client, ruleset)?;
            }
            wire::event::DELTA => {
                client.note_feed(STREAM, |stats| stats.count(|stats| &mut stats.changes));
                let delta: Delta = parse(&event.data)?;
                // A delta over several versions is what somebody gets who was away: how long that was tells nothing of the way.
                let is_news = self.ruleset.as_ref().is_some_and(|ruleset| ruleset.version == delta.prev);
                if let (Some(at), true) = (delta.committed_at, is_news && delta.version == delta.prev + 1) {
                    self.hints.committed(&delta.epoch, delta.version, at);
                }
                self.apply(client, &delta)?;
            }
            wire::event::PING => {
                let ping: Ping = parse(&event.data)?;
                if self.ruleset.as_ref().is_none_or(|ruleset| ruleset.version < ping.version) {
                    return Ok(Some(Next::Wait(Duration::ZERO))); // an event was lost: ask
                }
            }
            wire::event::GOODBYE => {
                let goodbye: Goodbye = parse(&event.data)?;
                return Ok(Some(Next::Wait(Duration::from_millis(goodbye.retry_after_ms.min(60_000)))));
            }
            _ => {} // a later service may have more to say
        }
        Ok(None)
    }

    fn apply(&mut self, client: &Arc<Inner>, delta: &Delta) -> Result<()> {
        let known = |ruleset: &Ruleset| delta.epoch == ruleset.epoch && delta.version <= ruleset.version;
        if self.ruleset.as_ref().is_some_and(known) {
            return Ok(()); // heard of already
        }
        // Where it does not apply there is no ruleset any more, and the next round asks for the whole.
        let Some(mut ruleset) = self.ruleset.take() else {
            return Err(Error::new(ErrorKind::InvalidResponse, "a delta came before a ruleset"));
        };
        let before = ruleset.version;
        ruleset.apply(delta)?;
        self.take(client, ruleset, Some((before, delta)))
    }

    /// Puts a ruleset that came whole in place.
    fn take_whole(&mut self, client: &Arc<Inner>, mut ruleset: Ruleset) -> Result<()> {
        // What later deltas are checked against is what is here, and not what the sender says of it.
        ruleset.digest = ruleset.digest();
        self.take(client, ruleset, None)
    }

    /// Puts a ruleset in place, unless it is older than what is there. `change` is the delta that it comes of, and the version before.
    fn take(&mut self, client: &Arc<Inner>, ruleset: Ruleset, change: Option<(u64, &Delta)>) -> Result<()> {
        let current = client.snapshot.load_full();
        if let Some(current) = &current
            && current.epoch == ruleset.epoch
            && current.version >= ruleset.version
        {
            self.ruleset = Some(ruleset);
            return Ok(()); // a saved ruleset was as new
        }
        let snapshot = match (change, current.as_deref()) {
            (Some((before, delta)), Some(current)) if current.epoch == ruleset.epoch && current.version == before => {
                native::compile_after(&ruleset, delta, current)
            }
            (_, current) => native::compile(&ruleset, current),
        };
        let flags = change.map_or_else(Vec::new, |(_, delta)| delta.put_flags.keys().chain(&delta.del_flags).cloned().collect());
        client.stats.changes.fetch_add(1, Ordering::Relaxed);
        client.install(Arc::new(snapshot), flags);
        self.hints.applied(client, &ruleset.epoch, ruleset.version);
        if let Some(path) = &client.options.snapshot_path
            && let Err(error) = saved::write(path, &ruleset)
        {
            tracing::warn!(%error, "the ruleset could not be saved");
        }
        if let Some(shared) = &*client.process().shared.load() {
            shared.offer(&ruleset);
        }
        self.ruleset = Some(ruleset);
        Ok(())
    }
}

fn parse<T: serde::de::DeserializeOwned>(data: &str) -> Result<T> {
    serde_json::from_str(data).map_err(|error| {
        Error::new(ErrorKind::InvalidResponse, format!("an event of the stream is not in the contract: {error}")).caused_by(error)
    })
}

/// Reads a file again whenever it has changed. One that does not compile leaves the flags as they are.
async fn watch_file(client: Weak<Inner>, path: PathBuf, format: String) {
    let Some(mut seen) = client.upgrade().map(|client| client.file_stamp) else { return };
    loop {
        let Some(interval) = client.upgrade().map(|client| client.options.poll_interval.min(FILE_INTERVAL)) else { return };
        sleep(interval).await;
        let now = Stamp::of(&path);
        if now == seen || now.is_none() {
            continue;
        }
        seen = now;
        let Some(client) = client.upgrade() else { return };
        match read_file(&path, &format, &client.options.environment) {
            Ok(snapshot) => {
                client.stats.changes.fetch_add(1, Ordering::Relaxed);
                client.succeeded();
                client.install(Arc::new(snapshot), Vec::new());
            }
            Err(error) => client.failed(&error),
        }
    }
}
