//! What the suites share: reading files, contexts and values of cases.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use jackstaff::format::{Format, by_name};
use jackstaff::ir::Snapshot;
use jackstaff::ruleset::Syntax;
use jackstaff::{Attributes, Context, Value};

/// The JSON in a file.
pub fn json(path: &Path) -> Result<Value, String> {
    serde_json::from_str(&text(path)?).map_err(|error| format!("{}: {error}", path.display()))
}

/// The text of a file.
pub fn text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The JSON files of a folder by name, in its order, with their content.
pub fn json_files(folder: &Path) -> Result<Vec<(String, Value)>, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json")).collect();
    paths.sort();
    paths
        .iter()
        .map(|path| Ok((path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned()), json(path)?)))
        .collect()
}

/// A document through a front-end, as a client would read it.
pub fn compile(format: &str, path: &Path) -> Result<(&'static Format, Snapshot), String> {
    let format = by_name(format).map_err(|error| error.to_string())?;
    let snapshot = (format.compile)(&text(path)?, Syntax::Json, "conformance").map_err(|error| format!("{}: {error}", path.display()))?;
    Ok((format, snapshot))
}

/// The elements of a list, or none.
pub fn list(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::List(items)) => items,
        _ => &[],
    }
}

/// A context of a key, which may be null, and attributes.
pub fn context(key: Option<&Value>, attributes: Option<&Value>) -> Result<Context, String> {
    let context = match key.and_then(Value::as_str) {
        Some(key) => Context::new(key).map_err(|error| error.to_string())?,
        None => Context::anonymous(),
    };
    let Some(Value::Map(entries)) = attributes else {
        return Ok(context);
    };
    let attributes = Attributes::new(entries.iter().cloned()).map_err(|error| error.to_string())?;
    Ok(context.with_attributes(attributes))
}

/// Now, in milliseconds since 1970: the cases' dates are meant for the real clock.
#[allow(clippy::disallowed_methods, reason = "a test may ask the clock; the core is handed one")]
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// Notes a difference between what a case states and what we answer.
pub fn expect<T: PartialEq + std::fmt::Debug>(problems: &mut Vec<String>, what: &str, wanted: T, got: T) {
    if wanted != got {
        problems.push(format!("{what}: want {wanted:?}, got {got:?}"));
    }
}
