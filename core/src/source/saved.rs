//! The last good ruleset on disk: a start without the service.
//!
//! Written beside its place and then moved there, so that a reader never meets half a file; a checksum finds what a disk did
//! to it later.

use std::path::Path;

use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::{Error, ErrorKind, Result};
use crate::ruleset::Ruleset;
use crate::wire::Saved;

/// The ruleset that was saved at `path` for `environment`; `None`, and one warning, if there is none that can be used.
pub fn read(path: &Path, environment: &str) -> Option<Ruleset> {
    match try_read(path, environment) {
        Ok(ruleset) => ruleset,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the saved ruleset is not used");
            None
        }
    }
}

fn try_read(path: &Path, environment: &str) -> Result<Option<Ruleset>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::new(ErrorKind::Io, error.to_string()).caused_by(error)),
    };
    let bad = |message: String| Error::new(ErrorKind::InvalidDocument, message);
    let saved: Saved<&RawValue> = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
    if saved.checksum != checksum(saved.ruleset.get()) {
        return Err(bad("its checksum is wrong".to_owned()));
    }
    let ruleset: Ruleset = serde_json::from_str(saved.ruleset.get()).map_err(|error| bad(error.to_string()))?;
    if &*ruleset.environment != environment {
        return Err(bad(format!("it is of environment \"{}\", not of \"{environment}\"", ruleset.environment)));
    }
    Ok(Some(ruleset))
}

/// Saves `ruleset` at `path`.
///
/// # Errors
/// `Io`; what was saved before is unharmed.
pub fn write(path: &Path, ruleset: &Ruleset) -> Result<()> {
    let io = |error: std::io::Error| Error::new(ErrorKind::Io, format!("{} cannot be written: {error}", path.display())).caused_by(error);
    let json = |error: serde_json::Error| Error::new(ErrorKind::Io, error.to_string()).caused_by(error);
    let ruleset = serde_json::value::to_raw_value(ruleset).map_err(json)?;
    let text = serde_json::to_string(&Saved { checksum: checksum(ruleset.get()), ruleset }).map_err(json)?;
    // Several workers of a service may save at the same time: each to a file of its own, the last one stays.
    let draft = path.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&draft, text).and_then(|()| std::fs::rename(&draft, path)).map_err(|error| {
        drop(std::fs::remove_file(&draft));
        io(error)
    })
}

fn checksum(text: &str) -> String {
    format!("{:016x}", xxh3_64(text.as_bytes()))
}
