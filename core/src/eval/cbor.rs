//! Deterministic CBOR (RFC 8949, 4.2.1): the bytes that flagd's third way of bucketing hashes.
//!
//! Written by hand because what is wanted is not what a serialiser writes: a double that is a whole number is encoded as the
//! integer, so that 1 and 1.0 fall into one bucket whatever a JSON reader made of them.

use super::operand::Operand;
use crate::value::Value;

/// Appends the encoding of a value; false, and nothing is appended, where it is null.
pub fn encode(operand: Operand<'_>, bytes: &mut Vec<u8>) -> bool {
    match Value::from(operand) {
        Value::Null => false,
        value => {
            write(&value, bytes);
            true
        }
    }
}

fn write(value: &Value, bytes: &mut Vec<u8>) {
    match value {
        Value::Null => bytes.push(0xf6),
        Value::Bool(bool) => bytes.push(0xf4 + u8::from(*bool)),
        Value::Int(int) => integer(i128::from(*int), bytes),
        Value::Float(float) => double(*float, bytes),
        Value::Text(text) => self::text(text, bytes),
        Value::List(list) => {
            head(4, list.len() as u64, bytes);
            list.iter().for_each(|item| write(item, bytes));
        }
        Value::Map(entries) => {
            head(5, entries.len() as u64, bytes);
            let mut entries: Vec<(Vec<u8>, &Value)> = entries.iter().map(|(key, value)| (key_bytes(key), value)).collect();
            entries.sort_by(|a, b| a.0.cmp(&b.0)); // by the bytes of the encoded keys: shorter keys first
            for (key, value) in entries {
                bytes.extend_from_slice(&key);
                write(value, bytes);
            }
        }
    }
}

/// The major type and its argument in as few bytes as hold it.
fn head(major: u8, argument: u64, bytes: &mut Vec<u8>) {
    let major = major << 5;
    match argument {
        0..=23 => bytes.push(major | argument as u8),
        24..=0xff => bytes.extend_from_slice(&[major | 24, argument as u8]),
        0x100..=0xffff => {
            bytes.push(major | 25);
            bytes.extend_from_slice(&(argument as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            bytes.push(major | 26);
            bytes.extend_from_slice(&(argument as u32).to_be_bytes());
        }
        _ => {
            bytes.push(major | 27);
            bytes.extend_from_slice(&argument.to_be_bytes());
        }
    }
}

fn integer(int: i128, bytes: &mut Vec<u8>) {
    if int < 0 { head(1, (-1 - int) as u64, bytes) } else { head(0, int as u64, bytes) }
}

fn text(text: &str, bytes: &mut Vec<u8>) {
    head(3, text.len() as u64, bytes);
    bytes.extend_from_slice(text.as_bytes());
}

fn key_bytes(key: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(key.len() + 5);
    text(key, &mut bytes);
    bytes
}

/// A whole number that fits becomes an integer (-0.0 is 0); else the shortest of 16, 32 and 64 bits that loses nothing.
fn double(float: f64, bytes: &mut Vec<u8>) {
    // From -2^63 to below 2^64: what an integer of 64 bits can say.
    if float.fract() == 0.0 && (-9_223_372_036_854_775_808.0..18_446_744_073_709_551_616.0).contains(&float) {
        return integer(float as i128, bytes);
    }
    let single = float as f32;
    if f64::from(single) != float {
        bytes.push(0xfb);
        bytes.extend_from_slice(&float.to_be_bytes());
    } else if let Some(half) = half(single) {
        bytes.push(0xf9);
        bytes.extend_from_slice(&half.to_be_bytes());
    } else {
        bytes.push(0xfa);
        bytes.extend_from_slice(&single.to_be_bytes());
    }
}

/// The 16 bits of IEEE 754 that are exactly this number, if there are any.
fn half(single: f32) -> Option<u16> {
    let bits = single.to_bits();
    let sign = ((bits >> 16) & 0x8000) as u16;
    let (exponent, fraction) = ((bits >> 23 & 0xff) as i32 - 127, bits & 0x007f_ffff);
    match exponent {
        -14..=15 if fraction & 0x1fff == 0 => Some(sign | ((exponent + 15) as u16) << 10 | (fraction >> 13) as u16),
        // Below the normal numbers the leading one is written out, and shifted by what the exponent lacks.
        -24..=-15 => {
            let (whole, shift) = (fraction | 0x0080_0000, (-1 - exponent) as u32);
            (whole & ((1 << shift) - 1) == 0).then(|| sign | (whole >> shift) as u16)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(json: &str) -> String {
        let value: Value = serde_json::from_str(json).unwrap();
        let mut bytes = Vec::new();
        write(&value, &mut bytes);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn the_examples_of_the_rfc() {
        // RFC 8949, appendix A, those that JSON can say.
        for (json, expected) in [
            ("0", "00"),
            ("1", "01"),
            ("23", "17"),
            ("24", "1818"),
            ("100", "1864"),
            ("1000", "1903e8"),
            ("1000000", "1a000f4240"),
            ("1000000000000", "1b000000e8d4a51000"),
            ("-1", "20"),
            ("-10", "29"),
            ("-100", "3863"),
            ("-1000", "3903e7"),
            ("1.1", "fb3ff199999999999a"),
            ("1.5", "f93e00"),
            ("3.4028234663852886e+38", "fa7f7fffff"),
            ("1.0e+300", "fb7e37e43c8800759c"),
            ("5.960464477539063e-8", "f90001"),
            ("0.00006103515625", "f90400"),
            ("-4.1", "fbc010666666666666"),
            ("false", "f4"),
            ("true", "f5"),
            ("null", "f6"),
            ("\"\"", "60"),
            ("\"a\"", "6161"),
            ("\"IETF\"", "6449455446"),
            ("\"ü\"", "62c3bc"),
            ("\"水\"", "63e6b0b4"),
            ("[]", "80"),
            ("[1, [2, 3], [4, 5]]", "8301820203820405"),
            ("{}", "a0"),
            (r#"{"a": 1, "b": [2, 3]}"#, "a26161016162820203"),
        ] {
            assert_eq!(hex(json), expected, "{json}");
        }
        assert_eq!(&hex(&format!("[{}]", (1..=25).map(|n| n.to_string()).collect::<Vec<_>>().join(",")))[..6], "981901");
    }

    #[test]
    fn whole_doubles_are_integers_and_doubles_are_as_short_as_can_be() {
        for (json, expected) in [
            ("1.0", "01"),
            ("-0.0", "00"),
            ("-9223372036854775808.0", "3b7fffffffffffffff"),
            ("9223372036854775808", "1b8000000000000000"),
            ("18446744073709551616", "fa5f800000"),
            ("65504.5", "fa477fe080"),
            ("0.5", "f93800"),
            ("-0.5", "f9b800"),
            ("0.000030517578125", "f90200"),
            ("2.98023223876953125e-8", "fa33000000"),
            ("0.1", "fb3fb999999999999a"),
        ] {
            assert_eq!(hex(json), expected, "{json}");
        }
    }

    #[test]
    fn keys_are_sorted_by_their_encoding() {
        assert_eq!(hex(r#"{"b": 1, "aa": 2, "a": 3}"#), hex(r#"{"a": 3, "b": 1, "aa": 2}"#));
        assert_eq!(hex(r#"{"aa": 2, "b": 1}"#), "a26162016261 6102".replace(' ', ""));
    }

    #[test]
    fn null_has_no_bytes_to_hash() {
        let mut bytes = Vec::new();
        assert!(!encode(Operand::Null, &mut bytes) && bytes.is_empty());
        assert!(encode(Operand::Int(1), &mut bytes) && bytes == [1]);
    }
}
