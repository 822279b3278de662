//! The vendors' conversions and JavaScript's comparisons, by the vendors' documented rules.

use std::sync::Arc;

use serde_json::json;

use super::{attr, cmp, conv, is, lit, null, test};
use crate::ir::{Bucket, Conv, Expr, Hash, Js, Norm, Part, Rel};
use crate::value::Value;

fn value(json: serde_json::Value) -> Value {
    serde_json::from_value(json).unwrap()
}

/// Each row: what goes in, and what comes out, null where the conversion does not apply.
fn rows(name: Conv, rows: &[(serde_json::Value, serde_json::Value)]) {
    for (from, to) in rows {
        let converted = conv(name, lit(value(from.clone())));
        let converted = match name {
            // A version is compared through its text, since a literal version is no value.
            Conv::SemverPartial | Conv::SemverGo => conv(Conv::ToText, converted),
            _ => converted,
        };
        assert!(is(converted, value(to.clone())), "{name:?} of {from}: want {to}");
    }
}

#[test]
fn strict_ones_let_one_type_pass() {
    rows(Conv::Bool, &[(json!(true), json!(true)), (json!("true"), json!(null)), (json!(1), json!(null)), (json!(null), json!(null))]);
    rows(
        Conv::Scalar,
        &[
            (json!("a"), json!("a")),
            (json!(1.5), json!(1.5)),
            (json!(false), json!(false)),
            (json!([1]), json!(null)),
            (json!({}), json!(null)),
        ],
    );
}

#[test]
fn flipts_numbers_have_32_bits() {
    let rows_of = [
        (json!(7), json!(7)),
        (json!(7.0), json!(7)),
        (json!(7.5), json!(null)),
        (json!("-7"), json!(-7)),
        (json!("7.0"), json!(null)),
        (json!("2147483647"), json!(2_147_483_647)),
        (json!("2147483648"), json!(null)),
        (json!(-2_147_483_649_i64), json!(null)),
        (json!(""), json!(null)),
        (json!(null), json!(null)),
    ];
    rows(Conv::ParseI32, &rows_of);
}

#[test]
fn flagsmiths_texts_that_are_numbers_are_numbers() {
    rows(
        Conv::NumericText,
        &[
            (json!("12"), json!(12)),
            (json!("1.50"), json!(1.5)),
            (json!("1.2.3"), json!("1.2.3")),
            (json!("red"), json!("red")),
            (json!(true), json!(true)),
            (json!(3), json!(3)),
            (json!([1]), json!(null)),
            (json!(null), json!(null)),
        ],
    );
}

#[test]
fn javascripts_number() {
    rows(
        Conv::JsNumber,
        &[
            (json!(null), json!(0)),
            (json!(true), json!(1)),
            (json!(""), json!(0)),
            (json!("  12\n"), json!(12)),
            (json!("0x1F"), json!(31)),
            (json!("0b101"), json!(5)),
            (json!("0o17"), json!(15)),
            (json!("1e3"), json!(1000)),
            (json!(".5"), json!(0.5)),
            (json!("12px"), json!(null)),
            (json!("inf"), json!(null)),
            (json!("Infinity"), json!(null)),
            (json!([]), json!(0)),
            (json!([7]), json!(7)),
            (json!([7, 8]), json!(null)),
            (json!({}), json!(null)),
        ],
    );
    assert!(is(conv(Conv::JsNumber, attr("missing")), 0), "what is missing is null, and null is 0");
}

#[test]
fn javascripts_text_and_truth() {
    rows(
        Conv::JsText,
        &[
            (json!(null), json!("null")),
            (json!(true), json!("true")),
            (json!(3.0), json!("3")),
            (json!(-0.0), json!("0")),
            (json!(1e21), json!("1e+21")),
            (json!(123_456_789_012_345_680_000.0), json!("123456789012345680000")),
            (json!(1.5e-7), json!("1.5e-7")),
            (json!(0.000_001), json!("0.000001")),
            (json!(9_007_199_254_740_993_i64), json!("9007199254740992")),
            (json!([1, [2, null], "a"]), json!("1,2,,a")),
            (json!({"a": 1}), json!("[object Object]")),
        ],
    );
    for (from, expected) in [
        (json!(null), false),
        (json!(false), false),
        (json!(0), false),
        (json!(-0.0), false),
        (json!(""), false),
        (json!("0"), true),
        (json!("false"), true),
        (json!(-1), true),
        (json!([]), true),
        (json!({}), true),
    ] {
        assert_eq!(test(conv(Conv::JsTruthy, lit(value(from.clone())))), Ok(Some(expected)), "{from}");
    }
}

#[test]
fn javascripts_json_keeps_the_order_of_keys() {
    rows(
        Conv::JsonText,
        &[
            (json!(null), json!("null")),
            (json!("a\"b"), json!("\"a\\\"b\"")),
            (json!([1.0, true, null]), json!("[1,true,null]")),
            (json!({"b": 1, "a": {"c": []}}), json!(r#"{"b":1,"a":{"c":[]}}"#)),
        ],
    );
}

#[test]
fn five_orders_of_versions() {
    rows(
        Conv::SemverPartial,
        &[
            (json!("2"), json!("2.0.0")),
            (json!("2.1-beta"), json!("2.1.0-beta")),
            (json!("1.2.3+build"), json!("1.2.3+build")),
            (json!("v1.2.3"), json!(null)),
            (json!("01.2.3"), json!(null)),
            (json!("1.2.3.4"), json!(null)),
            (json!(2), json!(null)),
            (json!(null), json!(null)),
        ],
    );
    rows(
        Conv::SemverGo,
        &[
            (json!("v1.2"), json!("1.2.0")),
            (json!("V1"), json!("1.0.0")),
            (json!(2), json!("2.0.0")),
            (json!(1.5), json!("1.5.0")),
            (json!("1.2.3-rc.1"), json!("1.2.3-rc.1")),
            (json!("1.2-rc.1"), json!(null)),
            (json!("01.2.3"), json!(null)),
            (json!(true), json!(null)),
        ],
    );
    let dotted = |rel, a: &str, b: &str| test(cmp(rel, conv(Conv::VersionDotted, lit(a)), conv(Conv::VersionDotted, lit(b))));
    assert_eq!(dotted(Rel::Eq, "1.2", "1.2.0.0"), Ok(Some(true)), "missing parts are zero");
    assert_eq!(dotted(Rel::Lt, "1.2.9", "1.2.10"), Ok(Some(true)));
    assert_eq!(dotted(Rel::Eq, "1.2.3-beta", "1.2.3"), Ok(Some(true)), "cut at the first dash");
    assert_eq!(dotted(Rel::Gt, "1.2.0.1", "1.2"), Ok(Some(true)));
    assert_eq!(dotted(Rel::Lt, "1.x", "2"), Ok(None));
    let padded = |rel, a: Expr, b: &str| test(cmp(rel, conv(Conv::VersionPadded, a), conv(Conv::VersionPadded, lit(b))));
    assert_eq!(padded(Rel::Eq, lit("1-2-3"), "1.2.3"), Ok(Some(true)));
    assert_eq!(padded(Rel::Gt, lit("1.2.10"), "v1.2.9+build"), Ok(Some(true)));
    assert_eq!(padded(Rel::Lt, lit("1.2.3-rc.1"), "1.2.3"), Ok(Some(true)), "a release comes after its pre-releases");
    assert_eq!(padded(Rel::Eq, attr("missing"), "0"), Ok(Some(true)));
    assert_eq!(padded(Rel::Eq, lit(12), "12"), Ok(Some(true)));
}

#[test]
fn four_readings_of_dates() {
    let second = 1_577_836_800_i64;
    for name in [Conv::Rfc3339Ms, Conv::DateOrMs] {
        rows(
            name,
            &[
                (json!("2020-01-01T00:00:00Z"), json!(second * 1000)),
                (json!("2020-01-01T01:00:00.25+01:00"), json!(second * 1000 + 250)),
                (json!("2020-01-01"), json!(null)),
                (json!("2020-01-01T00:00Z"), json!(null)),
                (json!("2020-01-01T00:00:00"), json!(null)),
                (json!("2020-01-01T00:00:00+01:00[Europe/Berlin]"), json!(null)),
                (json!("2020-13-01T00:00:00Z"), json!(null)),
                (json!("soon"), json!(null)),
                (json!(true), json!(null)),
            ],
        );
    }
    rows(Conv::Rfc3339Ms, &[(json!(5), json!(null))]);
    rows(Conv::DateOrMs, &[(json!(5), json!(5)), (json!(5.5), json!(5.5))]);
    rows(
        Conv::Rfc3339Secs,
        &[(json!("2020-01-01T00:00:00.999Z"), json!(second)), (json!("1969-12-31T23:59:59.5Z"), json!(-1)), (json!(second), json!(null))],
    );
    rows(
        Conv::EpochAuto,
        &[
            (json!(second), json!(second * 1000)),
            (json!(second * 1000), json!(second * 1000)),
            (json!("1577836800"), json!(second * 1000)),
            (json!("2020-01-01"), json!(second * 1000)),
            (json!("soon"), json!(null)),
            (json!([]), json!(null)),
            (json!(1e300), json!(null)),
        ],
    );
}

#[test]
fn ids() {
    rows(
        Conv::IntegralId,
        &[
            (json!("a"), json!("a")),
            (json!(12), json!("12")),
            (json!(12.0), json!("12")),
            (json!(12.5), json!(null)),
            (json!(true), json!(null)),
            (json!(null), json!(null)),
        ],
    );
    // printf abc | sha256sum | xxd -r -p | base64 | cut -c1-8
    rows(Conv::Sha256Short, &[(json!("abc"), json!("ungWv48B")), (json!(""), json!("47DEQpj8")), (json!(1), json!(null))]);
}

#[test]
fn javascripts_comparisons_are_never_unknown() {
    let table = [
        // a, b, ==, ===, <, <=
        (json!(null), json!(null), true, true, false, true),
        (json!(null), json!(0), false, false, false, true),
        (json!(null), json!(10), false, false, true, true),
        (json!(1), json!("1"), true, false, false, true),
        (json!(1), json!(1.0), true, true, false, true),
        (json!(""), json!(0), true, false, false, true),
        (json!(true), json!("1"), true, false, false, true),
        (json!(true), json!("true"), false, false, false, false),
        (json!("10"), json!("9"), false, false, true, true),
        (json!("10"), json!(9), false, false, false, false),
        (json!("a"), json!(1), false, false, false, false),
        (json!("Z"), json!("a"), false, false, true, true),
        // By UTF-16 unit a surrogate comes before U+FFxx, though its character does not.
        (json!("😀"), json!("\u{ff5e}"), false, false, true, true),
        (json!([5]), json!(5), true, false, false, true),
        (json!([1, 2]), json!("1,2"), true, false, false, true),
        (json!({}), json!("[object Object]"), true, false, false, true),
        (json!([1]), json!([1]), false, false, false, true),
    ];
    for (a, b, eq, same, lt, le) in table {
        let holds = |js, a: &serde_json::Value, b: &serde_json::Value| {
            test(Expr::Js(js, Box::new((lit(value(a.clone())), lit(value(b.clone())))))).unwrap().expect("never unknown")
        };
        let got = [Js::Eq, Js::Ne, Js::Same, Js::NotSame, Js::Lt, Js::Le].map(|js| holds(js, &a, &b));
        assert_eq!(got, [eq, !eq, same, !same, lt, le], "{a} and {b}");
        assert_eq!([Js::Gt, Js::Ge].map(|js| holds(js, &b, &a)), [lt, le], "{b} and {a}");
    }
    let itself = || Expr::Elem(0, [].into());
    let one = Expr::Let(Box::new((lit(value(json!([1]))), Expr::Js(Js::Same, Box::new((itself(), itself()))))));
    assert_eq!(test(one), Ok(Some(true)), "a list is itself");
}

#[test]
fn flagds_buckets() {
    let bucket = |part, norm| Expr::Bucket(Box::new(Bucket { hash: Hash::Murmur3(0), parts: [part].into(), norm }));
    // Murmur3 of "test" is 0xba6bd213, as a signed integer -1167338989.
    let share = 1_167_338_989.0 / 2_147_483_647.0 * 100.0;
    assert!(is(bucket(Part::Expr(lit("test")), Norm::SignedAbsPercent), share));
    let cbor = |json| bucket(Part::Cbor(lit(value(json))), Norm::Scale(1 << 32));
    assert!(is(Expr::IsNull(Arc::new(cbor(json!(null)))), true));
    let same = |a, b| test(cmp(Rel::Eq, cbor(a), cbor(b)));
    assert_eq!(same(json!(1), json!(1.0)), Ok(Some(true)));
    assert_eq!(same(json!({"a": 1, "b": 2}), json!({"b": 2, "a": 1})), Ok(Some(true)));
    assert_eq!(same(json!(1), json!("1")), Ok(Some(false)), "a number is not its text");
    assert_eq!(test(cmp(Rel::Eq, cbor(json!("a")), bucket(Part::Expr(lit("a")), Norm::Scale(1 << 32)))), Ok(Some(false)));
    assert_eq!(test(Expr::IsNull(Arc::new(bucket(Part::Cbor(null()), Norm::Scale(1))))), Ok(Some(true)));
}

#[test]
fn flagsmith_hashes_again_where_it_would_be_all() {
    // Found by search: md5("1,8931") mod 9999 is 9998, which would be 100 %.
    let percent = |text: &str| {
        Expr::Bucket(Box::new(Bucket { hash: Hash::Md5Mod9999, parts: [Part::Expr(lit(text))].into(), norm: Norm::Percent(9998.0) }))
    };
    let all = "1,8931";
    assert_eq!(test(cmp(Rel::Lt, percent(all), lit(100))), Ok(Some(true)));
    assert_eq!(test(cmp(Rel::Eq, percent(all), percent(&format!("{all},{all}")))), Ok(Some(true)), "the ids written once more");
}
