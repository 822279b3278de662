//! Things by name, in pieces that a copy shares until one of them changes.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::value::same;

/// How many things a piece is meant for. Less, and a small set is spread over many cache lines; more, and a change copies more.
const PIECE: usize = 256;

/// What knows its name.
pub trait Named {
    /// The name.
    fn name(&self) -> &str;
}

/// A map from names to things, of which a clone costs a pointer a piece and a change of the clone one piece.
///
/// The names stand in the things: the table holds pointers alone, and finding one leads to what the caller wants to see anyway. (A
/// persistent tree was considered: a lookup in one of ten thousand costs four dependent loads more, in every check, to make an update
/// cheaper that is in the microseconds.)
#[derive(Debug)]
pub struct Shelf<T> {
    hasher: RandomState,
    /// A power of two of them. One for most, so that there is no detour.
    pieces: Box<[Arc<HashTable<Arc<T>>>]>,
    len: usize,
}

impl<T> Clone for Shelf<T> {
    fn clone(&self) -> Self {
        Self { hasher: self.hasher.clone(), pieces: self.pieces.clone(), len: self.len }
    }
}

impl<T: Named> Shelf<T> {
    /// An empty one that is meant for so many things.
    pub fn with_room(expected: usize) -> Self {
        let pieces = expected.div_ceil(PIECE).next_power_of_two();
        let piece = || Arc::new(HashTable::with_capacity(expected / pieces));
        Self { hasher: RandomState::default(), pieces: (0..pieces).map(|_| piece()).collect(), len: 0 }
    }

    /// The thing of that name.
    #[inline]
    pub fn get(&self, name: &str) -> Option<&Arc<T>> {
        let hash = self.hash(name);
        self.pieces[self.place(hash)].find(hash, |thing| same(thing.name(), name))
    }

    #[inline]
    fn hash(&self, name: &str) -> u64 {
        hash_by(&self.hasher, name)
    }

    /// Which piece. The table takes the lowest and the highest bits, so these are others.
    #[inline]
    fn place(&self, hash: u64) -> usize {
        (hash >> 32) as usize & (self.pieces.len() - 1)
    }

    /// How many things there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// All of them, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.pieces.iter().flat_map(|piece| piece.iter())
    }

    /// Puts a thing in place of the one of its name.
    pub fn put(&mut self, thing: Arc<T>) {
        if self.len >= self.pieces.len() * PIECE * 8 {
            self.grow();
        }
        let hash = self.hash(thing.name());
        let place = self.place(hash);
        let piece = Arc::make_mut(&mut self.pieces[place]);
        match piece.find_mut(hash, |other| same(other.name(), thing.name())) {
            Some(known) => *known = thing,
            None => {
                self.len += 1;
                piece.insert_unique(hash, thing, |thing| hash_by(&self.hasher, thing.name()));
            }
        }
    }

    /// Far more has come than was expected.
    fn grow(&mut self) {
        let mut larger = Self::with_room(self.len * 8);
        self.iter().for_each(|thing| larger.put(thing.clone()));
        *self = larger;
    }

    /// Takes a thing out, if it is there.
    pub fn remove(&mut self, name: &str) {
        let hash = self.hash(name);
        let place = self.place(hash);
        if let Ok(entry) = Arc::make_mut(&mut self.pieces[place]).find_entry(hash, |thing| same(thing.name(), name)) {
            entry.remove();
            self.len -= 1;
        }
    }

    /// Keeps the things that are wanted.
    pub fn retain(&mut self, mut wanted: impl FnMut(&str) -> bool) {
        self.pieces.iter_mut().for_each(|piece| Arc::make_mut(piece).retain(|thing| wanted(thing.name())));
        self.len = self.pieces.iter().map(|piece| piece.len()).sum();
    }
}

/// The hash of the bytes alone: what the standard adds tells apart keys of several parts.
#[inline]
fn hash_by(hasher: &RandomState, name: &str) -> u64 {
    let mut hasher = hasher.build_hasher();
    hasher.write(name.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Named for String {
        fn name(&self) -> &str {
            self
        }
    }

    #[test]
    fn a_change_of_a_clone_is_not_seen_by_the_first() {
        for expected in [0, 10_000] {
            let mut shelf = Shelf::with_room(expected);
            (0..10_000).for_each(|at| shelf.put(Arc::new(format!("name-{at}"))));
            let mut other = shelf.clone();
            other.put(Arc::new("name-7".to_owned()));
            other.put(Arc::new("one more".to_owned()));
            (0..100).for_each(|at| other.remove(&format!("name-{at}")));
            other.remove("nobody");
            assert_eq!((shelf.len(), shelf.iter().count(), other.len(), other.iter().count()), (10_000, 10_000, 9_901, 9_901));
            assert!(shelf.get("name-7").is_some() && shelf.get("one more").is_none());
            assert!(other.get("name-7").is_none() && other.get("name-100").is_some() && other.get("one more").is_some());
            other.retain(|name| name.ends_with('5'));
            assert_eq!((other.len(), other.get("name-100").is_none(), other.get("name-105").is_some()), (990, true, true));
        }
    }

    #[test]
    fn most_pieces_of_a_clone_are_the_same() {
        let mut shelf = Shelf::with_room(10_000);
        (0..10_000).for_each(|at| shelf.put(Arc::new(format!("name-{at}"))));
        let mut other = shelf.clone();
        other.put(Arc::new("name-7".to_owned()));
        let copied = shelf.pieces.iter().zip(&other.pieces).filter(|(a, b)| !Arc::ptr_eq(a, b)).count();
        assert_eq!((shelf.pieces.len(), copied), (64, 1));
    }
}
