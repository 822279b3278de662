//! The command line's words, options and defaults.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::service::Place;

/// Feature flags: serve them, evaluate them, check them.
#[derive(Debug, Parser)]
#[command(
    name = "jackstaff",
    version,
    about,
    after_help = "Exit codes: 0 all is well · 1 a finding (mistakes in flags, no such flag) · 2 wrong usage or input · 3 the service cannot be reached"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `jackstaff` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve flags over HTTP.
    #[command(
        after_help = "Examples:\n  jackstaff serve --flags flags.yaml\n  DATABASE_URL=postgresql://… jackstaff serve   (as many of them as you like)\n  jackstaff serve --listen 0.0.0.0:8082 --data /var/lib/jackstaff   (needs an API key: jackstaff keys create)"
    )]
    Serve(Box<Serve>),
    /// What does a flag answer for a user, and why?
    #[command(
        after_help = "Examples:\n  jackstaff evaluate --file flags.yaml --environment production new_ui user123\n  jackstaff evaluate --file flags.yaml --context '{\"country\": \"DE\"}' --explain new_ui user123\n  jackstaff evaluate --service http://127.0.0.1:8082 --json new_ui user123"
    )]
    Evaluate(Evaluate),
    /// Find every mistake in flag files.
    #[command(after_help = "Examples:\n  jackstaff lint flags.yaml\n  jackstaff lint --json flags/*.yaml")]
    Lint(Lint),
    /// Print the JSON Schema of flag files, for editors.
    #[command(after_help = "Example:\n  jackstaff schema > flags.schema.json")]
    Schema,
    /// Bring a flag file into a service or its data folder.
    #[command(
        after_help = "Examples:\n  jackstaff import --file flags.yaml --service http://127.0.0.1:8082\n  jackstaff import --file flags.yaml --data ./data --dry-run\n  jackstaff export --backup --data ./data | jackstaff import --database-url postgresql://…   (SQLite to PostgreSQL)"
    )]
    Import(Import),
    /// Print all flags of a service or of its data folder as one document.
    #[command(
        after_help = "Examples:\n  jackstaff export --service http://127.0.0.1:8082 > flags.yaml\n  jackstaff export --data ./data --format json\n  jackstaff export --backup --data ./data > everything.jsonl"
    )]
    Export(Export),
    /// Switch a flag on or off in one environment, or choose what it serves.
    #[command(
        after_help = "Examples:\n  jackstaff set new_ui on --environment production --service http://127.0.0.1:8082 --wait\n  jackstaff set checkout blue -e staging --url http://127.0.0.1:8082\n\nExits with 1 if --wait ends before the change has arrived everywhere; it is made then, and arrives later."
    )]
    Set(Set),
    /// Make, list and revoke API keys.
    #[command(
        after_help = "Examples:\n  jackstaff keys create --kind admin --name alice\n  jackstaff keys create --kind server --environment production --name shop --expires 2027-12-31\n  jackstaff keys revoke 3fT9aQx1"
    )]
    Keys(Keys),
}

/// Where flags are kept.
#[derive(Args, Debug)]
pub struct Store {
    /// The folder that keeps the flags; made if it is not there.
    #[arg(long, default_value = "./data", env = "JACKSTAFF_DATA", global = true)]
    pub data: PathBuf,
    /// Keep the flags in PostgreSQL instead: postgresql://user:password@host:5432/database. Takes sslmode (disable, prefer, require, verify-ca,
    /// verify-full), sslrootcert and schema (default jackstaff). Better given by the environment variable, where other users do not see it.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true)]
    pub database_url: Option<String>,
}

impl Store {
    /// The one place that is meant: a database that is named goes before a folder, which has a default.
    pub fn place(&self) -> Place {
        match self.database_url.as_deref().filter(|url| !url.is_empty()) {
            Some(url) => Place::Database(url.to_owned()),
            None => Place::Folder(self.data.clone()),
        }
    }
}

/// One of several places that flags come from or go to.
#[derive(Args, Debug)]
pub struct Somewhere {
    /// The data folder of a service. One that runs on it notices within a second.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// The PostgreSQL database of services; they notice at once. Taken from DATABASE_URL if neither --data nor --service is given.
    #[arg(long, conflicts_with = "data")]
    pub database_url: Option<String>,
    /// Which service.
    #[command(flatten)]
    pub remote: Remote,
}

impl Somewhere {
    /// The store that is meant; `None` for a service.
    ///
    /// # Errors
    /// None is named, or two are.
    pub fn place(&self) -> Result<Option<Place>, String> {
        let inherited = || std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty());
        match (&self.data, &self.database_url, &self.remote.service) {
            (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => Err("--service goes with neither --data nor --database-url".to_owned()),
            (Some(data), ..) => Ok(Some(Place::Folder(data.clone()))),
            (_, Some(url), _) => Ok(Some(Place::Database(url.clone()))),
            (.., Some(_)) => Ok(None),
            _ => match inherited() {
                Some(url) => Ok(Some(Place::Database(url))),
                None => Err("say where: --service http://127.0.0.1:8082, --data ./data, or --database-url postgresql://…".to_owned()),
            },
        }
    }
}

/// Options of `serve`.
#[derive(Args, Debug)]
pub struct Serve {
    /// Address and port to listen on; port 0 takes a free one. Beyond loopback API keys are needed.
    #[arg(long, default_value = "127.0.0.1:8082", env = "JACKSTAFF_LISTEN")]
    pub listen: SocketAddr,
    /// Serve https:// with the certificates in this file (PEM: ours, then those that lead to an authority). It and the key are read again
    /// when they change, and on SIGHUP.
    #[arg(long, env = "JACKSTAFF_TLS_CERT", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// The certificate's key (PEM).
    #[arg(long, env = "JACKSTAFF_TLS_KEY", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Where the flags are kept.
    #[command(flatten)]
    pub store: Store,
    /// Import this file of flags at the start: YAML, JSON or TOML. Its flags replace those of the same names; others stay.
    #[arg(long)]
    pub flags: Option<PathBuf>,
    /// Import the file again whenever it is saved. With mistakes in it, what was served before is served on.
    #[arg(long, requires = "flags")]
    pub watch: bool,
    /// Say this once after restoring a backup: versions begin anew, so that clients who know later ones take what is served now.
    #[arg(long)]
    pub new_epoch: bool,
    /// Want no API keys, even beyond loopback: whoever reaches the port reads and changes all flags.
    #[arg(long)]
    pub open: bool,
    /// Say where it listens as one line of JSON on stdout, and log as JSON.
    #[arg(long)]
    pub json: bool,
    /// How to log, on stderr; JACKSTAFF_LOG filters (info, debug, jackstaff_service=debug).
    #[arg(long, value_enum)]
    pub log_format: Option<LogFormat>,
    /// The most streams at once.
    #[arg(long, default_value_t = 20_000)]
    pub max_streams: usize,
    /// The most connections at once beside the streams; more wait until one ends.
    #[arg(long, default_value_t = 4_096)]
    pub max_connections: usize,
    /// How many seconds a connection may be idle or take to send a request's head. Keep it above what clients and proxies keep
    /// idle connections for.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..))]
    pub head_timeout: u64,
    /// How many seconds a request may take, streams and imports apart.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    pub request_timeout: u64,
    /// How many seconds an import may take.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub import_timeout: u64,
    /// How many seconds a shutdown waits for requests to end.
    #[arg(long, default_value_t = 10)]
    pub shutdown_timeout: u64,
    /// Kafka, and where to publish changes.
    #[command(flatten)]
    pub kafka: Kafka,
    /// Publish changes on the channels ff:{environment} of this Redis or Valkey: redis://[user:password@]host:6379/0, or rediss:// for TLS.
    #[arg(long, env = "REDIS_URL", hide_env_values = true, help_heading = "Publishing")]
    pub redis_url: Option<String>,
    /// Take the answers that the guide's clients have cached out of that Redis after each change. Only while such clients run; then
    /// switch their own Kafka consumers off.
    #[arg(long, requires = "redis_url", help_heading = "Publishing")]
    pub legacy_sweep: bool,
}

/// Where and how changes are published over Kafka.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Publishing")]
pub struct Kafka {
    /// Publish changes to Kafka: some brokers, as in kafka-1:9092,kafka-2:9092. While none answers, changes wait in the store.
    #[arg(long, env = "JACKSTAFF_KAFKA_BROKERS")]
    pub kafka_brokers: Option<String>,
    /// The topic; made with one partition if it is not there.
    #[arg(long, env = "JACKSTAFF_KAFKA_TOPIC", default_value = jackstaff::wire::KAFKA_TOPIC)]
    pub kafka_topic: String,
    /// How to reach the brokers; a certificate file implies tls.
    #[arg(long, env = "JACKSTAFF_KAFKA_SECURITY", requires = "kafka_brokers", value_parser = ["plaintext", "tls"])]
    pub kafka_security: Option<String>,
    /// Certificates to trust, PEM; otherwise those that the system trusts.
    #[arg(long, env = "JACKSTAFF_KAFKA_CA_FILE", requires = "kafka_brokers")]
    pub kafka_ca_file: Option<String>,
    /// Our certificate, PEM.
    #[arg(long, env = "JACKSTAFF_KAFKA_CERT_FILE", requires = "kafka_key_file")]
    pub kafka_cert_file: Option<String>,
    /// Our certificate's key, PEM.
    #[arg(long, env = "JACKSTAFF_KAFKA_KEY_FILE", requires = "kafka_cert_file")]
    pub kafka_key_file: Option<String>,
    /// How to log in.
    #[arg(long, env = "JACKSTAFF_KAFKA_SASL", requires = "kafka_brokers", value_parser = ["plain", "scram-sha-256", "scram-sha-512", "oauthbearer"])]
    pub kafka_sasl: Option<String>,
    /// The user for plain and scram.
    #[arg(long, env = "JACKSTAFF_KAFKA_USERNAME", requires = "kafka_sasl")]
    pub kafka_username: Option<String>,
    /// The password for plain and scram; better given by the environment variable, where other users do not see it.
    #[arg(long, env = "JACKSTAFF_KAFKA_PASSWORD", hide_env_values = true, requires = "kafka_sasl")]
    pub kafka_password: Option<String>,
    /// A file with the token for oauthbearer; read at every connect.
    #[arg(long, env = "JACKSTAFF_KAFKA_TOKEN_FILE", requires = "kafka_sasl")]
    pub kafka_token_file: Option<String>,
}

impl Kafka {
    /// The settings, if Kafka is wanted.
    ///
    /// # Errors
    /// One of them cannot be used.
    pub fn settings(&self) -> Result<Option<jackstaff::kafka::Settings>, jackstaff::Error> {
        let Some(brokers) = self.kafka_brokers.as_ref().filter(|brokers| !brokers.is_empty()) else { return Ok(None) };
        let given = [
            ("brokers", Some(brokers)),
            ("topic", Some(&self.kafka_topic)),
            ("security", self.kafka_security.as_ref()),
            ("ca_file", self.kafka_ca_file.as_ref()),
            ("cert_file", self.kafka_cert_file.as_ref()),
            ("key_file", self.kafka_key_file.as_ref()),
            ("sasl", self.kafka_sasl.as_ref()),
            ("username", self.kafka_username.as_ref()),
            ("password", self.kafka_password.as_ref()),
            ("token_file", self.kafka_token_file.as_ref()),
        ];
        let entries = given.into_iter().filter_map(|(name, value)| Some((name.into(), jackstaff::Value::from(value?.as_str()))));
        jackstaff::kafka::Settings::from_value(&jackstaff::Value::Map(entries.collect())).map(Some)
    }
}

/// How logs look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Options of `evaluate`.
#[derive(Args, Debug)]
pub struct Evaluate {
    /// The flag.
    pub flag: String,
    /// The targeting key; may be missing where a context is given.
    pub user: Option<String>,
    /// Evaluate with this file of flags.
    #[arg(long, conflicts_with = "service", required_unless_present = "service")]
    pub file: Option<PathBuf>,
    /// How the file is written: native, ufc, …
    #[arg(long, default_value = "native", requires = "file")]
    pub format: String,
    /// The environment.
    #[arg(long, short, default_value = "development", env = "ENVIRONMENT")]
    pub environment: String,
    /// The attributes, as a JSON object.
    #[arg(long)]
    pub context: Option<String>,
    /// Evaluate as of this moment: 2027-03-01T09:00:00Z, or a date.
    #[arg(long, requires = "file")]
    pub now: Option<String>,
    /// Say how it came to that: rules, conditions, buckets.
    #[arg(long, requires = "file")]
    pub explain: bool,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Which service.
    #[command(flatten)]
    pub remote: Remote,
}

/// A running service and how to be let in.
#[derive(Args, Debug)]
pub struct Remote {
    /// Ask the service at this URL.
    #[arg(long, alias = "url")]
    pub service: Option<String>,
    /// Certificates (PEM) to trust for https:// instead of the system's.
    #[arg(long, env = "JACKSTAFF_SERVICE_CA")]
    pub service_ca: Option<PathBuf>,
    /// The API key to show.
    #[arg(long, env = "JACKSTAFF_API_KEY", hide_env_values = true)]
    pub api_key: Option<String>,
}

/// Options of `lint`.
#[derive(Args, Debug)]
pub struct Lint {
    /// The files: YAML, JSON or TOML.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Print one JSON object per problem.
    #[arg(long)]
    pub json: bool,
}

/// Options of `import`.
#[derive(Args, Debug)]
pub struct Import {
    /// The file: YAML, JSON or TOML. Without it, the standard input: YAML or JSON, or what `export --backup` wrote.
    #[arg(long)]
    pub file: Option<PathBuf>,
    /// Say what would change, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Archive flags and segments that the file does not name.
    #[arg(long)]
    pub replace: bool,
    /// Why, for the audit log.
    #[arg(long)]
    pub comment: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Where to.
    #[command(flatten)]
    pub to: Somewhere,
}

/// Options of `export`.
#[derive(Args, Debug)]
pub struct Export {
    /// How to write it.
    #[arg(long, value_enum, default_value = "yaml")]
    pub format: ExportFormat,
    /// Everything, as lines of JSON: archived flags, revisions, versions and epochs, the audit log, and keys (hashes only). For another
    /// store: `jackstaff import` fills a fresh one with it, and clients notice nothing. Not from a --service.
    #[arg(long, conflicts_with = "format")]
    pub backup: bool,
    /// Where from.
    #[command(flatten)]
    pub from: Somewhere,
}

/// Options of `set`.
#[derive(Args, Debug)]
pub struct Set {
    /// The flag.
    pub flag: String,
    /// `on` or `off` switches the flag; anything else is the variant, by its name or by its value, that everybody gets whom no rule serves.
    pub value: String,
    /// The environment.
    #[arg(long, short, default_value = "development", env = "ENVIRONMENT")]
    pub environment: String,
    /// Wait until every service on the store serves it, and has sent it to all who follow.
    #[arg(long)]
    pub wait: bool,
    /// How many seconds to wait at most.
    #[arg(long, default_value_t = 30, requires = "wait")]
    pub timeout: u64,
    /// Why, for the audit log.
    #[arg(long)]
    pub comment: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Which service.
    #[command(flatten)]
    pub remote: Remote,
}

/// How an export is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

/// Options of `keys`.
#[derive(Args, Debug)]
pub struct Keys {
    /// What to do.
    #[command(subcommand)]
    pub action: KeysAction,
    /// Where the service keeps them; one that runs there notices within a second.
    #[command(flatten)]
    pub store: Store,
    /// Print JSON.
    #[arg(long, global = true)]
    pub json: bool,
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeysAction {
    /// Make a key and print it; it cannot be shown again.
    Create {
        /// What it opens.
        #[arg(long, value_enum)]
        kind: KeyKind,
        /// The environment of a server key.
        #[arg(long, short, required_if_eq("kind", "server"))]
        environment: Option<String>,
        /// What people call it.
        #[arg(long, default_value = "")]
        name: String,
        /// When it ends: 2027-12-31, or 2027-12-31T12:00:00Z. Default: never.
        #[arg(long)]
        expires: Option<String>,
    },
    /// List keys; the secrets are nowhere to be had.
    List,
    /// Revoke a key: requests are refused at once, open streams end at their next ping.
    Revoke {
        /// The eight characters after ffa_ or ffs_.
        id: String,
    },
}

/// What a key opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyKind {
    /// Everything.
    Admin,
    /// Evaluation, ruleset and stream of one environment.
    Server,
}
