//! JavaScript's conversions and comparisons (ECMA-262), which are part of GrowthBook's and JSONLogic's contracts.
//!
//! Null here is JavaScript's `null`, be the attribute missing or null: both vendors' SDKs make one of the other.

use std::borrow::Cow;
use std::fmt::Write;

use super::operand::Operand;
use crate::ir::Js;
use crate::value::Value;

/// `Number(v)`; NaN where it is none.
pub fn number(operand: &Operand<'_>) -> f64 {
    match operand {
        Operand::Null | Operand::Bool(false) => 0.0,
        Operand::Bool(true) => 1.0,
        Operand::Int(int) => *int as f64,
        Operand::Float(float) => *float,
        Operand::Text(text) => number_of_text(text),
        other => number_of_text(&text(other)),
    }
}

fn number_of_text(text: &str) -> f64 {
    let text = text.trim_matches(|char: char| char.is_whitespace() || char == '\u{feff}');
    if text.is_empty() {
        return 0.0;
    }
    let radix = |prefix: [&str; 2], radix| {
        let digits = text.strip_prefix(prefix[0]).or_else(|| text.strip_prefix(prefix[1]))?;
        let is_digits = !digits.is_empty() && digits.chars().all(|char| char.is_digit(radix));
        let number = digits.chars().fold(0.0, |number, char| number * f64::from(radix) + f64::from(char.to_digit(radix).unwrap_or(0)));
        Some(if is_digits { number } else { f64::NAN })
    };
    match text {
        "Infinity" | "+Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        _ => radix(["0x", "0X"], 16).or_else(|| radix(["0o", "0O"], 8)).or_else(|| radix(["0b", "0B"], 2)).unwrap_or_else(|| decimal(text)),
    }
}

/// Rust reads the same decimals, and the words `inf` and `nan` besides, which are kept out.
fn decimal(text: &str) -> f64 {
    let allowed = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-'));
    if allowed { text.parse().unwrap_or(f64::NAN) } else { f64::NAN }
}

/// `parseFloat(v)`: the number that the text begins with.
pub fn parse_float(operand: &Operand<'_>) -> f64 {
    if let Operand::Int(_) | Operand::Float(_) = operand {
        return number(operand);
    }
    let text = text(operand);
    let text = text.trim_start();
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned.starts_with("Infinity") {
        return if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let digits = |from: usize| unsigned.as_bytes()[from.min(unsigned.len())..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = digits(0);
    if unsigned[end..].starts_with('.') && (end > 0 || digits(1) > 0) {
        end += 1 + digits(end + 1);
    }
    if end > 0 && unsigned[end..].starts_with(['e', 'E']) {
        let sign = usize::from(unsigned[end + 1..].starts_with(['+', '-']));
        let exponent = digits(end + 1 + sign);
        end += if exponent > 0 { 1 + sign + exponent } else { 0 };
    }
    decimal(&text[..text.len() - unsigned.len() + end])
}

/// `String(v)`.
pub fn text<'o>(operand: &'o Operand<'_>) -> Cow<'o, str> {
    match operand {
        Operand::Null | Operand::Abort(_) => Cow::Borrowed("null"),
        Operand::Bool(bool) => Cow::Borrowed(if *bool { "true" } else { "false" }),
        Operand::Int(int) => Cow::Owned(integer_text(*int)),
        Operand::Float(float) => Cow::Owned(number_text(*float)),
        Operand::Text(text) => Cow::Borrowed(text),
        Operand::Value(Value::List(list)) => Cow::Owned(list.iter().map(element_text).collect::<Vec<_>>().join(",")),
        Operand::Value(_) => Cow::Borrowed("[object Object]"),
        Operand::Version(version) => Cow::Owned(version.to_string()),
        Operand::Parsed(version) => Cow::Owned(version.to_string()),
    }
}

/// An element as `Array.prototype.join` writes it: null is empty.
pub fn element_text(value: &Value) -> String {
    if matches!(value, Value::Null) { String::new() } else { text(&Operand::from(value)).into_owned() }
}

/// To JavaScript an integer is a double as well.
fn integer_text(int: i64) -> String {
    if int.unsigned_abs() <= 1 << 53 { int.to_string() } else { number_text(int as f64) }
}

/// `Number.prototype.toString`: the shortest digits, with an exponent from 10²¹ on and below 10⁻⁶.
fn number_text(float: f64) -> String {
    if float == 0.0 {
        return "0".to_owned();
    }
    if !float.is_finite() {
        return if float.is_nan() {
            "NaN"
        } else if float > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned();
    }
    if (1e-6..1e21).contains(&float.abs()) {
        return float.to_string();
    }
    let text = format!("{float:e}");
    if text.contains("e-") { text } else { text.replace('e', "e+") }
}

/// `Boolean(v)`.
pub fn truthy(operand: &Operand<'_>) -> bool {
    match operand {
        Operand::Null | Operand::Abort(_) => false,
        Operand::Bool(bool) => *bool,
        Operand::Int(int) => *int != 0,
        Operand::Float(float) => *float != 0.0 && !float.is_nan(),
        Operand::Text(text) => !text.is_empty(),
        Operand::Value(_) | Operand::Version(_) | Operand::Parsed(_) => true,
    }
}

/// `JSON.stringify(v)`.
pub fn json(operand: Operand<'_>) -> String {
    let mut out = String::new();
    write_json(&Value::from(operand), &mut out);
    out
}

fn write_json(value: &Value, out: &mut String) {
    match value {
        Value::Int(_) | Value::Float(_) => out.push_str(&text(&Operand::from(value))),
        Value::List(list) => {
            out.push('[');
            for (at, item) in list.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                write_json(item, out);
            }
            out.push(']');
        }
        Value::Map(entries) => {
            out.push('{');
            for (at, (key, item)) in entries.iter().enumerate() {
                // Writing to a text cannot fail.
                let _ = write!(out, "{}{}:", if at > 0 { "," } else { "" }, Value::Text(key.clone()).to_json());
                write_json(item, out);
            }
            out.push('}');
        }
        Value::Null | Value::Bool(_) | Value::Text(_) => out.push_str(&value.to_json()),
    }
}

/// A comparison.
pub fn compare(js: Js, a: &Operand<'_>, b: &Operand<'_>) -> bool {
    match js {
        Js::Lt => less(a, b, false),
        Js::Le => less(a, b, true),
        Js::Gt => less(b, a, false),
        Js::Ge => less(b, a, true),
        Js::Eq => loosely_equal(a, b),
        Js::Ne => !loosely_equal(a, b),
        Js::Same => same(a, b),
        Js::NotSame => !same(a, b),
    }
}

fn is_text(operand: &Operand<'_>) -> bool {
    // Lists, maps and versions become text before anything else is done with them.
    !matches!(operand, Operand::Null | Operand::Bool(_) | Operand::Int(_) | Operand::Float(_))
}

fn less(a: &Operand<'_>, b: &Operand<'_>, or_equal: bool) -> bool {
    if is_text(a) && is_text(b) {
        let order = text(a).encode_utf16().cmp(text(b).encode_utf16());
        return order.is_lt() || (or_equal && order.is_eq());
    }
    let (a, b) = (number(a), number(b));
    a < b || (or_equal && a == b)
}

fn loosely_equal(a: &Operand<'_>, b: &Operand<'_>) -> bool {
    match (a, b) {
        (Operand::Null, Operand::Null) => true,
        (Operand::Null, _) | (_, Operand::Null) => false,
        (Operand::Value(_), Operand::Value(_)) => same(a, b),
        _ if is_text(a) && is_text(b) => text(a) == text(b),
        _ => number(a) == number(b),
    }
}

/// `a === b`.
pub fn same(a: &Operand<'_>, b: &Operand<'_>) -> bool {
    match (a, b) {
        (Operand::Null, Operand::Null) => true,
        (Operand::Bool(a), Operand::Bool(b)) => a == b,
        (Operand::Text(a), Operand::Text(b)) => a == b,
        // Two objects are equal only if they are one.
        (Operand::Value(a), Operand::Value(b)) => std::ptr::eq(*a, *b),
        (Operand::Int(_) | Operand::Float(_), Operand::Int(_) | Operand::Float(_)) => number(a) == number(b),
        _ => false,
    }
}
