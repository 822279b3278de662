//! Rivals' public cases, run through our front-ends.
//!
//! `JACKSTAFF_CONFORMANCE` names the folder that holds one folder per suite (default: `../shared/conformance`
//! beside the workspace). A suite that is not there is skipped, loudly; where `CI` is set that is a failure. For each suite
//! there is a line `suite: passed/total`, and one per failing case. Which files and cases there are is the folder's affair: a
//! suite knows only their shape. A new front-end adds a file beside these and a line to [`SUITES`].
//!
//! This is its own `main`, because libtest hides what a passing test prints. It understands as much of libtest's command
//! line as people use: names to select by, and `--list`.

mod bucketing;
mod case;
mod datadog_ffe;
mod eppo_ufc;
mod jsonlogic;
mod tally;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use tally::Tally;

/// A suite: its folder, which is its name too, and how to run it.
struct Suite {
    name: &'static str,
    run: fn(&Path) -> Result<Tally, String>,
}

const SUITES: &[Suite] = &[
    Suite { name: "eppo-ufc", run: eppo_ufc::run },
    Suite { name: "datadog-ffe", run: datadog_ffe::run },
    Suite { name: "bucketing-vectors", run: bucketing::run },
    Suite { name: "jsonlogic", run: jsonlogic::run },
];

fn root() -> PathBuf {
    match std::env::var_os("JACKSTAFF_CONFORMANCE").filter(|path| !path.is_empty()) {
        Some(path) => path.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance"),
    }
}

/// The folders under `root` that no suite of ours reads.
fn strangers(root: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir());
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| SUITES.iter().all(|suite| suite.name != name)).collect();
    names.sort();
    names
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        SUITES.iter().for_each(|suite| println!("{}: test", suite.name));
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str()));
    let required = std::env::var_os("CI").is_some_and(|value| !value.is_empty());
    let root = root();

    println!("\nrunning the conformance suites of {}", root.display());
    let (mut passed, mut failed, mut ignored) = (0, 0, 0);
    let selected: Vec<&Suite> = SUITES.iter().filter(|suite| is_wanted(suite.name)).collect();
    for suite in &selected {
        let folder = root.join(suite.name);
        if !folder.is_dir() {
            println!("SKIPPED {}: there is no folder {}", suite.name, folder.display());
            if required {
                println!("    and CI is set, where every suite has to run");
                failed += 1;
            } else {
                ignored += 1;
            }
            continue;
        }
        match (suite.run)(&folder) {
            Ok(tally) => {
                tally.print(suite.name);
                if tally.is_ok() { passed += 1 } else { failed += 1 }
            }
            Err(message) => {
                println!("{}: FAILED to run: {message}", suite.name);
                failed += 1;
            }
        }
    }
    strangers(&root).iter().filter(|name| is_wanted(name)).for_each(|name| println!("{name}: no front-end yet"));

    let outcome = if failed == 0 { "ok" } else { "FAILED" };
    let filtered = SUITES.len() - selected.len();
    println!("\ntest result: {outcome}. {passed} passed; {failed} failed; {ignored} ignored; 0 measured; {filtered} filtered out\n");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
