//! The hashes behind [`Bucket`](crate::ir::Bucket)s. Every number here is pinned by vectors and never changes.
//!
//! All of them hash UTF-8 bytes, except FNV-1a where a flag asks for UTF-16.

#[cfg(test)]
mod tests;

use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::Sha256;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::operand::Operand;
use crate::ir::{Hash, Norm, Units};

/// The seed of a native rollout: the XXH3 hash of its salt, which is the flag's name unless the flag says otherwise.
///
/// Seeding instead of prefixing keeps the hash of a check over the id alone, and different seeds give independent buckets.
pub fn seed_of(salt: &str) -> u64 {
    xxh3_64_with_seed(salt.as_bytes(), 0)
}

/// A bucket number: an integer for all but the vendors who divide.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer.
    Int(i64),
    /// A double.
    Float(f64),
}

impl From<Number> for Operand<'_> {
    fn from(number: Number) -> Self {
        match number {
            Number::Int(int) => Self::Int(int),
            Number::Float(float) => Self::Float(float),
        }
    }
}

/// The bucket of `bytes`.
#[inline]
pub fn bucket(hash: Hash, norm: Norm, bytes: &[u8]) -> Number {
    let (number, bits) = match hash {
        Hash::Xxh3(seed) => (xxh3_64_with_seed(bytes, seed), 64),
        Hash::Murmur3(seed) => (murmur3(bytes, seed).into(), 32),
        other => digest(other, bytes),
    };
    match norm {
        Norm::Scale(n) => Number::Int(((u128::from(number) * u128::from(n)) >> bits) as i64),
        Norm::Mod(n) => Number::Int((number % n.max(1)) as i64),
        Norm::ModPlusOne(n) => Number::Int((number % n.max(1)) as i64 + 1),
        Norm::ModDiv(n, divisor) => Number::Float((number % n.max(1)) as f64 / divisor),
        Norm::Div(divisor) => Number::Float(number as f64 / divisor),
        Norm::Percent(divisor) => Number::Float(number as f64 / divisor * 100.0),
        Norm::SignedAbsPercent => Number::Float(f64::from(number as u32 as i32).abs() / f64::from(i32::MAX) * 100.0),
    }
}

fn digest(hash: Hash, bytes: &[u8]) -> (u64, u32) {
    match hash {
        Hash::Md5Hi32 => (head(&Md5::digest(bytes)) >> 32, 32),
        Hash::Md5Mod9999 => (md5_mod_9999(bytes), 14),
        Hash::Sha1Hi60 => (head(&Sha1::digest(bytes)) >> 4, 60),
        Hash::Sha256Hi64 => (head(&Sha256::digest(bytes)), 64),
        Hash::Crc32 => (crc32fast::hash(bytes).into(), 32),
        Hash::Fnv1a(units) => (fnv1a_of(units, bytes).into(), 32),
        Hash::Fnv1aTwice(units) => (fnv1a_of(Units::Utf8, fnv1a_of(units, bytes).to_string().as_bytes()).into(), 32),
        Hash::Xxh3(seed) => (xxh3_64_with_seed(bytes, seed), 64),
        Hash::Murmur3(seed) => (murmur3(bytes, seed).into(), 32),
    }
}

/// Flagsmith's fold, repeated until it is below 100 %: `a,b`, then `a,b,a,b`, and so on. That a second round is needed happens
/// once in ten thousand, a tenth never; it ends there all the same.
fn md5_mod_9999(bytes: &[u8]) -> u64 {
    let mut hashed = bytes.to_vec();
    for _ in 0..10 {
        let fold = Md5::digest(&hashed).iter().fold(0_u64, |rest, byte| (rest * 256 + u64::from(*byte)) % 9999);
        if fold < 9998 {
            return fold;
        }
        hashed.push(b',');
        hashed.extend_from_slice(bytes);
    }
    9997
}

/// The first eight bytes, big-endian.
fn head(digest: &[u8]) -> u64 {
    digest.iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// FNV-1a, 32 bits (Fowler, Noll, Vo; draft-eastlake-fnv), over bytes or, as a browser does it, over 16-bit units.
fn fnv1a(units: impl Iterator<Item = u32>) -> u32 {
    units.fold(0x811c_9dc5, |hash, unit| (hash ^ unit).wrapping_mul(0x0100_0193))
}

fn fnv1a_of(units: Units, bytes: &[u8]) -> u32 {
    match (units, std::str::from_utf8(bytes)) {
        (Units::Utf16, Ok(text)) => fnv1a(text.encode_utf16().map(u32::from)),
        _ => fnv1a(bytes.iter().copied().map(u32::from)),
    }
}

/// MurmurHash3 x86 32 (Austin Appleby, public domain), over a slice: the published crate reads from a
/// stream and is four times slower.
pub fn murmur3(bytes: &[u8], seed: u32) -> u32 {
    const C1: u32 = 0xcc9e_2d51;
    const C2: u32 = 0x1b87_3593;
    let scramble = |block: u32| block.wrapping_mul(C1).rotate_left(15).wrapping_mul(C2);
    let (blocks, tail) = bytes.as_chunks::<4>();
    let mut hash = seed;
    for block in blocks {
        hash = (hash ^ scramble(u32::from_le_bytes(*block))).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    if !tail.is_empty() {
        let block = tail.iter().rev().fold(0, |block, byte| (block << 8) | u32::from(*byte));
        hash ^= scramble(block);
    }
    hash ^= bytes.len() as u32;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}
