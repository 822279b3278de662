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
use crate::environments::published::Published;
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
    places: Arc<Semaphore>,
    environments: Mutex<BTreeMap<Arc<str>, watch::Sender<Arc<Published>>>>,
    closing: watch::Sender<bool>,
}

impl Streams {
    /// No streams yet.
    pub fn new(options: StreamOptions) -> Self {
        let places = options.max_streams.min(Semaphore::MAX_PERMITS);
        Self { options, places: Arc::new(Semaphore::new(places)), environments: Mutex::default(), closing: watch::Sender::new(false) }
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
        let news = self.environments.lock().unwrap_or_else(PoisonError::into_inner).get(environment)?.subscribe();
        let mut ping = interval_at(Instant::now() + self.options.ping, self.options.ping);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let age = self.options.min_age + Duration::from_millis(jitter(2 * self.options.min_age.as_millis() as u64 + 1));
        let stream = Feed {
            news,
            sent: known,
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
            Some(sender) => drop(sender.send_replace(published.clone())),
            None => drop(environments.insert(published.ruleset.environment.clone(), watch::Sender::new(published.clone()))),
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
    ping: Interval,
    ends: Instant,
    closing: watch::Receiver<bool>,
    allowed: Box<dyn Fn() -> bool + Send>,
    chunks: VecDeque<Bytes>,
    state: Phase,
    _place: OwnedSemaphorePermit,
}

impl Feed {
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
                Phase::Running => self.wait().await,
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
        if self.sent.as_ref() == Some(&standing) {
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
