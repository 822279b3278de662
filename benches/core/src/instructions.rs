//! The work whose instructions are counted: `instructions CASE CALLS` does it so often and prints a sum.
//!
//! `benches/instructions.py` runs it under callgrind with two numbers of calls and takes the difference, so that starting and loading do
//! not count. Time says how fast a machine is just now; instructions say what we have changed.

use std::hint::black_box;

use jackstaff::format::native::{self, Document};
use jackstaff::ir::Snapshot;
use jackstaff::ruleset::{Delta, Entry, Ruleset, Syntax};
use jackstaff::{Client, Context, Value, ValueType};

/// The flags that the benches of all languages share.
const FLAGS: &str = include_str!("../../flags.json");

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (case, calls) = (arguments[1].as_str(), arguments[2].parse().expect("the second argument is a number of calls"));
    let sum = match case {
        "on" | "ids" | "rollout" | "rules" => check(case, calls),
        "tenants" => tenants(calls),
        "batch" => batch(calls),
        "load" => load(calls),
        "update" => update(calls),
        _ => panic!("there is no case {case}: on, ids, rollout, rules, tenants, batch, load, update"),
    };
    println!("{sum}");
}

fn client() -> Client {
    let document: Value = serde_json::from_str(FLAGS).expect("the document is JSON");
    let client = Client::from_document(document, "development").expect("the document compiles");
    client.start();
    client
}

fn user() -> Context {
    [("country", "DE"), ("plan", "pro"), ("version", "2.4.1")]
        .iter()
        .fold(Context::new("user-500").expect("short"), |context, (name, value)| context.with(name, *value).expect("few and short"))
}

/// One check of one flag.
fn check(case: &str, calls: usize) -> usize {
    let flag = match case {
        "ids" => "targets",
        "rollout" => "half",
        other => other,
    };
    let (client, user) = (client(), user());
    (0..calls).filter(|_| client.peek_enabled(black_box(flag), black_box(user.view()), false) == Some(true)).count()
}

/// One check of a flag that has a rule for each of fifty tenants, by the last of them.
fn tenants(calls: usize) -> usize {
    let rules: Vec<String> =
        (0..50).map(|at| format!(r#"{{"when":{{"attribute":"tenant","equals":"tenant-{at}"}},"serve":"on"}}"#)).collect();
    let text = format!(r#"{{"flags":{{"f":{{"rules":[{}]}}}}}}"#, rules.join(","));
    let client = Client::from_json(&text, "development").expect("the document compiles");
    let user = user().with("tenant", "tenant-49").expect("short");
    (0..calls).filter(|_| client.peek_enabled(black_box("f"), black_box(user.view()), false) == Some(true)).count()
}

/// Fifty flags for one user.
fn batch(calls: usize) -> usize {
    let (client, user) = (client(), user());
    let names: Vec<String> = (0..50).map(|at| format!("batch-{at:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    (0..calls)
        .filter_map(|_| client.peek_batch(black_box(&names), user.view(), Some(ValueType::Boolean), &Value::Bool(false)))
        .map(|answers| answers.iter().filter(|answer| answer.enabled).count())
        .sum()
}

/// A thousand flags, as the service sends them, to a snapshot.
fn load(calls: usize) -> usize {
    let sent = serde_json::to_string(&ruleset(1_000)).expect("a ruleset is JSON");
    (0..calls)
        .map(|_| {
            let ruleset: Ruleset = serde_json::from_str(black_box(&sent)).expect("as it was sent");
            native::compile(&ruleset, None).flag_count()
        })
        .sum()
}

/// A change of one flag among a thousand, as a client applies it that follows the service.
fn update(calls: usize) -> usize {
    let mut ruleset = ruleset(1_000);
    ruleset.digest = ruleset.digest();
    let mut snapshot: Snapshot = native::compile(&ruleset, None);
    for _ in 0..calls {
        let delta = change(&ruleset);
        ruleset.apply(black_box(&delta)).expect("it applies");
        snapshot = native::compile_after(&ruleset, &delta, &snapshot);
    }
    snapshot.version as usize + snapshot.flag_count()
}

fn change(ruleset: &Ruleset) -> Delta {
    let version = ruleset.version + 1;
    let (name, entry) = ruleset.flags.get_key_value("flag-00500").expect("it is there");
    let put_flags = [(name.clone(), Entry { version, doc: entry.doc.clone() })].into();
    let mut delta = Delta {
        environment: ruleset.environment.clone(),
        epoch: ruleset.epoch.clone(),
        prev: ruleset.version,
        version,
        put_flags,
        del_flags: Vec::new(),
        put_segments: Default::default(),
        del_segments: Vec::new(),
        digest: "".into(),
        committed_at: None,
    };
    delta.digest = ruleset.digest_after(&delta);
    delta
}

fn ruleset(flags: usize) -> Ruleset {
    let flags: Vec<String> = (0..flags)
        .map(|at| {
            format!(
                r#""flag-{at:05}":{{"targets":{{"on":["user-{at}"]}},"rules":[{{"when":[{{"attribute":"plan","equals":"pro"}},{{"attribute":"seats","at_least":{}}}],"percentage":{}}}],"fallthrough":"off"}}"#,
                at % 50,
                at % 100
            )
        })
        .collect();
    let text = format!(r#"{{"flags":{{{}}}}}"#, flags.join(","));
    let mut ruleset = Document::parse(&text, Syntax::Json).expect("the document is JSON").ruleset("development");
    (ruleset.epoch, ruleset.version) = ("e".into(), 1);
    ruleset.flags.values_mut().for_each(|entry| entry.version = 1);
    ruleset
}
