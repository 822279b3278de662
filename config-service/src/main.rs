//! `jackstaff`: see `jackstaff --help`.

use std::process::ExitCode;

use clap::Parser;
use jackstaff_service::{command, config::Cli};

fn main() -> ExitCode {
    command::run(Cli::parse())
}
