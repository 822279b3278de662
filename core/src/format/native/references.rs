//! What a flag or a segment refers to, and whether that holds: unknown names, unknown variants, cycles.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ruleset::Mark;

/// A mention of a flag or a segment in another.
#[derive(Clone, Debug)]
pub struct Reference {
    /// What is mentioned.
    pub to: Name,
    /// The variant that is asked for, if one is.
    pub variant: Option<Arc<str>>,
    /// Where.
    pub at: Mark,
    /// Where, in steps.
    pub path: String,
}

/// A flag or a segment by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// A flag.
    Flag(Arc<str>),
    /// A segment.
    Segment(Arc<str>),
}

impl Name {
    /// The name alone.
    pub fn text(&self) -> &str {
        match self {
            Self::Flag(name) | Self::Segment(name) => name,
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Flag(name) => write!(f, "flag \"{name}\""),
            Self::Segment(name) => write!(f, "segment \"{name}\""),
        }
    }
}

/// Who mentions whom.
pub type Graph = BTreeMap<Name, BTreeSet<Name>>;

/// A way from `start` back to itself, if there is one.
pub fn cycle<'g>(graph: &'g Graph, start: &'g Name) -> Option<Vec<&'g Name>> {
    fn search<'g>(graph: &'g Graph, at: &'g Name, start: &Name, seen: &mut BTreeSet<&'g Name>, way: &mut Vec<&'g Name>) -> bool {
        way.push(at);
        for next in graph.get(at).into_iter().flatten() {
            if next == start || (seen.insert(next) && search(graph, next, start, seen, way)) {
                return true;
            }
        }
        way.pop();
        false
    }
    let mut way = Vec::new();
    search(graph, start, start, &mut BTreeSet::new(), &mut way).then_some(way)
}

/// The longest chain of mentions that begins at `start`; cycles must have been found before.
pub fn depth(graph: &Graph, start: &Name, known: &mut BTreeMap<Name, usize>) -> usize {
    if let Some(depth) = known.get(start) {
        return *depth;
    }
    known.insert(start.clone(), 0); // ends the recursion even in a cycle
    let below = graph.get(start).into_iter().flatten().map(|next| depth(graph, next, known)).max();
    let depth = below.map_or(0, |below| below + 1);
    known.insert(start.clone(), depth);
    depth
}

/// `changed` and everything that mentions one of them, directly or through others.
pub fn dependants(graph: &Graph, changed: impl IntoIterator<Item = Name>) -> BTreeSet<Name> {
    let mut users: BTreeMap<&Name, Vec<&Name>> = BTreeMap::new();
    for (user, used) in graph {
        used.iter().for_each(|used| users.entry(used).or_default().push(user));
    }
    let mut found: BTreeSet<Name> = changed.into_iter().collect();
    let mut open: Vec<Name> = found.iter().cloned().collect();
    while let Some(name) = open.pop() {
        for user in users.get(&name).into_iter().flatten() {
            if found.insert((*user).clone()) {
                open.push((*user).clone());
            }
        }
    }
    found
}
