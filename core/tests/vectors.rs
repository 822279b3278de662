//! The vectors that every language runs, on the evaluator itself. Prints how many it ran.

#![allow(clippy::unwrap_used)] // clippy knows test functions, not the helpers beside them

use std::io::Write;

use jackstaff::eval::{evaluate, explain, finish};
use jackstaff::format::native::{self, Document};
use jackstaff::ir::Snapshot;
use jackstaff::ruleset::{Node, Ruleset, Severity};
use jackstaff::{Attributes, Context, Value, ValueType};
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    name: String,
    environment: String,
    document: Option<Value>,
    ruleset: Option<Ruleset>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    says: String,
    flag: String,
    context: Asked,
    r#type: String,
    default: Value,
    expect: Expect,
}

#[derive(Deserialize)]
struct Asked {
    user_id: Option<String>,
    attributes: Option<Value>,
}

#[derive(Deserialize, Debug, PartialEq)]
struct Expect {
    value: Value,
    enabled: bool,
    variant: Option<String>,
    reason: String,
    rule: Option<String>,
    error: Option<String>,
}

fn files() -> Vec<File> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    assert!(!paths.is_empty(), "no vectors in {folder}");
    let read = |path: &std::path::PathBuf| serde_json::from_str(&std::fs::read_to_string(path).unwrap());
    paths.iter().map(|path| read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))).collect()
}

fn snapshot(file: &File) -> Snapshot {
    if let Some(ruleset) = &file.ruleset {
        return native::compile(ruleset, None);
    }
    let document = Document::from_node(&Node::from(file.document.as_ref().unwrap())).unwrap();
    let errors: Vec<_> = document.check(None).into_iter().filter(|problem| problem.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{}: {errors:?}", file.name);
    native::compile(&document.ruleset(&file.environment), None)
}

fn context(asked: &Asked) -> Context {
    let attributes = match &asked.attributes {
        Some(Value::Map(entries)) => Attributes::new(entries.iter().cloned()).unwrap(),
        _ => Attributes::default(),
    };
    let context = asked.user_id.as_deref().map_or_else(Context::anonymous, |key| Context::new(key).unwrap());
    context.with_attributes(attributes)
}

#[test]
fn every_vector_holds() {
    let now = || 1_795_305_600_000; // 2026-11-22: no case depends on the year it is run in
    let (mut ran, mut failed) = (0, Vec::new());
    for file in files() {
        let snapshot = snapshot(&file);
        for case in &file.cases {
            let wanted = ValueType::ALL.into_iter().find(|value_type| value_type.as_str() == case.r#type).unwrap();
            let context = context(&case.context);
            let answer = evaluate(&snapshot, &case.flag, context.view(), &now);
            let evaluation = finish(answer, &snapshot, &case.flag, Some(wanted), &case.default);
            let (traced, explanation) = explain(&snapshot, &case.flag, context.view(), &now);
            let traced = finish(traced, &snapshot, &case.flag, Some(wanted), &case.default);
            assert_eq!(traced, evaluation, "{}: {}: a trace changes the answer: {explanation:?}", file.name, case.says);
            let got = Expect {
                value: evaluation.value,
                enabled: evaluation.enabled,
                variant: evaluation.variant.map(|variant| variant.to_string()),
                reason: evaluation.reason.as_str().to_owned(),
                rule: evaluation.rule.map(|rule| rule.to_string()),
                error: evaluation.error.map(|error| error.as_str().to_owned()),
            };
            ran += 1;
            if got != case.expect {
                failed.push(format!("{}: {}\n   want {:?}\n   got  {got:?}", file.name, case.says, case.expect));
            }
        }
    }
    // Not by a macro: the test runner would keep it to itself.
    writeln!(std::io::stderr(), "vectors: {} of {ran} passed in Rust", ran - failed.len()).unwrap();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
