//! A ruleset compiled: what a check reads. Immutable, replaced whole.

use std::sync::Arc;

use super::shelf::{Named, Shelf};
use super::{Flag, Segment};

impl Named for Flag {
    fn name(&self) -> &str {
        &self.key
    }
}

impl Named for Segment {
    fn name(&self) -> &str {
        &self.key
    }
}

/// Everything needed to evaluate one environment's flags.
///
/// Cloning one shares the flags, and their index by pieces of a few hundred: an update of one flag among ten thousand compiles one and
/// copies one piece.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Whose flags these are.
    pub environment: Arc<str>,
    /// The life of the store that `version` counts in; empty for flags from a file.
    pub epoch: Arc<str>,
    /// The environment's version; 0 for flags from a file.
    pub version: u64,
    flags: Shelf<Flag>,
    segments: Shelf<Segment>,
}

impl Snapshot {
    /// A snapshot without flags.
    pub fn empty(environment: &str) -> Self {
        Self::with_room(environment, 0, 0)
    }

    /// A snapshot without flags, with room for so many flags and segments. It holds more all the same.
    pub fn with_room(environment: &str, flags: usize, segments: usize) -> Self {
        let (flags, segments) = (Shelf::with_room(flags), Shelf::with_room(segments));
        Self { environment: environment.into(), epoch: "".into(), version: 0, flags, segments }
    }

    /// The flag of that name.
    #[inline]
    pub fn flag(&self, name: &str) -> Option<&Arc<Flag>> {
        self.flags.get(name)
    }

    /// The segment of that name.
    #[inline]
    pub fn segment(&self, name: &str) -> Option<&Arc<Segment>> {
        self.segments.get(name)
    }

    /// All flags, in no order.
    pub fn flags(&self) -> impl Iterator<Item = &Arc<Flag>> {
        self.flags.iter()
    }

    /// How many flags there are.
    pub fn flag_count(&self) -> usize {
        self.flags.len()
    }

    /// How many segments there are.
    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// Puts a flag in place of the one of its name.
    pub fn put_flag(&mut self, flag: Flag) {
        self.flags.put(Arc::new(flag));
    }

    /// Puts a segment in place of the one of its name.
    pub fn put_segment(&mut self, segment: Segment) {
        self.segments.put(Arc::new(segment));
    }

    /// Takes a flag out, if it is there.
    pub fn remove_flag(&mut self, name: &str) {
        self.flags.remove(name);
    }

    /// Takes a segment out, if it is there.
    pub fn remove_segment(&mut self, name: &str) {
        self.segments.remove(name);
    }

    /// Keeps the flags that are wanted.
    pub fn retain_flags(&mut self, wanted: impl FnMut(&str) -> bool) {
        self.flags.retain(wanted);
    }

    /// Keeps the segments that are wanted.
    pub fn retain_segments(&mut self, wanted: impl FnMut(&str) -> bool) {
        self.segments.retain(wanted);
    }
}
