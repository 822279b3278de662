//! Dates as vendors read them, in milliseconds since 1970.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// A date as milliseconds since 1970: RFC 3339, a date and time without zone (UTC), or a date (midnight UTC).
pub fn parse_date_ms(text: &str) -> Option<i64> {
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp.as_millisecond());
    }
    let civil = text.parse::<DateTime>().ok().or_else(|| text.parse::<Date>().ok().map(|date| date.at(0, 0, 0, 0)))?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

/// A date and time exactly as RFC 3339 has it: with seconds and an offset. The parser of `jiff` takes more, such as a zone's
/// name in brackets, which the vendors refuse.
pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize| bytes.get(from..to).is_some_and(|bytes| bytes.iter().all(u8::is_ascii_digit));
    let is = |at: usize, wanted: &[u8]| bytes.get(at).is_some_and(|byte| wanted.contains(byte));
    let date = digits(0, 4) && is(4, b"-") && digits(5, 7) && is(7, b"-") && digits(8, 10) && is(10, b"Tt ");
    let time = digits(11, 13) && is(13, b":") && digits(14, 16) && is(16, b":") && digits(17, 19);
    if !(date && time) {
        return None;
    }
    let mut at = 19;
    if is(at, b".") {
        let fraction = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if fraction == 0 {
            return None;
        }
        at += 1 + fraction;
    }
    let utc = is(at, b"Zz") && at + 1 == bytes.len();
    let offset = is(at, b"+-") && digits(at + 1, at + 3) && is(at + 3, b":") && digits(at + 4, at + 6) && at + 6 == bytes.len();
    if utc || offset { text.parse().ok() } else { None }
}

/// A number that counts seconds where it is too small to be a recent date in milliseconds (Statsig: below 10¹⁰).
pub fn epoch_auto(number: f64) -> Option<i64> {
    let millis = if number.abs() < 1e10 { number * 1_000.0 } else { number };
    (millis.abs() < 9.2e18).then_some(millis as i64)
}
