//! What `jackstaff` does when it is called: one file per word of the command line.
//!
//! Each command is a function that returns a [`Failure`] with the exit code scripts rely on: 1 for a finding,
//! 2 for wrong usage or input, 3 for a service that cannot be reached.

mod evaluate;
mod exchange;
mod keys;
mod lint;
mod remote;
mod serve;
mod set;

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::config::{Cli, Command};
use crate::environments::refusal::Refusal;
use crate::store::StoreError;

/// Why a command failed: what to say and how to exit.
#[derive(Debug)]
pub struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    /// 1: the work was done, and found something.
    pub fn finding(message: impl Into<String>) -> Self {
        Self { code: 1, message: message.into() }
    }

    /// 2: the call or its input is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { code: 2, message: message.into() }
    }

    /// 3: the service cannot be reached.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self { code: 3, message: message.into() }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::usage(error.to_string())
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::usage(refusal.to_string())
    }
}

/// Runs a command and says how to exit.
pub fn run(cli: Cli) -> ExitCode {
    let result = match cli.command {
        Command::Serve(options) => serve::serve(&options),
        Command::Evaluate(options) => evaluate::evaluate(&options),
        Command::Lint(options) => lint::lint(&options),
        Command::Schema => print(jackstaff::format::native::SCHEMA.trim_end()),
        Command::Import(options) => exchange::import(&options),
        Command::Export(options) => exchange::export(&options),
        Command::Set(options) => set::set(&options),
        Command::Keys(options) => keys::keys(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.message.is_empty() {
                eprintln!("jackstaff: {}", failure.message);
            }
            ExitCode::from(failure.code)
        }
    }
}

/// Prints a line on stdout. Whoever reads it may stop reading (`| head`): that is no failure.
fn print(text: &str) -> Result<(), Failure> {
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::usage(format!("cannot write to stdout: {error}"))),
        _ => Ok(()),
    }
}

fn read_file(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file).map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))
}

/// The mistakes of a file as an editor finds them: `file:line:col: path: message`.
pub fn problem_line(file: &Path, problem: &jackstaff::ruleset::Problem) -> String {
    let word = if problem.severity == jackstaff::ruleset::Severity::Warning { "warning: " } else { "" };
    match problem.to_string().strip_prefix(&format!("{}:{}: ", problem.at.line, problem.at.column)) {
        Some(rest) => format!("{}:{}:{}: {word}{rest}", file.display(), problem.at.line, problem.at.column),
        None => format!("{}: {word}{problem}", file.display()),
    }
}
