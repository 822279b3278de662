//! Paths, conversions, arithmetic, buckets, time.

use super::{NOW, attr, cmp, conv, is, lit, null, test};
use crate::evaluation::ErrorCode;
use crate::ir::expr::Ramp;
use crate::ir::{Bucket, Conv, Expr, Hash, Norm, Part, Ranges, Rel, Split};
use crate::value::Value;

#[test]
fn paths_walk_maps_and_lists() {
    assert!(is(Expr::Key, "user"));
    assert!(is(attr("map.inner.deep.0"), 10));
    assert!(is(attr("map.inner.deep.1.last"), "end"));
    assert!(is(attr("list.2"), 3));
    for nowhere in ["map.inner.other", "map.0", "list.3", "list.x", "text.0", "missing.a.b", "map.null.x", "null.x"] {
        assert!(is(attr(nowhere), Value::Null), "{nowhere}");
    }
}

#[test]
fn conversions_yield_null_for_what_they_do_not_take() {
    let null = || Value::Null;
    let rows: [(Conv, &str, Value); 40] = [
        (Conv::Text, "text", "Abc".into()),
        (Conv::Text, "int", null()),
        (Conv::Num, "int", 7.into()),
        (Conv::Num, "double", 2.5.into()),
        (Conv::Num, "text", null()),
        (Conv::Num, "yes", null()),
        (Conv::ToText, "int", "7".into()),
        (Conv::ToText, "double", "2.5".into()),
        (Conv::ToText, "whole", "3".into()),
        (Conv::ToText, "big", "9007199254740993".into()),
        (Conv::ToText, "yes", "true".into()),
        (Conv::ToText, "no", "false".into()),
        (Conv::ToText, "list", null()),
        (Conv::ToText, "null", null()),
        (Conv::Lower, "text", "abc".into()),
        (Conv::Lower, "int", null()),
        (Conv::ParseNum, "int", 7.into()),
        (Conv::ParseNum, "whole", 3.into()),
        (Conv::ParseNum, "'12", 12.into()),
        (Conv::ParseNum, "'-1.5e3", (-1500).into()),
        (Conv::ParseNum, "'12px", null()),
        (Conv::ParseNum, "'", null()),
        (Conv::ParseNum, "' 1", null()),
        (Conv::ParseNum, "'NaN", null()),
        (Conv::ParseNum, "'inf", null()),
        (Conv::ParseNum, "yes", null()),
        (Conv::Semver, "'1.2.3-rc.1+b", "1.2.3-rc.1+b".into()),
        (Conv::Semver, "'1.2", null()),
        (Conv::Semver, "'v1.2.3", null()),
        (Conv::Semver, "double", null()),
        (Conv::SemverLoose, "'v1.2", "1.2.0".into()),
        (Conv::SemverLoose, "'2", "2.0.0".into()),
        (Conv::SemverLoose, "'1.4-beta", "1.4.0-beta".into()),
        (Conv::SemverLoose, "'1.2.3.4", null()),
        (Conv::SemverLoose, "'one", null()),
        (Conv::DateMs, "date", 1_577_836_800_000_i64.into()),
        (Conv::DateMs, "'2020-01-01T01:00:00+01:00", 1_577_836_800_000_i64.into()),
        (Conv::DateMs, "'2020-01-01T00:00:00.5", 1_577_836_800_500_i64.into()),
        (Conv::DateMs, "int", 7.into()),
        (Conv::DateMs, "'soon", null()),
    ];
    for (name, from, expected) in rows {
        // A leading quote is a literal text, else it is an attribute.
        let from_expr = from.strip_prefix('\'').map_or_else(|| attr(from), lit);
        let converted = conv(name, from_expr);
        // A version is compared through its text, since a literal version is no value.
        let converted = if matches!(name, Conv::Semver | Conv::SemverLoose) { conv(Conv::ToText, converted) } else { converted };
        assert!(is(converted, expected.clone()), "{name:?} of {from}: want {expected:?}");
    }
}

#[test]
fn lower_case_is_unicodes() {
    assert!(is(conv(Conv::Lower, lit("ÄÖ ΣÍ")), "äö σí"));
}

#[test]
fn the_first_that_is_there_is_taken() {
    assert!(is(Expr::Coalesce([attr("missing"), attr("null"), attr("int"), attr("text")].into()), 7));
    assert!(is(Expr::Coalesce([attr("missing")].into()), Value::Null));
    assert!(is(Expr::Coalesce([].into()), Value::Null));
    assert!(is(Expr::If(Box::new([attr("no"), lit(1), lit(2)])), 2));
}

#[test]
fn lengths_and_remainders() {
    let len = |expr| Expr::Len(Box::new(expr));
    assert!(is(len(lit("äöü")), 3), "characters, not bytes");
    assert!(is(len(attr("list")), 3));
    assert!(is(len(attr("none")), 0));
    assert!(is(len(attr("map")), 2));
    assert!(is(len(attr("int")), Value::Null));
    let rest = |expr, by| Expr::Mod(Box::new(expr), by);
    assert!(is(rest(attr("int"), 4.0), 3));
    assert!(is(rest(lit(-1), 4.0), 3), "never negative");
    assert!(is(rest(attr("double"), 2.0), 0.5));
    assert!(is(rest(attr("text"), 4.0), Value::Null));
}

#[test]
fn the_clock_is_handed_in() {
    assert!(is(Expr::Now, NOW));
    let ramp = |start, end| Expr::Ramp(Box::new(Ramp { from: 100, to: 300, start, end }));
    assert!(is(ramp(NOW - 50, NOW + 50), 200));
    assert!(is(ramp(NOW, NOW + 50), 100));
    assert!(is(ramp(NOW - 50, NOW), 300));
    assert!(is(ramp(NOW + 1, NOW + 50), 100), "before it begins");
    assert!(is(ramp(NOW - 50, NOW - 1), 300), "after it ended");
    assert!(is(Expr::Ramp(Box::new(Ramp { from: 300, to: 100, start: NOW - 25, end: NOW + 75 })), 250), "downwards");
    assert!(is(Expr::Ramp(Box::new(Ramp { from: 0, to: u64::from(u32::MAX), start: i64::MIN, end: i64::MAX })), i64::from(u32::MAX) / 2));
}

fn bucket(parts: Vec<Part>) -> Expr {
    Expr::Bucket(Box::new(Bucket { hash: Hash::Murmur3(0), parts: parts.into(), norm: Norm::ModPlusOne(100) }))
}

#[test]
fn a_bucket_hashes_its_parts_one_after_the_other() {
    // Unleash's published example: group gr1, user 123, bucket 73.
    assert!(is(bucket(vec![Part::Text("gr1:123".into())]), 73));
    assert!(is(bucket(vec![Part::Text("gr1:".into()), Part::Expr(lit("123"))]), 73));
    assert!(is(bucket(vec![Part::Text("gr1:".into()), Part::Expr(lit(123))]), 73), "numbers as text");
    assert!(is(bucket(vec![Part::Expr(lit("gr1:123"))]), 73), "a single part");
}

#[test]
fn a_bucket_of_what_is_missing_is_missing() {
    for nothing in ["missing", "null", "list", "map"] {
        assert!(is(bucket(vec![Part::Expr(attr(nothing))]), Value::Null), "{nothing}");
        assert!(is(bucket(vec![Part::Text("x".into()), Part::Expr(attr(nothing))]), Value::Null), "{nothing}");
    }
    assert!(!is(bucket(vec![Part::Expr(attr("empty"))]), Value::Null), "empty text is there");
}

#[test]
fn a_split_chooses_values_and_conditions() {
    let split = |by: Expr| {
        Expr::Split(Box::new(Split {
            by,
            ranges: Ranges::Whole([(0, 10, lit("low")), (5, 20, lit("high")), (30, 31, null())].into()),
            missing: lit("missing"),
            past_end: lit("past"),
        }))
    };
    for (by, expected) in [(0, "low"), (9, "low"), (10, "high"), (19, "high"), (20, "past"), (-1, "missing")] {
        assert!(is(split(lit(by)), expected), "{by}");
    }
    assert!(is(split(attr("missing")), "missing"));
    assert!(is(split(attr("double")), "missing"), "ranges are of integers");
    assert!(is(split(lit(30)), Value::Null));
    let condition = |past_end| Expr::Split(Box::new(Split { by: lit(3), ranges: Ranges::Whole([].into()), missing: null(), past_end }));
    assert_eq!(test(condition(lit(true))), Ok(Some(true)));
    assert_eq!(test(condition(null())), Ok(None));
    assert_eq!(test(condition(Expr::Err(ErrorCode::TargetingKeyMissing))), Err(ErrorCode::TargetingKeyMissing));
}

#[test]
fn an_outcome_is_no_value() {
    for outcome in [super::serve(0), Expr::Delegate("f".into())] {
        assert_eq!(test(cmp(Rel::Eq, outcome, lit(1))), Err(ErrorCode::MalformedFlag));
    }
    assert_eq!(test(cmp(Rel::Eq, Expr::Err(ErrorCode::TypeMismatch), lit(1))), Err(ErrorCode::TypeMismatch));
}
