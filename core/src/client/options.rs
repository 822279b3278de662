//! Every option of a client: its name in all languages, its default, its environment variable.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::fault::{BreakerOptions, RetryOptions};
use crate::format::native::is_name;
use crate::value::Value;

/// Where checks are evaluated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Evaluate {
    /// In process as soon as a ruleset is there, by the service until then and wherever the service gives none.
    #[default]
    Auto,
    /// In process only; until a ruleset is there the caller's default is served, with reason `not_ready`.
    Local,
    /// By the service only; answers are kept in memory.
    Remote,
}

/// Where the flags come from when no service is asked.
#[derive(Clone, Debug)]
pub enum Bootstrap {
    /// A file, looked at again every [`Options::poll_interval`] at most a second apart.
    File {
        /// Its path; the ending says whether it is YAML, JSON or TOML.
        path: PathBuf,
        /// The name of the flag format; `native` unless said otherwise.
        format: String,
    },
    /// A document given in memory: our own flag document, or a ruleset as the service sends it.
    Document(Value),
}

/// The options of a client.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the config service is, as in `http://config-service:8082`. Environment variable `CONFIG_SERVICE_URL`.
    /// `None` only for a client that lives on a bootstrap.
    pub config_service_url: Option<Arc<str>>,
    /// Which environment's flags. Environment variable `ENVIRONMENT`. No default: a production service that forgot to
    /// say so must not run on development flags.
    pub environment: Arc<str>,
    /// Sent as `Authorization: Bearer`. Environment variable `JACKSTAFF_API_KEY`. Default none.
    pub api_key: Option<Arc<str>>,
    /// The certificates (PEM) to trust for a service at `https://` instead of the system's: a file, or their text; default none.
    pub service_ca: Option<Arc<str>>,
    /// Where checks are evaluated. Environment variable `JACKSTAFF_EVALUATION`. Default `auto`.
    pub evaluation: Evaluate,
    /// How long an answer of the service may be served from the shared cache; seconds in other languages, default
    /// 300. Zero keeps no answers at all.
    pub cache_ttl: Duration,
    /// How long an answer of the service may be served from this process's memory, counted from its evaluation; default 60 s.
    /// The shorter of the two counts.
    pub local_ttl: Duration,
    /// From this age on an answer is refreshed in the background while it is still served; default four fifths of
    /// `cache_ttl`. At `cache_ttl` or beyond nothing is refreshed early.
    pub soft_ttl: Option<Duration>,
    /// How many answers are kept in memory at most; default 100 000.
    pub cache_entries: usize,
    /// How many bytes the answers in memory may take, about; default 64 MiB.
    pub cache_bytes: u64,
    /// How questions to the service are repeated when they fail, within `timeout`. Default: three times in all, after 0 to 1 s and
    /// 0 to 2 s, for at most a tenth of all questions.
    pub retry: RetryOptions,
    /// When the service, or Redis, is left alone for a while. Default: after five failures in a row, for 60 s.
    pub breaker: BreakerOptions,
    /// How long a check, a load or a connect may take in all; default 5 s.
    pub timeout: Duration,
    /// How often the service is asked for changes while there is no stream; default 60 s, ± 20 %.
    pub poll_interval: Duration,
    /// Follow changes by a stream of events; default true. False polls only.
    pub stream: bool,
    /// Beyond this age an answer is not served when the service fails, and the caller's default is; default none: the
    /// last known answer beats the default, and its age is on it.
    pub max_stale: Option<Duration>,
    /// Flags to begin with, or to live on when there is no service.
    pub bootstrap: Option<Bootstrap>,
    /// A file that keeps the last good ruleset, for a start while the service is away; default none.
    pub snapshot_path: Option<PathBuf>,
    /// A Redis or Valkey that answers are shared in, with TLS, a cluster or sentinels by its scheme (see
    /// [`crate::cache::redis::Place`]); default none. Environment variable `REDIS_URL`.
    pub redis_url: Option<Arc<str>>,
    /// How long a read from Redis may take before the service is asked instead; default 50 ms.
    pub redis_timeout: Duration,
    /// Signs what is written to Redis, and lets only what was signed with it count; default none. Environment variable
    /// `JACKSTAFF_REDIS_SECRET`.
    pub redis_secret: Option<Arc<str>>,
    /// The certificates (PEM) to trust for `rediss://` instead of the system's: a file, or their text; default none.
    pub redis_ca: Option<Arc<str>>,
    /// Hear of changes over the Redis of `redis_url` too: the channel `ff:{environment}`, to which a service with `--redis-url` publishes.
    /// Default false.
    pub redis_updates: bool,
    /// Hear of changes over Kafka too: the brokers as text, or a map with `brokers`, `topic`, `security`, `sasl` and so on
    /// ([`Settings::from_value`](crate::kafka::Settings::from_value)). Default none.
    #[cfg(feature = "kafka")]
    pub kafka: Option<crate::kafka::Settings>,
}

impl Options {
    /// Options with the defaults.
    pub fn new(config_service_url: &str, environment: &str) -> Self {
        Self { config_service_url: Some(config_service_url.trim_end_matches('/').into()), ..Self::without_service(environment) }
    }

    /// Options of a client that lives on its bootstrap.
    pub fn without_service(environment: &str) -> Self {
        Self {
            config_service_url: None,
            environment: environment.into(),
            api_key: None,
            service_ca: None,
            evaluation: Evaluate::Auto,
            cache_ttl: Duration::from_secs(300),
            local_ttl: Duration::from_secs(60),
            soft_ttl: None,
            cache_entries: 100_000,
            cache_bytes: 64 << 20,
            retry: RetryOptions::default(),
            breaker: BreakerOptions::default(),
            timeout: Duration::from_secs(5),
            poll_interval: Duration::from_secs(60),
            stream: true,
            max_stale: None,
            bootstrap: None,
            snapshot_path: None,
            redis_url: None,
            redis_timeout: Duration::from_millis(50),
            redis_secret: None,
            redis_ca: None,
            redis_updates: false,
            #[cfg(feature = "kafka")]
            kafka: None,
        }
    }

    /// Options by name, as the bindings hand them over: snake case or camel case, durations in seconds, null for
    /// "not given". What is not given comes from the environment variables, then from the defaults.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the option, its value and what would be right; an unknown option is one.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, Value)>) -> Result<Self> {
        let mut options = Self::without_service("");
        for (name, value) in pairs {
            if !matches!(value, Value::Null) {
                options.set(&snake_case(name), &value)?;
            }
        }
        options.complete(|name| std::env::var(name).ok())
    }

    /// Fills in what the environment says and was not given, and checks the whole.
    fn complete(mut self, variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        if self.config_service_url.is_none() && self.bootstrap.is_none() {
            let url = variable("CONFIG_SERVICE_URL").ok_or_else(|| {
                invalid("config_service_url is not set: give the URL of the config service, or set CONFIG_SERVICE_URL".to_owned())
            })?;
            self.set("config_service_url", &Value::from(url))?;
        }
        if self.environment.is_empty() {
            match variable("ENVIRONMENT") {
                Some(name) => self.set("environment", &Value::from(name))?,
                None if self.config_service_url.is_none() => self.environment = "development".into(),
                None => return Err(invalid("environment is not set: name one, such as \"production\", or set ENVIRONMENT".to_owned())),
            }
        }
        for (name, option) in VARIABLES {
            let is_given = match option {
                "api_key" => self.api_key.is_some(),
                "redis_url" => self.redis_url.is_some(),
                "redis_secret" => self.redis_secret.is_some(),
                _ => self.evaluation != Evaluate::Auto,
            };
            if let (false, Some(value)) = (is_given, variable(name)) {
                self.set(option, &Value::from(value))?;
            }
        }
        Ok(self)
    }

    /// Are the names usable, however the options were made?
    pub(super) fn check(&self) -> Result<()> {
        if let Some(address) = &self.config_service_url {
            url("config_service_url", &Value::Text(address.clone()))?;
        }
        self.service_certificates()?;
        #[cfg(feature = "redis")]
        self.redis()?;
        if self.redis_updates && self.redis_url.is_none() {
            return Err(invalid("redis_updates is true, and there is no redis_url to hear them by".to_owned()));
        }
        environment(&self.environment)
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<()> {
        match name {
            "config_service_url" => self.config_service_url = Some(url(name, value)?),
            "environment" => {
                let name = text(name, value)?;
                environment(&name)?;
                self.environment = name;
            }
            "api_key" => self.api_key = Some(header(name, value)?),
            "service_ca" => self.service_ca = Some(text(name, value)?),
            "evaluation" => {
                self.evaluation = match &*text(name, value)? {
                    "auto" => Evaluate::Auto,
                    "local" => Evaluate::Local,
                    "remote" => Evaluate::Remote,
                    other => return Err(invalid(format!("evaluation is \"{other}\": it is auto, local or remote"))),
                }
            }
            "cache_ttl" => self.cache_ttl = seconds(name, value, 0.0)?,
            "local_ttl" => self.local_ttl = seconds(name, value, 0.0)?,
            "soft_ttl" => self.soft_ttl = Some(seconds(name, value, 0.0)?),
            "cache_entries" => self.cache_entries = count(name, value)?,
            "cache_bytes" => self.cache_bytes = bytes(name, value)?,
            "retry" => self.retry = retry(name, value)?,
            "breaker" => self.breaker = breaker(name, value)?,
            "timeout" => self.timeout = seconds(name, value, 0.001)?,
            "poll_interval" => self.poll_interval = seconds(name, value, 0.05)?,
            "stream" => self.stream = value.as_bool().ok_or_else(|| wrong(name, value, "true or false"))?,
            "max_stale" => self.max_stale = Some(seconds(name, value, 0.0)?),
            "bootstrap" => self.bootstrap = Some(Bootstrap::Document(value.clone())),
            "snapshot_path" => self.snapshot_path = Some(text(name, value)?.as_ref().into()),
            "redis_url" => self.redis_url = Some(redis_url(name, value)?),
            "redis_timeout" => self.redis_timeout = seconds(name, value, 0.001)?,
            "redis_secret" => self.redis_secret = Some(secret(name, value)?),
            "redis_ca" => self.redis_ca = Some(text(name, value)?),
            "redis_updates" => self.redis_updates = value.as_bool().ok_or_else(|| wrong(name, value, "true or false"))?,
            #[cfg(feature = "kafka")]
            "kafka" => self.kafka = Some(crate::kafka::Settings::from_value(value)?),
            #[cfg(not(feature = "kafka"))]
            "kafka" => return Err(invalid("kafka is not part of this build: the core's feature `kafka` is off".to_owned())),
            _ => {
                let known = NAMES.join(", ");
                return Err(invalid(format!("there is no option \"{name}\"; the options are {known}")));
            }
        }
        Ok(())
    }
}

/// The variables of the environment that stand in for options which may be absent.
const VARIABLES: [(&str, &str); 4] = [
    ("JACKSTAFF_API_KEY", "api_key"),
    ("REDIS_URL", "redis_url"),
    ("JACKSTAFF_REDIS_SECRET", "redis_secret"),
    ("JACKSTAFF_EVALUATION", "evaluation"),
];

/// The names of the options, for messages.
const NAMES: &[&str] = &[
    "config_service_url",
    "environment",
    "api_key",
    "service_ca",
    "evaluation",
    "cache_ttl",
    "local_ttl",
    "soft_ttl",
    "cache_entries",
    "cache_bytes",
    "retry",
    "breaker",
    "timeout",
    "poll_interval",
    "stream",
    "max_stale",
    "bootstrap",
    "snapshot_path",
    "redis_url",
    "redis_timeout",
    "redis_secret",
    "redis_ca",
    "redis_updates",
    "kafka",
];

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, message)
}

fn wrong(name: &str, value: &Value, right: &str) -> Error {
    let shown: String = value.to_json().chars().take(60).collect();
    invalid(format!("{name} is {shown}: it has to be {right}"))
}

fn text(name: &str, value: &Value) -> Result<Arc<str>> {
    match value {
        Value::Text(text) => Ok(text.clone()),
        _ => Err(wrong(name, value, "text")),
    }
}

fn url(name: &str, value: &Value) -> Result<Arc<str>> {
    let url = text(name, value)?;
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    match rest {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') && !url.contains(char::is_whitespace) => {
            Ok(url.trim_end_matches('/').into())
        }
        _ => Err(wrong(name, value, "a URL such as http://config-service:8082")),
    }
}

fn environment(name: &str) -> Result<()> {
    if is_name(name) {
        return Ok(());
    }
    Err(invalid(format!("environment \"{name}\" is not a name: 1 to 128 letters, digits, dots, hyphens and underscores")))
}

/// A secret: never shown in a message.
fn header(name: &str, value: &Value) -> Result<Arc<str>> {
    let text = text(name, value)?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid(format!("{name} has characters that a key cannot have (spaces, line breaks, or none at all)")));
    }
    Ok(text)
}

fn seconds(name: &str, value: &Value, least: f64) -> Result<Duration> {
    match value.as_f64() {
        Some(seconds) if (least..=31_536_000.0).contains(&seconds) => Ok(Duration::from_secs_f64(seconds)),
        _ => Err(wrong(name, value, &format!("a number of seconds from {least} to a year"))),
    }
}

fn count(name: &str, value: &Value) -> Result<usize> {
    match value.as_i64().map(usize::try_from) {
        Some(Ok(count)) if count <= 100_000_000 => Ok(count),
        _ => Err(wrong(name, value, "a whole number up to 100000000")),
    }
}

fn bytes(name: &str, value: &Value) -> Result<u64> {
    match value.as_i64().map(u64::try_from) {
        Some(Ok(bytes)) if bytes <= 1 << 40 => Ok(bytes),
        _ => Err(wrong(name, value, "a whole number of bytes, up to 2^40")),
    }
}

/// A secret: never shown in a message.
fn secret(name: &str, value: &Value) -> Result<Arc<str>> {
    let text = text(name, value).map_err(|_| invalid(format!("{name} has to be text")))?;
    if text.len() < 16 {
        return Err(invalid(format!("{name} is shorter than 16 bytes: it could be guessed")));
    }
    Ok(text)
}

#[cfg(feature = "redis")]
fn redis_url(name: &str, value: &Value) -> Result<Arc<str>> {
    // Its message shows the URL without the password; ours for text that is none shows nothing.
    let url = text(name, value).map_err(|_| invalid(format!("{name} has to be text")))?;
    crate::cache::redis::Place::parse(&url)?;
    Ok(url)
}

#[cfg(not(feature = "redis"))]
fn redis_url(name: &str, _: &Value) -> Result<Arc<str>> {
    Err(invalid(format!("{name} is given, and this build has no Redis: add the feature \"redis\"")))
}

/// `false`, `true` for the default, or a map of what differs from it.
fn retry(name: &str, value: &Value) -> Result<RetryOptions> {
    let mut options = RetryOptions::default();
    for (key, value) in settings(name, value, &mut RetryOptions::off, &mut options)? {
        let part = format!("{name}.{key}");
        match &*key {
            "attempts" => match count(&part, &value)? {
                attempts @ 1..=10 => options.attempts = attempts as u32,
                _ => return Err(wrong(&part, &value, "a whole number from 1 to 10")),
            },
            "min" => options.min = seconds(&part, &value, 0.0)?,
            "max" => options.max = seconds(&part, &value, 0.0)?,
            "budget" => match value.as_f64() {
                Some(budget) if (0.0..=1.0).contains(&budget) => options.budget = budget,
                _ => return Err(wrong(&part, &value, "a number from 0 to 1")),
            },
            _ => return Err(invalid(format!("{name} has no \"{key}\"; it has attempts, min, max and budget"))),
        }
    }
    Ok(options)
}

/// `false`, `true` for the default, or a map of what differs from it.
fn breaker(name: &str, value: &Value) -> Result<BreakerOptions> {
    let mut options = BreakerOptions::default();
    for (key, value) in settings(name, value, &mut BreakerOptions::off, &mut options)? {
        let part = format!("{name}.{key}");
        match &*key {
            "failures" => options.failures = count(&part, &value)?.min(1_000_000) as u32,
            "reset" => options.reset = seconds(&part, &value, 0.001)?,
            _ => return Err(invalid(format!("{name} has no \"{key}\"; it has failures and reset"))),
        }
    }
    Ok(options)
}

/// The entries of a map option; none for `true`, and for `false`, which puts `off` in place.
fn settings<T>(name: &str, value: &Value, off: &mut dyn FnMut() -> T, options: &mut T) -> Result<Vec<(String, Value)>> {
    match value {
        Value::Bool(true) => Ok(Vec::new()),
        Value::Bool(false) => {
            *options = off();
            Ok(Vec::new())
        }
        Value::Map(entries) => Ok(entries
            .iter()
            .filter(|(_, value)| !matches!(value, Value::Null))
            .map(|(key, value)| (snake_case(key), value.clone()))
            .collect()),
        _ => Err(wrong(name, value, "false, true, or a map of settings")),
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}
