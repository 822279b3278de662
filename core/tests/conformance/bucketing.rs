//! Our own vectors of every vendor's bucketing: raw numbers, and decisions for ids that fall exactly on a border.
//!
//! Each row is turned into the expression that the vendor's front-end would write and evaluated as part of a flag.
//! A function that no expression here says is counted as waiting, by name.

use std::path::Path;

use jackstaff::Value;
use jackstaff::context::View;
use jackstaff::eval::explain;
use jackstaff::eval::trace::Step;
use jackstaff::evaluation::Reason;
use jackstaff::ir::{Body, Bucket, Expr, Flag, Hash, Logic, LogicOp, Norm, Part, Rel, Rule, Snapshot, Target, Units, ValueType};

use crate::case;
use crate::tally::Tally;

pub fn run(folder: &Path) -> Result<Tally, String> {
    let document = case::json(&folder.join("vectors.json"))?;
    let mut tally = Tally::default();
    for (index, row) in case::list(document.get("vectors")).iter().enumerate() {
        let name = row.get("fn").and_then(Value::as_str).ok_or_else(|| format!("vectors[{index}] names no function"))?;
        let args = Args(row.get("args").ok_or_else(|| format!("vectors[{index}] has no args"))?);
        let Some(task) = task(name, &args) else {
            tally.wait(name);
            continue;
        };
        let expected = row.get("expect").cloned().unwrap_or_default();
        let got = match task {
            Task::Number(number) => number_of(number),
            Task::Decision(condition) => Value::Bool(holds(condition)),
        };
        let problems =
            if agree(name, &expected, &got) { Vec::new() } else { vec![format!("{:?}: want {expected:?}, got {got:?}", args.0)] };
        tally.count(&format!("{name}[{index}]"), problems);
    }
    Ok(tally)
}

enum Task {
    Number(Expr),
    Decision(Expr),
}

/// The arguments of a row. One that is missing reads as empty text or zero, and then the row fails.
struct Args<'a>(&'a Value);

impl Args<'_> {
    fn text(&self, key: &str) -> String {
        match self.0.get(key) {
            Some(Value::Text(text)) => text.to_string(),
            Some(Value::Int(int)) => int.to_string(),
            _ => String::new(),
        }
    }
    fn count(&self, key: &str) -> u64 {
        self.0.get(key).and_then(Value::as_i64).and_then(|int| u64::try_from(int).ok()).unwrap_or(0)
    }
    fn number(&self, key: &str) -> f64 {
        match self.0.get(key) {
            Some(Value::Text(text)) => text.parse().unwrap_or(f64::NAN),
            other => other.and_then(Value::as_f64).unwrap_or(f64::NAN),
        }
    }
    fn bound(&self, index: usize) -> f64 {
        case::list(self.0.get("range")).get(index).and_then(Value::as_f64).unwrap_or(f64::NAN)
    }
}

fn task(name: &str, args: &Args<'_>) -> Option<Task> {
    let (a, n) = (|key: &str| args.text(key), |key: &str| args.count(key));
    let unleash = |seed, norm| bucket(Hash::Murmur3(seed), norm, &[a("group"), ":".into(), a("id")]);
    let growthbook = |version: u64| match version {
        1 => bucket(Hash::Fnv1a(Units::Utf16), Norm::ModDiv(1000, 1000.0), &[a("value"), a("seed")]),
        _ => bucket(Hash::Fnv1aTwice(Units::Utf16), Norm::ModDiv(10_000, 10_000.0), &[a("seed"), a("value")]),
    };
    let ufc = || bucket(Hash::Md5Hi32, Norm::Mod(n("totalShards")), &[a("salt"), "-".into(), a("key")]);
    let flipt = |parts: [&str; 2], of| bucket(Hash::Crc32, Norm::Mod(of), &parts.map(|part| args.text(part)));
    let statsig = || bucket(Hash::Sha256Hi64, Norm::Mod(10_000), &[a("specSalt"), ".".into(), a("ruleSalt"), ".".into(), a("unitID")]);
    let in_range = |number: Expr| {
        let inside = [compare(number.clone(), Rel::Ge, args.bound(0)), compare(number, Rel::Lt, args.bound(1))];
        Expr::And(inside.into())
    };
    Some(match name {
        "unleash.rollout" => Task::Number(unleash(0, Norm::ModPlusOne(100))),
        "unleash.variant" => Task::Number(unleash(86_028_157, Norm::ModPlusOne(n("total")))),
        "unleash.rollout.included" => Task::Decision(compare(unleash(0, Norm::ModPlusOne(100)), Rel::Le, args.number("percent"))),
        "growthbook.hash.v1" => Task::Number(growthbook(1)),
        "growthbook.hash.v2" => Task::Number(growthbook(2)),
        "growthbook.force.coverage.included" => {
            let coverage = args.number("coverage");
            let some = compare(Expr::Const(Value::from(coverage)), Rel::Gt, 0.0);
            Task::Decision(Expr::And([some, compare(growthbook(n("hashVersion")), Rel::Le, coverage)].into()))
        }
        "growthbook.force.range.included" => Task::Decision(in_range(growthbook(n("hashVersion")))),
        "ufc.shard" => Task::Number(ufc()),
        "ufc.range.contains" => Task::Decision(in_range(ufc())),
        "flagsmith.percentage" => {
            let ids: Vec<String> = case::list(args.0.get("ids")).iter().filter_map(|id| id.as_str().map(str::to_owned)).collect();
            Task::Number(flagsmith(&ids))
        }
        "flagsmith.percentage_split.matches" => {
            Task::Decision(compare(flagsmith(&[a("segmentKey"), a("identityKey")]), Rel::Le, args.number("value")))
        }
        "flagsmith.variant.in_range" => Task::Decision(in_range(flagsmith(&[a("featureKey"), a("identityKey")]))),
        "flagd.fractional.v2" => Task::Number(bucket(Hash::Murmur3(0), Norm::Scale(n("totalWeight")), &[a("input")])),
        "flagd.fractional.v3" => Task::Number(cbor(Expr::Const(args.0.get("input").cloned().unwrap_or_default()), n("totalWeight"))),
        "flagd.fractional.v3.implicit" => {
            let both = ["flagKey", "targetingKey"].map(|key| Expr::Const(Value::from(a(key))));
            Task::Number(cbor(Expr::Logic(Box::new(Logic { op: LogicOp::List, args: both.into() })), n("totalWeight")))
        }
        "launchdarkly.bucket" => {
            let parts = match args.0.get("seed") {
                Some(Value::Int(seed)) => vec![seed.to_string(), ".".into(), a("value")],
                _ => vec![a("key"), ".".into(), a("salt"), ".".into(), a("value")],
            };
            Task::Number(bucket(Hash::Sha1Hi60, Norm::Div(0x0FFF_FFFF_FFFF_FFFF_u64 as f64), &parts))
        }
        "flipt.variant" => Task::Number(flipt(["flagKey", "entityId"], 1000)),
        "flipt.boolean" => Task::Number(flipt(["entityId", "flagKey"], 100)),
        "flipt.threshold.included" => Task::Decision(compare(flipt(["entityId", "flagKey"], 100), Rel::Lt, args.number("percentage"))),
        "statsig.pass" => Task::Number(statsig()),
        "statsig.pass.included" => Task::Decision(compare(statsig(), Rel::Lt, args.number("passPercentage") * 100.0)),
        "statsig.user_bucket" => Task::Number(bucket(Hash::Sha256Hi64, Norm::Mod(1000), &[a("salt"), ".".into(), a("unitID")])),
        _ => return None,
    })
}

fn bucket(hash: Hash, norm: Norm, parts: &[String]) -> Expr {
    // Expressions and not literals, so that the way an attribute takes into a hash is what is tested.
    let parts = parts.iter().map(|part| Part::Expr(Expr::Const(Value::from(&**part)))).collect();
    Expr::Bucket(Box::new(Bucket { hash, parts, norm }))
}

/// flagd's third way: the hash of a value's deterministic CBOR.
fn cbor(value: Expr, total: u64) -> Expr {
    Expr::Bucket(Box::new(Bucket { hash: Hash::Murmur3(0), parts: [Part::Cbor(value)].into(), norm: Norm::Scale(total) }))
}

fn flagsmith(ids: &[String]) -> Expr {
    bucket(Hash::Md5Mod9999, Norm::Percent(9998.0), &[ids.join(",")])
}

fn compare(left: Expr, rel: Rel, right: f64) -> Expr {
    Expr::Cmp(rel, Box::new((left, Expr::Const(Value::from(right)))))
}

/// Does a flag match whose rule has this condition?
fn holds(condition: Expr) -> bool {
    matched(condition).0
}

/// The last bucket that the evaluation of `number` computed.
fn number_of(number: Expr) -> Value {
    matched(compare(number, Rel::Ge, 0.0)).1
}

fn matched(when: Expr) -> (bool, Value) {
    let target = Expr::Target(Target { variant: None, reason: Reason::RuleMatched, note: None });
    let rules = Box::new([Rule { name: None, when, serve: target.clone() }]);
    let body =
        Body { runs: Default::default(), value_type: ValueType::Boolean, variants: std::sync::Arc::new([]), rules, fallthrough: target };
    let mut snapshot = Snapshot::empty("conformance");
    snapshot.put_flag(Flag { key: "f".into(), version: 0, body: Ok(body) });
    let (answer, trace) = explain(&snapshot, "f", View::of("nobody"), &|| 0);
    let actual = trace.steps.iter().rev().find_map(|step| match step {
        Step::Bucket { bucket, .. } => Some(bucket.clone()),
        _ => None,
    });
    (answer.is_ok_and(|answer| answer.rule.is_some()), actual.unwrap_or_default())
}

/// Integers and decisions to the last bit, doubles to 1e-9; LaunchDarkly's to 1e-6, as some of its SDKs use 32 bits.
fn agree(name: &str, expected: &Value, got: &Value) -> bool {
    match (expected, got) {
        (_, Value::Float(got)) => {
            let allowed = if name.starts_with("launchdarkly.") { 1e-6 } else { 1e-9 };
            expected.as_f64().is_some_and(|expected| (expected - got).abs() <= allowed)
        }
        _ => expected == got,
    }
}
