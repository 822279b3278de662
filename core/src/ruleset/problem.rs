//! A mistake in a document: where it is, what is wrong, and what would be right.

use std::fmt;

use serde::Serialize;

use super::node::Mark;
use crate::error::{Error, ErrorKind};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The document is refused.
    Error,
    /// The document works, but somebody should look.
    Warning,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The steps to it, as in `flags.new_ui.rules[0].when`.
    pub path: String,
    /// Where it is written; line 0 if the document did not come as a file.
    #[serde(flatten)]
    pub at: Mark,
    /// What is wrong, with the value, and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    /// `12:7: flags.new_ui.rules[0].when: unknown operator "equal"; did you mean "equals"?`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.at.line > 0 {
            write!(f, "{}:{}: ", self.at.line, self.at.column)?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// All the errors in one: what a caller sees who asked for a document and not for a list of problems.
pub fn to_error(file: Option<&str>, problems: &[Problem]) -> Error {
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
    let lines: Vec<String> = errors
        .map(|problem| match file {
            Some(file) => format!("{file}:{problem}"),
            None => problem.to_string(),
        })
        .collect();
    Error::new(ErrorKind::InvalidDocument, lines.join("\n"))
}
