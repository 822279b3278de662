//! `jackstaff lint`: every mistake of every file, at once.

use std::io::IsTerminal;
use std::path::Path;

use jackstaff::format::native::Document;
use jackstaff::ruleset::{Node, Problem, Severity, Syntax};

use super::{Failure, print, problem_line, read_file};
use crate::clock;
use crate::config::Lint;

/// Prints the problems of the files.
///
/// # Errors
/// A file has an error (1), or cannot be read (2). Warnings are printed and are no failure.
pub fn lint(options: &Lint) -> Result<(), Failure> {
    let is_terminal = std::io::stdout().is_terminal();
    let (mut errors, mut warnings) = (0, 0);
    for file in &options.files {
        for problem in problems(&read_file(file)?, Syntax::of_path(file)) {
            let is_error = problem.severity == Severity::Error;
            if is_error {
                errors += 1
            } else {
                warnings += 1
            }
            let line = match (options.json, is_terminal) {
                (true, _) => as_json(file, &problem),
                (false, true) => format!("\x1b[{}m{}\x1b[0m", if is_error { 31 } else { 33 }, problem_line(file, &problem)),
                (false, false) => problem_line(file, &problem),
            };
            print(&line)?;
        }
    }
    if errors > 0 {
        return Err(Failure::finding(format!("{errors} mistakes, {warnings} warnings")));
    }
    if !options.json {
        eprintln!("jackstaff: no mistakes, {warnings} warnings in {} files", options.files.len());
    }
    Ok(())
}

/// All problems of a document: of its text, of its outline, or of its flags.
pub fn problems(text: &str, syntax: Syntax) -> Vec<Problem> {
    let node = match Node::parse(text, syntax) {
        Ok(node) => node,
        Err(problem) => return vec![problem],
    };
    match Document::from_node(&node) {
        Ok(document) => document.check(Some(clock::system()())),
        Err(problems) => problems,
    }
}

fn as_json(file: &Path, problem: &Problem) -> String {
    let mut line = serde_json::json!({"file": file.display().to_string()});
    if let (Some(line), Ok(serde_json::Value::Object(problem))) = (line.as_object_mut(), serde_json::to_value(problem)) {
        line.extend(problem);
    }
    line.to_string()
}
