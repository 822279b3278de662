//! Published vectors of the hashes, and the borders of the norms.

use super::{bucket, murmur3, seed_of};
use crate::ir::{Hash, Norm, Units};
use crate::value::Value;

const ALL: u64 = u64::MAX;

fn number(hash: Hash, norm: Norm, text: &str) -> Value {
    crate::eval::operand::Operand::from(bucket(hash, norm, text.as_bytes())).into()
}

#[test]
fn murmur3_is_the_published_one() {
    // The reference implementation's own answers, over every length of tail.
    for (text, seed, expected) in [
        ("", 0, 0),
        ("", 1, 0x514e_28b7),
        ("", 0xffff_ffff, 0x81f1_6f39),
        ("test", 0, 0xba6b_d213),
        ("test", 0x9747_b28c, 0x704b_81dc),
        ("Hello, world!", 0, 0xc036_3e43),
        ("Hello, world!", 0x9747_b28c, 0x2488_4cba),
        ("aaaa", 0x9747_b28c, 0x5a97_808a),
        ("aaa", 0x9747_b28c, 0x283e_0130),
        ("aa", 0x9747_b28c, 0x5d21_1726),
        ("a", 0x9747_b28c, 0x7fa0_9ea6),
        ("ππππππππ", 0x9747_b28c, 0xd580_63c1),
    ] {
        assert_eq!(murmur3(text.as_bytes(), seed), expected, "{text:?} with seed {seed:#x}");
    }
}

#[test]
fn the_digests_are_the_published_ones() {
    // RFC 1321, FIPS 180, the CRC catalogue's check value, draft-eastlake-fnv.
    assert_eq!(number(Hash::Md5Hi32, Norm::Mod(ALL), "abc"), Value::Int(0x9001_5098));
    assert_eq!(number(Hash::Sha1Hi60, Norm::Mod(ALL), "abc"), Value::Int(0xa99_93e3_6470_6816));
    assert_eq!(number(Hash::Sha256Hi64, Norm::Scale(1 << 32), "abc"), Value::Int(0xba78_16bf));
    assert_eq!(number(Hash::Crc32, Norm::Mod(ALL), "123456789"), Value::Int(0xcbf4_3926));
    assert_eq!(number(Hash::Fnv1a(Units::Utf8), Norm::Mod(ALL), "foobar"), Value::Int(0xbf9c_f968));
    assert_eq!(number(Hash::Fnv1a(Units::Utf8), Norm::Mod(ALL), ""), Value::Int(0x811c_9dc5));
    // 128 bits modulo 9999: 0x900150983cd24fb0d6963f7d28e17f72 % 9999.
    assert_eq!(number(Hash::Md5Mod9999, Norm::Mod(ALL), "abc"), Value::Int(8908));
}

#[test]
fn units_differ_only_outside_ascii() {
    for text in ["", "a", "user-123", "x:y"] {
        assert_eq!(
            number(Hash::Fnv1a(Units::Utf8), Norm::Mod(ALL), text),
            number(Hash::Fnv1a(Units::Utf16), Norm::Mod(ALL), text),
            "{text}"
        );
    }
    for text in ["é", "ключ", "😀"] {
        assert_ne!(
            number(Hash::Fnv1a(Units::Utf8), Norm::Mod(ALL), text),
            number(Hash::Fnv1a(Units::Utf16), Norm::Mod(ALL), text),
            "{text}"
        );
    }
}

#[test]
fn twice_hashes_the_decimal_text() {
    let once = number(Hash::Fnv1a(Units::Utf8), Norm::Mod(ALL), "seed1user");
    let Value::Int(once) = once else { panic!("an integer") };
    assert_eq!(
        number(Hash::Fnv1aTwice(Units::Utf8), Norm::Mod(ALL), "seed1user"),
        number(Hash::Fnv1a(Units::Utf8), Norm::Mod(ALL), &once.to_string())
    );
}

#[test]
fn norms_keep_to_their_borders() {
    let crc = Hash::Crc32; // of "123456789": 0xcbf43926 = 3421780262
    let of = |norm| number(crc, norm, "123456789");
    assert_eq!(of(Norm::Mod(1000)), Value::Int(262));
    assert_eq!(of(Norm::ModPlusOne(1000)), Value::Int(263));
    assert_eq!(of(Norm::ModDiv(1000, 1000.0)), Value::Float(0.262));
    assert_eq!(of(Norm::Div(4_294_967_296.0)), Value::Float(3_421_780_262.0 / 4_294_967_296.0));
    assert_eq!(of(Norm::Percent(4_294_967_296.0)), Value::Float(3_421_780_262.0 / 4_294_967_296.0 * 100.0));
    assert_eq!(of(Norm::Scale(100_000)), Value::Int(((3_421_780_262_u64 * 100_000) >> 32) as i64));
    // A document that says 0 must not stop the process.
    assert_eq!([of(Norm::Mod(0)), of(Norm::ModPlusOne(0))], [Value::Int(0), Value::Int(1)]);
    for text in ["", "a", "b", "c", "ключ"] {
        for n in [1, 2, 100_000] {
            let Value::Int(bucket) = number(Hash::Xxh3(7), Norm::Scale(n), text) else { panic!("an integer") };
            assert!((0..n as i64).contains(&bucket), "{bucket} of {n}");
        }
    }
}

#[test]
fn our_own_buckets_are_pinned_for_ever() {
    // XXH3's published value for the empty text and seed 0; the others are ours, and a change of them moves users.
    assert_eq!(seed_of(""), 0x2d06_8005_38d3_94c2);
    let of = |salt: &str, id: &str| number(Hash::Xxh3(seed_of(salt)), Norm::Scale(100_000), id);
    let pinned = PINNED.map(|(salt, id, _)| of(salt, id));
    assert_eq!(pinned, PINNED.map(|(_, _, bucket)| Value::Int(bucket)));
}

const PINNED: [(&str, &str, i64); 6] = [
    ("new_ui", "user123", 49_188),
    ("new_ui", "user124", 23_126),
    ("dark_mode", "user123", 87_113),
    ("dark_mode", "", 62_414),
    ("new_ui", "ключ", 376),
    ("new_ui", "a much longer id, past the short paths of the hash: 0123456789012345678901234567890123456789", 63_118),
];
