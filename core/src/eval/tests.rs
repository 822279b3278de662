//! Tests of the evaluator, node by node.
//!
//! Each builds expressions by hand, as a front-end would, and looks at them through a flag: [`test`] puts one in the
//! place of a condition, [`value`] reads one by comparing, [`Flags`] is a whole snapshot.

mod conditions;
mod flags;
mod nodes;
mod tracing;
mod values;
mod vendors;

use std::sync::Arc;

use crate::context::{Attributes, Context};
use crate::evaluation::{ErrorCode, Reason};
use crate::ir::{Body, Conv, Expr, Flag, Invalid, Path, Rel, Rule, Seg, Segment, Snapshot, Target, ValueType, Variant};
use crate::value::Value;

use super::{Answer, Explanation, evaluate, explain};

/// The moment of every check here.
const NOW: i64 = 1_000_000;

/// A snapshot that grows by a line per flag.
struct Flags(Snapshot);

impl Flags {
    fn new() -> Self {
        Self(Snapshot::empty("test"))
    }

    /// A string flag with the variants `a`, `b` and `c`, whose values are their names; `c` is not enabled.
    fn flag(mut self, name: &str, rules: Vec<(Expr, Expr)>, fallthrough: Expr) -> Self {
        let variants = ["a", "b", "c"].map(|key| Variant { key: key.into(), value: Ok(Value::from(key)), enabled: key != "c" });
        let rules = rules.into_iter().enumerate();
        let rules = rules.map(|(at, (when, serve))| Rule { name: Some(format!("rule {at}").into()), when, serve }).collect();
        let body = Body { runs: Default::default(), value_type: ValueType::String, variants: variants.into(), rules, fallthrough };
        self.0.put_flag(Flag { key: name.into(), version: 0, body: Ok(body) });
        self
    }

    fn invalid(mut self, name: &str) -> Self {
        let body = Err(Invalid { code: ErrorCode::MalformedFlag, message: "broken on purpose".into() });
        self.0.put_flag(Flag { key: name.into(), version: 0, body });
        self
    }

    fn segment(mut self, name: &str, body: Option<Expr>) -> Self {
        let invalid = Invalid { code: ErrorCode::MalformedFlag, message: "broken on purpose".into() };
        self.0.put_segment(Segment { key: name.into(), version: 0, body: body.ok_or(invalid) });
        self
    }

    fn answer(&self, flag: &str, context: &Context) -> Result<Answer<'_>, ErrorCode> {
        evaluate(&self.0, flag, context.view(), &|| NOW)
    }

    /// The name of the variant served; `-` is the caller's default.
    fn serves(&self, flag: &str, context: &Context) -> Result<String, ErrorCode> {
        self.answer(flag, context).map(|answer| answer.variant.map_or("-".to_owned(), |variant| variant.key.to_string()))
    }

    fn explain(&self, flag: &str, context: &Context) -> Explanation {
        explain(&self.0, flag, context.view(), &|| NOW).1
    }
}

/// The context of most tests.
fn someone() -> Context {
    let attributes = serde_json::from_str(
        r#"{"text":"Abc","empty":"","int":7,"double":2.5,"whole":3.0,"yes":true,"no":false,"null":null,"big":9007199254740993,
        "list":["x","y",3],"none":[],"map":{"inner":{"deep":[10,{"last":"end"}]},"null":null},"version":"1.10.0","date":"2020-01-01","ip":"10.1.2.3"}"#,
    );
    let Value::Map(entries) = attributes.unwrap() else { panic!("attributes are a map") };
    Context::new("user").unwrap().with_attributes(Attributes::new(entries.iter().cloned()).unwrap())
}

/// A condition's value: true, false or unknown. The two that are not true are told apart by `IsNull`, and the `And`
/// of one makes a condition of what may be a value.
fn test(condition: Expr) -> Result<Option<bool>, ErrorCode> {
    let rules = vec![(condition.clone(), serve(0)), (Expr::IsNull(Arc::new(Expr::And([condition].into()))), serve(1))];
    let flags = Flags::new().flag("f", rules, serve(2));
    Ok(match flags.serves("f", &someone())?.as_str() {
        "a" => Some(true),
        "b" => None,
        _ => Some(false),
    })
}

/// Does an expression have this value? Null is asked for as such, because it equals nothing.
fn is(expr: Expr, expected: impl Into<Value>) -> bool {
    match expected.into() {
        Value::Null => test(Expr::IsNull(Arc::new(expr))) == Ok(Some(true)),
        expected => test(cmp(Rel::Eq, expr, lit(expected))) == Ok(Some(true)),
    }
}

fn serve(variant: u32) -> Expr {
    Expr::Target(Target { variant: Some(variant), reason: Reason::RuleMatched, note: None })
}

fn lit(value: impl Into<Value>) -> Expr {
    Expr::Const(value.into())
}

fn null() -> Expr {
    Expr::Const(Value::Null)
}

/// An attribute by a path such as `map.inner.0`.
fn attr(path: &str) -> Expr {
    Expr::Attr(self::path(path))
}

fn path(path: &str) -> Arc<Path> {
    let mut steps = path.split('.');
    let name = steps.next().unwrap().into();
    Arc::new(Path { name, rest: steps.map(|step| step.parse().map_or_else(|_| Seg::Key(step.into()), Seg::Index)).collect() })
}

fn cmp(rel: Rel, left: Expr, right: Expr) -> Expr {
    Expr::Cmp(rel, Box::new((left, right)))
}

fn conv(conv: Conv, inner: Expr) -> Expr {
    Expr::Conv(conv, Arc::new(inner))
}

fn not(inner: Expr) -> Expr {
    Expr::Not(Box::new(inner))
}
