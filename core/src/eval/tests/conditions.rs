//! Three-valued logic, comparisons, sets, texts, networks, quantifiers.

use std::sync::Arc;

use regex::Regex;
use semver::Version;

use super::{attr, cmp, conv, is, lit, not, null, path, test};
use crate::evaluation::ErrorCode;
use crate::ir::{Conv, Expr, Ids, Quant, Rel, TextRel};
use crate::value::Value;

const TRI: [Option<bool>; 3] = [Some(false), None, Some(true)];

fn tri(value: Option<bool>) -> Expr {
    // Unknown is a comparison with what is not there, as it comes about in flags.
    value.map_or_else(|| cmp(Rel::Lt, attr("missing"), lit(1)), lit)
}

#[test]
fn and_or_and_not_are_kleenes() {
    for a in TRI {
        assert_eq!(test(not(tri(a))), Ok(a.map(|bool| !bool)), "not {a:?}");
        for b in TRI {
            // In the order false < unknown < true, and is the lesser and or the greater.
            let rank = |value: Option<bool>| TRI.iter().position(|other| *other == value).unwrap();
            let (and, or) = (TRI[rank(a).min(rank(b))], TRI[rank(a).max(rank(b))]);
            assert_eq!(test(Expr::And([tri(a), tri(b)].into())), Ok(and), "{a:?} and {b:?}");
            assert_eq!(test(Expr::Or([tri(a), tri(b)].into())), Ok(or), "{a:?} or {b:?}");
        }
    }
    assert_eq!(test(Expr::And([].into())), Ok(Some(true)));
    assert_eq!(test(Expr::Or([].into())), Ok(Some(false)));
}

#[test]
fn unknown_collapses_only_where_it_is_said_to() {
    for a in TRI {
        assert_eq!(test(Expr::IsTrue(Box::new(tri(a)))), Ok(Some(a == Some(true))), "is_true {a:?}");
        assert_eq!(test(Expr::IsNull(Arc::new(tri(a)))), Ok(Some(a.is_none())), "is_null {a:?}");
        assert_eq!(test(not(Expr::IsTrue(Box::new(tri(a))))), Ok(Some(a != Some(true))), "inverted {a:?}");
    }
}

#[test]
fn and_and_or_stop_at_what_decides() {
    let error = || Expr::Err(ErrorCode::MalformedFlag);
    assert_eq!(test(Expr::And([lit(false), error()].into())), Ok(Some(false)));
    assert_eq!(test(Expr::Or([lit(true), error()].into())), Ok(Some(true)));
    assert_eq!(test(Expr::And([lit(true), error()].into())), Err(ErrorCode::MalformedFlag));
    assert_eq!(test(Expr::And([tri(None), error()].into())), Err(ErrorCode::MalformedFlag), "unknown does not decide");
}

#[test]
fn if_takes_one_branch_and_unknown_is_else() {
    for (when, expected) in [(Some(true), Some(true)), (Some(false), Some(false)), (None, Some(false))] {
        assert_eq!(test(Expr::If(Box::new([tri(when), lit(true), lit(false)]))), Ok(expected), "{when:?}");
    }
    assert_eq!(test(Expr::If(Box::new([lit(true), lit(true), Expr::Err(ErrorCode::Cycle)]))), Ok(Some(true)));
}

#[test]
fn what_is_not_a_boolean_is_unknown_as_a_condition() {
    for name in ["text", "int", "list", "map", "null", "missing"] {
        assert_eq!(test(attr(name)), Ok(None), "{name}");
    }
    assert_eq!(test(attr("yes")), Ok(Some(true)));
    assert_eq!(test(attr("no")), Ok(Some(false)));
}

#[test]
fn numbers_compare_without_losing_a_bit() {
    let big = 9_007_199_254_740_993_i64; // 2^53 + 1, which no double is
    let rows: [(Value, Value, i32); 10] = [
        (7.into(), 7.0.into(), 0),
        (7.into(), 7.5.into(), -1),
        ((-7).into(), (-7.5).into(), 1),
        (0.into(), (-0.0).into(), 0),
        (big.into(), 9_007_199_254_740_992.0.into(), 1),
        (i64::MAX.into(), 9.3e18.into(), -1),
        (i64::MAX.into(), 9_223_372_036_854_775_808.0.into(), -1),
        (i64::MIN.into(), (-9_223_372_036_854_775_808.0).into(), 0),
        (i64::MIN.into(), (-9.3e18).into(), 1),
        (2.5.into(), 2.25.into(), 1),
    ];
    for (a, b, sign) in rows {
        for (a, b, sign) in [(a.clone(), b.clone(), sign), (b, a, -sign)] {
            let holds = |rel| test(cmp(rel, lit(a.clone()), lit(b.clone()))).unwrap().unwrap();
            let got = [Rel::Lt, Rel::Le, Rel::Eq, Rel::Ge, Rel::Gt, Rel::Ne].map(holds);
            let expected = [sign < 0, sign <= 0, sign == 0, sign >= 0, sign > 0, sign != 0];
            assert_eq!(got, expected, "{a:?} and {b:?}");
        }
    }
}

#[test]
fn types_do_not_mix() {
    let text = || lit("7");
    assert_eq!(test(cmp(Rel::Eq, attr("int"), text())), Ok(Some(false)), "equality is total");
    assert_eq!(test(cmp(Rel::Ne, attr("int"), text())), Ok(Some(true)));
    assert_eq!(test(cmp(Rel::Lt, attr("int"), text())), Ok(None), "there is no order");
    assert_eq!(test(cmp(Rel::Lt, attr("list"), attr("list"))), Ok(None));
    assert_eq!(test(cmp(Rel::Eq, attr("list"), lit(vec![Value::from("x"), "y".into(), 3.into()]))), Ok(Some(true)));
    assert_eq!(test(cmp(Rel::Ne, attr("map"), attr("list"))), Ok(Some(true)));
    for rel in [Rel::Eq, Rel::Ne, Rel::Lt, Rel::Ge] {
        assert_eq!(test(cmp(rel, attr("missing"), lit(1))), Ok(None), "{rel:?} with nothing");
        assert_eq!(test(cmp(rel, lit(1), attr("null"))), Ok(None), "{rel:?} with null");
    }
    assert_eq!(test(cmp(Rel::Lt, lit("Z"), lit("a"))), Ok(Some(true)), "text by bytes");
    assert_eq!(test(cmp(Rel::Lt, lit(false), lit(true))), Ok(Some(true)));
}

#[test]
fn versions_compare_by_precedence() {
    let version = |text: &str| Expr::Version(Box::new(Version::parse(text).unwrap()));
    let mine = || conv(Conv::Semver, attr("version"));
    assert_eq!(test(cmp(Rel::Gt, mine(), version("1.9.0"))), Ok(Some(true)));
    assert_eq!(test(cmp(Rel::Eq, mine(), version("1.10.0+build.7"))), Ok(Some(true)), "the build does not count");
    assert_eq!(test(cmp(Rel::Gt, mine(), version("1.10.0-rc.1"))), Ok(Some(true)));
    assert_eq!(test(cmp(Rel::Gt, attr("version"), version("1.9.0"))), Ok(None), "text is no version");
}

#[test]
fn sets_hold_texts() {
    let few = || Ids::new(&["Abc", "x"]);
    let many = || Ids::new(&(0..1000).map(|n| if n == 500 { "Abc".to_owned() } else { n.to_string() }).collect::<Vec<_>>());
    for (what, ids) in [("few", few()), ("many", many())] {
        let inside = |expr| test(Expr::In(Arc::new(expr), ids.clone()));
        assert_eq!(inside(attr("text")), Ok(Some(true)), "{what}");
        assert_eq!(inside(lit("abc")), Ok(Some(false)), "{what}: case counts");
        assert_eq!(inside(attr("missing")), Ok(None), "{what}");
        assert_eq!(inside(attr("int")), Ok(None), "{what}: only texts");
        assert_eq!(inside(conv(Conv::ToText, attr("int"))), Ok(Some(what == "many")), "{what}");
    }
}

#[test]
fn texts_relate() {
    let relate = |rel, text: &str, needles: &[&str]| {
        test(Expr::Text(rel, Box::new((Arc::new(lit(text)), needles.iter().map(|needle| (*needle).into()).collect()))))
    };
    assert_eq!(relate(TextRel::StartsWith, "Abc", &["x", "Ab"]), Ok(Some(true)));
    assert_eq!(relate(TextRel::EndsWith, "Abc", &["Ab"]), Ok(Some(false)));
    assert_eq!(relate(TextRel::EndsWith, "Abc", &["bc"]), Ok(Some(true)));
    assert_eq!(relate(TextRel::Contains, "Abc", &["b"]), Ok(Some(true)));
    assert_eq!(relate(TextRel::Contains, "Abc", &[]), Ok(Some(false)), "any of none");
    assert_eq!(relate(TextRel::Contains, "Abc", &[""]), Ok(Some(true)));
    let missing = Expr::Text(TextRel::Contains, Box::new((Arc::new(attr("missing")), ["b".into()].into())));
    assert_eq!(test(missing), Ok(None));
}

#[test]
fn patterns_match_anywhere_and_only_texts() {
    let matches = |expr, pattern| test(Expr::Regex(Arc::new(expr), Regex::new(pattern).unwrap().into()));
    assert_eq!(matches(attr("text"), "b"), Ok(Some(true)));
    assert_eq!(matches(attr("text"), "^b"), Ok(Some(false)));
    assert_eq!(matches(attr("text"), "(?i)ABC"), Ok(Some(true)));
    assert_eq!(matches(attr("int"), "7"), Ok(None));
    assert_eq!(matches(attr("missing"), ""), Ok(None));
}

#[test]
fn networks_hold_addresses() {
    let nets = ["10.0.0.0/8", "2001:db8::/32"].map(|net| net.parse().unwrap());
    let inside = |expr| test(Expr::Cidr(Box::new((Arc::new(expr), nets.into()))));
    assert_eq!(inside(attr("ip")), Ok(Some(true)));
    assert_eq!(inside(lit("2001:db8:1::7")), Ok(Some(true)));
    assert_eq!(inside(lit("192.168.0.1")), Ok(Some(false)));
    assert_eq!(inside(lit("10.1.2")), Ok(None), "no address");
    assert_eq!(inside(attr("missing")), Ok(None));
}

#[test]
fn quantifiers_look_at_every_element() {
    let is_x = || Box::new(cmp(Rel::Eq, Expr::elem(), lit("x")));
    let over = |quant, list: &str| test(Expr::Quant(quant, Arc::new(attr(list)), is_x()));
    assert_eq!([Quant::Any, Quant::All, Quant::None].map(|quant| over(quant, "list").unwrap()), [Some(true), Some(false), Some(false)]);
    assert_eq!([Quant::Any, Quant::All, Quant::None].map(|quant| over(quant, "none").unwrap()), [Some(false), Some(true), Some(true)]);
    assert_eq!(over(Quant::Any, "missing"), Ok(None));
    assert_eq!(over(Quant::Any, "null"), Ok(None));
    assert_eq!(over(Quant::Any, "text"), Ok(Some(false)), "a single value is a list of itself");
    let itself = Expr::Quant(Quant::Any, Arc::new(attr("text")), Box::new(cmp(Rel::Eq, Expr::elem(), lit("Abc"))));
    assert_eq!(test(itself), Ok(Some(true)));
}

#[test]
fn quantifiers_nest_and_give_the_element_back() {
    // Some element x of the outer list, such that no element of the inner one differs from itself.
    let inner = Expr::Quant(Quant::All, Arc::new(attr("list")), Box::new(cmp(Rel::Eq, Expr::elem(), Expr::elem())));
    let outer = Expr::Quant(Quant::Any, Arc::new(attr("list")), Box::new(Expr::And([inner, cmp(Rel::Eq, Expr::elem(), lit("y"))].into())));
    assert_eq!(test(outer), Ok(Some(true)));
    assert!(is(Expr::elem(), Value::Null), "outside there is no element");
    let failing = Expr::Quant(Quant::Any, Arc::new(attr("list")), Box::new(Expr::Err(ErrorCode::MalformedFlag)));
    assert_eq!(test(failing), Err(ErrorCode::MalformedFlag));
}

#[test]
fn presence_and_null_are_two_things() {
    let has = |name: &str| test(Expr::Has(path(name)));
    assert_eq!(has("null"), Ok(Some(true)));
    assert_eq!(has("missing"), Ok(Some(false)));
    assert_eq!(has("map.inner.deep"), Ok(Some(true)));
    assert_eq!(has("map.null"), Ok(Some(true)));
    assert_eq!(has("map.other"), Ok(Some(false)));
    assert_eq!(test(Expr::IsNull(Arc::new(attr("null")))), Ok(Some(true)));
    assert_eq!(test(Expr::IsNull(Arc::new(null()))), Ok(Some(true)));
    assert_eq!(test(Expr::IsNull(Arc::new(attr("empty")))), Ok(Some(false)), "empty text is there");
}
