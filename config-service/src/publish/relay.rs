//! The relay: what was committed goes out to a broker, whole and in order, however long the broker is away.
//!
//! The outbox is written in the transaction of the commit itself, so nothing can be committed and not be told. A relay reads what it has
//! not sent yet, by environment and version, hands it to its [`Outlet`], and notes how far it came after the broker has taken it.
//! A crash in between sends some moves twice; readers compare versions. One process leads each relay
//! ([`FlagStore::lead`](crate::store::FlagStore::lead)); the others look now and then whether it is gone. A write never waits for any of
//! this: it only rings a bell.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::Publisher;
use crate::environments::published::Published;
use crate::random::jitter;
use crate::service::Service;
use crate::store::{Move, Standing, StoreError, Unsent};

/// How many moves go out at a time.
const BATCH: usize = 64;
/// How long a broker may take for them.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a relay looks without being called: for what other processes wrote, and for the lead.
const LOOK: Duration = Duration::from_secs(2);
/// The longest wait between two attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(10);
/// The upper ends of the buckets of the time from commit to the broker's word, in milliseconds.
const BUCKETS: [u64; 12] = [1, 2, 5, 10, 25, 50, 100, 250, 1_000, 5_000, 30_000, 300_000];

/// Where a relay's moves go.
pub trait Outlet: Send + 'static {
    /// Sends moves in their order and returns when all of them are safe there. An error means that none may be; all are sent again.
    fn send<'a>(&'a mut self, moves: &'a [Unsent]) -> BoxFuture<'a, Result<(), String>>;

    /// How long that may take at most.
    fn patience(&self) -> Duration {
        PATIENCE
    }
}

/// What is known of a relay.
#[derive(Debug)]
pub struct Figures {
    name: &'static str,
    sent: AtomicU64,
    failures: AtomicU64,
    leads: AtomicBool,
    /// When the oldest move that is not sent was committed; 0 if all are.
    waiting_since: AtomicI64,
    buckets: [AtomicU64; BUCKETS.len() + 1],
    milliseconds: AtomicU64,
}

impl Figures {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            sent: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            leads: AtomicBool::new(false),
            waiting_since: AtomicI64::new(0),
            buckets: Default::default(),
            milliseconds: AtomicU64::new(0),
        }
    }

    fn sent(&self, moves: &[Unsent], now: i64) {
        self.sent.fetch_add(moves.len() as u64, Ordering::Relaxed);
        for unsent in moves {
            let took = u64::try_from(now - unsent.at).unwrap_or(0);
            self.milliseconds.fetch_add(took, Ordering::Relaxed);
            let at = BUCKETS.partition_point(|end| *end < took);
            if let Some(bucket) = self.buckets.get(at) {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// All relays of this process.
pub struct Relays {
    bell: watch::Sender<()>,
    figures: Mutex<Vec<Arc<Figures>>>,
}

impl Default for Relays {
    fn default() -> Self {
        Self { bell: watch::Sender::new(()), figures: Mutex::default() }
    }
}

impl Relays {
    /// The figures of all relays in Prometheus' text format, as of `now`.
    pub fn render(&self, now: i64) -> String {
        use std::fmt::Write as _;
        let figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        let mut say = |line: std::fmt::Arguments<'_>| {
            let _ = writeln!(text, "{line}"); // writing to a String cannot fail
        };
        if figures.is_empty() {
            return text;
        }
        say(format_args!(
            "# HELP jackstaff_outbox_lag_seconds How long the oldest change that is not published yet has waited.\n# TYPE jackstaff_outbox_lag_seconds gauge"
        ));
        for relay in figures.iter() {
            let since = relay.waiting_since.load(Ordering::Relaxed);
            let lag = if since == 0 { 0 } else { (now - since).max(0) };
            say(format_args!("jackstaff_outbox_lag_seconds{{relay=\"{}\"}} {:.3}", relay.name, lag as f64 / 1e3));
        }
        say(format_args!("# HELP jackstaff_relay_leader Is this process the one that publishes?\n# TYPE jackstaff_relay_leader gauge"));
        for relay in figures.iter() {
            say(format_args!("jackstaff_relay_leader{{relay=\"{}\"}} {}", relay.name, u8::from(relay.leads.load(Ordering::Relaxed))));
        }
        say(format_args!("# HELP jackstaff_published_total Changes that a broker has taken.\n# TYPE jackstaff_published_total counter"));
        for relay in figures.iter() {
            say(format_args!("jackstaff_published_total{{relay=\"{}\"}} {}", relay.name, relay.sent.load(Ordering::Relaxed)));
        }
        say(format_args!(
            "# HELP jackstaff_publish_failures_total Attempts to publish that failed.\n# TYPE jackstaff_publish_failures_total counter"
        ));
        for relay in figures.iter() {
            say(format_args!("jackstaff_publish_failures_total{{relay=\"{}\"}} {}", relay.name, relay.failures.load(Ordering::Relaxed)));
        }
        say(format_args!(
            "# HELP jackstaff_publish_seconds Time from a commit to the broker's word that it has it.\n# TYPE jackstaff_publish_seconds histogram"
        ));
        for relay in figures.iter() {
            let mut total = 0;
            for (at, bucket) in relay.buckets.iter().enumerate() {
                total += bucket.load(Ordering::Relaxed);
                let end = BUCKETS.get(at).map_or_else(|| "+Inf".to_owned(), |end| (*end as f64 / 1e3).to_string());
                say(format_args!("jackstaff_publish_seconds_bucket{{relay=\"{}\",le=\"{end}\"}} {total}", relay.name));
            }
            let seconds = relay.milliseconds.load(Ordering::Relaxed) as f64 / 1e3;
            say(format_args!("jackstaff_publish_seconds_sum{{relay=\"{}\"}} {seconds:.3}", relay.name));
            say(format_args!("jackstaff_publish_seconds_count{{relay=\"{}\"}} {total}", relay.name));
        }
        text
    }
}

impl Publisher for Relays {
    fn publish(&self, _: &Arc<Published>) {
        self.bell.send_replace(());
    }

    fn close(&self, _: &str) {}
}

/// Sends what `name` has not sent yet to `outlet`, for as long as the service runs; moves younger than `delay` wait until they are as
/// old. One warning per outage, one line when it is over.
pub fn start(service: &Arc<Service>, name: &'static str, delay: Duration, outlet: Box<dyn Outlet>) -> tokio::task::JoinHandle<()> {
    let figures = Arc::new(Figures::new(name));
    service.relays.figures.lock().unwrap_or_else(PoisonError::into_inner).push(figures.clone());
    let bell = service.relays.bell.subscribe();
    tokio::spawn(run(service.clone(), figures, delay, outlet, bell))
}

async fn run(service: Arc<Service>, figures: Arc<Figures>, delay: Duration, mut outlet: Box<dyn Outlet>, mut bell: watch::Receiver<()>) {
    let mut backoff = Duration::from_millis(200);
    let mut is_failing = false;
    loop {
        bell.mark_unchanged(); // what is committed from here on rings again
        match round(&service, &figures, delay, &mut *outlet).await {
            Ok(Round::More) => {}
            Ok(Round::Done) => {
                // An error means that the service is gone; the sleep then ends with the task.
                drop(
                    timeout(LOOK, async {
                        if bell.changed().await.is_err() {
                            sleep(LOOK).await
                        }
                    })
                    .await,
                );
            }
            Ok(Round::Early(wait)) => sleep(wait).await,
            Err(error) => {
                figures.failures.fetch_add(1, Ordering::Relaxed);
                if !std::mem::replace(&mut is_failing, true) {
                    tracing::warn!(relay = figures.name, %error, "changes cannot be published; they wait in the store");
                }
                sleep(backoff / 2 + Duration::from_millis(jitter(backoff.as_millis() as u64 / 2 + 1))).await;
                backoff = (backoff * 2).min(MAX_BACKOFF);
                continue;
            }
        }
        backoff = Duration::from_millis(200);
        if std::mem::take(&mut is_failing) {
            tracing::info!(relay = figures.name, "changes are published again");
        }
    }
}

enum Round {
    /// There may be more to send.
    More,
    /// All is sent, or another process sends it.
    Done,
    /// What is there is not old enough yet.
    Early(Duration),
}

async fn round(service: &Arc<Service>, figures: &Figures, delay: Duration, outlet: &mut dyn Outlet) -> Result<Round, String> {
    let name = figures.name;
    let found = on_store(service, move |service| {
        let store = service.environments.store();
        if store.lead(name)? { store.unsent(name, BATCH).map(Some) } else { Ok(None) }
    });
    let Some(mut moves) = found.await? else {
        figures.leads.store(false, Ordering::Relaxed);
        figures.waiting_since.store(0, Ordering::Relaxed);
        return Ok(Round::Done);
    };
    figures.leads.store(true, Ordering::Relaxed);
    figures.waiting_since.store(moves.iter().map(|unsent| unsent.at).min().unwrap_or(0), Ordering::Relaxed);
    let now = service.environments.now();
    let ripe = now - i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
    let youngest = moves.iter().map(|unsent| unsent.at - ripe).filter(|left| *left > 0).min();
    moves.retain(|unsent| unsent.at <= ripe);
    if moves.is_empty() {
        // Bounded, because a clock that was set back must not stop us for hours.
        return Ok(youngest.map_or(Round::Done, |left| Round::Early(Duration::from_millis(left.unsigned_abs()).min(delay))));
    }
    let patience = outlet.patience();
    match timeout(patience, outlet.send(&moves)).await {
        Ok(sent) => sent?,
        Err(_) => return Err(format!("no answer within {patience:?}")),
    }
    figures.sent(&moves, service.environments.now());
    let mark = move |service: &Service| {
        for (at, unsent) in moves.iter().enumerate() {
            let Move { environment, epoch, version, .. } = &unsent.change;
            let is_last = moves.get(at + 1).is_none_or(|next| next.change.environment != *environment);
            if is_last {
                let standing = Standing { epoch: epoch.clone(), version: *version };
                service.environments.store().mark_sent(name, environment, &standing)?;
            }
        }
        Ok(())
    };
    on_store(service, mark).await?;
    Ok(Round::More)
}

/// The store blocks, so it is asked off the async threads.
async fn on_store<T: Send + 'static>(
    service: &Arc<Service>,
    ask: impl FnOnce(&Service) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, String> {
    let service = service.clone();
    match tokio::task::spawn_blocking(move || ask(&service)).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    }
}
