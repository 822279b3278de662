//! Reading a configuration part by part. Unknown keys are no mistake: the vendors add some all the time.

use std::sync::Arc;

use crate::ruleset::{Kind, Node};

/// What could not be read, as a sentence.
pub type Part<T> = Result<T, String>;

/// Is it a map?
pub fn is_map(node: &Node) -> bool {
    matches!(node.kind, Kind::Map(_))
}

/// The elements of a list, or none.
pub fn items(node: Option<&Node>) -> &[Node] {
    match node.map(|node| &node.kind) {
        Some(Kind::List(items)) => items,
        _ => &[],
    }
}

/// The text under `key`.
pub fn text(node: &Node, key: &str) -> Part<Arc<str>> {
    match node.get(key).map(|node| &node.kind) {
        Some(Kind::Text(text)) => Ok(text.share()),
        _ => Err(wrong(node, key, "a text")),
    }
}

/// The list under `key`.
pub fn list<'n>(node: &'n Node, key: &str) -> Part<&'n [Node]> {
    match node.get(key) {
        Some(found) if matches!(found.kind, Kind::List(_)) => Ok(items(Some(found))),
        _ => Err(wrong(node, key, "a list")),
    }
}

/// The list under `key`; none where there is nothing or null.
pub fn optional_list<'n>(node: &'n Node, key: &str) -> Part<&'n [Node]> {
    if node.get(key).is_none_or(Node::is_null) { Ok(&[]) } else { list(node, key) }
}

/// The whole number of 32 bits under `key`.
pub fn count(node: &Node, key: &str) -> Part<u64> {
    match node.get(key).map(|node| &node.kind) {
        Some(Kind::Int(int)) if (0..=i64::from(u32::MAX)).contains(int) => Ok(int.unsigned_abs()),
        _ => Err(wrong(node, key, "a whole number from 0 to 4294967295")),
    }
}

/// What is under `key`, and what it should be.
pub fn wrong(node: &Node, key: &str, want: &str) -> String {
    match node.get(key) {
        Some(found) => format!("\"{key}\" is {}, want {want}", found.excerpt()),
        None => format!("\"{key}\" is missing, want {want}"),
    }
}
