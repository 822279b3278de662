//! Every option of a client: its name in all languages, its default, its environment variable.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
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
    /// Where checks are evaluated. Environment variable `JACKSTAFF_EVALUATION`. Default `auto`.
    pub evaluation: Evaluate,
    /// How long an answer of the service may be served from the shared cache; seconds in other languages, default
    /// 300. Zero keeps no answers at all.
    pub cache_ttl: Duration,
    /// How long an answer of the service may be served from this process's memory, counted from its evaluation; default 60 s.
    /// The shorter of the two counts.
    pub local_ttl: Duration,
    /// How many answers are kept in memory; default 100 000 (about 150 bytes each).
    pub cache_entries: usize,
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
    /// The shared cache. This version keeps answers in memory only; the URL is accepted so that configurations
    /// written for the guide's clients work, and one warning says so. Environment variable `REDIS_URL`.
    pub redis_url: Option<Arc<str>>,
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
            evaluation: Evaluate::Auto,
            cache_ttl: Duration::from_secs(300),
            local_ttl: Duration::from_secs(60),
            cache_entries: 100_000,
            timeout: Duration::from_secs(5),
            poll_interval: Duration::from_secs(60),
            stream: true,
            max_stale: None,
            bootstrap: None,
            snapshot_path: None,
            redis_url: None,
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
        for (name, option) in [("JACKSTAFF_API_KEY", "api_key"), ("REDIS_URL", "redis_url"), ("JACKSTAFF_EVALUATION", "evaluation")] {
            let is_given = match option {
                "api_key" => self.api_key.is_some(),
                "redis_url" => self.redis_url.is_some(),
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
            "cache_entries" => self.cache_entries = count(name, value)?,
            "timeout" => self.timeout = seconds(name, value, 0.001)?,
            "poll_interval" => self.poll_interval = seconds(name, value, 0.05)?,
            "stream" => self.stream = value.as_bool().ok_or_else(|| wrong(name, value, "true or false"))?,
            "max_stale" => self.max_stale = Some(seconds(name, value, 0.0)?),
            "bootstrap" => self.bootstrap = Some(Bootstrap::Document(value.clone())),
            "snapshot_path" => self.snapshot_path = Some(text(name, value)?.as_ref().into()),
            "redis_url" => self.redis_url = Some(text(name, value)?),
            _ => {
                let known = NAMES.join(", ");
                return Err(invalid(format!("there is no option \"{name}\"; the options are {known}")));
            }
        }
        Ok(())
    }
}

/// The names of the options, for messages.
const NAMES: &[&str] = &[
    "config_service_url",
    "environment",
    "api_key",
    "evaluation",
    "cache_ttl",
    "local_ttl",
    "cache_entries",
    "timeout",
    "poll_interval",
    "stream",
    "max_stale",
    "bootstrap",
    "snapshot_path",
    "redis_url",
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
