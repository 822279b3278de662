//! JSONLogic's compatibility suite: each rule is written as the expression that a front-end would write, and evaluated as part of a flag.

use std::path::Path;
use std::sync::Arc;

use jackstaff::Value;
use jackstaff::context::View;
use jackstaff::eval::explain;
use jackstaff::eval::trace::Step;
use jackstaff::evaluation::Reason;
use jackstaff::ir::{Body, Expr, Flag, Js, Logic, LogicOp, Rule, Seg, Snapshot, Target, ValueType};

use crate::case;
use crate::tally::Tally;

pub fn run(folder: &Path) -> Result<Tally, String> {
    let rows = case::json(&folder.join("compatible.json"))?;
    let mut tally = Tally::default();
    for (index, row) in case::list(Some(&rows)).iter().enumerate() {
        let Some(rule) = row.get("rule") else { continue }; // between the rows there are headings
        let description = row.get("description").and_then(Value::as_str).unwrap_or("?");
        let name = format!("{description}[{index}]");
        let expected = row.get("result").cloned().unwrap_or_default();
        let problems = match expression(rule) {
            Ok(expr) => {
                let got = value_of(expr, row.get("data").cloned().unwrap_or_default());
                if agree(&expected, &got) { Vec::new() } else { vec![format!("want {expected:?}, got {got:?}")] }
            }
            Err(problem) => vec![problem],
        };
        tally.count(&name, problems);
    }
    Ok(tally)
}

/// The data is what `var` means everywhere: bound around the rule, and within `map` and its like the element is bound over it.
fn expression(rule: &Value) -> Result<Expr, String> {
    let entries = match rule {
        Value::List(items) => return logic(LogicOp::List, items),
        Value::Map(entries) if entries.len() == 1 => entries,
        other => return Ok(Expr::Const(other.clone())),
    };
    let (name, args) = &entries[0];
    let args = match args {
        Value::List(items) => items.clone(),
        single => Arc::from([single.clone()]),
    };
    let data = || Expr::Elem(0, [].into());
    let with_data = |op| Ok(Expr::Logic(Box::new(Logic { op, args: [vec![data()], expressions(&args)?].concat().into() })));
    let compare = |js: Js| {
        let sides = expressions(&args)?;
        let pairs = sides.windows(2).map(|pair| Expr::Js(js, Box::new((pair[0].clone(), pair[1].clone()))));
        Ok(Expr::Logic(Box::new(Logic { op: LogicOp::And, args: pairs.collect() })))
    };
    let op = match &**name {
        "var" => return variable(&args),
        "missing" => return with_data(LogicOp::Missing),
        "missing_some" => return with_data(LogicOp::MissingSome),
        "==" => return compare(Js::Eq),
        "!=" => return compare(Js::Ne),
        "===" => return compare(Js::Same),
        "!==" => return compare(Js::NotSame),
        "<" => return compare(Js::Lt),
        "<=" => return compare(Js::Le),
        ">" => return compare(Js::Gt),
        ">=" => return compare(Js::Ge),
        "!" => LogicOp::Not,
        "!!" => LogicOp::Truthy,
        "and" => LogicOp::And,
        "or" => LogicOp::Or,
        "if" | "?:" => LogicOp::If,
        "in" => LogicOp::In,
        "+" => LogicOp::Add,
        "-" => LogicOp::Sub,
        "*" => LogicOp::Mul,
        "/" => LogicOp::Div,
        "%" => LogicOp::Rem,
        "min" => LogicOp::Min,
        "max" => LogicOp::Max,
        "cat" => LogicOp::Cat,
        "substr" => LogicOp::Substr,
        "merge" => LogicOp::Merge,
        "map" => LogicOp::Map,
        "filter" => LogicOp::Filter,
        "reduce" => LogicOp::Reduce,
        "all" => LogicOp::All,
        "some" => LogicOp::Some,
        "none" => LogicOp::None,
        other => return Err(format!("the rule has the operation \"{other}\", which JSONLogic does not")),
    };
    logic(op, &args)
}

fn logic(op: LogicOp, args: &[Value]) -> Result<Expr, String> {
    Ok(Expr::Logic(Box::new(Logic { op, args: expressions(args)?.into() })))
}

fn expressions(args: &[Value]) -> Result<Vec<Expr>, String> {
    args.iter().map(expression).collect()
}

/// A path that is written out becomes steps; one that is computed is looked up when it is known.
fn variable(args: &[Value]) -> Result<Expr, String> {
    let path = args.first().cloned().unwrap_or_default();
    let steps = |path: &str| path.split('.').filter(|step| !step.is_empty()).map(|step| Seg::Either(step.into())).collect();
    let otherwise = args.get(1).map_or(Ok(Expr::Const(Value::Null)), expression)?;
    let found = match &path {
        Value::Null => Expr::elem(),
        Value::Text(path) => Expr::Elem(0, steps(path)),
        Value::Int(index) => Expr::Elem(0, steps(&index.to_string())),
        computed => {
            let args = [Expr::elem(), expression(computed)?, otherwise];
            return Ok(Expr::Logic(Box::new(Logic { op: LogicOp::Dig, args: args.into() })));
        }
    };
    Ok(Expr::Coalesce([found, otherwise].into()))
}

/// What a rule comes to: bound by a `let`, whose value a trace shows.
fn value_of(rule: Expr, data: Value) -> Value {
    let inner = Expr::Let(Box::new((rule, Expr::Const(Value::Bool(true)))));
    let when = Expr::Let(Box::new((Expr::Const(data), inner)));
    let target = Expr::Target(Target { variant: None, reason: Reason::RuleMatched, note: None });
    let body = Body {
        runs: Default::default(),
        value_type: ValueType::Json,
        variants: std::sync::Arc::new([]),
        rules: [Rule { name: None, when, serve: target.clone() }].into(),
        fallthrough: target,
    };
    let mut snapshot = Snapshot::empty("conformance");
    snapshot.put_flag(Flag { key: "f".into(), version: 0, body: Ok(body) });
    let (_, trace) = explain(&snapshot, "f", View::of("nobody"), &|| 0);
    let last = trace.steps.into_iter().rev().find_map(|step| match step {
        Step::Value { value, .. } => Some(value),
        _ => None,
    });
    last.unwrap_or_default()
}

fn agree(expected: &Value, got: &Value) -> bool {
    match (expected, got) {
        (Value::Float(expected), got) => got.as_f64().is_some_and(|got| (expected - got).abs() <= 1e-9),
        _ => expected == got,
    }
}
