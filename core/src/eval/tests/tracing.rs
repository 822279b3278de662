//! A trace tells what happened and changes nothing.

use super::super::trace::Step;
use super::super::{evaluate, explain};
use super::{Flags, NOW, attr, cmp, lit, null, serve, someone};
use crate::evaluation::ErrorCode;
use crate::ir::{Bucket, Expr, Field, Hash, Norm, Part, Rel};
use crate::value::Value;

fn flags() -> Flags {
    let bucket = Expr::Bucket(Box::new(Bucket {
        hash: Hash::Murmur3(0),
        parts: [Part::Text("gr1:".into()), Part::Expr(attr("int"))].into(),
        norm: Norm::ModPlusOne(100),
    }));
    Flags::new()
        .segment("grown up", Some(cmp(Rel::Ge, attr("age"), lit(18))))
        .flag("parent", vec![(attr("no"), serve(0))], serve(1))
        .invalid("broken")
        .flag(
            "f",
            vec![
                (cmp(Rel::Eq, attr("text"), lit("Xyz")), serve(0)),
                (Expr::Segment("grown up".into()), serve(0)),
                (lit(true), null()),
                (Expr::And([Expr::Flag("parent".into(), Field::Enabled), cmp(Rel::Le, bucket, lit(100))].into()), serve(1)),
            ],
            serve(2),
        )
        .flag("asks broken", vec![(Expr::Flag("broken".into(), Field::Enabled), serve(0))], serve(1))
        .flag("aborts", vec![(Expr::Err(ErrorCode::TypeMismatch), serve(0))], serve(1))
        .flag("self", vec![(Expr::Flag("self".into(), Field::Enabled), serve(0))], serve(1))
}

#[test]
fn an_answer_is_the_same_with_a_trace_and_without() {
    let flags = flags();
    let context = someone();
    for flag in ["f", "parent", "broken", "asks broken", "aborts", "self", "unheard of"] {
        let plain = evaluate(&flags.0, flag, context.view(), &|| NOW);
        let (traced, trace) = explain(&flags.0, flag, context.view(), &|| NOW);
        let of = |answer: &Result<super::Answer<'_>, ErrorCode>| {
            answer
                .map(|answer| (answer.variant.map(|variant| variant.key.clone()), answer.reason, answer.rule.map(|rule| rule.name.clone())))
        };
        assert_eq!(of(&plain), of(&traced), "{flag}");
        assert_eq!(trace.flag, flag);
    }
}

#[test]
fn a_trace_says_which_rule_which_condition_and_which_bucket() {
    let trace = flags().explain("f", &someone());
    let rules: Vec<(usize, &str)> = trace
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::Rule { index, outcome, .. } => Some((*index, outcome.as_str())),
            _ => None,
        })
        .collect();
    // The parent's own rule stands between, because it is tried while rule 3 is.
    assert_eq!(rules, [(0, "not_matched"), (1, "unknown"), (2, "declined"), (0, "not_matched"), (3, "matched")]);
    let conditions: Vec<(&str, &Value, Option<bool>)> = trace
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::Condition { says, actual, result } => Some((says.as_str(), actual, *result)),
            _ => None,
        })
        .collect();
    assert!(conditions.contains(&("text = \"Xyz\"", &Value::from("Abc"), Some(false))), "{conditions:?}");
    assert!(conditions.contains(&("age ≥ 18", &Value::Null, None)), "{conditions:?}");
    assert!(conditions.contains(&("in segment grown up", &Value::Null, None)), "{conditions:?}");
    assert!(trace.steps.contains(&Step::FlagAnswer { name: "parent".to_owned(), answer: "b".to_owned() }), "{:?}", trace.steps);
    let buckets: Vec<&Value> = trace
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::Bucket { bucket, .. } => Some(bucket),
            _ => None,
        })
        .collect();
    assert!(!buckets.is_empty() && buckets.iter().all(|bucket| matches!(bucket, Value::Int(1..=100))), "{buckets:?}");
}

#[test]
fn a_trace_names_the_error_of_a_flag_it_asked() {
    let trace = flags().explain("asks broken", &someone());
    assert!(
        trace.steps.contains(&Step::FlagAnswer { name: "broken".to_owned(), answer: "malformed_flag".to_owned() }),
        "{:?}",
        trace.steps
    );
    let looped = flags().explain("self", &someone());
    assert!(looped.steps.len() < 200, "a cycle's trace is bounded: {} steps", looped.steps.len());
}

#[test]
fn a_trace_is_json() {
    let trace = flags().explain("parent", &someone());
    assert_eq!(
        serde_json::to_value(&trace).unwrap(),
        serde_json::json!({"flag": "parent", "steps": [
            {"step": "condition", "says": "no", "actual": null, "result": false},
            {"step": "rule", "index": 0, "name": "rule 0", "outcome": "not_matched"},
        ]})
    );
}
