//! The named conversions. Each says in one place what it accepts, and yields null for the rest.

use std::borrow::Cow;

use semver::Version;
use sha2::{Digest, Sha256};

use super::date::{epoch_auto, parse_date_ms, parse_rfc3339};
use super::operand::Operand;
use super::{js, version};
use crate::ir::Conv;
use crate::value::Value;

/// Applies a conversion.
pub fn convert(conv: Conv, operand: Operand<'_>) -> Operand<'_> {
    match (conv, operand) {
        (_, Operand::Abort(code)) => Operand::Abort(code),
        (Conv::Text, text @ Operand::Text(_)) => text,
        (Conv::Num | Conv::ParseNum | Conv::DateMs, number @ (Operand::Int(_) | Operand::Float(_))) => number,
        (Conv::ToText, scalar) => to_text(scalar).map_or(Operand::Null, Operand::Text),
        (Conv::Lower, Operand::Text(text)) => Operand::Text(lower(text)),
        (Conv::ParseNum, Operand::Text(text)) => parse_number(&text),
        (Conv::Semver, Operand::Text(text)) => parsed(Version::parse(&text).ok()),
        (Conv::SemverLoose, Operand::Text(text)) => parsed(version::parse_version(&text)),
        (Conv::DateMs, Operand::Text(text)) => parse_date_ms(&text).map_or(Operand::Null, Operand::Int),
        (conv, operand) => vendors(conv, operand),
    }
}

/// The conversions that only vendors' flags have, apart from those of every day.
fn vendors(conv: Conv, operand: Operand<'_>) -> Operand<'_> {
    match (conv, operand) {
        (Conv::Bool, bool @ Operand::Bool(_)) => bool,
        (Conv::Scalar | Conv::NumericText, scalar @ (Operand::Bool(_) | Operand::Int(_) | Operand::Float(_))) => scalar,
        (Conv::Scalar, text @ Operand::Text(_)) => text,
        (Conv::NumericText, Operand::Text(text)) => match parse_number(&text) {
            Operand::Null => Operand::Text(text),
            number => number,
        },
        (Conv::ParseI32, Operand::Int(int)) => i32::try_from(int).map_or(Operand::Null, |int| Operand::Int(int.into())),
        (Conv::ParseI32, Operand::Float(float)) => whole(float).map_or(Operand::Null, |int| convert(Conv::ParseI32, Operand::Int(int))),
        (Conv::ParseI32, Operand::Text(text)) => text.parse::<i32>().map_or(Operand::Null, |int| Operand::Int(int.into())),
        (Conv::JsNumber, int @ Operand::Int(_)) => int,
        (Conv::JsNumber, operand) => number(js::number(&operand)),
        (Conv::JsText, text @ Operand::Text(_)) => text,
        (Conv::JsText, operand) => owned(js::text(&operand).into_owned()),
        (Conv::JsTruthy, operand) => Operand::Bool(js::truthy(&operand)),
        (Conv::JsonText, operand) => owned(js::json(operand)),
        (Conv::SemverPartial, Operand::Text(text)) => parsed(version::parse_partial(&text)),
        (Conv::SemverGo, operand @ (Operand::Text(_) | Operand::Int(_) | Operand::Float(_))) => {
            parsed(to_text(operand).and_then(|text| version::parse_go(&text)))
        }
        (Conv::VersionDotted, operand @ (Operand::Text(_) | Operand::Int(_) | Operand::Float(_))) => {
            to_text(operand).and_then(|text| version::dotted(&text)).map_or(Operand::Null, owned)
        }
        (Conv::VersionPadded, operand) => owned(version::padded(
            match &operand {
                Operand::Text(_) | Operand::Int(_) | Operand::Float(_) if js::truthy(&operand) => js::text(&operand),
                _ => Cow::Borrowed("0"),
            }
            .as_ref(),
        )),
        (Conv::Rfc3339Ms | Conv::DateOrMs, Operand::Text(text)) => {
            parse_rfc3339(&text).map_or(Operand::Null, |date| Operand::Int(date.as_millisecond()))
        }
        (Conv::Rfc3339Secs, Operand::Text(text)) => {
            parse_rfc3339(&text).map_or(Operand::Null, |date| Operand::Int(date.as_millisecond().div_euclid(1_000)))
        }
        (Conv::DateOrMs, number @ (Operand::Int(_) | Operand::Float(_))) => number,
        (Conv::EpochAuto, operand) => millis(operand).map_or(Operand::Null, Operand::Int),
        (Conv::IntegralId, text @ Operand::Text(_)) => text,
        (Conv::IntegralId, int @ Operand::Int(_)) => convert(Conv::ToText, int),
        (Conv::IntegralId, Operand::Float(float)) => whole(float).map_or(Operand::Null, |int| convert(Conv::ToText, Operand::Int(int))),
        (Conv::Sha256Short, Operand::Text(text)) => owned(base64_head(&Sha256::digest(text.as_bytes()))),
        _ => Operand::Null,
    }
}

/// A scalar as text: what a vendor compares and hashes when an attribute is not text.
pub fn to_text(operand: Operand<'_>) -> Option<Cow<'_, str>> {
    match operand {
        Operand::Text(text) => Some(text),
        Operand::Bool(bool) => Some(Cow::Borrowed(if bool { "true" } else { "false" })),
        Operand::Int(int) => Some(Cow::Owned(int.to_string())),
        // Rust's shortest form never has an exponent, and 3.0 is "3": the form that vendors agree on.
        Operand::Float(float) => Some(Cow::Owned(float.to_string())),
        Operand::Version(version) => Some(Cow::Owned(version.to_string())),
        Operand::Parsed(version) => Some(Cow::Owned(version.to_string())),
        Operand::Null | Operand::Value(_) | Operand::Abort(_) => None,
    }
}

/// A double as a number: an integer where it is one without loss, null where it is none.
pub fn number(float: f64) -> Operand<'static> {
    match whole(float) {
        Some(int) => Operand::Int(int),
        None if float.is_finite() => Operand::Float(float),
        None => Operand::Null,
    }
}

fn whole(float: f64) -> Option<i64> {
    Value::Float(float).as_i64()
}

fn owned(text: String) -> Operand<'static> {
    Operand::Text(Cow::Owned(text))
}

fn parsed(version: Option<Version>) -> Operand<'static> {
    version.map_or(Operand::Null, |version| Operand::Parsed(Box::new(version)))
}

fn lower(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) { text } else { Cow::Owned(text.to_lowercase()) }
}

fn parse_number(text: &str) -> Operand<'static> {
    if let Ok(int) = text.parse::<i64>() {
        return Operand::Int(int);
    }
    match text.parse::<f64>() {
        Ok(float) if float.is_finite() => Operand::Float(float),
        _ => Operand::Null,
    }
}

/// Statsig's reading of a moment.
fn millis(operand: Operand<'_>) -> Option<i64> {
    match operand {
        Operand::Int(int) => epoch_auto(int as f64),
        Operand::Float(float) => epoch_auto(float),
        Operand::Text(text) => match parse_number(&text) {
            Operand::Null => parse_date_ms(&text),
            number => millis(number),
        },
        _ => None,
    }
}

/// The first six bytes as eight characters of Base64 (RFC 4648).
fn base64_head(digest: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits = digest.iter().take(6).fold(0_u64, |bits, byte| (bits << 8) | u64::from(*byte));
    (0..8).rev().map(|at| char::from(ALPHABET[(bits >> (6 * at)) as usize & 63])).collect()
}
