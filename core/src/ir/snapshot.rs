//! A ruleset compiled: what a check reads. Immutable, replaced whole.

use std::sync::Arc;

use hashbrown::HashMap;

use super::{Flag, Segment};

type Map<T> = HashMap<Arc<str>, Arc<T>, foldhash::fast::RandomState>;

/// Everything needed to evaluate one environment's flags.
///
/// Cloning one shares the flags, so an update of one flag among ten thousand compiles one.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Whose flags these are.
    pub environment: Arc<str>,
    /// The life of the store that `version` counts in; empty for flags from a file.
    pub epoch: Arc<str>,
    /// The environment's version; 0 for flags from a file.
    pub version: u64,
    flags: Map<Flag>,
    segments: Map<Segment>,
}

impl Snapshot {
    /// A snapshot without flags.
    pub fn empty(environment: &str) -> Self {
        Self { environment: environment.into(), epoch: "".into(), version: 0, flags: Map::default(), segments: Map::default() }
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
    pub fn flags(&self) -> impl ExactSizeIterator<Item = &Arc<Flag>> {
        self.flags.values()
    }

    /// How many segments there are.
    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// Puts a flag in place of the one of its name.
    pub fn put_flag(&mut self, flag: Flag) {
        self.flags.insert(flag.key.clone(), Arc::new(flag));
    }

    /// Puts a segment in place of the one of its name.
    pub fn put_segment(&mut self, segment: Segment) {
        self.segments.insert(segment.key.clone(), Arc::new(segment));
    }

    /// Keeps the flags that are wanted.
    pub fn retain_flags(&mut self, mut wanted: impl FnMut(&str) -> bool) {
        self.flags.retain(|name, _| wanted(name));
    }

    /// Keeps the segments that are wanted.
    pub fn retain_segments(&mut self, mut wanted: impl FnMut(&str) -> bool) {
        self.segments.retain(|name, _| wanted(name));
    }
}
