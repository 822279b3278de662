//! Sets of texts: three plans or a million user ids.

use std::sync::{Arc, OnceLock};

use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::value::{head, same};

/// A set of texts that a check can ask in constant time.
///
/// Up to eight are kept and compared as they are. More are kept as 96 bits of a hash whose seed is drawn once a
/// process: 16 bytes an id at the load used here, whatever the ids' length. Two different ids of a million collide with a
/// probability below 10⁻¹⁷, and since the seed is secret nobody can look for ones that do. (Keeping the texts
/// themselves costs 40 bytes an id and two cache misses instead of one.)
#[derive(Clone, Debug)]
pub struct Ids(Arc<Set>);

#[derive(Debug)]
enum Set {
    /// Each with its head, which is all that most comparisons look at.
    Few(Box<[(u64, Arc<str>)]>),
    Many {
        slots: Box<[[u32; 3]]>,
        len: usize,
        sample: Box<[Arc<str>]>,
    },
}

const FEW: usize = 8;
/// How many texts of a large set are kept to be shown.
const SAMPLE: usize = 3;
const EMPTY: [u32; 3] = [0; 3];

impl Ids {
    /// The set of these texts.
    pub fn new<T: AsRef<str>>(texts: &[T]) -> Self {
        if texts.len() <= FEW {
            return Self(Arc::new(Set::Few(texts.iter().map(|text| (head(text.as_ref()), text.as_ref().into())).collect())));
        }
        // Three quarters full: 12 bytes a slot are 16 an id, and a probe seldom needs a second cache line.
        let mut slots = vec![EMPTY; texts.len() * 4 / 3 + 1].into_boxed_slice();
        let mut len = 0;
        for text in texts {
            let print = fingerprint(text.as_ref());
            let mut at = home(print, slots.len());
            while slots[at] != EMPTY && slots[at] != print {
                at = (at + 1) % slots.len();
            }
            len += usize::from(slots[at] == EMPTY);
            slots[at] = print;
        }
        let sample = texts.iter().take(SAMPLE).map(|text| text.as_ref().into()).collect();
        Self(Arc::new(Set::Many { slots, len, sample }))
    }

    /// The set of a few texts, which it shares: they are compared one by one.
    pub fn few(texts: &[Arc<str>]) -> Self {
        Self(Arc::new(Set::Few(texts.iter().map(|text| (head(text), text.clone())).collect())))
    }

    /// Is `text` in the set?
    #[inline]
    pub fn contains(&self, text: &str) -> bool {
        match &*self.0 {
            Set::Few(texts) => {
                let wanted = head(text);
                texts.iter().any(|(head, other)| *head == wanted && (text.len() <= 7 || same(other, text)))
            }
            Set::Many { slots, .. } => {
                let print = fingerprint(text);
                let mut at = home(print, slots.len());
                while slots[at] != EMPTY {
                    if slots[at] == print {
                        return true;
                    }
                    at += 1;
                    if at == slots.len() {
                        at = 0;
                    }
                }
                false
            }
        }
    }

    /// Are they kept as they are, so that [`Ids::sample`] is all of them?
    pub fn is_few(&self) -> bool {
        matches!(&*self.0, Set::Few(_))
    }

    /// How many texts there are.
    pub fn len(&self) -> usize {
        match &*self.0 {
            Set::Few(texts) => texts.len(),
            Set::Many { len, .. } => *len,
        }
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first few, for a person.
    pub fn sample(&self) -> Vec<&Arc<str>> {
        match &*self.0 {
            Set::Few(texts) => texts.iter().map(|(_, text)| text).collect(),
            Set::Many { sample, .. } => sample.iter().collect(),
        }
    }
}

fn fingerprint(text: &str) -> [u32; 3] {
    let hash = xxh3_128_with_seed(text.as_bytes(), seed());
    let print = [(hash >> 96) as u32, (hash >> 64) as u32, (hash >> 32) as u32];
    if print == EMPTY { [1, 0, 0] } else { print }
}

fn home(print: [u32; 3], slots: usize) -> usize {
    // Multiply and shift instead of a remainder: the slot count need not be a power of two, so no memory is rounded up.
    ((u128::from((u64::from(print[0]) << 32) | u64::from(print[1])) * slots as u128) >> 64) as usize
}

fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| std::hash::BuildHasher::hash_one(&std::collections::hash_map::RandomState::new(), 0x6a61_636b_u32))
}
