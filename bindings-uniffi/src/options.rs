//! The options of a client as a record, with the names of every language.

use jackstaff::{Result, Value as CoreValue};

use crate::types::Value;

/// The options of a client. Every time is in seconds. What is not given comes from the environment variables, then from the defaults.
#[derive(Clone, Debug, Default, uniffi::Record)]
pub struct Options {
    /// Where the config service is, as in `http://config-service:8082`. Environment variable `CONFIG_SERVICE_URL`.
    #[uniffi(default = None)]
    pub config_service_url: Option<String>,
    /// Which environment's flags. Environment variable `ENVIRONMENT`. No default where a service is asked.
    #[uniffi(default = None)]
    pub environment: Option<String>,
    /// How long an answer of the service may be served, from its evaluation, wherever it is kept; default 300. 0 keeps no answers.
    #[uniffi(default = None)]
    pub cache_ttl: Option<f64>,
    /// How long this process trusts its own copy before it looks again; default 60.
    #[uniffi(default = None)]
    pub local_ttl: Option<f64>,
    /// From this age on an answer is fetched anew in the background while it is still served; default four fifths of `cache_ttl`.
    #[uniffi(default = None)]
    pub soft_ttl: Option<f64>,
    /// How many answers are kept in memory; default 100 000.
    #[uniffi(default = None)]
    pub cache_entries: Option<i64>,
    /// How many bytes they may take, about; default 64 MiB.
    #[uniffi(default = None)]
    pub cache_bytes: Option<i64>,
    /// How failed questions are repeated within `timeout`.
    #[uniffi(default = None)]
    pub retry: Option<RetryOptions>,
    /// When a service that fails is left alone.
    #[uniffi(default = None)]
    pub breaker: Option<BreakerOptions>,
    /// Answers are shared there: `redis://`, `rediss://`, `redis+cluster://a:7000,b:7000`, `redis+sentinel://a:26379/mymaster/0`. Environment variable `REDIS_URL`.
    #[uniffi(default = None)]
    pub redis_url: Option<String>,
    /// How long a read from Redis may take before the service is asked instead; default 0.05.
    #[uniffi(default = None)]
    pub redis_timeout: Option<f64>,
    /// Signs what is written to Redis, and lets only what was signed with it count. Environment variable `JACKSTAFF_REDIS_SECRET`.
    #[uniffi(default = None)]
    pub redis_secret: Option<String>,
    /// Certificates (PEM) to trust for `rediss://`: a file, or their text; default the system's.
    #[uniffi(default = None)]
    pub redis_ca: Option<String>,
    /// Hear of changes over that Redis too, from a service with `--redis-url`; default false.
    #[uniffi(default = None)]
    pub redis_updates: Option<bool>,
    /// Hear of changes over Kafka too; default none.
    #[uniffi(default = None)]
    pub kafka: Option<KafkaOptions>,
    /// Sent as `Authorization: Bearer`. Environment variable `JACKSTAFF_API_KEY`.
    #[uniffi(default = None)]
    pub api_key: Option<String>,
    /// Certificates (PEM) to trust for a service at `https://`: a file, or their text; default the system's.
    #[uniffi(default = None)]
    pub service_ca: Option<String>,
    /// Where checks are evaluated: `auto` (default: in process as soon as the flags are there), `local` or `remote`. Environment variable `JACKSTAFF_EVALUATION`.
    #[uniffi(default = None)]
    pub evaluation: Option<String>,
    /// How long a check may take in all; default 5.
    #[uniffi(default = None)]
    pub timeout: Option<f64>,
    /// How often the service is asked for changes while there is no stream; default 60.
    #[uniffi(default = None)]
    pub poll_interval: Option<f64>,
    /// Follow changes by a stream; default true.
    #[uniffi(default = None)]
    pub stream: Option<bool>,
    /// Beyond this age a failing service's last answer is not served, and the default is; default none.
    #[uniffi(default = None)]
    pub max_stale: Option<f64>,
    /// A flag document to begin with, or to live on where there is no service.
    #[uniffi(default = None)]
    pub bootstrap: Option<Value>,
    /// A file that keeps the last good flags, for a start while the service is away.
    #[uniffi(default = None)]
    pub snapshot_path: Option<String>,
}

/// How failed questions are repeated.
#[derive(Clone, Debug, Default, uniffi::Record)]
pub struct RetryOptions {
    /// How often a question is sent in all; default 3, from 1 (not repeated) to 10.
    #[uniffi(default = None)]
    pub attempts: Option<i32>,
    /// The first pause is drawn from zero to this, each later one from twice as much; default 1.
    #[uniffi(default = None)]
    pub min: Option<f64>,
    /// No pause is longer; default 10.
    #[uniffi(default = None)]
    pub max: Option<f64>,
    /// Repeated questions may be this part of all; default 0.1.
    #[uniffi(default = None)]
    pub budget: Option<f64>,
}

/// When a service that fails is left alone.
#[derive(Clone, Debug, Default, uniffi::Record)]
pub struct BreakerOptions {
    /// How many failures in a row; default 5, 0 for never.
    #[uniffi(default = None)]
    pub failures: Option<i32>,
    /// How long the service is then left alone; default 60.
    #[uniffi(default = None)]
    pub reset: Option<f64>,
}

/// How Kafka is reached. Certificates or `security: "tls"` switch TLS on, `sasl` a log-in.
#[derive(Clone, Debug, Default, uniffi::Record)]
pub struct KafkaOptions {
    /// The brokers: `kafka-1:9092,kafka-2:9092`.
    pub brokers: String,
    /// Default `feature-flag-updates`.
    #[uniffi(default = None)]
    pub topic: Option<String>,
    /// `plaintext` or `tls`.
    #[uniffi(default = None)]
    pub security: Option<String>,
    /// A file of certificates (PEM) to trust.
    #[uniffi(default = None)]
    pub ca_file: Option<String>,
    /// A file with the certificate to show.
    #[uniffi(default = None)]
    pub cert_file: Option<String>,
    /// A file with its key.
    #[uniffi(default = None)]
    pub key_file: Option<String>,
    /// `plain`, `scram-sha-256`, `scram-sha-512` or `oauthbearer`.
    #[uniffi(default = None)]
    pub sasl: Option<String>,
    /// The name to log in with.
    #[uniffi(default = None)]
    pub username: Option<String>,
    /// Its password.
    #[uniffi(default = None)]
    pub password: Option<String>,
    /// For `oauthbearer`: the token.
    #[uniffi(default = None)]
    pub token: Option<String>,
    /// Or a file with it, which is read anew when it is needed.
    #[uniffi(default = None)]
    pub token_file: Option<String>,
}

/// What the core takes for one option; null means "not given".
trait Given {
    fn given(self) -> CoreValue;
}

impl<T: Given> Given for Option<T> {
    fn given(self) -> CoreValue {
        self.map_or(CoreValue::Null, T::given)
    }
}

impl Given for String {
    fn given(self) -> CoreValue {
        CoreValue::from(self)
    }
}

impl Given for bool {
    fn given(self) -> CoreValue {
        CoreValue::Bool(self)
    }
}

impl Given for f64 {
    fn given(self) -> CoreValue {
        // Not a number stays one that no option takes, so that the message names the option.
        if self.is_finite() { CoreValue::Float(self) } else { CoreValue::from(self.to_string()) }
    }
}

impl Given for i64 {
    fn given(self) -> CoreValue {
        CoreValue::Int(self)
    }
}

impl Given for i32 {
    fn given(self) -> CoreValue {
        CoreValue::Int(self.into())
    }
}

impl Given for Value {
    fn given(self) -> CoreValue {
        self.into()
    }
}

/// A map of what was given under these names.
fn map<const N: usize>(pairs: [(&str, CoreValue); N]) -> CoreValue {
    let given = pairs.into_iter().filter(|(_, value)| !matches!(value, CoreValue::Null));
    CoreValue::Map(given.map(|(name, value)| (name.into(), value)).collect())
}

impl Given for RetryOptions {
    fn given(self) -> CoreValue {
        let Self { attempts, min, max, budget } = self;
        map([("attempts", attempts.given()), ("min", min.given()), ("max", max.given()), ("budget", budget.given())])
    }
}

impl Given for BreakerOptions {
    fn given(self) -> CoreValue {
        map([("failures", self.failures.given()), ("reset", self.reset.given())])
    }
}

impl Given for KafkaOptions {
    fn given(self) -> CoreValue {
        map([
            ("brokers", self.brokers.given()),
            ("topic", self.topic.given()),
            ("security", self.security.given()),
            ("ca_file", self.ca_file.given()),
            ("cert_file", self.cert_file.given()),
            ("key_file", self.key_file.given()),
            ("sasl", self.sasl.given()),
            ("username", self.username.given()),
            ("password", self.password.given()),
            ("token", self.token.given()),
            ("token_file", self.token_file.given()),
        ])
    }
}

impl Options {
    /// The core's options, complete. `document` takes the place of `bootstrap` where it is given.
    ///
    /// # Errors
    /// `InvalidArgument`, naming the option, its value and what would be right.
    pub fn complete(self, document: Option<CoreValue>) -> Result<jackstaff::Options> {
        // Taken apart, so that an option which is added cannot be forgotten here.
        let Self {
            config_service_url,
            environment,
            cache_ttl,
            local_ttl,
            soft_ttl,
            cache_entries,
            cache_bytes,
            retry,
            breaker,
            redis_url,
            redis_timeout,
            redis_secret,
            redis_ca,
            redis_updates,
            kafka,
            api_key,
            service_ca,
            evaluation,
            timeout,
            poll_interval,
            stream,
            max_stale,
            bootstrap,
            snapshot_path,
        } = self;
        jackstaff::Options::from_pairs([
            ("config_service_url", config_service_url.given()),
            ("environment", environment.given()),
            ("cache_ttl", cache_ttl.given()),
            ("local_ttl", local_ttl.given()),
            ("soft_ttl", soft_ttl.given()),
            ("cache_entries", cache_entries.given()),
            ("cache_bytes", cache_bytes.given()),
            ("retry", retry.given()),
            ("breaker", breaker.given()),
            ("redis_url", redis_url.given()),
            ("redis_timeout", redis_timeout.given()),
            ("redis_secret", redis_secret.given()),
            ("redis_ca", redis_ca.given()),
            ("redis_updates", redis_updates.given()),
            ("kafka", kafka.given()),
            ("api_key", api_key.given()),
            ("service_ca", service_ca.given()),
            ("evaluation", evaluation.given()),
            ("timeout", timeout.given()),
            ("poll_interval", poll_interval.given()),
            ("stream", stream.given()),
            ("max_stale", max_stale.given()),
            ("bootstrap", document.unwrap_or_else(|| bootstrap.given())),
            ("snapshot_path", snapshot_path.given()),
        ])
    }
}
