//! Which partition a key belongs to: the rule of Kafka's own producers, so that ours and theirs agree.

/// The partition, of `count`, for a key: murmur2 with the sign cut off, as `org.apache.kafka.clients.producer` does it
/// (`BuiltInPartitioner.partitionForKey`). 0 if there are none.
pub fn partition_of(key: &[u8], count: usize) -> usize {
    if count == 0 { 0 } else { (murmur2(key) & 0x7fff_ffff) as usize % count }
}

/// Murmur2 with Kafka's seed (`org.apache.kafka.common.utils.Utils.murmur2`).
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ data.len() as u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = word.iter().rev().fold(0_u32, |k, byte| k << 8 | u32::from(*byte));
        k = k.wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        hash ^= rest.iter().rev().fold(0_u32, |k, byte| k << 8 | u32::from(*byte));
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From Kafka's own `UtilsTest.testMurmur2`.
    #[test]
    fn keys_hash_as_kafkas_own_producers_hash_them() {
        let cases: [(&str, i32); 6] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        for (key, hash) in cases {
            assert_eq!(murmur2(key.as_bytes()) as i32, hash, "{key}");
        }
        assert_eq!(partition_of(b"production", 1), 0);
        assert_eq!(partition_of(b"production", 0), 0);
        assert!((0..50).all(|count| count == 0 || partition_of(b"production", count) < count));
    }
}
