//! The command line's words, options and defaults.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
        after_help = "Examples:\n  jackstaff serve --flags flags.yaml\n  jackstaff serve --listen 0.0.0.0:8082 --data /var/lib/jackstaff   (needs an API key: jackstaff keys create)"
    )]
    Serve(Serve),
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
        after_help = "Examples:\n  jackstaff import --file flags.yaml --service http://127.0.0.1:8082\n  jackstaff import --file flags.yaml --data ./data --dry-run"
    )]
    Import(Import),
    /// Print all flags of a service or of its data folder as one document.
    #[command(
        after_help = "Examples:\n  jackstaff export --service http://127.0.0.1:8082 > flags.yaml\n  jackstaff export --data ./data --format json"
    )]
    Export(Export),
    /// Make, list and revoke API keys.
    #[command(
        after_help = "Examples:\n  jackstaff keys create --kind admin --name alice\n  jackstaff keys create --kind server --environment production --name shop --expires 2027-12-31\n  jackstaff keys revoke 3fT9aQx1"
    )]
    Keys(Keys),
}

/// Options of `serve`.
#[derive(Args, Debug)]
pub struct Serve {
    /// Address and port to listen on; port 0 takes a free one. Beyond loopback API keys are needed.
    #[arg(long, default_value = "127.0.0.1:8082", env = "JACKSTAFF_LISTEN")]
    pub listen: SocketAddr,
    /// The folder that keeps the flags; made if it is not there.
    #[arg(long, default_value = "./data", env = "JACKSTAFF_DATA")]
    pub data: PathBuf,
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
    /// How many seconds a shutdown waits for requests to end.
    #[arg(long, default_value_t = 10)]
    pub shutdown_timeout: u64,
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
    #[arg(long)]
    pub service: Option<String>,
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
    /// The file: YAML, JSON or TOML.
    #[arg(long)]
    pub file: PathBuf,
    /// Into this data folder. A service that runs on it notices within a second.
    #[arg(long, conflicts_with = "service", required_unless_present = "service")]
    pub data: Option<PathBuf>,
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
    /// Which service.
    #[command(flatten)]
    pub remote: Remote,
}

/// Options of `export`.
#[derive(Args, Debug)]
pub struct Export {
    /// From this data folder.
    #[arg(long, conflicts_with = "service", required_unless_present = "service")]
    pub data: Option<PathBuf>,
    /// How to write it.
    #[arg(long, value_enum, default_value = "yaml")]
    pub format: ExportFormat,
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
    /// The service's data folder. A service that runs on it notices within a second.
    #[arg(long, default_value = "./data", env = "JACKSTAFF_DATA", global = true)]
    pub data: PathBuf,
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
