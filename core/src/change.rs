//! What moved: the one message that feeds bring and that sources, caches and listeners act on.

use std::sync::Arc;

/// An environment went from one version to a later one.
///
/// Changes may come twice, out of order, or not at all: whoever acts on one compares versions first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The environment that changed.
    pub environment: Arc<str>,
    /// The life of the store that the versions belong to. Another epoch means: start over. Empty if whoever sent this knows no
    /// versions (the guide's bare form): then `version` is 0, and says nothing.
    pub epoch: Arc<str>,
    /// The version that the environment has now.
    pub version: u64,
    /// The version before it, where the feed says so. A gap means that a change was lost.
    pub previous: Option<u64>,
    /// The flags whose answers can have changed, dependants included; empty means "any of them".
    pub flags: Vec<Arc<str>>,
}

impl Change {
    /// Does it carry a version to compare?
    pub fn has_version(&self) -> bool {
        !self.epoch.is_empty()
    }
}
