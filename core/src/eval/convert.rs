//! The named conversions. Each says in one place what it accepts, and yields null for the rest.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use semver::{BuildMetadata, Prerelease, Version};

use super::operand::Operand;
use crate::ir::Conv;

/// Applies a conversion.
pub fn convert(conv: Conv, operand: Operand<'_>) -> Operand<'_> {
    match (conv, operand) {
        (_, Operand::Abort(code)) => Operand::Abort(code),
        (Conv::Text, text @ Operand::Text(_)) => text,
        (Conv::Num | Conv::ParseNum | Conv::DateMs, number @ (Operand::Int(_) | Operand::Float(_))) => number,
        (Conv::ToText, scalar) => to_text(scalar).map_or(Operand::Null, Operand::Text),
        (Conv::Lower, Operand::Text(text)) => Operand::Text(lower(text)),
        (Conv::ParseNum, Operand::Text(text)) => parse_number(&text),
        (Conv::Semver, Operand::Text(text)) => Version::parse(&text).map_or(Operand::Null, |version| Operand::Parsed(Box::new(version))),
        (Conv::SemverLoose, Operand::Text(text)) => {
            parse_version(&text).map_or(Operand::Null, |version| Operand::Parsed(Box::new(version)))
        }
        (Conv::DateMs, Operand::Text(text)) => parse_date_ms(&text).map_or(Operand::Null, Operand::Int),
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

/// A version as people write it: `v2`, `1.4`, `1.4.2-beta.1+build`.
pub fn parse_version(text: &str) -> Option<Version> {
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    if let Ok(version) = Version::parse(text) {
        return Some(version);
    }
    let (text, build) = text.split_once('+').map_or((text, ""), |(text, build)| (text, build));
    let (numbers, pre) = text.split_once('-').map_or((text, ""), |(numbers, pre)| (numbers, pre));
    let mut parts = [0_u64; 3];
    for (at, part) in numbers.split('.').enumerate() {
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        *parts.get_mut(at)? = if is_number {
            part.parse().ok()?
        } else {
            return None;
        };
    }
    Some(Version {
        major: parts[0],
        minor: parts[1],
        patch: parts[2],
        pre: Prerelease::new(pre).ok()?,
        build: BuildMetadata::new(build).ok()?,
    })
}

/// A date as milliseconds since 1970: RFC 3339, a date and time without zone (UTC), or a date (midnight UTC).
pub fn parse_date_ms(text: &str) -> Option<i64> {
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp.as_millisecond());
    }
    let civil = text.parse::<DateTime>().ok().or_else(|| text.parse::<Date>().ok().map(|date| date.at(0, 0, 0, 0)))?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}
