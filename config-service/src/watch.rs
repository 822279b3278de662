//! `serve --watch`: the file of flags is imported again whenever somebody saves it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jackstaff::ruleset::Problem;

use crate::command::problem_line;
use crate::environments::refusal::Refusal;
use crate::service::{Service, import_file};

/// How often the file is looked at. Asking its date works on every system and every mounted volume, which notifications do not.
const LOOK: Duration = Duration::from_millis(500);

/// Imports `file` when its date or length changes. A file with mistakes changes nothing: they are logged, and what was
/// served before is served on. Does not end by itself.
pub async fn watch(service: Arc<Service>, file: PathBuf) {
    let mut seen = mark(&file).await;
    loop {
        tokio::time::sleep(LOOK).await;
        let now = mark(&file).await;
        if now == seen || now.is_none() {
            continue;
        }
        seen = now;
        let (service, file) = (service.clone(), file.clone());
        let imported =
            tokio::task::spawn_blocking(move || report(&file, import_file(&service, &file).map(|outcome| outcome.parts.len()))).await;
        if let Err(error) = imported {
            tracing::error!(%error, "importing failed inside");
        }
    }
}

async fn mark(file: &Path) -> Option<(SystemTime, u64)> {
    let file = file.to_owned();
    let data = tokio::task::spawn_blocking(move || std::fs::metadata(file)).await.ok()?.ok()?;
    Some((data.modified().ok()?, data.len()))
}

fn report(file: &Path, imported: Result<usize, Refusal>) {
    match imported {
        Ok(changed) => tracing::info!(file = %file.display(), changed, "imported again"),
        Err(Refusal::Invalid(problems)) => {
            let tell = |problem: &Problem| tracing::error!("{}", problem_line(file, problem));
            problems.iter().for_each(tell);
            tracing::error!(file = %file.display(), mistakes = problems.len(), "not imported; what was served before is served on");
        }
        Err(error) => tracing::error!(file = %file.display(), %error, "not imported; what was served before is served on"),
    }
}
