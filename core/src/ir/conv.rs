//! The named conversions: where vendors read one value in different ways, each way has a name.

/// A conversion. Each yields null when it does not apply, and all but JavaScript's leave null as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conv {
    /// Only text passes.
    Text,
    /// Only numbers pass.
    Num,
    /// Only booleans pass.
    Bool,
    /// Text, numbers and booleans pass; lists and maps do not.
    Scalar,
    /// Scalars to text: integers in decimal, doubles in their shortest form, booleans as words.
    ToText,
    /// Text to lower case (Unicode, without regard to language).
    Lower,
    /// A number, or text that is one.
    ParseNum,
    /// A whole number of 32 bits, or text that is one (Flipt).
    ParseI32,
    /// Text that is a number becomes the number; every other scalar passes as it is (Flagsmith).
    NumericText,
    /// JavaScript's `Number(v)`; null is 0, and what is not a number is null.
    JsNumber,
    /// JavaScript's `String(v)`; null is `null`, a list its elements with commas.
    JsText,
    /// JavaScript's `Boolean(v)`: null, false, 0 and empty text are false, lists and maps are true.
    JsTruthy,
    /// JavaScript's `JSON.stringify(v)`; the order of a map's keys counts.
    JsonText,
    /// Text that is a full Semantic Version 2.
    Semver,
    /// A version as people write it: a leading `v`, one to three parts, missing parts are zero. Our own documents'.
    SemverLoose,
    /// One to three parts, missing parts are zero, no leading `v` and no leading zeros (LaunchDarkly).
    SemverPartial,
    /// As [`Conv::SemverPartial`], with a leading `v` or `V`, and numbers are read as their text; only three parts may have a
    /// pre-release (flagd, after Go's `x/mod/semver`).
    SemverGo,
    /// Whole numbers between dots, up to a first `-`; missing parts are zero (Statsig). Yields a text that orders as the version does.
    VersionDotted,
    /// GrowthBook's padded text: without `v` and build, numbers padded to five, three parts followed by `~`. A number is its text,
    /// and what is neither is `0`.
    VersionPadded,
    /// A date as milliseconds since 1970: an RFC 3339 text, a date without time (UTC), or a number of milliseconds. Our
    /// own documents'.
    DateMs,
    /// Text that is a date and time of RFC 3339, as milliseconds since 1970 (Unleash).
    Rfc3339Ms,
    /// The same as whole seconds, rounded down (Flipt).
    Rfc3339Secs,
    /// Text of RFC 3339 or a number of milliseconds (LaunchDarkly).
    DateOrMs,
    /// A number, text that is one, or a date: as milliseconds, a number below 10¹⁰ counting seconds (Statsig).
    EpochAuto,
    /// Text, or a whole number as text: what LaunchDarkly buckets by.
    IntegralId,
    /// The first eight characters of the Base64 of a text's SHA-256: what Statsig's lists of ids hold.
    Sha256Short,
}
