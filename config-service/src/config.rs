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
