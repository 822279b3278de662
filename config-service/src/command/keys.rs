//! `jackstaff keys`: make, list and revoke API keys, in the data folder.

use jackstaff::eval::parse_date_ms;
use serde_json::{Value, json};

use super::{Failure, print};
use crate::clock::{system, to_rfc3339};
use crate::config::{KeyKind, Keys, KeysAction};
use crate::keys::generate;
use crate::store::{FlagStore, KeyRecord};

/// Does what was asked for.
///
/// # Errors
/// No such environment or key, a date that is none, or a store that cannot be written (2).
pub fn keys(options: &Keys) -> Result<(), Failure> {
    let store = options.store.place().open()?;
    match &options.action {
        KeysAction::Create { kind, environment, name, expires } => {
            create(options, &*store, *kind, environment.as_deref(), name, expires.as_deref())
        }
        KeysAction::List => list(options, &*store),
        KeysAction::Revoke { id } => revoke(&*store, id),
    }
}

fn create(
    options: &Keys,
    store: &dyn FlagStore,
    kind: KeyKind,
    environment: Option<&str>,
    name: &str,
    expires: Option<&str>,
) -> Result<(), Failure> {
    let now = system()();
    let environment = match (kind, environment) {
        (KeyKind::Admin, Some(_)) => {
            return Err(Failure::usage("an admin key manages all environments: leave --environment out, or take --kind server"));
        }
        (KeyKind::Admin, None) => None,
        (KeyKind::Server, environment) => {
            let environment = environment.unwrap_or_default();
            let known = store.load()?.environments;
            if !known.contains_key(environment) {
                let names: Vec<&str> = known.keys().map(|name| &**name).collect();
                return Err(Failure::usage(format!("there is no environment \"{environment}\"; there is {}", names.join(", "))));
            }
            Some(environment)
        }
    };
    let expires = match expires {
        None => None,
        Some(text) => match parse_date_ms(text) {
            Some(at) if at > now => Some(at),
            Some(_) => return Err(Failure::usage(format!("--expires {text} is past: the key would never open anything"))),
            None => return Err(Failure::usage(format!("--expires \"{text}\" is not a date: write 2027-12-31 or 2027-12-31T12:00:00Z"))),
        },
    };
    let (text, record) = generate(environment, name, now, expires)?;
    store.create_key(&record)?;
    if options.json {
        let mut line = as_json(&record);
        if let Some(line) = line.as_object_mut() {
            line.insert("key".to_owned(), text.into());
        }
        return print(&line.to_string());
    }
    eprintln!("Keep this key now: it cannot be shown again.");
    print(&text)
}

fn list(options: &Keys, store: &dyn FlagStore) -> Result<(), Failure> {
    for key in store.keys()? {
        let date = |at: Option<i64>| at.map_or_else(|| "-".to_owned(), to_rfc3339);
        if options.json {
            print(&as_json(&key).to_string())?;
        } else {
            let opens = key.environment.as_deref().map_or_else(|| "admin".to_owned(), |environment| format!("server {environment}"));
            print(&format!(
                "{}  {opens}  \"{}\"  made {}  expires {}  revoked {}",
                key.id,
                key.name,
                to_rfc3339(key.created_at),
                date(key.expires_at),
                date(key.revoked_at)
            ))?;
        }
    }
    Ok(())
}

fn revoke(store: &dyn FlagStore, id: &str) -> Result<(), Failure> {
    if store.revoke_key(id, system()())? {
        return print(&format!("revoked {id}"));
    }
    Err(Failure::finding(format!("there is no live key \"{id}\": jackstaff keys list shows them")))
}

fn as_json(key: &KeyRecord) -> Value {
    json!({
        "id": key.id, "kind": if key.environment.is_some() { "server" } else { "admin" }, "environment": key.environment, "name": key.name,
        "created_at": to_rfc3339(key.created_at), "expires_at": key.expires_at.map(to_rfc3339), "revoked_at": key.revoked_at.map(to_rfc3339),
    })
}
