//! Bucketing: where an id falls. The numbers here never change; vectors pin them for ever.
//!
//! Our own flags use [`Hash::Xxh3`] over the id alone, the salt being folded into the seed when the flag is
//! compiled, and [`Norm::Scale`] into [`BUCKETS`] buckets: integers all the way, no allocation. The other
//! algorithms are the rivals', so that a flag that moves house reshuffles no user; each is restated from
//! the vendor's public behaviour and pinned by the conformance vectors.

/// The number of buckets of a native rollout: a weight of 100 000 is everybody, 1 is 0.001 %.
pub const BUCKETS: u64 = 100_000;

/// Hash algorithms; each says which number it yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// XXH3, 64 bits, with a seed (ours).
    Xxh3(u64),
    /// MurmurHash3 x86 32, with a seed (Unleash, flagd).
    Murmur3(u32),
    /// The first 4 bytes of MD5, big-endian (Eppo, Datadog).
    Md5Hi32,
    /// All 16 bytes of MD5, big-endian, modulo 9999 (Flagsmith's own fold; done here because nothing else needs 128 bits).
    /// 9998 would be 100 %: then what was hashed is hashed again, written once more after a comma, until it is less.
    Md5Mod9999,
    /// The first 15 hex digits of SHA-1 (LaunchDarkly).
    Sha1Hi60,
    /// The first 8 bytes of SHA-256, big-endian (Statsig).
    Sha256Hi64,
    /// CRC-32, IEEE (Flipt).
    Crc32,
    /// FNV-1a, 32 bits (GrowthBook).
    Fnv1a(Units),
    /// FNV-1a of the decimal text of FNV-1a (GrowthBook's second version).
    Fnv1aTwice(Units),
}

/// What a hash takes a text apart into. Only GrowthBook's has the choice, because its own SDKs disagree on ids outside
/// ASCII; every other vendor hashes UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Units {
    /// The bytes of UTF-8 (the Rust SDK).
    Utf8,
    /// The 16-bit units of UTF-16, each whole (the JavaScript SDK, hence the browser's buckets).
    Utf16,
}

/// From a hash to a bucket. All but the last four yield integers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    /// `hash · n >> bits of the hash`: no bias worth naming and no division.
    Scale(u64),
    /// `hash mod n`.
    Mod(u64),
    /// `hash mod n + 1`.
    ModPlusOne(u64),
    /// `(hash mod n) / d` as a double.
    ModDiv(u64, f64),
    /// `hash / d` as a double.
    Div(f64),
    /// `hash / d · 100` as a double, in this order: Flagsmith's percentages are compared to the last bit.
    Percent(f64),
    /// `|hash as a signed 32-bit integer| / (2³¹ - 1) · 100` as a double: flagd's first version.
    SignedAbsPercent,
}
