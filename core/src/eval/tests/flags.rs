//! Rules, outcomes that decline or abort, flags and segments that refer to each other, the getter's types.

use std::sync::Arc;

use super::super::{MAX_REFERENCES, finish};
use super::{Flags, attr, cmp, conv, lit, not, null, serve, someone};
use crate::context::Context;
use crate::evaluation::{ErrorCode, Origin, Reason};
use crate::ir::{Body, Conv, Expr, Field, Flag, Ranges, Rel, Split, Target, ValueType, Variant};
use crate::value::Value;

fn caller() -> Expr {
    Expr::Target(Target { variant: None, reason: Reason::Fallthrough, note: None })
}

#[test]
fn the_first_rule_that_holds_and_does_not_decline_has_the_word() {
    let unknown = || cmp(Rel::Eq, attr("missing"), lit(1));
    let flags = Flags::new()
        .flag("order", vec![(lit(false), serve(0)), (lit(true), serve(1)), (lit(true), serve(2))], serve(0))
        .flag("unknown", vec![(unknown(), serve(0)), (not(unknown()), serve(1))], serve(2))
        .flag("declines", vec![(lit(true), null()), (lit(true), serve(1))], serve(2))
        .flag("all decline", vec![(lit(true), null())], serve(2))
        .flag("empty", vec![], caller());
    let serves = |flag| flags.serves(flag, &someone());
    assert_eq!(serves("order").unwrap(), "b");
    assert_eq!(serves("unknown").unwrap(), "c", "unknown is no match, inverted or not");
    assert_eq!(serves("declines").unwrap(), "b");
    assert_eq!(serves("all decline").unwrap(), "c");
    assert_eq!(serves("empty").unwrap(), "-");
    let context = someone();
    let answer = flags.answer("declines", &context).unwrap();
    assert_eq!(answer.rule.and_then(|rule| rule.name.as_deref()), Some("rule 1"));
    assert!(flags.answer("all decline", &context).unwrap().rule.is_none());
}

#[test]
fn an_abort_ends_the_flag_wherever_it_is() {
    let abort = || Expr::Err(ErrorCode::TargetingKeyMissing);
    let flags = Flags::new()
        .flag("when", vec![(abort(), serve(0))], serve(1))
        .flag("serve", vec![(lit(true), abort())], serve(1))
        .flag("fallthrough", vec![], abort())
        .flag("deep", vec![(Expr::Or([not(cmp(Rel::Lt, conv(Conv::Num, abort()), lit(1)))].into()), serve(0))], serve(1))
        .flag("not reached", vec![(lit(true), serve(0)), (abort(), serve(1))], serve(2));
    for flag in ["when", "serve", "fallthrough", "deep"] {
        assert_eq!(flags.serves(flag, &someone()), Err(ErrorCode::TargetingKeyMissing), "{flag}");
    }
    assert_eq!(flags.serves("not reached", &someone()).unwrap(), "a");
}

#[test]
fn a_broken_flag_harms_no_other() {
    let flags = Flags::new()
        .invalid("broken")
        .flag("declining end", vec![], null())
        .flag("no such variant", vec![], serve(9))
        .flag("no outcome", vec![], lit("a"))
        .flag("sound", vec![], serve(0));
    for flag in ["broken", "declining end", "no such variant", "no outcome"] {
        assert_eq!(flags.serves(flag, &someone()), Err(ErrorCode::MalformedFlag), "{flag}");
    }
    assert_eq!(flags.serves("unheard of", &someone()), Err(ErrorCode::FlagNotFound));
    assert_eq!(flags.serves("sound", &someone()).unwrap(), "a");
}

#[test]
fn outcomes_choose() {
    let by_int = Expr::Split(Box::new(Split {
        by: attr("int"),
        ranges: Ranges::Whole([(0, 7, serve(0)), (7, 8, serve(1))].into()),
        missing: Expr::Err(ErrorCode::TargetingKeyMissing),
        past_end: null(),
    }));
    let flags = Flags::new()
        .flag("if", vec![], Expr::If(Box::new([attr("yes"), serve(1), serve(0)])))
        .flag("coalesce", vec![], Expr::Coalesce([null(), serve(1), serve(2)].into()))
        .flag("none", vec![(lit(true), Expr::Coalesce([null(), null()].into()))], serve(2))
        .flag("split", vec![(lit(true), by_int)], serve(2));
    for (flag, expected) in [("if", "b"), ("coalesce", "b"), ("none", "c"), ("split", "b")] {
        assert_eq!(flags.serves(flag, &someone()).unwrap(), expected, "{flag}");
    }
    assert_eq!(flags.serves("split", &Context::anonymous()), Err(ErrorCode::TargetingKeyMissing));
    let nine = Context::anonymous().with("int", 9_i64).unwrap();
    assert_eq!(flags.serves("split", &nine).unwrap(), "c", "past the end it declines");
}

#[test]
fn flags_ask_flags() {
    let asks = |flag: &str, field, expected: Value| vec![(cmp(Rel::Eq, Expr::Flag(flag.into(), field), lit(expected)), serve(0))];
    let unknown = |flag: &str| vec![(Expr::IsNull(Arc::new(Expr::Flag(flag.into(), Field::Value))), serve(0))];
    let flags = Flags::new()
        .flag("parent", vec![(attr("yes"), serve(1))], serve(2))
        .flag("caller's", vec![], caller())
        .invalid("broken")
        .flag("enabled", asks("parent", Field::Enabled, true.into()), serve(2))
        .flag("value", asks("parent", Field::Value, "b".into()), serve(2))
        .flag("variant", asks("parent", Field::Variant, "b".into()), serve(2))
        .flag("default", asks("caller's", Field::Enabled, false.into()), serve(2))
        .flag("of nobody", unknown("unheard of"), serve(2))
        .flag("of broken", unknown("broken"), serve(2))
        .flag("delegate", vec![], Expr::Delegate("parent".into()))
        .flag("delegate to nobody", vec![], Expr::Delegate("unheard of".into()));
    for flag in ["enabled", "value", "variant", "default", "of nobody", "of broken"] {
        assert_eq!(flags.serves(flag, &someone()).unwrap(), "a", "{flag}");
    }
    assert_eq!(flags.serves("enabled", &Context::anonymous()).unwrap(), "c", "the parent serves c, which is not enabled");
    assert_eq!(flags.serves("delegate", &someone()).unwrap(), "b");
    let context = someone();
    assert_eq!(&*flags.answer("delegate", &context).unwrap().flag.key, "delegate", "the answer is the asked flag's");
    assert_eq!(flags.serves("delegate to nobody", &someone()), Err(ErrorCode::MalformedFlag));
}

#[test]
fn a_cycle_is_an_error_and_no_crash() {
    let on = |flag: &str| vec![(Expr::Flag(flag.into(), Field::Enabled), serve(0))];
    let flags = Flags::new()
        .flag("self", on("self"), serve(1))
        .flag("a", on("b"), serve(1))
        .flag("b", on("a"), serve(1))
        .flag("around", vec![], Expr::Delegate("around".into()))
        .segment("loop", Some(Expr::Segment("loop".into())))
        .flag("in loop", vec![(Expr::Segment("loop".into()), serve(0))], serve(1));
    for flag in ["self", "a", "b", "around", "in loop"] {
        assert_eq!(flags.serves(flag, &someone()), Err(ErrorCode::Cycle), "{flag}");
    }
}

#[test]
fn references_may_be_deep_but_not_endless() {
    let depth = MAX_REFERENCES as usize;
    let mut flags = Flags::new().flag("0", vec![], serve(0));
    for at in 1..=depth + 1 {
        flags = flags.flag(&at.to_string(), vec![], Expr::Delegate((at - 1).to_string().into()));
    }
    assert_eq!(flags.serves(&depth.to_string(), &someone()).unwrap(), "a");
    assert_eq!(flags.serves(&(depth + 1).to_string(), &someone()), Err(ErrorCode::Cycle));
    // Many references side by side are not deep: the depth is given back.
    let wide = (0..100).map(|_| Expr::Flag("0".into(), Field::Enabled)).collect();
    assert_eq!(flags.flag("wide", vec![(Expr::And(wide), serve(1))], serve(2)).serves("wide", &someone()).unwrap(), "b");
}

#[test]
fn segments_are_conditions_with_a_name() {
    let flags = Flags::new()
        .segment("yes", Some(attr("yes")))
        .segment("nested", Some(Expr::And([Expr::Segment("yes".into()), not(attr("no"))].into())))
        .segment("unknown", Some(attr("missing")))
        .segment("broken", None)
        .flag("nested", vec![(Expr::Segment("nested".into()), serve(0))], serve(1))
        .flag("not broken", vec![(not(Expr::Segment("broken".into())), serve(0))], serve(1))
        .flag("not nobody", vec![(not(Expr::Segment("unheard of".into())), serve(0))], serve(1))
        .flag("not unknown", vec![(not(Expr::Segment("unknown".into())), serve(0))], serve(1));
    assert_eq!(flags.serves("nested", &someone()).unwrap(), "a");
    for flag in ["not broken", "not nobody", "not unknown"] {
        assert_eq!(flags.serves(flag, &someone()).unwrap(), "b", "{flag}: unknown, not false");
    }
}

fn valued(value_type: ValueType, value: Result<Value, ErrorCode>) -> Flags {
    let mut flags = Flags::new();
    let variants = Arc::new([Variant { key: "v".into(), value, enabled: true }]);
    let body = Body { runs: Default::default(), value_type, variants, rules: Box::new([]), fallthrough: serve(0) };
    flags.0.put_flag(Flag { key: "f".into(), version: 7, body: Ok(body) });
    flags
}

#[test]
fn types_are_checked_at_the_getter_and_without_loss() {
    use ValueType::{Boolean, Double, Integer, Json, String};
    let rows: [(Value, [bool; 5]); 6] = [
        // Boolean, String, Integer, Double, Json
        (true.into(), [true, false, false, false, true]),
        ("3".into(), [false, true, false, false, true]),
        (3.into(), [false, false, true, true, true]),
        (3.0.into(), [false, false, true, true, true]),
        (3.5.into(), [false, false, false, true, true]),
        (9_007_199_254_740_993_i64.into(), [false, false, true, false, true]),
    ];
    for (value, admitted) in rows {
        let flags = valued(Json, Ok(value.clone()));
        for (wanted, admitted) in [Boolean, String, Integer, Double, Json].into_iter().zip(admitted) {
            let context = someone();
            let evaluation = finish(flags.answer("f", &context), &flags.0, "f", Some(wanted), &Value::from("mine"));
            if admitted {
                assert_eq!((evaluation.value, evaluation.error), (value.clone(), None), "{value:?} as {wanted:?}");
                assert_eq!((evaluation.origin, evaluation.version), (Origin::Local, 7));
            } else {
                assert_eq!(evaluation.value, Value::from("mine"), "{value:?} as {wanted:?}");
                assert_eq!((evaluation.reason, evaluation.error), (Reason::TypeMismatch, Some(ErrorCode::TypeMismatch)));
            }
        }
    }
}

#[test]
fn errors_and_defaults_leave_the_caller_his_value() {
    let mine = Value::from(5);
    let context = someone();
    let wrong = valued(ValueType::Integer, Err(ErrorCode::TypeMismatch));
    let evaluation = finish(wrong.answer("f", &context), &wrong.0, "f", Some(ValueType::Integer), &mine);
    assert_eq!((evaluation.value, evaluation.reason, evaluation.origin), (mine.clone(), Reason::TypeMismatch, Origin::Default));
    let flags = Flags::new().invalid("broken").flag("default", vec![], caller());
    let finish = |flag: &str, wanted| super::super::finish(flags.answer(flag, &context), &flags.0, flag, wanted, &mine);
    let nobody = finish("unheard of", None);
    assert_eq!((nobody.value, nobody.reason, nobody.variant), (mine.clone(), Reason::FlagNotFound, None));
    let broken = finish("broken", None);
    assert_eq!((broken.reason, broken.error), (Reason::Error, Some(ErrorCode::MalformedFlag)));
    let default = finish("default", Some(ValueType::String));
    assert_eq!((default.value, default.reason, default.origin), (mine.clone(), Reason::Fallthrough, Origin::Local));
    assert_eq!(finish("default", Some(ValueType::Boolean)).reason, Reason::TypeMismatch);
}
