//! `jackstaff set`: one flag in one environment, and waiting until everybody has it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::exchange::encoded;
use super::remote::{Answer, ask};
use super::{Failure, print};
use crate::config::Set;

/// How often a write is tried again when somebody else wrote the flag in between.
const ATTEMPTS: usize = 5;
/// How often is asked whether the change has arrived.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Deserialize)]
struct Stands {
    epoch: String,
    version: u64,
}

#[derive(Deserialize)]
struct Written {
    environments: BTreeMap<String, Stands>,
}

#[derive(Deserialize)]
struct Replica {
    id: String,
    serves: BTreeMap<String, Stands>,
    sent: BTreeMap<String, Stands>,
}

#[derive(Deserialize)]
struct Replicas {
    items: Vec<Replica>,
}

/// Sets the flag, and waits if that is wanted.
///
/// # Errors
/// No such flag or variant, or the change has not arrived in time (1); no service (3).
pub fn set(options: &Set) -> Result<(), Failure> {
    let (written, fallthrough) = write(options)?;
    let stands = match written.environments.into_iter().find(|(name, _)| *name == options.environment) {
        Some((_, stands)) => stands,
        // Nothing moved: it was so already. Whoever waits, waits for the version that says so.
        None => get(options, &format!("/api/v1/environments/{}", encoded(&options.environment)))?,
    };
    let waited = if options.wait { Some(wait(options, &stands)?) } else { None };
    if options.json {
        let line = json!({
            "flag": options.flag, "environment": options.environment, "epoch": stands.epoch, "version": stands.version,
            "waited_ms": waited.map(|waited| waited.as_millis() as u64),
        });
        return print(&line.to_string());
    }
    let what = match &*options.value {
        "on" | "off" => format!("switched {}", options.value),
        value => format!("at {value}"),
    };
    // Switched on is not the same as served: whoever meant that should see it.
    let rest = fallthrough.filter(|_| options.value == "on").map(|variant| format!("; whom no rule serves gets {variant}"));
    let arrived = waited.map(|waited| format!("; everywhere after {} ms", waited.as_millis()));
    let (rest, arrived) = (rest.unwrap_or_default(), arrived.unwrap_or_default());
    print(&format!("{} is {what} in {}, version {}{rest}{arrived}", options.flag, options.environment, stands.version))
}

fn get<T: serde::de::DeserializeOwned>(options: &Set, path: &str) -> Result<T, Failure> {
    read(ask(&options.remote, Method::GET, path, &[], None)?)
}

fn read<T: serde::de::DeserializeOwned>(answer: Answer) -> Result<T, Failure> {
    serde_json::from_str(&answer.accepted()?)
        .map_err(|error| Failure::unreachable(format!("the service answered something else than it should: {error}")))
}

/// Writes what the flag is to be, on top of what it is now. Also says what is served whom no rule serves.
fn write(options: &Set) -> Result<(Written, Option<String>), Failure> {
    let path = format!("/api/v1/flags/{}", encoded(&options.flag));
    let comment = options.comment.as_deref().map(|comment| format!("?comment={}", encoded(comment))).unwrap_or_default();
    for attempt in 1.. {
        let part: Value = get(options, &path)?;
        let doc = part.get("doc").cloned().unwrap_or_default();
        let seen = format!("\"{}\"", part.get("revision").and_then(Value::as_u64).unwrap_or_default());
        let settings = match &*options.value {
            "on" => json!({"enabled": true}),
            "off" => json!({"enabled": false}),
            value => json!({"enabled": true, "fallthrough": variant(&options.flag, &doc, value)?}),
        };
        let fallthrough = doc.pointer(&format!("/environments/{}/fallthrough", options.environment)).or(doc.get("fallthrough"));
        let fallthrough = fallthrough.and_then(Value::as_str).map(str::to_owned);
        let body = json!({"environments": {&options.environment: settings}}).to_string();
        let headers = [("content-type", "application/merge-patch+json"), ("if-match", &*seen)];
        let answer = ask(&options.remote, Method::PATCH, &format!("{path}{comment}"), &headers, Some(body))?;
        if answer.status == StatusCode::PRECONDITION_FAILED && attempt < ATTEMPTS {
            continue; // somebody was faster
        }
        return Ok((read(answer)?, fallthrough));
    }
    Err(Failure::usage("others keep writing this flag: try again"))
}

/// The name of the variant that is meant: by its name, or by its value as text or as JSON.
fn variant(flag: &str, doc: &Value, wanted: &str) -> Result<String, Failure> {
    let given = doc.get("variants").and_then(Value::as_object);
    let boolean = json!({"on": true, "off": false});
    let variants = given.or(boolean.as_object()).into_iter().flatten();
    let value: Option<Value> = serde_json::from_str(wanted).ok();
    let is_meant = |value_of: &Value| value_of.as_str() == Some(wanted) || Some(value_of) == value.as_ref();
    let names: Vec<(&String, &Value)> = variants.collect();
    let found = names.iter().find(|(name, _)| *name == wanted).or_else(|| names.iter().find(|(_, value)| is_meant(value)));
    found.map(|(name, _)| (*name).clone()).ok_or_else(|| {
        let names: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
        Failure::finding(format!("flag \"{flag}\" has no variant \"{wanted}\": it has {}; on and off switch it", names.join(", ")))
    })
}

/// Waits until every service on the store serves this version, and has sent it to all who follow.
fn wait(options: &Set, wanted: &Stands) -> Result<Duration, Failure> {
    let started = Instant::now();
    let is_there = |stands: &Stands| stands.epoch != wanted.epoch || stands.version >= wanted.version;
    loop {
        let replicas: Replicas = get(options, "/api/v1/replicas")?;
        let environment = &options.environment;
        let late = replicas.items.iter().find_map(|replica| {
            let Replica { id, serves, sent } = replica;
            if !serves.get(environment).is_some_and(is_there) {
                return Some(format!("service {id} does not serve it yet"));
            }
            let is_sent = sent.get(environment).is_none_or(is_there);
            (!is_sent).then(|| format!("not all who follow service {id} were sent it yet"))
        });
        let Some(late) = late else { return Ok(started.elapsed()) };
        if started.elapsed() >= Duration::from_secs(options.timeout) {
            let message = format!("version {} is made and has not arrived everywhere after {} s: {late}", wanted.version, options.timeout);
            return Err(Failure::finding(message));
        }
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variant_is_meant_by_name_or_by_value() {
        let doc = json!({"variants": {"small": 10, "large": 20, "20": 1}});
        assert_eq!(variant("f", &doc, "small").unwrap(), "small");
        assert_eq!(variant("f", &doc, "10").unwrap(), "small");
        assert_eq!(variant("f", &doc, "20").unwrap(), "20", "names go first");
        assert_eq!(variant("f", &json!({}), "true").unwrap(), "on");
        assert_eq!(variant("f", &json!({"variants": {"a": "red"}}), "red").unwrap(), "a");
        assert!(variant("f", &doc, "medium").is_err());
    }
}
