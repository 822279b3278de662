//! Whose configuration is it?

use super::part::items;
use crate::ruleset::Node;

/// The house that wrote a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Eppo: `totalShards` at the flag; a text that is a version makes GT, GTE, LT, LTE compare versions; a condition that
    /// cannot be read is false; a variation that is missing or has the wrong type is an error only for those who get it; JSON
    /// variations are text.
    Eppo,
    /// Datadog: `totalShards` at the shard; operators of their own for versions; whatever cannot be read makes the flag
    /// invalid; JSON variations are JSON.
    Datadog,
}

impl Dialect {
    /// The dialect of a configuration: the house of the first thing in it that the other never writes. Without any
    /// (no split by shards, no JSON variation), it is Datadog's, which refuses what it does not know.
    pub fn of(configuration: &Node) -> Self {
        let flags = || configuration.get("flags").map_or(&[][..], Node::entries).iter().map(|(_, flag)| flag);
        let shards = flags().flat_map(|flag| items(flag.get("allocations"))).flat_map(|allocation| items(allocation.get("splits")));
        let mut shards = shards.flat_map(|split| items(split.get("shards")));
        if shards.any(|shard| shard.get("totalShards").is_some()) {
            return Self::Datadog;
        }
        if flags().any(|flag| flag.get("totalShards").is_some() || has_json_as_text(flag)) { Self::Eppo } else { Self::Datadog }
    }
}

fn has_json_as_text(flag: &Node) -> bool {
    let variations = flag.get("variations").map_or(&[][..], Node::entries);
    flag.get("variationType").and_then(Node::as_str) == Some("JSON")
        && variations.iter().any(|(_, variation)| variation.get("value").and_then(Node::as_str).is_some())
}
