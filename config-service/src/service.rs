//! What all handlers share, and how a service is put together.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jackstaff::ruleset::Syntax;

use crate::clock::Clock;
use crate::environments::plan::Draft;
use crate::environments::refusal::Refusal;
use crate::environments::{Environments, Outcome, new_epoch};
use crate::http::metrics::Metrics;
use crate::keys::Keys;
use crate::publish::sse::{StreamOptions, Streams};
use crate::store::{FlagStore, Note, SqliteStore, StoreError};

/// The environments of a fresh store.
pub const FRESH_ENVIRONMENTS: [&str; 4] = ["development", "test", "staging", "production"];
/// How often other processes' writes to the store are looked for.
const REFRESH: Duration = Duration::from_secs(1);

/// How a service behaves.
#[derive(Clone, Copy, Debug)]
pub struct ServiceOptions {
    /// Are keys wanted even if none was made yet? Set beyond loopback, unless `--open`.
    pub keys_required: bool,
    /// Are keys not wanted even if there are some? Only `--open` sets it.
    pub open: bool,
    /// Streams.
    pub streams: StreamOptions,
    /// The longest that a request may take, streams apart; default 10 s. Imports may take six times as long.
    pub request_timeout: Duration,
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
    /// Figures.
    pub metrics: Metrics,
    /// How it behaves.
    pub options: ServiceOptions,
}

impl Service {
    /// A service on a store.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn open(store: Arc<dyn FlagStore>, options: ServiceOptions, clock: Clock) -> Result<Arc<Self>, StoreError> {
        let streams = Arc::new(Streams::new(options.streams));
        let keys = Keys::open(store.clone(), clock.clone())?;
        let environments = Environments::open(store, vec![streams.clone()], clock)?;
        Ok(Arc::new(Self { environments, keys, streams, metrics: Metrics::default(), options }))
    }

    /// Are API keys wanted?
    pub fn wants_keys(&self) -> bool {
        !self.options.open && (self.options.keys_required || self.keys.any())
    }

    /// Looks for what other processes have written: flags imported, keys made or revoked. Ends with the service.
    pub async fn keep_fresh(self: Arc<Self>) {
        let mut tick = tokio::time::interval(REFRESH);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let service = self.clone();
            let refreshed = tokio::task::spawn_blocking(move || service.keys.refresh().and_then(|()| service.environments.refresh())).await;
            match refreshed {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::error!(%error, "the store cannot be read; what was known is served"),
                Err(error) => tracing::error!(%error, "looking for changes failed"),
            }
        }
    }
}

/// The store in a folder, made if it is not there.
///
/// # Errors
/// It cannot be made or opened.
pub fn open_store(data: &std::path::Path) -> Result<Arc<dyn FlagStore>, StoreError> {
    let environments = FRESH_ENVIRONMENTS.iter().map(|name| Ok(((*name).into(), new_epoch()?))).collect::<Result<Vec<_>, StoreError>>()?;
    Ok(Arc::new(SqliteStore::open(&data.join("jackstaff.db"), &environments)?))
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
