//! What all handlers share, and how a service is put together.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jackstaff::ruleset::Syntax;
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::environments::plan::Draft;
use crate::environments::refusal::Refusal;
use crate::environments::{Environments, Outcome, new_epoch};
use crate::http::metrics::Metrics;
use crate::keys::Keys;
use crate::publish::relay::Relays;
use crate::publish::sse::{StreamOptions, Streams};
use crate::random;
use crate::store::{FlagStore, Note, PostgresStore, Replica, SqliteStore, Standing, StoreError};

/// The environments of a fresh store.
pub const FRESH_ENVIRONMENTS: [&str; 4] = ["development", "test", "staging", "production"];
/// How often other processes' writes to the store are looked for, although nobody said that there are any.
const REFRESH: Duration = Duration::from_secs(1);
/// How often a service says how far it is when nothing changes. Who was not heard of for three times this is gone.
const REPORT: Duration = Duration::from_secs(5);
/// How often it says so at most.
const REPORT_PAUSE: Duration = Duration::from_millis(50);

/// How a service behaves.
#[derive(Clone, Copy, Debug)]
pub struct ServiceOptions {
    /// Are keys wanted even if none was made yet? Set beyond loopback, unless `--open`.
    pub keys_required: bool,
    /// Are keys not wanted even if there are some? Only `--open` sets it.
    pub open: bool,
    /// Streams.
    pub streams: StreamOptions,
    /// The longest that a request may take, streams and imports apart; default 10 s.
    pub request_timeout: Duration,
    /// The longest that an import may take, which may be a thousand times as large as anything else; default 60 s.
    pub import_timeout: Duration,
    /// How long a connection may be idle or take to send a request's head; default 120 s. Longer than clients keep idle connections
    /// (reqwest 90 s, aiohttp 15 s, Node 5 s), so that none is closed in the moment that its client uses it again.
    pub head_timeout: Duration,
    /// How many connections there may be beside the streams; default 4 096. Past that, new ones wait in the listener's queue.
    pub max_connections: usize,
    /// How long a shutdown waits for what is going on; default 10 s.
    pub shutdown_timeout: Duration,
}

impl Default for ServiceOptions {
    fn default() -> Self {
        Self {
            keys_required: false,
            open: false,
            streams: StreamOptions::default(),
            request_timeout: Duration::from_secs(10),
            import_timeout: Duration::from_secs(60),
            head_timeout: Duration::from_secs(120),
            max_connections: 4_096,
            shutdown_timeout: Duration::from_secs(10),
        }
    }
}

/// The service: flags, keys, streams, figures.
pub struct Service {
    /// Flags, segments, environments.
    pub environments: Environments,
    /// API keys.
    pub keys: Keys,
    /// Open streams.
    pub streams: Arc<Streams>,
    /// What goes out to brokers.
    pub relays: Arc<Relays>,
    /// Figures.
    pub metrics: Metrics,
    /// A random id, made at the start.
    pub id: String,
    /// Rung by whoever knows that the store must hold something newer.
    doorbell: Notify,
    /// Does the store answer?
    reachable: AtomicBool,
    /// How it behaves.
    pub options: ServiceOptions,
}

impl Service {
    /// A service on a store.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open(store: Arc<dyn FlagStore>, options: ServiceOptions, clock: Clock) -> Result<Arc<Self>, StoreError> {
        let streams = Arc::new(Streams::new(options.streams, clock.clone()));
        let keys = Keys::open(store.clone(), clock.clone())?;
        let relays = Arc::new(Relays::default());
        let environments = Environments::open(store, vec![streams.clone(), relays.clone()], clock)?;
        Ok(Arc::new(Self {
            environments,
            keys,
            streams,
            relays,
            metrics: Metrics::default(),
            id: random::text(12).map_err(StoreError::Failed)?,
            doorbell: Notify::new(),
            reachable: AtomicBool::new(true),
            options,
        }))
    }

    /// Has the store answered when it was last asked? What is served comes from memory and does not need it.
    pub fn is_store_reachable(&self) -> bool {
        self.reachable.load(Ordering::Relaxed)
    }

    /// Looks for what other services have written now, and not at the next regular look. Many calls at once are one look.
    pub fn look_now(&self) {
        self.doorbell.notify_one();
    }

    /// Are API keys wanted?
    pub fn wants_keys(&self) -> bool {
        !self.options.open && (self.options.keys_required || self.keys.any())
    }

    /// Looks for what other processes have written: flags imported, keys made or revoked. At once when the store gives a hint or somebody
    /// calls [`Service::look_now`], and every second anyway. Ends with the service.
    pub async fn keep_fresh(self: Arc<Self>) {
        let mut news = self.environments.store().news();
        let mut tick = tokio::time::interval(REFRESH);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                // The store is held as long as this runs, so the sender is there.
                _ = news.changed() => {}
                () = self.doorbell.notified() => {}
            }
            let service = self.clone();
            let refreshed = tokio::task::spawn_blocking(move || service.environments.refresh().and_then(|()| service.keys.refresh())).await;
            match refreshed {
                Ok(Ok(())) => {
                    if !self.reachable.swap(true, Ordering::Relaxed) {
                        tracing::info!("the store answers again");
                    }
                }
                Ok(Err(error)) => {
                    if self.reachable.swap(false, Ordering::Relaxed) {
                        tracing::warn!(%error, "the store cannot be read; what was known is served");
                    }
                }
                Err(error) => tracing::error!(%error, "looking for changes failed"),
            }
        }
    }

    /// Tells the other services on the store how far this one and its streams are: at every change, and every five seconds.
    /// Ends with the service.
    pub async fn keep_reporting(self: Arc<Self>) {
        let mut installed = self.environments.installed();
        let mut last = None;
        loop {
            let replica = self.replica();
            let are_streams_behind = {
                let state = self.environments.state();
                let is_behind = |name: &Arc<str>, sent: &Standing| {
                    state.environments.get(name).is_some_and(|published| published.ruleset.version > sent.version)
                };
                self.streams.slowest().iter().any(|(name, sent)| is_behind(name, sent))
            };
            let is_news = last.as_ref().is_none_or(|last: &Replica| {
                (&last.serves, &last.sent) != (&replica.serves, &replica.sent)
                    || replica.seen_at - last.seen_at >= REPORT.as_millis() as i64
            });
            if is_news {
                let (service, told) = (self.clone(), replica.clone());
                let reported = tokio::task::spawn_blocking(move || service.environments.store().report(&told)).await;
                // A store that is away is warned of elsewhere; the next report comes by itself.
                if let Ok(Err(error)) = reported {
                    tracing::debug!(%error, "the other services cannot be told how far this one is");
                }
                last = Some(replica);
            }
            tokio::time::sleep(REPORT_PAUSE).await;
            if !are_streams_behind {
                // An error means that the service is gone, and this with it.
                drop(tokio::time::timeout(REPORT, installed.changed()).await);
            }
        }
    }

    /// How far this service and its streams are now.
    pub fn replica(&self) -> Replica {
        let state = self.environments.state();
        let serves: BTreeMap<&str, Standing> = state.environments.iter().map(|(name, published)| (&**name, published.standing())).collect();
        let text = |standings: serde_json::Result<String>| standings.unwrap_or_else(|_| "{}".to_owned());
        Replica {
            id: self.id.clone(),
            seen_at: self.environments.now(),
            serves: text(serde_json::to_string(&serves)),
            sent: text(serde_json::to_string(&self.streams.slowest())),
        }
    }

    /// How far the services on the store are: those that were heard of lately, this one included as it is now.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn replicas(&self) -> Result<Vec<Replica>, StoreError> {
        let since = self.environments.now() - 3 * REPORT.as_millis() as i64;
        let mut replicas = self.environments.store().replicas(since)?;
        replicas.retain(|replica| replica.id != self.id);
        replicas.push(self.replica());
        replicas.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(replicas)
    }

    /// Tells the other services that this one is no more, so that nobody waits for it. Blocks on the store.
    pub fn retire(&self) {
        let _ = self.environments.store().report(&Replica { seen_at: 0, ..self.replica() }); // it is forgotten in any case, only later
    }
}

/// Where flags are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a folder, made if it is not there.
    Folder(PathBuf),
    /// In PostgreSQL: `postgresql://user:password@host:5432/database`.
    Database(String),
}

impl Place {
    /// Opens the store there.
    ///
    /// # Errors
    /// It cannot be made, opened or reached.
    pub fn open(&self) -> Result<Arc<dyn FlagStore>, StoreError> {
        match self {
            Self::Folder(data) => open_store(data),
            Self::Database(url) => Ok(Arc::new(PostgresStore::open(url, &fresh_environments()?)?)),
        }
    }
}

impl std::fmt::Display for Place {
    /// Never the address: it may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(data) => write!(f, "{}", data.display()),
            Self::Database(_) => f.write_str("PostgreSQL"),
        }
    }
}

/// The environments of a fresh store, each with an epoch.
type Fresh = Vec<(Arc<str>, Arc<str>)>;

fn fresh_environments() -> Result<Fresh, StoreError> {
    FRESH_ENVIRONMENTS.iter().map(|name| Ok(((*name).into(), new_epoch()?))).collect()
}

/// The store in a folder, made if it is not there.
///
/// # Errors
/// It cannot be made or opened.
pub fn open_store(data: &std::path::Path) -> Result<Arc<dyn FlagStore>, StoreError> {
    Ok(Arc::new(SqliteStore::open(&data.join("jackstaff.db"), &fresh_environments()?)?))
}

/// Makes all environments anew, each with another epoch. After a backup was restored, versions that clients have seen would
/// otherwise come again with another content, and clients would take what they are sent for old.
///
/// # Errors
/// The store fails.
pub fn begin_new_epoch(service: &Service) -> Result<Outcome, Refusal> {
    let names: Vec<Arc<str>> = service.environments.state().environments.keys().cloned().collect();
    let create = names.iter().map(|name| Ok((name.clone(), new_epoch()?))).collect::<Result<Vec<_>, StoreError>>()?;
    let note =
        Note { at: service.environments.now(), actor: "local".into(), action: "new_epoch", target: "document".into(), comment: None };
    service.environments.write(&Draft { note, create, delete: names, ..Draft::default() })
}

/// Imports a file of flags at the start; nothing is written if it says what is there already.
///
/// # Errors
/// The file cannot be read, or its flags have mistakes: all of them.
pub fn import_file(service: &Service, file: &PathBuf) -> Result<Outcome, Refusal> {
    let text = std::fs::read_to_string(file).map_err(|error| Refusal::BadArgument(format!("cannot read {}: {error}", file.display())))?;
    let note = Note { at: service.environments.now(), actor: "local".into(), action: "import", target: "document".into(), comment: None };
    service.environments.import(&text, Syntax::of_path(file), false, note)
}
