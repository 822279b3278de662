//! Versions as vendors read them.

use semver::{BuildMetadata, Prerelease, Version};

/// A version as people write it: `v2`, `1.4`, `1.4.2-beta.1+build`.
pub fn parse_version(text: &str) -> Option<Version> {
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    Version::parse(text).ok().or_else(|| parts(text, true).map(|(version, _)| version))
}

/// The numbers of a plain version (an optional `v`, one to three parts, nothing after them): the order of these is the versions' order.
/// `None` for everything else, be it a version or not; then [`parse_version`] tells.
#[inline]
pub fn numbers(text: &str) -> Option<[u64; 3]> {
    let (mut parts, mut part, mut number, mut digits) = ([0_u64; 3], 0, 0_u64, 0);
    let bytes = match text.as_bytes() {
        [b'v' | b'V', rest @ ..] => rest,
        all => all,
    };
    for &byte in bytes {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            // Of more digits than fit nothing is looked at any more.
            number = number.wrapping_mul(10).wrapping_add(digit.into());
            digits += 1;
        } else {
            if byte != b'.' || digits == 0 || digits > 18 || part > 1 {
                return None;
            }
            parts[part] = number;
            (part, number, digits) = (part + 1, 0, 0);
        }
    }
    parts[part] = number;
    (1..=18).contains(&digits).then_some(parts)
}

/// One to three parts, no `v`, no leading zeros (LaunchDarkly).
pub fn parse_partial(text: &str) -> Option<Version> {
    parts(text, false).map(|(version, _)| version)
}

/// An optional `v`; what has a pre-release or a build has all three parts (Go's `x/mod/semver`, for flagd).
pub fn parse_go(text: &str) -> Option<Version> {
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let (version, count) = parts(text, false)?;
    (count == 3 || (version.pre.is_empty() && version.build.is_empty())).then_some(version)
}

/// A version of one to three parts, and how many there were.
fn parts(text: &str, leading_zeros: bool) -> Option<(Version, usize)> {
    let (text, build) = text.split_once('+').unwrap_or((text, ""));
    let (numbers, pre) = text.split_once('-').unwrap_or((text, ""));
    let (mut parts, mut count) = ([0_u64; 3], 0);
    for part in numbers.split('.') {
        let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number || (!leading_zeros && part.len() > 1 && part.starts_with('0')) {
            return None;
        }
        *parts.get_mut(count)? = part.parse().ok()?;
        count += 1;
    }
    let [major, minor, patch] = parts;
    Some((Version { major, minor, patch, pre: Prerelease::new(pre).ok()?, build: BuildMetadata::new(build).ok()? }, count))
}

/// Numbers between dots up to a first `-`, as a text whose order is theirs: each padded to the digits of 64 bits, and
/// trailing zeros left out, since a missing part is zero (Statsig).
pub fn dotted(text: &str) -> Option<String> {
    let numbers = text.split_once('-').map_or(text, |(numbers, _)| numbers);
    let parts = numbers.split('.').map(|part| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<u64>().ok()).flatten());
    let mut parts = parts.collect::<Option<Vec<_>>>()?;
    while parts.last() == Some(&0) {
        parts.pop();
    }
    Some(parts.iter().map(|part| format!("{part:020}")).collect::<Vec<_>>().join("."))
}

/// GrowthBook's text to compare versions by: without a leading `v` and the build, cut at `.` and `-`, numbers padded to five
/// with spaces, and `~` after three parts, so that a release comes after its pre-releases.
pub fn padded(text: &str) -> String {
    let text = text.strip_prefix('v').unwrap_or(text);
    let text = text.split_once('+').map_or(text, |(text, _)| text);
    let mut parts: Vec<&str> = text.split(['.', '-']).collect();
    if parts.len() == 3 {
        parts.push("~");
    }
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts = parts.into_iter().map(|part| if is_number(part) { format!("{part:>5}") } else { part.to_owned() });
    parts.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_way_reads_what_the_long_way_reads() {
        for text in [
            "1.2.3",
            "v2",
            "V1.4",
            "01.002.3",
            "0.0.0",
            "999999999999999999.1.2",
            "1.2.3-rc.1",
            "1.2.3+b",
            "1..2",
            "1.2.3.4",
            "1.",
            ".1",
            "",
            "v",
            "vv1",
            "1.x",
            "１.2.3",
            "1234567890123456789",
        ] {
            let long = parse_version(text);
            if let Some([major, minor, patch]) = numbers(text) {
                let long = long.expect("what the short way takes is a version");
                assert_eq!((long.major, long.minor, long.patch, long.pre.is_empty()), (major, minor, patch, true), "{text}");
            }
        }
        assert_eq!(
            ["1.2.3", "v2", "V1.4", "01.002.3"].map(numbers).map(|found| found.is_some()),
            [true; 4],
            "the usual ones take the short way"
        );
        assert_eq!(["1.2.3-rc.1", "1.2.3.4", "1.", "", "v"].map(numbers), [None; 5]);
    }
}
