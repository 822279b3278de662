//! Values on their way in and answers on their way out, as JSON text.
//!
//! JavaScript writes the text itself (`lib/convert.js`), so that a value which no JSON can hold is refused there, with its key
//! and before anything crosses.

use jackstaff::change::Change;
use jackstaff::client::Stats;
use jackstaff::client::mock::Check;
use jackstaff::client::telemetry::{INSTRUMENTS, Instrument, Measure};
use jackstaff::{Error, ErrorKind, Evaluation, Result, Value, ValueType};
use napi_derive::napi;

/// The value that a JSON text says.
///
/// # Errors
/// `InvalidArgument` for a text that is none.
pub fn value(json: &str) -> Result<Value> {
    serde_json::from_str(json).map_err(|error| Error::new(ErrorKind::InvalidArgument, format!("not a value: {error}")).caused_by(error))
}

/// The type that a caller wants, by its number: 0 for any, then the order of [`ValueType::ALL`].
pub fn wanted(number: u32) -> Option<ValueType> {
    (number as usize).checked_sub(1).and_then(|at| ValueType::ALL.get(at)).copied()
}

/// Appends an evaluation as a JSON list:
/// `[value, enabled, variant, reason, origin, rule, error, version, epoch, age in seconds]`.
///
/// An integer that a JavaScript number cannot hold is sent as its digits, and an eleventh entry says so.
pub fn write_evaluation(out: &mut String, evaluation: &Evaluation) {
    use std::fmt::Write;
    let is_wide = matches!(evaluation.value, Value::Int(int) if int.unsigned_abs() >= 1 << 53);
    out.push('[');
    match &evaluation.value {
        Value::Bool(bool) => out.push_str(if *bool { "true" } else { "false" }),
        wide if is_wide => quoted(out, &wide.to_json()),
        value => out.push_str(&value.to_json()),
    }
    out.push_str(if evaluation.enabled { ",true," } else { ",false," });
    optional(out, evaluation.variant.as_deref());
    // Words of ours: nothing in them needs an escape.
    let _ = write!(out, ",\"{}\",\"{}\",", evaluation.reason.as_str(), evaluation.origin.as_str());
    optional(out, evaluation.rule.as_deref());
    out.push(',');
    optional(out, evaluation.error.map(jackstaff::evaluation::ErrorCode::as_str));
    let _ = write!(out, ",{},", evaluation.version);
    quoted(out, &evaluation.epoch);
    let _ = write!(out, ",{}", evaluation.age.as_secs_f64());
    out.push_str(if is_wide { ",1]" } else { "]" });
}

/// Several evaluations, as a JSON list of lists.
pub fn evaluations(evaluations: &[Evaluation]) -> String {
    let mut out = String::with_capacity(2 + 96 * evaluations.len());
    out.push('[');
    for (at, evaluation) in evaluations.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_evaluation(&mut out, evaluation);
    }
    out.push(']');
    out
}

fn optional(out: &mut String, text: Option<&str>) {
    match text {
        Some(text) => quoted(out, text),
        None => out.push_str("null"),
    }
}

fn quoted(out: &mut String, text: &str) {
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&Value::from(text).to_json());
    }
}

/// How a client is and what it has done.
pub fn stats(stats: Stats) -> Value {
    camel_case(stats.to_value())
}

/// The numbers as measures.
pub fn measures(stats: Stats) -> Value {
    let measure = |of: Measure| vec![int(of.instrument as u64), of.series.map_or(Value::Null, Value::Text), of.number];
    Value::List(stats.measures().into_iter().map(|of| Value::List(measure(of).into())).collect())
}

/// The instruments that they are of, as a JSON list: name, whether it counts, unit, description, attribute.
#[napi]
pub fn instruments() -> String {
    let about = |of: &Instrument| {
        let texts = [of.unit, of.description, of.attribute].map(Value::from);
        Value::List([Value::from(of.name), Value::Bool(of.counts)].into_iter().chain(texts).collect())
    };
    Value::List(INSTRUMENTS.iter().map(about).collect()).to_json()
}

/// The same value with the names of its maps spelled as JavaScript does.
fn camel_case(value: Value) -> Value {
    let Value::Map(entries) = value else { return value };
    let camel = |name: &str| {
        let mut words = name.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
    };
    Value::Map(entries.iter().map(|(name, value)| (camel(name).into(), camel_case(value.clone()))).collect())
}

/// A change as listeners hear of it.
pub fn change(change: &Change) -> Value {
    let flags: Vec<&str> = change.flags.iter().map(|flag| &**flag).collect();
    object([
        ("environment", Value::from(&*change.environment)),
        ("epoch", Value::from(&*change.epoch)),
        ("version", int(change.version)),
        ("previous", change.previous.map_or(Value::Null, int)),
        ("flags", Value::from(flags)),
    ])
}

/// A check that a mock was asked.
pub fn check(check: Check) -> Value {
    object([
        ("flag", Value::from(check.flag)),
        ("user", check.user_id.map_or(Value::Null, Value::from)),
        ("enabled", Value::from(check.enabled)),
    ])
}

fn int(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// An object of these entries.
pub fn object<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(entries.into_iter().map(|(name, value)| (name.into(), value)).collect())
}
