//! What a part of an expression comes to while a check runs: borrowed wherever it can be.

use std::borrow::Cow;
use std::cmp::Ordering;

use semver::Version;

use crate::evaluation::ErrorCode;
use crate::ir::Rel;
use crate::value::Value;

/// A value in flight.
#[derive(Clone, Debug)]
pub enum Operand<'a> {
    /// Missing, unknown, declined.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A double.
    Float(f64),
    /// Text.
    Text(Cow<'a, str>),
    /// A list or a map.
    Value(&'a Value),
    /// A version; the build metadata does not count.
    Version(&'a Version),
    /// A version that was parsed just now; boxed, so that the common operands stay small.
    Parsed(Box<Version>),
    /// Stop with this error.
    Abort(ErrorCode),
}

impl<'a> From<&'a Value> for Operand<'a> {
    #[inline]
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(bool) => Self::Bool(*bool),
            Value::Int(int) => Self::Int(*int),
            Value::Float(float) => Self::Float(*float),
            Value::Text(text) => Self::Text(Cow::Borrowed(text)),
            Value::List(_) | Value::Map(_) => Self::Value(value),
        }
    }
}

impl From<Operand<'_>> for Value {
    fn from(operand: Operand<'_>) -> Self {
        match operand {
            Operand::Null | Operand::Abort(_) => Self::Null,
            Operand::Bool(bool) => Self::Bool(bool),
            Operand::Int(int) => Self::Int(int),
            Operand::Float(float) => Self::Float(float),
            Operand::Text(text) => Self::Text(text.as_ref().into()),
            Operand::Value(value) => value.clone(),
            Operand::Version(version) => Self::Text(version.to_string().into()),
            Operand::Parsed(version) => Self::Text(version.to_string().into()),
        }
    }
}

/// `a rel b`; `None` where there is no order between the two. A missing side is unknown, even to equality.
pub fn compare(rel: Rel, a: &Operand<'_>, b: &Operand<'_>) -> Option<bool> {
    use Operand::{Null, Value as Composite};
    if matches!((a, b), (Null, _) | (_, Null)) {
        return None;
    }
    if let (Composite(a), Composite(b)) = (a, b) {
        return match rel {
            Rel::Eq => Some(a == b),
            Rel::Ne => Some(a != b),
            _ => None,
        };
    }
    match (order(a, b), rel) {
        (None, Rel::Eq) => Some(false),
        (None, Rel::Ne) => Some(true),
        (None, _) => None,
        (Some(order), rel) => Some(rel.holds(order)),
    }
}

fn order(a: &Operand<'_>, b: &Operand<'_>) -> Option<Ordering> {
    use Operand::{Bool, Float, Int, Text};
    match (a, b) {
        (Bool(a), Bool(b)) => Some(a.cmp(b)),
        (Int(a), Int(b)) => Some(a.cmp(b)),
        (Float(a), Float(b)) => a.partial_cmp(b),
        (Int(a), Float(b)) => order_mixed(*a, *b),
        (Float(a), Int(b)) => order_mixed(*b, *a).map(Ordering::reverse),
        (Text(a), Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        _ => Some(version(a)?.cmp_precedence(version(b)?)),
    }
}

/// An integer against a double without losing a bit of either.
fn order_mixed(int: i64, float: f64) -> Option<Ordering> {
    if float.is_nan() {
        return None;
    }
    if float >= 9_223_372_036_854_775_808.0 {
        return Some(Ordering::Less);
    }
    if float < -9_223_372_036_854_775_808.0 {
        return Some(Ordering::Greater);
    }
    let whole = float.trunc() as i64;
    Some(int.cmp(&whole).then_with(|| 0.0_f64.partial_cmp(&float.fract()).unwrap_or(Ordering::Equal)))
}

fn version<'v>(operand: &'v Operand<'_>) -> Option<&'v Version> {
    match operand {
        Operand::Version(version) => Some(version),
        Operand::Parsed(version) => Some(version),
        _ => None,
    }
}
