//! `jackstaff import` and `jackstaff export`: whole documents into and out of a service or its store, and whole stores.

use std::collections::BTreeMap;
use std::io::{BufRead, Read};
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
use crate::service::Place;
use crate::store::backup::{self, Line};
use crate::store::{Note, Section};
use crate::yaml::to_yaml;

/// Imports a file, or the standard input.
///
/// # Errors
/// The file has mistakes (1) or cannot be read (2); there is no service (3).
pub fn import(options: &Import) -> Result<(), Failure> {
    let place = options.to.place().map_err(Failure::usage)?;
    let text = match &options.file {
        Some(file) => read_file(file)?,
        None => {
            let mut input = std::io::stdin().lock();
            // A backup may be larger than memory, so it is recognised by its beginning and read as it comes.
            let beginning = input.fill_buf().map_err(|error| Failure::usage(format!("cannot read the standard input: {error}")))?;
            if beginning.starts_with(b"{\"jackstaff\":") {
                return restore(options, place.as_ref(), input);
            }
            let mut text = String::new();
            input.read_to_string(&mut text).map_err(|error| Failure::usage(format!("cannot read the standard input: {error}")))?;
            text
        }
    };
    if text.starts_with("{\"jackstaff\":") {
        return restore(options, place.as_ref(), text.as_bytes());
    }
    let answer = match &place {
        Some(place) => import_into_store(options, place, &text)?,
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

/// Fills a fresh store with a backup.
fn restore(options: &Import, place: Option<&Place>, from: impl BufRead) -> Result<(), Failure> {
    let Some(place) = place else {
        return Err(Failure::usage(
            "this is a backup of a whole store: it goes into a fresh one (--data or --database-url), not into a service",
        ));
    };
    if options.dry_run || options.replace || options.comment.is_some() {
        return Err(Failure::usage("this is a backup of a whole store: --dry-run, --replace and --comment have no meaning for it"));
    }
    let store = place.open()?;
    let mut counts = BTreeMap::new();
    store.restore(&mut backup::read(from).inspect(|line| {
        let kind = match line {
            Ok(Line::Environment { .. }) => "environments",
            Ok(Line::Part { section, .. }) => section.plural(),
            Ok(Line::Audit(_)) => "audit entries",
            Ok(Line::Key(_)) => "keys",
            _ => return,
        };
        *counts.entry(kind).or_insert(0_u64) += 1;
    }))?;
    if options.json {
        return print(&json!(counts).to_string());
    }
    let counts: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    print(&format!("brought {} into {place}", counts.join(", ")))
}

/// How the text is written: a file's name says it; what comes from the standard input is YAML, of which JSON is a part.
fn syntax(options: &Import) -> Syntax {
    options.file.as_deref().map_or(Syntax::Yaml, Syntax::of_path)
}

fn import_into_store(options: &Import, place: &Place, text: &str) -> Result<Value, Failure> {
    let clock: Clock = system();
    let note = Note { at: clock(), actor: "local".into(), action: "import", target: "document".into(), comment: options.comment.clone() };
    let environments = Environments::open(place.open()?, Vec::new(), clock)?;
    let done = exchange::import(&environments.state(), text, syntax(options), options.replace, note)
        .and_then(|draft| if options.dry_run { environments.rehearse(&draft) } else { environments.write(&draft) });
    let outcome = done.map_err(|refusal| match refusal {
        Refusal::Invalid(problems) => {
            let lines: Vec<String> =
                problems.iter().map(|problem| problem_line(options.file.as_deref().unwrap_or(Path::new("stdin")), problem)).collect();
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
    let kind = match syntax(options) {
        Syntax::Yaml => "application/yaml",
        Syntax::Json => "application/json",
        Syntax::Toml => "application/toml",
    };
    let comment = options.comment.as_deref().map(|comment| format!("&comment={}", encoded(comment))).unwrap_or_default();
    let path = format!("/api/v1/import?dry_run={}&replace={}{comment}", options.dry_run, options.replace);
    let body = ask(&options.to.remote, Method::POST, &path, &[("content-type", kind)], Some(text))?.accepted()?;
    serde_json::from_str(&body).map_err(|error| Failure::unreachable(format!("the service answered something else than JSON: {error}")))
}

/// Percent-encoded for a query.
pub fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Prints all flags as one document, or a whole store as lines.
///
/// # Errors
/// The store cannot be read (2), or there is no service (3).
pub fn export(options: &Export) -> Result<(), Failure> {
    let place = options.from.place().map_err(Failure::usage)?;
    if let Some(Place::Folder(data)) = &place
        && !data.join("jackstaff.db").exists()
    {
        return Err(Failure::usage(format!("there are no flags in {}: a service has never run on it", data.display())));
    }
    if options.backup {
        let Some(place) = place else {
            return Err(Failure::usage("--backup reads the store itself: say --data or --database-url"));
        };
        return Ok(backup::write(&*place.open()?, &mut std::io::BufWriter::new(std::io::stdout().lock()))?);
    }
    let node = match place {
        Some(place) => Environments::open(place.open()?, Vec::new(), system())?.state().document.to_node(),
        None => {
            let body = ask(&options.from.remote, Method::GET, "/api/v1/export", &[("accept", "application/json")], None)?.accepted()?;
            Node::from_json(&body)
                .map_err(|problem| Failure::unreachable(format!("the service answered something else than a document: {problem}")))?
        }
    };
    print(&match options.format {
        ExportFormat::Yaml => to_yaml(&node).trim_end().to_owned(),
        ExportFormat::Json => serde_json::to_string_pretty(&node).unwrap_or_default(),
    })
}
