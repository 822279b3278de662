//! The client: convert, call, convert.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jackstaff::client::options::Bootstrap;
use jackstaff::{Client, ErrorKind, Value as CoreValue};

use crate::context::Context;
use crate::error::Result;
use crate::options::Options;
use crate::types::{self, ChangeListener, Check, Evaluation, Explanation, FlagType, Value};

/// A client of feature flags. Any number of threads may use one at a time.
///
/// No check fails: where nobody can say, the caller's default serves, and the reason says why.
#[derive(uniffi::Object)]
pub struct FeatureFlagsClient(pub(crate) Client);

#[uniffi::export]
impl FeatureFlagsClient {
    /// A client of the config service. Never blocks and never connects: the first use does.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the option, its value and what would be right.
    #[uniffi::constructor]
    pub fn new(options: Options) -> Result<Arc<Self>> {
        Ok(Arc::new(Self(Client::new(options.complete(None)?)?)))
    }

    /// Replaces the flags of a mock; they stay as they were if it fails.
    ///
    /// # Errors
    /// As `open_mock`.
    pub fn set_mock(&self, flags: HashMap<String, Value>) -> Result<()> {
        Ok(self.0.set_mock(&types::object(flags))?)
    }

    /// The checks that a mock was asked, oldest first, at most 10 000.
    pub fn recorded(&self) -> Vec<Check> {
        self.0.recorded().into_iter().map(Check::from).collect()
    }

    /// The answer, if memory has it; none if only a wait could tell. `fallback` is the caller's default, where that is a boolean.
    pub fn peek(&self, flag: String, context: &Context, wanted: FlagType, fallback: Option<bool>) -> Option<Evaluation> {
        self.0.peek(&flag, context.0.view(), wanted.wanted(), &boolean(fallback)).as_ref().map(Evaluation::from)
    }

    /// The answers about several flags, one for each and in their order, with one trip to the service at most. Waits no longer than the `timeout` option.
    pub async fn batch(&self, flags: Vec<String>, context: &Context, wanted: FlagType, fallback: Option<bool>) -> Vec<Evaluation> {
        let (client, context, default) = (self.0.clone(), context.0.clone(), boolean(fallback));
        let asked = flags.clone();
        let answers = on_runtime(&self.0, async move {
            let flags: Vec<&str> = asked.iter().map(String::as_str).collect();
            client.batch(&flags, context.view(), wanted.wanted(), &default).await
        });
        told(&flags, answers.await.ok())
    }

    /// `batch` for a thread that may wait. Ruby uses these: what calls back needs a thread of Ruby's that a forked child does not have.
    pub fn batch_blocking(&self, flags: Vec<String>, context: &Context, wanted: FlagType, fallback: Option<bool>) -> Vec<Evaluation> {
        let names: Vec<&str> = flags.iter().map(String::as_str).collect();
        let default = boolean(fallback);
        told(&flags, self.0.block_on(self.0.batch(&names, context.0.view(), wanted.wanted(), &default)))
    }

    /// The answer and how it comes about; none where the service evaluates, or before the flags are there. Not counted and not recorded as a check.
    pub fn explain(&self, flag: String, context: &Context) -> Option<Explanation> {
        self.0.start();
        let (evaluation, explanation) = self.0.explain(&flag, context.0.view(), &CoreValue::Null)?;
        let step = |step| serde_json::to_value(step).and_then(serde_json::from_value::<CoreValue>).unwrap_or_default();
        let steps = explanation.steps.iter().map(step).map(|step| Value::from(&step)).collect();
        Some(Explanation { evaluation: Evaluation::from(&evaluation), steps })
    }

    /// Puts in place what the options brought and begins to follow the service, if that has not begun; the first use that has to wait does it by itself.
    pub fn start(&self) {
        self.0.start();
    }

    /// Waits until the client answers from a ruleset, or knows that the service gives none; at most `timeout` seconds. The client goes on trying
    /// in the background.
    ///
    /// # Errors
    /// `Timeout` with the last failure, or `Closed`.
    pub async fn ready(&self, timeout: f64) -> Result<()> {
        let (client, timeout) = (self.0.clone(), limit(timeout)?);
        Ok(on_runtime(&self.0, async move { client.ready(timeout).await }).await??)
    }

    /// Waits until the flags have `version` or a later one, at most `timeout` seconds.
    ///
    /// # Errors
    /// As `ready`.
    pub async fn wait_for_version(&self, version: u64, timeout: f64) -> Result<()> {
        let (client, timeout) = (self.0.clone(), limit(timeout)?);
        Ok(on_runtime(&self.0, async move { client.wait_for_version(version, timeout).await }).await??)
    }

    /// `ready` for a thread that may wait.
    ///
    /// # Errors
    /// As `ready`.
    pub fn ready_blocking(&self, timeout: f64) -> Result<()> {
        let timeout = limit(timeout)?;
        Ok(self.0.block_on(self.0.ready(timeout)).unwrap_or_else(|| Err(no_thread()))?)
    }

    /// `wait_for_version` for a thread that may wait.
    ///
    /// # Errors
    /// As `ready`.
    pub fn wait_for_version_blocking(&self, version: u64, timeout: f64) -> Result<()> {
        let timeout = limit(timeout)?;
        Ok(self.0.block_on(self.0.wait_for_version(version, timeout)).unwrap_or_else(|| Err(no_thread()))?)
    }

    /// Calls `listener` after each change, until `remove_listener` is called with the number that comes back, or the client is closed. Starts the client.
    ///
    /// # Errors
    /// `InvalidArgument` for more than 1 000 listeners, `Closed` for a closed client.
    pub fn on_change(&self, listener: Arc<dyn ChangeListener>) -> Result<u64> {
        Ok(self.0.on_change(move |change| listener.changed(change.into()))?)
    }

    /// Forgets a listener; does nothing if it is gone already. A call that is under way may still be going on when this returns.
    pub fn remove_listener(&self, id: u64) {
        self.0.remove_listener(id);
    }

    /// How the client is and what it has done, by names that all languages share: `status` (`not_ready`, `ready`, `stale`, `closed`), `checks`, `by_origin`,
    /// `version`, `epoch`, `flags`, `age` (seconds), `changes`, `failures`, `last_error`, …
    pub fn stats(&self) -> HashMap<String, Value> {
        match Value::from(&self.0.stats().to_value()) {
            Value::Object { entries } => entries,
            _ => HashMap::new(),
        }
    }

    /// Which environment's flags these are.
    pub fn environment(&self) -> String {
        self.0.options().environment.to_string()
    }

    /// In a forked child: forgets the parent's connections and starts anew where the parent had started. The flags are the parent's and answer at once.
    /// Call it once for each client, before anything else in the child uses it.
    pub fn after_fork(&self) {
        self.0.after_fork();
    }

    /// Ends the background work. Checks go on to answer: with the caller's default. Bounded, and harmless when repeated.
    pub fn shutdown(&self) {
        self.0.close();
    }

    /// Has it been closed?
    pub fn is_shut_down(&self) -> bool {
        self.0.is_closed()
    }

    /// The number by which the check finds this client; good as long as the object lives. Not for applications.
    pub fn door(&self) -> u64 {
        std::ptr::from_ref(&self.0) as u64
    }
}

impl Drop for FeatureFlagsClient {
    fn drop(&mut self) {
        // Waits that are under way hold the core's client too; they are told that it is over.
        self.0.close();
    }
}

// Functions, not constructors: the generator leaves the name of a second constructor's class as it is in Rust.

/// A client that lives on a file, which is watched: YAML, JSON or TOML by its ending, in our flag format (`native`) or a vendor's.
///
/// # Errors
/// `Io` and `InvalidDocument` if the file cannot be read or does not compile, `InvalidArgument` as for a client of the service.
#[uniffi::export]
pub fn open_file(path: String, format: String, options: Options) -> Result<Arc<FeatureFlagsClient>> {
    // The options are complete without a service once they have a bootstrap; the file then takes its place.
    let mut options = options.complete(Some(CoreValue::Map([].into())))?;
    options.bootstrap = Some(Bootstrap::File { path: PathBuf::from(path), format });
    Ok(Arc::new(FeatureFlagsClient(Client::new(options)?)))
}

/// A client that lives on a flag document: a JSON text.
///
/// # Errors
/// `InvalidDocument` with every mistake, `InvalidArgument` for a text that is no JSON.
#[uniffi::export]
pub fn open_json(document: String, options: Options) -> Result<Arc<FeatureFlagsClient>> {
    let document = serde_json::from_str(&document)
        .map_err(|error| jackstaff::Error::new(ErrorKind::InvalidArgument, format!("the document is no JSON: {error}")))?;
    Ok(Arc::new(FeatureFlagsClient(Client::new(options.complete(Some(document))?)?)))
}

/// A client for tests, which answers from these flags: a value each, or an object such as `{"value": "light", "users": {"u1": "dark"}}`. It is the
/// real client over a document that the test writes, with a record of what was asked.
///
/// # Errors
/// `InvalidArgument` or `InvalidDocument`, naming the flag.
#[uniffi::export]
pub fn open_mock(flags: HashMap<String, Value>) -> Result<Arc<FeatureFlagsClient>> {
    Ok(Arc::new(FeatureFlagsClient(Client::mock(&types::object(flags))?)))
}

/// Runs a future on the core's runtime, whoever polls us: the core waits by the clock of its runtime, and the caller's thread has none.
async fn on_runtime<T: Send + 'static>(client: &Client, future: impl Future<Output = T> + Send + 'static) -> jackstaff::Result<T> {
    let (tell, told) = tokio::sync::oneshot::channel();
    client.spawn(async move {
        // The caller may have been cancelled meanwhile.
        let _ = tell.send(future.await);
    })?;
    told.await.map_err(|error| no_thread().caused_by(error))
}

fn no_thread() -> jackstaff::Error {
    jackstaff::Error::new(ErrorKind::Unavailable, "the background thread has ended, or could not be started")
}

/// The answers; the defaults if there was no thread to wait on, or a mistake of ours on it.
fn told(flags: &[String], answers: Option<Vec<jackstaff::Evaluation>>) -> Vec<Evaluation> {
    match answers {
        Some(answers) => answers.iter().map(Evaluation::from).collect(),
        None => flags.iter().map(|flag| Evaluation::from(&refused(flag))).collect(),
    }
}

/// The default of a caller, as far as it matters here: in the record of a mock, and as `enabled` where nobody can say.
fn boolean(fallback: Option<bool>) -> CoreValue {
    fallback.map_or(CoreValue::Null, CoreValue::Bool)
}

fn refused(flag: &str) -> jackstaff::Evaluation {
    jackstaff::Evaluation::default(flag, CoreValue::Null, jackstaff::Reason::Error)
}

fn limit(seconds: f64) -> jackstaff::Result<Duration> {
    if (0.0..=31_536_000.0).contains(&seconds) {
        return Ok(Duration::from_secs_f64(seconds));
    }
    Err(jackstaff::Error::new(
        ErrorKind::InvalidArgument,
        format!("timeout is {seconds}: it has to be a number of seconds from 0 to a year"),
    ))
}
