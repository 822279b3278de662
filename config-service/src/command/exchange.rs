//! `jackstaff import` and `jackstaff export`: whole documents into and out of a service or its data folder.

use std::path::Path;
use std::sync::Arc;

use jackstaff::ruleset::{Node, Syntax};
use reqwest::Method;
use serde_json::{Value, json};

use super::remote::ask;
use super::{Failure, print, problem_line, read_file};
use crate::clock::{Clock, system};
use crate::config::{Export, ExportFormat, Import};
use crate::environments::refusal::Refusal;
use crate::environments::{Environments, exchange};
use crate::service::open_store;
use crate::store::{Note, Section};
use crate::yaml::to_yaml;

/// Imports a file.
///
/// # Errors
/// The file has mistakes (1) or cannot be read (2); there is no service (3).
pub fn import(options: &Import) -> Result<(), Failure> {
    let text = read_file(&options.file)?;
    let answer = match &options.data {
        Some(data) => import_into_folder(options, data, &text)?,
        None => import_into_service(options, text)?,
    };
    if options.json {
        return print(&answer.to_string());
    }
    let count = |key: &str| answer.get(key).and_then(Value::as_array).map_or(0, Vec::len);
    let moved: Vec<&str> =
        answer.get("environments").and_then(Value::as_object).into_iter().flat_map(|map| map.keys()).map(String::as_str).collect();
    let moved = if moved.is_empty() { "no environment moves".to_owned() } else { format!("moves {}", moved.join(", ")) };
    let would = if options.dry_run { "would change" } else { "changed" };
    print(&format!("{would} {} flags and {} segments; {moved}", count("flags"), count("segments")))
}

fn import_into_folder(options: &Import, data: &Path, text: &str) -> Result<Value, Failure> {
    let clock: Clock = system();
    let note = Note { at: clock(), actor: "local".into(), action: "import", target: "document".into(), comment: options.comment.clone() };
    let environments = Environments::open(open_store(data)?, Vec::new(), clock)?;
    let done = exchange::import(&environments.state(), text, Syntax::of_path(&options.file), options.replace, note)
        .and_then(|draft| if options.dry_run { environments.rehearse(&draft) } else { environments.write(&draft) });
    let outcome = done.map_err(|refusal| match refusal {
        Refusal::Invalid(problems) => {
            let lines: Vec<String> = problems.iter().map(|problem| problem_line(&options.file, problem)).collect();
            Failure::finding(format!("{} mistakes, and nothing was imported:\n{}", lines.len(), lines.join("\n")))
        }
        other => other.into(),
    })?;
    let of =
        |wanted| outcome.parts.keys().filter(|(section, _)| *section == wanted).map(|(_, name)| name.clone()).collect::<Vec<Arc<str>>>();
    let moved: serde_json::Map<String, Value> = outcome
        .moved
        .iter()
        .map(|(name, standing)| (name.to_string(), json!({"epoch": standing.epoch, "version": standing.version})))
        .collect();
    Ok(
        json!({"flags": of(Section::Flag), "segments": of(Section::Segment), "audit": outcome.audit, "environments": moved, "warnings": outcome.warnings}),
    )
}

fn import_into_service(options: &Import, text: String) -> Result<Value, Failure> {
    let kind = match Syntax::of_path(&options.file) {
        Syntax::Yaml => "application/yaml",
        Syntax::Json => "application/json",
        Syntax::Toml => "application/toml",
    };
    let comment = options.comment.as_deref().map(|comment| format!("&comment={}", encoded(comment))).unwrap_or_default();
    let path = format!("/api/v1/import?dry_run={}&replace={}{comment}", options.dry_run, options.replace);
    let body = ask(&options.remote, Method::POST, &path, &[("content-type", kind)], Some(text))?.accepted()?;
    serde_json::from_str(&body).map_err(|error| Failure::unreachable(format!("the service answered something else than JSON: {error}")))
}

/// Percent-encoded for a query.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Prints all flags as one document.
///
/// # Errors
/// The folder cannot be read (2), or there is no service (3).
pub fn export(options: &Export) -> Result<(), Failure> {
    let node = match &options.data {
        Some(data) => {
            if !data.join("jackstaff.db").exists() {
                return Err(Failure::usage(format!("there are no flags in {}: a service has never run on it", data.display())));
            }
            Environments::open(open_store(data)?, Vec::new(), system())?.state().document.to_node()
        }
        None => {
            let body = ask(&options.remote, Method::GET, "/api/v1/export", &[("accept", "application/json")], None)?.accepted()?;
            Node::from_json(&body)
                .map_err(|problem| Failure::unreachable(format!("the service answered something else than a document: {problem}")))?
        }
    };
    print(&match options.format {
        ExportFormat::Yaml => to_yaml(&node).trim_end().to_owned(),
        ExportFormat::Json => serde_json::to_string_pretty(&node).unwrap_or_default(),
    })
}
