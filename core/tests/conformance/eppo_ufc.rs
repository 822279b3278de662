//! Eppo's assignment cases: the value, and in `evaluationDetails` how it came to that.
//!
//! What the details say about allocations is read from our trace, so the trace is tested too. Not compared: the
//! descriptions in prose, and the variation of an assignment that failed (an answer that is an error has none). Bandits and
//! obfuscated configurations are other features.

use std::path::Path;

use jackstaff::eval::trace::Step;
use jackstaff::eval::{Answer, Explanation, evaluate, explain, finish};
use jackstaff::evaluation::ErrorCode;
use jackstaff::ir::{Rule, Snapshot};
use jackstaff::{Context, Reason, Value, ValueType};

use crate::case::{self, expect};
use crate::tally::Tally;

pub fn run(folder: &Path) -> Result<Tally, String> {
    let (_, snapshot) = case::compile("ufc", &folder.join("ufc/flags-v1.json"))?;
    let now = case::now();
    let mut tally = Tally::default();
    for (file, test) in case::json_files(&folder.join("ufc/tests"))? {
        let flag = test.get("flag").and_then(Value::as_str).unwrap_or("");
        let wanted = test.get("variationType").and_then(Value::as_str).and_then(value_type);
        let default = test.get("defaultValue").cloned().unwrap_or_default();
        for (index, subject) in case::list(test.get("subjects")).iter().enumerate() {
            let context = case::context(subject.get("subjectKey"), subject.get("subjectAttributes"))?;
            let mut problems = Vec::new();
            let (answer, trace) = explain(&snapshot, flag, context.view(), &|| now);
            same_without_trace(&mut problems, &snapshot, flag, &context, now, &answer);
            let evaluation = finish(answer, &snapshot, flag, wanted, &default);
            expect(&mut problems, "assignment", subject.get("assignment"), Some(&evaluation.value));
            if let Some(details) = subject.get("evaluationDetails") {
                check_details(&mut problems, details, &snapshot, flag, &answer, &trace);
            }
            tally.count(&format!("{file}[{index}]"), problems);
        }
    }
    Ok(tally)
}

/// The type that a case asks for.
pub fn value_type(name: &str) -> Option<ValueType> {
    Some(match name {
        "STRING" => ValueType::String,
        "INTEGER" => ValueType::Integer,
        "NUMERIC" => ValueType::Double,
        "BOOLEAN" => ValueType::Boolean,
        "JSON" => ValueType::Json,
        _ => return None,
    })
}

type Outcome<'s> = Result<Answer<'s>, ErrorCode>;

fn same_without_trace(problems: &mut Vec<String>, snapshot: &Snapshot, flag: &str, context: &Context, now: i64, traced: &Outcome<'_>) {
    let plain = evaluate(snapshot, flag, context.view(), &|| now);
    let variant =
        |answer: &Outcome<'_>| answer.as_ref().map(|answer| answer.variant.map(|variant| variant.key.clone())).map_err(|code| *code);
    expect(problems, "answer without a trace", variant(traced), variant(&plain));
}

fn check_details(problems: &mut Vec<String>, details: &Value, snapshot: &Snapshot, flag: &str, answer: &Outcome<'_>, trace: &Explanation) {
    let code = match answer {
        Ok(Answer { reason: Reason::Disabled, .. }) | Err(ErrorCode::FlagNotFound) => "FLAG_UNRECOGNIZED_OR_DISABLED",
        Ok(Answer { variant: None, .. }) => "DEFAULT_ALLOCATION_NULL",
        Ok(_) => "MATCH",
        Err(_) => "ASSIGNMENT_ERROR",
    };
    expect(problems, "code", details.get("flagEvaluationCode").and_then(Value::as_str), Some(code));
    if let Ok(answer) = answer {
        let variant = answer.variant.map_or(Value::Null, |variant| Value::from(&*variant.key));
        expect(problems, "variation", details.get("variationKey"), Some(&variant));
        let value = answer.value.cloned().unwrap_or_default();
        let stated = details.get("variationValue");
        // The details may show a JSON variation as the text that the configuration holds.
        let as_json = stated.and_then(Value::as_str).and_then(|text| serde_json::from_str::<Value>(text).ok());
        if stated != Some(&value) && as_json.as_ref() != Some(&value) {
            expect(problems, "variation value", stated, Some(&value));
        }
        let targeted = answer.note.is_some_and(|note| &**note == "TARGETING_MATCH");
        let rule = details.get("matchedRule").is_some_and(|rule| *rule != Value::Null);
        expect(problems, "a rule matched", rule, targeted);
    }

    let rules: &[Rule] = snapshot.flag(flag).and_then(|flag| flag.body.as_ref().ok()).map_or(&[], |body| &body.rules);
    let tried = tried(trace);
    let matched = tried.iter().find(|(_, code)| *code == "MATCH").map(|(index, _)| *index);
    let stated = details.get("matchedAllocation").filter(|matched| **matched != Value::Null);
    expect(problems, "matched allocation", stated.and_then(row), matched.and_then(|at| ours(rules, at, "MATCH")));
    let unmatched = tried.iter().filter(|(_, code)| *code != "MATCH").filter_map(|(index, code)| ours(rules, *index, code)).collect();
    expect(problems, "unmatched allocations", rows(details, "unmatchedAllocations"), unmatched);
    let rest = matched.map_or(rules.len(), |at| at + 1)..rules.len();
    let unevaluated = rest.filter_map(|index| ours(rules, index, "UNEVALUATED")).collect();
    expect(problems, "unevaluated allocations", rows(details, "unevaluatedAllocations"), unevaluated);
}

/// An allocation's key, its code, and its place from 1.
type Row = (String, String, i64);

fn row(value: &Value) -> Option<Row> {
    let word = |key| value.get(key).and_then(Value::as_str).map(str::to_owned);
    Some((word("key")?, word("allocationEvaluationCode")?, value.get("orderPosition")?.as_i64()?))
}

fn rows(details: &Value, key: &str) -> Vec<Row> {
    case::list(details.get(key)).iter().filter_map(row).collect()
}

fn ours(rules: &[Rule], index: usize, code: &str) -> Option<Row> {
    Some((rules.get(index)?.name.as_ref()?.to_string(), code.to_owned(), index as i64 + 1))
}

/// The allocations that were tried, by their place, each with Eppo's code for how it went.
fn tried(trace: &Explanation) -> Vec<(usize, &'static str)> {
    let mut tried = Vec::new();
    let mut failing = "FAILING_RULE";
    for step in &trace.steps {
        match step {
            Step::Condition { says, result: Some(false), .. } if says.starts_with("now ≥ ") => failing = "BEFORE_START_TIME",
            Step::Condition { says, result: Some(false), .. } if says.starts_with("now ≤ ") => failing = "AFTER_END_TIME",
            Step::Rule { index, outcome, .. } => {
                let code = match &**outcome {
                    "matched" => "MATCH",
                    "declined" => "TRAFFIC_EXPOSURE_MISS",
                    _ => failing,
                };
                tried.push((*index, code));
                failing = "FAILING_RULE";
            }
            _ => {}
        }
    }
    tried
}
