//! Bindings, branches by type, randomness and values from outside, variants by name, JSONLogic's own: the nodes of vendors.

use std::sync::Arc;

use std::cell::Cell;

use serde_json::json;

use super::super::trace::Step;
use super::super::{Asked, Inputs, MAX_WORK, evaluate, explain};
use super::{Flags, NOW, attr, cmp, is, lit, not, null, path, serve, someone, test};
use crate::context::{Context, View};
use crate::evaluation::{ErrorCode, Reason};
use crate::ir::{Expr, Field, Logic, LogicOp, Named, Pattern, Quant, Ranges, Rel, Seg, Split, Switch, Target};
use crate::value::Value;

fn logic<const N: usize>(op: LogicOp, args: [Expr; N]) -> Expr {
    Expr::Logic(Box::new(Logic { op, args: args.into() }))
}

fn bind(bound: Expr, body: Expr) -> Expr {
    Expr::Let(Box::new((bound, body)))
}

/// The variants of [`Flags`], by name.
fn named(by: Expr, note: Option<&str>) -> Expr {
    let target = |(at, key): (usize, &str)| {
        (key.into(), Target { variant: Some(at as u32), reason: Reason::RuleMatched, note: note.map(|note| Box::new(note.into())) })
    };
    Expr::Named(Box::new(Named { by, targets: ["a", "b", "c"].into_iter().enumerate().map(target).collect() }))
}

fn elem(level: u8, steps: &str) -> Expr {
    Expr::Elem(level, steps.split('.').filter(|step| !step.is_empty()).map(|step| Seg::Either(step.into())).collect())
}

#[test]
fn a_let_gives_a_value_a_name() {
    assert!(is(bind(attr("int"), elem(0, "")), 7));
    assert!(is(bind(attr("map"), elem(0, "inner.deep.1.last")), "end"), "steps go into lists too");
    assert!(is(bind(attr("missing"), elem(0, "")), Value::Null));
    assert!(is(bind(attr("int"), bind(attr("text"), elem(1, ""))), 7), "one binding out");
    assert!(is(bind(attr("int"), bind(attr("text"), elem(2, ""))), Value::Null), "further out than there is");
    assert!(is(bind(logic(LogicOp::Cat, [attr("text"), attr("int")]), elem(0, "")), "Abc7"), "a value that was made");
    assert_eq!(test(bind(lit(1), cmp(Rel::Eq, elem(0, ""), lit(1)))), Ok(Some(true)), "around a condition");
    let inside = Expr::Quant(Quant::Any, Arc::new(attr("list")), Box::new(cmp(Rel::Eq, elem(0, ""), elem(1, ""))));
    assert_eq!(test(bind(lit("y"), inside.clone())), Ok(Some(true)), "a quantifier binds over it");
    assert_eq!(test(bind(lit("z"), inside)), Ok(Some(false)));
    let flags = Flags::new().flag(
        "f",
        vec![(lit(true), bind(attr("text"), Expr::If(Box::new([cmp(Rel::Eq, elem(0, ""), lit("Abc")), serve(1), null()]))))],
        serve(2),
    );
    assert_eq!(flags.serves("f", &someone()).unwrap(), "b", "around an outcome");
}

#[test]
fn what_is_bound_ends_with_its_flag() {
    let flags = Flags::new()
        .flag("asked", vec![(cmp(Rel::Eq, elem(0, ""), lit(1)), serve(0))], serve(1))
        .flag("f", vec![(bind(lit(1), bind(lit(1), cmp(Rel::Eq, Expr::Flag("asked".into(), Field::Value), lit("b")))), serve(0))], serve(2))
        .flag(
            "after",
            vec![(
                bind(
                    lit(5),
                    Expr::And(
                        [not(cmp(Rel::Eq, Expr::Flag("asked".into(), Field::Value), lit("a"))), cmp(Rel::Eq, elem(0, ""), lit(5))].into(),
                    ),
                ),
                serve(0),
            )],
            serve(2),
        );
    assert_eq!(flags.serves("f", &someone()).unwrap(), "a", "the other flag sees no binding of ours");
    assert_eq!(flags.serves("after", &someone()).unwrap(), "a", "and ours are there again after it");
}

#[test]
fn a_switch_takes_the_branch_of_the_type() {
    let by = |name: &str| {
        let mut switch = Switch::new(attr(name), &null());
        (switch.null, switch.boolean, switch.integer) = (lit("null"), lit("boolean"), lit("integer"));
        (switch.double, switch.text, switch.list) = (lit("double"), lit("text"), lit("list"));
        Expr::Switch(Box::new(switch))
    };
    for (name, expected) in [
        ("missing", "null"),
        ("null", "null"),
        ("yes", "boolean"),
        ("int", "integer"),
        ("double", "double"),
        ("text", "text"),
        ("list", "list"),
    ] {
        assert!(is(by(name), expected), "{name}");
    }
    assert!(is(by("map"), Value::Null), "a branch that nobody wrote");
    let mut condition = Switch::new(attr("int"), &lit(false));
    condition.integer = cmp(Rel::Gt, attr("int"), lit(6));
    assert_eq!(test(Expr::Switch(Box::new(condition))), Ok(Some(true)));
    let outcome = Switch { integer: serve(1), ..Switch::new(attr("int"), &null()) };
    let flags = Flags::new().flag("f", vec![(lit(true), Expr::Switch(Box::new(outcome)))], serve(2));
    assert_eq!(flags.serves("f", &someone()).unwrap(), "b");
    assert_eq!(flags.serves("f", &Context::anonymous()).unwrap(), "c", "a branch may decline");
}

#[test]
fn a_list_of_what_is_none() {
    let list = |expr| Expr::AsList(Box::new(expr));
    assert!(is(list(attr("int")), vec![Value::from(7)]));
    assert!(is(list(attr("none")), Value::List([].into())));
    assert!(is(list(attr("missing")), Value::Null));
    assert!(is(Expr::Len(Box::new(list(attr("map")))), 1));
    let made = Expr::Quant(Quant::Any, Arc::new(logic(LogicOp::Add, [lit(1), lit(2)])), Box::new(cmp(Rel::Eq, elem(0, ""), lit(3))));
    assert_eq!(test(made), Ok(Some(true)), "a quantifier takes a value that was made as a list of itself");
}

#[test]
fn ranges_of_doubles() {
    let split = |by| {
        let ranges = Ranges::Double([(0.0, 0.1, lit("low")), (0.1, 0.1 + 0.2, lit("high"))].into());
        Expr::Split(Box::new(Split { by, ranges, missing: lit("missing"), past_end: lit("past") }))
    };
    for (by, expected) in [(0.0, "low"), (0.099, "low"), (0.1, "high"), (0.3, "high"), (0.1 + 0.2, "past"), (-0.1, "past")] {
        assert!(is(split(lit(by)), expected), "{by}");
    }
    assert!(is(split(lit(0)), "low"), "an integer is a double");
    assert!(is(split(attr("missing")), "missing"));
    assert!(is(split(attr("text")), "missing"));
}

#[test]
fn why_another_flag_cannot_answer() {
    let error = |flag: &str| Expr::Flag(flag.into(), Field::Error);
    let is_error = |flag: &str, code: ErrorCode| vec![(cmp(Rel::Eq, error(flag), lit(code.as_str())), serve(0))];
    let flags = Flags::new()
        .flag("sound", vec![], serve(0))
        .invalid("broken")
        .flag("keyless", vec![], Expr::Err(ErrorCode::TargetingKeyMissing))
        .flag("loop", vec![(Expr::IsNull(Arc::new(error("loop"))), serve(0))], serve(1))
        .flag("of sound", vec![(Expr::IsNull(Arc::new(error("sound"))), serve(0))], serve(1))
        .flag("of broken", is_error("broken", ErrorCode::MalformedFlag), serve(1))
        .flag("of keyless", is_error("keyless", ErrorCode::TargetingKeyMissing), serve(1))
        .flag("of nobody", is_error("unheard of", ErrorCode::FlagNotFound), serve(1));
    for flag in ["of sound", "of broken", "of keyless", "of nobody"] {
        assert_eq!(flags.serves(flag, &someone()).unwrap(), "a", "{flag}");
    }
    assert_eq!(flags.serves("loop", &someone()), Err(ErrorCode::Cycle), "a cycle is no value");
}

#[test]
fn a_variant_by_name() {
    let named = |by| named(by, Some("note"));
    let flags = |by| Flags::new().flag("f", vec![(lit(true), named(by))], serve(2));
    assert_eq!(flags(lit("b")).serves("f", &someone()).unwrap(), "b");
    assert_eq!(flags(attr("missing")).serves("f", &someone()).unwrap(), "c", "null declines");
    for unknown in [lit("x"), lit(true), lit(1), attr("list")] {
        assert_eq!(flags(unknown).serves("f", &someone()), Err(ErrorCode::UnknownVariant));
    }
    let (flags, context) = (flags(lit("a")), someone());
    let answer = flags.answer("f", &context).unwrap();
    assert_eq!((answer.reason, answer.note.map(|note| &**note)), (Reason::RuleMatched, Some("note")));
    assert_eq!(test(cmp(Rel::Eq, named(lit("a")), lit(1))), Err(ErrorCode::MalformedFlag), "an outcome is no value");
}

/// A world for tests: it counts up where it should be random.
struct Scripted(Cell<u64>);

impl Inputs for Scripted {
    fn now(&self) -> i64 {
        NOW
    }
    fn random(&self) -> Option<u64> {
        self.0.set(self.0.get() + 1);
        Some((self.0.get() - 1) << 62) // a quarter of all each time
    }
    fn external(&self, name: &str, context: View<'_>) -> Option<Value> {
        (name == "whoami").then(|| context.key.into_iter().collect::<Vec<_>>().into())
    }
    fn contains(&self, set: &str, member: &str) -> Option<bool> {
        (set == "vips").then_some(member == "user")
    }
}

#[test]
fn randomness_and_the_outside_are_handed_in_and_leave_a_mark() {
    let in_set = |set: &str| Expr::InSet(Box::new(Expr::Key), set.into());
    let flags = Flags::new()
        .flag("random", vec![(cmp(Rel::Lt, Expr::Rand(100), lit(50)), serve(0))], serve(1))
        .flag("external", vec![(cmp(Rel::Eq, Expr::Extern("whoami".into()), lit(vec!["user"])), serve(0))], serve(1))
        .flag("set", vec![(in_set("vips"), serve(0))], serve(1))
        .flag("no set", vec![(not(in_set("unheard of")), serve(0))], serve(1))
        .flag("time", vec![(cmp(Rel::Le, Expr::Now, lit(NOW)), serve(0))], serve(1))
        .flag("plain", vec![(attr("yes"), serve(0)), (cmp(Rel::Lt, Expr::Now, lit(0)), serve(1))], serve(2))
        .flag("indirect", vec![], Expr::Delegate("random".into()));
    let (inputs, context) = (Scripted(Cell::new(0)), someone());
    let ask = |flag: &str| {
        let answer = evaluate(&flags.0, flag, context.view(), &inputs).unwrap();
        (answer.variant.unwrap().key.to_string(), answer.asked)
    };
    let (random, external) = (Asked { random: true, ..Asked::default() }, Asked { external: true, ..Asked::default() });
    let drawn: Vec<String> =
        (0..4).map(|_| ask("random")).map(|(variant, asked)| if asked == random { variant } else { format!("{asked:?}") }).collect();
    assert_eq!(drawn, ["a", "a", "b", "b"], "0, 25, 50 and 75");
    assert_eq!(ask("indirect").1, random, "the mark comes with the answer of another flag");
    assert_eq!(ask("external"), ("a".to_owned(), external));
    assert_eq!(ask("set"), ("a".to_owned(), external));
    assert_eq!(ask("no set"), ("b".to_owned(), external), "a set that nobody knows is unknown");
    assert_eq!(ask("time"), ("a".to_owned(), Asked { time: true, ..Asked::default() }));
    assert!(ask("plain").1.nothing(), "what is not reached is not asked");
    // Handed nothing but a clock, all of it is unknown.
    for flag in ["random", "external", "set"] {
        assert_eq!(flags.serves(flag, &context).unwrap(), "b", "{flag}");
    }
}

#[test]
fn patterns_may_look_around_but_not_for_ever() {
    let matches = |expr, pattern| test(Expr::Pattern(Box::new((expr, Pattern::new(pattern).unwrap()))));
    assert_eq!(matches(attr("text"), "b(?=c)"), Ok(Some(true)));
    assert_eq!(matches(attr("text"), "(?<!A)b"), Ok(Some(false)));
    assert_eq!(matches(lit("abab"), r"^(ab)\1$"), Ok(Some(true)));
    assert_eq!(matches(attr("missing"), "a"), Ok(None));
    assert_eq!(matches(attr("int"), "7"), Ok(None), "only texts");
    assert!(Pattern::new("(").is_err());
    let slow = "a".repeat(40) + "!";
    assert_eq!(matches(lit(slow), r"^(a|a)*\1$"), Ok(None), "out of steps is unknown");
}

#[test]
fn jsonlogic_beyond_its_suite() {
    assert!(is(logic(LogicOp::Dig, [logic(LogicOp::Context, []), lit("map.inner.deep.0")]), 10));
    assert!(is(logic(LogicOp::Dig, [logic(LogicOp::Context, []), lit("nowhere"), lit("else")]), "else"));
    assert!(is(logic(LogicOp::Missing, [logic(LogicOp::Context, []), lit("text"), lit("gone"), lit("empty")]), vec!["gone", "empty"]));
    for (args, expected) in [
        ([lit("äöüß"), lit(1), null()], "öüß"),
        ([lit("äöüß"), lit(-2), null()], "üß"),
        ([lit("äöüß"), lit(1), lit(-1)], "öü"),
        ([lit("abc"), lit(-9), lit(2)], "ab"),
        ([lit("abc"), lit(9), lit(2)], ""),
        ([lit("abc"), lit(1e300), lit(-1e300)], ""),
    ] {
        assert!(is(logic(LogicOp::Substr, args), expected), "{expected}");
    }
    for (op, a, b, expected) in [
        (LogicOp::Div, lit(1), lit(0), Value::Null),
        (LogicOp::Rem, lit(-5), lit(3), (-2).into()),
        (LogicOp::Add, lit("x"), lit(1), Value::Null),
        (LogicOp::Add, lit("1.5abc"), lit(1), 2.5.into()),
        (LogicOp::Sub, null(), lit(1), (-1).into()),
        (LogicOp::Min, lit("2"), lit(10), 2.into()),
        (LogicOp::Max, lit("x"), lit(10), Value::Null),
    ] {
        assert!(is(logic(op, [a, b]), expected.clone()), "{op:?} should be {expected:?}");
    }
    assert!(is(logic(LogicOp::Min, []), Value::Null));
    // An empty list is true to JavaScript and false to JSONLogic.
    assert_eq!(test(logic(LogicOp::Truthy, [attr("none")])), Ok(Some(false)));
    let error = || Expr::Err(ErrorCode::MalformedFlag);
    assert!(is(logic(LogicOp::Or, [lit(1), error()]), 1), "lazy");
    assert!(is(logic(LogicOp::And, [lit(0), error()]), 0), "lazy");
    assert!(is(logic(LogicOp::If, [lit(true), lit(1), error()]), 1), "lazy");
    assert!(is(logic(LogicOp::If, [lit(false), error()]), Value::Null));
}

#[test]
fn flagds_version_ranges() {
    for (a, b, major, minor) in [
        (lit("1.2.3"), lit("1.9.0"), Some(true), Some(false)),
        (lit("v1.2.3"), lit("1.2"), Some(true), Some(true)),
        (lit("2.2.3"), lit("1.2.3"), Some(false), Some(false)),
        (lit(1), lit("1.0.7"), Some(true), Some(true)),
        (lit("x"), lit("1"), None, None),
        (attr("missing"), lit("1"), None, None),
    ] {
        assert_eq!(test(logic(LogicOp::SameMajor, [a.clone(), b.clone()])), Ok(major));
        assert_eq!(test(logic(LogicOp::SameMinor, [a, b])), Ok(minor));
    }
}

#[test]
fn flagds_split_with_computed_weights() {
    let half = 1_i64 << 31; // of the 32 bits of a hash
    let split = |by: i64, red: Expr, blue: Expr| logic(LogicOp::Weighted, [lit(by), lit("red"), red, lit("blue"), blue]);
    assert!(is(split(0, lit(50), lit(50)), "red"));
    assert!(is(split(half - 1, lit(50), lit(50)), "red"));
    assert!(is(split(half, lit(50), lit(50)), "blue"));
    assert!(is(split(half, attr("int"), lit(1)), "red"), "a weight from the context");
    assert!(is(split(half, lit(-5), lit(1)), "blue"), "below zero is zero");
    assert!(is(split(half, lit("50"), lit(50)), Value::Null), "a weight is a number");
    assert!(is(split(half, lit(0), lit(0)), Value::Null));
    assert!(is(split(half, lit(i64::from(i32::MAX)), lit(1)), Value::Null), "more than 2^31 - 1 in all");
    assert!(is(logic(LogicOp::Weighted, [lit(half), lit("only")]), "only"), "a weight is 1 unless it is said");
    assert!(is(logic(LogicOp::Weighted, [null(), lit("only")]), Value::Null));
    let percent = |by: f64| logic(LogicOp::WeightedPercent, [lit(by), lit("red"), lit(1), lit("blue"), lit(2)]);
    assert!(is(percent(33.3), "red"));
    assert!(is(percent(33.4), "blue"));
    assert!(is(percent(100.0), Value::Null), "past the end");
}

#[test]
fn work_is_bounded() {
    let many: Expr = lit(vec![1; 1_000]);
    let nested = |depth: usize| (0..depth).fold(lit(1), |body, _| logic(LogicOp::Map, [many.clone(), body]));
    assert!(is(Expr::Len(Box::new(nested(1))), 1_000));
    assert_eq!(test(cmp(Rel::Eq, nested(2), lit(0))), Err(ErrorCode::LimitExceeded));
    // A text that doubles with every element.
    let double = logic(LogicOp::Cat, [elem(0, "accumulator"), elem(0, "accumulator")]);
    let growing = logic(LogicOp::Reduce, [many.clone(), double, lit("x")]);
    assert_eq!(test(cmp(Rel::Eq, growing, lit(0))), Err(ErrorCode::LimitExceeded));
    // Quantifiers within quantifiers.
    let inner = Expr::Quant(Quant::Any, Arc::new(many.clone()), Box::new(lit(false)));
    let outer = Expr::Quant(Quant::Any, Arc::new(lit(vec![1; MAX_WORK as usize / 1_000])), Box::new(inner));
    assert_eq!(test(outer), Err(ErrorCode::LimitExceeded));
    // And a flag that ran out takes the one that asked with it.
    let flags = Flags::new().flag("endless", vec![(cmp(Rel::Eq, nested(2), lit(0)), serve(0))], serve(1)).flag(
        "asks",
        vec![(Expr::IsNull(Arc::new(Expr::Flag("endless".into(), Field::Value))), serve(0))],
        serve(1),
    );
    assert_eq!(flags.serves("asks", &someone()), Err(ErrorCode::LimitExceeded));
}

#[test]
fn many_values_that_were_made_are_dropped_without_depth() {
    let made = logic(LogicOp::Map, [lit(vec![1; 5_000]), logic(LogicOp::List, [elem(0, "")])]);
    assert!(is(Expr::Len(Box::new(made)), 5_000));
}

#[test]
fn a_trace_shows_each_node() {
    let named = named(bind(attr("text"), Expr::If(Box::new([lit(true), lit("b"), null()]))), None);
    let conditions = Expr::And(
        [
            Expr::Js(crate::ir::Js::Eq, Box::new((attr("int"), lit("7")))),
            logic(LogicOp::In, [lit("x"), attr("list")]),
            Expr::Pattern(Box::new((attr("text"), Pattern::new("b(?=c)").unwrap()))),
            Expr::Has(path("text")),
        ]
        .into(),
    );
    let flags = Flags::new().flag("f", vec![(conditions, named)], serve(2));
    let context = someone();
    let (answer, trace) = explain(&flags.0, "f", context.view(), &Scripted(Cell::new(0)));
    assert_eq!(&*answer.unwrap().variant.unwrap().key, "b");
    let said: Vec<String> = trace
        .steps
        .iter()
        .map(|step| match step {
            Step::Condition { says, actual, result } => format!("{says}: {} {result:?}", actual.to_json()),
            Step::Value { says, value } => format!("{says}: {}", value.to_json()),
            other => serde_json::to_string(other).unwrap(),
        })
        .collect();
    assert_eq!(
        said,
        [
            "int == \"7\": 7 Some(true)",
            "in(\"x\", list): null Some(true)",
            "text matches /b(?=c)/: \"Abc\" Some(true)",
            "text is present: null Some(true)",
            "text: \"Abc\"",
            "with text as element: if true then \"b\" else null: \"b\"",
            r#"{"step":"rule","index":0,"name":"rule 0","outcome":"matched"}"#,
        ]
    );
    // Every other node says what it is.
    for (expr, says) in [
        (Expr::Rand(100), "random number below 100"),
        (Expr::Extern("whoami".into()), "external whoami"),
        (Expr::InSet(Box::new(Expr::Key), "vips".into()), "user_id in external set vips"),
        (Expr::AsList(Box::new(attr("int"))), "list of int"),
        (Expr::Switch(Box::new(Switch::new(attr("int"), &null()))), "by the type of int"),
        (elem(1, "a.0"), "outer element.a.0"),
        (Expr::Flag("f".into(), Field::Error), "error of flag f"),
        (logic(LogicOp::Weighted, [Expr::Key, lit("red")]), "fractional(user_id, \"red\")"),
        (super::conv(crate::ir::Conv::VersionPadded, attr("version")), "version(version)"),
    ] {
        assert_eq!(expr.to_string(), says);
    }
    assert_eq!(serde_json::to_value(&trace.steps[4]).unwrap(), json!({"step": "value", "says": "text", "value": "Abc"}));
}
