//! Server-sent events: `full` or `delta` first, then a `delta` per move, a `ping` every 15 s, and `goodbye`.
//!
//! Memory is constant per stream: a stream holds a receiver of the newest [`Published`] and the version it sent last. A slow
//! reader skips versions and gets one merged delta; nothing queues up behind it. The bytes of a delta or of the whole
//! ruleset are made once and shared by all streams.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use futures_util::Stream;
use jackstaff::wire::{Goodbye, Ping, event};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::Publisher;
use crate::clock::Clock;
use crate::environments::published::Published;
use crate::histogram::Histogram;
use crate::random::jitter;
use crate::store::Standing;

/// Limits and times of streams.
#[derive(Clone, Copy, Debug)]
pub struct StreamOptions {
    /// How many streams there may be at once; default 20 000.
    pub max_streams: usize,
    /// How often a stream without news shows that it is alive; default 15 s.
    pub ping: Duration,
    /// A stream ends between this and three times this, so that streams spread over services again; default 10 min.
    pub min_age: Duration,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self { max_streams: 20_000, ping: Duration::from_secs(15), min_age: Duration::from_secs(600) }
    }
}

/// All streams of this process.
pub struct Streams {
    options: StreamOptions,
    clock: Clock,
    places: Arc<Semaphore>,
    environments: Mutex<BTreeMap<Arc<str>, Channel>>,
    closing: watch::Sender<bool>,
    sent: Arc<Histogram>,
}

/// The streams of one environment.
struct Channel {
    news: watch::Sender<Arc<Published>>,
    places: Arc<Places>,
}

/// How many streams were sent which version last. As many entries as versions, not as streams: nearly always one.
#[derive(Default)]
struct Places(Mutex<BTreeMap<(Arc<str>, u64), usize>>);

impl Places {
    fn step(&self, from: Option<&Standing>, to: Option<&Standing>) {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = |standing: &Standing| (standing.epoch.clone(), standing.version);
        if let Some(to) = to {
            *places.entry(key(to)).or_default() += 1;
        }
        let Some(from) = from.map(key) else { return };
        if let Some(count) = places.get_mut(&from) {
            *count -= 1;
            if *count == 0 {
                places.remove(&from);
            }
        }
    }

    /// The lowest version of this epoch; 0 if a stream is at another epoch, `None` without streams.
    fn slowest(&self, epoch: &str) -> Option<u64> {
        let places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        places.keys().map(|(other, version)| if **other == *epoch { *version } else { 0 }).min()
    }
}

impl Streams {
    /// No streams yet.
    pub fn new(options: StreamOptions, clock: Clock) -> Self {
        let places = Arc::new(Semaphore::new(options.max_streams.min(Semaphore::MAX_PERMITS)));
        let (closing, sent) = (watch::Sender::new(false), Arc::default());
        Self { options, clock, places, environments: Mutex::default(), closing, sent }
    }

    /// How long it took from commits to their being on the way to a stream's reader, a measurement per stream.
    pub fn sent(&self) -> &Histogram {
        &self.sent
    }

    /// Per environment that has streams, the version that its slowest stream was sent.
    pub fn slowest(&self) -> BTreeMap<Arc<str>, Standing> {
        let environments = self.environments.lock().unwrap_or_else(PoisonError::into_inner);
        let slowest = environments.iter().filter_map(|(name, channel)| {
            let epoch = channel.news.borrow().ruleset.epoch.clone();
            let version = channel.places.slowest(&epoch)?;
            Some((name.clone(), Standing { epoch, version }))
        });
        slowest.collect()
    }

    /// How many streams are open.
    pub fn open(&self) -> usize {
        self.options.max_streams.saturating_sub(self.places.available_permits())
    }

    /// Says goodbye to all streams, those that come later included.
    pub fn shut_down(&self) {
        self.closing.send_replace(true);
    }

    /// A stream of an environment's versions for somebody who has `known`. `allowed` is asked at every ping: when it says no,
    /// the stream ends. `None` if there are too many streams, or no such environment.
    pub fn stream(
        &self,
        environment: &str,
        known: Option<Standing>,
        allowed: Box<dyn Fn() -> bool + Send>,
    ) -> Option<impl Stream<Item = Bytes> + Send + 'static> {
        let place = self.places.clone().try_acquire_owned().ok()?;
        let (news, places) = {
            let environments = self.environments.lock().unwrap_or_else(PoisonError::into_inner);
            let channel = environments.get(environment)?;
            (channel.news.subscribe(), channel.places.clone())
        };
        let mut ping = interval_at(Instant::now() + self.options.ping, self.options.ping);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let age = self.options.min_age + Duration::from_millis(jitter(2 * self.options.min_age.as_millis() as u64 + 1));
        // Counted as soon as it is there: who waits for all streams waits for this one too.
        let standing = known.clone().unwrap_or_else(|| Standing { epoch: "".into(), version: 0 });
        places.step(None, Some(&standing));
        let stream = Feed {
            news,
            sent: known,
            counted: standing,
            places,
            clock: self.clock.clone(),
            latency: self.sent.clone(),
            ping,
            ends: Instant::now() + age,
            closing: self.closing.subscribe(),
            allowed,
            chunks: VecDeque::new(),
            state: Phase::Beginning,
            _place: place,
        };
        Some(futures_util::stream::unfold(stream, |mut feed| async move { feed.next().await.map(|chunk| (chunk, feed)) }))
    }
}

impl Publisher for Streams {
    fn publish(&self, published: &Arc<Published>) {
        let mut environments = self.environments.lock().unwrap_or_else(PoisonError::into_inner);
        match environments.get(&published.ruleset.environment) {
            Some(channel) => drop(channel.news.send_replace(published.clone())),
            None => {
                let channel = Channel { news: watch::Sender::new(published.clone()), places: Arc::default() };
                environments.insert(published.ruleset.environment.clone(), channel);
            }
        }
    }

    fn close(&self, environment: &str) {
        self.environments.lock().unwrap_or_else(PoisonError::into_inner).remove(environment);
    }
}

#[derive(PartialEq)]
enum Phase {
    Beginning,
    Running,
    Over,
}

struct Feed {
    news: watch::Receiver<Arc<Published>>,
    sent: Option<Standing>,
    /// What this stream is counted at in `places`.
    counted: Standing,
    places: Arc<Places>,
    clock: Clock,
    latency: Arc<Histogram>,
    ping: Interval,
    ends: Instant,
    closing: watch::Receiver<bool>,
    allowed: Box<dyn Fn() -> bool + Send>,
    chunks: VecDeque<Bytes>,
    state: Phase,
    _place: OwnedSemaphorePermit,
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.places.step(Some(&self.counted), None);
    }
}

impl Feed {
    /// Counts what was sent, now that the connection wants more: what came before is on its way.
    fn count(&mut self) {
        let Some(sent) = self.sent.as_ref().filter(|sent| **sent != self.counted) else { return };
        self.places.step(Some(&self.counted), Some(sent));
        // A stream's first event tells nothing of how long news take.
        if self.counted.epoch == sent.epoch {
            let newest = self.news.borrow();
            if newest.ruleset.version == sent.version && newest.committed_at > 0 {
                self.latency.observe((self.clock)() - newest.committed_at);
            }
        }
        self.counted = sent.clone();
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(chunk) = self.chunks.pop_front() {
                return Some(chunk);
            }
            match self.state {
                Phase::Over => return None,
                Phase::Beginning => {
                    self.state = Phase::Running;
                    // A client that is current hears so at once: it need not wait for the first ping to be ready.
                    if !self.catch_up() {
                        self.say_ping();
                    }
                }
                Phase::Running => {
                    self.count();
                    self.wait().await;
                }
            }
        }
    }

    async fn wait(&mut self) {
        enum Woken {
            News,
            Gone,
            Ping,
            Closing,
            TooOld,
        }
        let woken = tokio::select! {
            biased;
            _ = self.closing.wait_for(|closing| *closing) => Woken::Closing,
            changed = self.news.changed() => if changed.is_ok() { Woken::News } else { Woken::Gone },
            () = tokio::time::sleep_until(self.ends) => Woken::TooOld,
            _ = self.ping.tick() => Woken::Ping,
        };
        match woken {
            Woken::News => drop(self.catch_up()),
            Woken::Gone => self.say_goodbye("environment_deleted", 30_000 + jitter(30_000)),
            Woken::Ping if (self.allowed)() => self.say_ping(),
            Woken::Ping => self.say_goodbye("key_revoked", 60_000),
            // Ten seconds at random, so that a restart is not met by everybody in the same moment.
            Woken::Closing => self.say_goodbye("shutdown", jitter(10_000)),
            Woken::TooOld => self.say_goodbye("max_age", jitter(1_000)),
        }
    }

    /// Queues what leads to the newest version; false if that was sent already.
    fn catch_up(&mut self) -> bool {
        let newest = self.news.borrow_and_update().clone();
        let standing = newest.standing();
        // A client that has been at another service may know a later version than this one does yet. It is not taken back.
        if self.sent.as_ref().is_some_and(|sent| sent.epoch == standing.epoch && sent.version >= standing.version) {
            return false;
        }
        let delta = self.sent.as_ref().and_then(|sent| newest.delta_json(sent));
        let (name, data) = match delta {
            Some(delta) => (event::DELTA, delta),
            None => (event::FULL, newest.json()),
        };
        self.say(name, Some(&newest.tag()), data);
        self.sent = Some(standing);
        self.ping.reset();
        true
    }

    fn say_ping(&mut self) {
        // What this stream has sent, not what is newest: the id must never promise a version that was not on the wire.
        let Some(Standing { epoch, version }) = self.sent.clone() else { return };
        let ping = serde_json::to_vec(&Ping { version }).unwrap_or_default();
        self.say(event::PING, Some(&format!("{epoch}-{version}")), ping.into());
    }

    fn say_goodbye(&mut self, reason: &str, retry_after_ms: u64) {
        let goodbye = serde_json::to_vec(&Goodbye { reason: reason.to_owned(), retry_after_ms }).unwrap_or_default();
        self.say(event::GOODBYE, None, goodbye.into());
        self.state = Phase::Over;
    }

    /// JSON from serde has no line breaks outside of text and escapes those inside, so one `data:` line holds it.
    fn say(&mut self, event: &str, id: Option<&str>, data: Bytes) {
        let id = id.map_or_else(String::new, |id| format!("id: {id}\n"));
        self.chunks.push_back(Bytes::from(format!("event: {event}\n{id}data: ")));
        self.chunks.push_back(data);
        self.chunks.push_back(Bytes::from_static(b"\n\n"));
    }
}
