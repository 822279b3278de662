//! A whole document: all flags, all segments, all environments, as people write them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::value::RawValue;

use super::flag::{self, NOTE_KEYS, OVERRIDE_KEYS};
use super::reader::{Reader, suggestion};
use super::references::{Graph, Name, Reference, cycle, dependants, depth};
use super::segment;
use crate::error::{Error, ErrorKind, Result};
use crate::eval::MAX_REFERENCES;
use crate::ir::Body;
use crate::ruleset::problem::to_error;
use crate::ruleset::{Entry, Key, Kind, Mark, Node, Problem, Ruleset, Syntax};

/// The environment that a document without any has.
const DEFAULT_ENVIRONMENT: &str = "development";

/// Flags and segments as written. Cheap to clone: the parts are shared.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// The environments it is for.
    pub environments: BTreeSet<Arc<str>>,
    flags: BTreeMap<Arc<str>, Node>,
    segments: BTreeMap<Arc<str>, Node>,
}

impl Document {
    /// Reads a text. Only its outline is judged here; [`Document::check`] judges the flags.
    ///
    /// # Errors
    /// `InvalidDocument`: the text is not YAML, JSON or TOML, or its outline is not a document's.
    pub fn parse(text: &str, syntax: Syntax) -> Result<Self> {
        let node = Node::parse(text, syntax).map_err(|problem| to_error(None, &[problem]))?;
        Self::from_node(&node).map_err(|problems| to_error(None, &problems))
    }

    /// The document that a tree holds.
    ///
    /// # Errors
    /// The mistakes in its outline.
    pub fn from_node(node: &Node) -> std::result::Result<Self, Vec<Problem>> {
        let mut reader = Reader::default();
        let mut document = Self::default();
        reader.keys(node, "a flag document", &["$schema", "environments", "segments", "flags"]);
        let names = reader.list(node, "environments");
        reader.within("environments", |reader| {
            for (at, name) in reader.texts(names).into_iter().enumerate() {
                if reader.check_name(&name, names[at].at) {
                    document.environments.insert(name);
                }
            }
        });
        for (section, parts) in [("segments", &mut document.segments), ("flags", &mut document.flags)] {
            let Some(node) = node.get(section).filter(|node| !node.is_null()) else { continue };
            reader.within(section, |reader| {
                if !matches!(node.kind, Kind::Map(_)) {
                    reader.error::<()>(node.at, format!("has to be a map from names to {section}, and {} is not", node.excerpt()));
                }
                for (key, part) in node.entries() {
                    reader.check_name(&key.text, key.at);
                    parts.insert(key.text.clone(), part.clone());
                }
            });
        }
        if document.environments.is_empty() {
            let named = document.flags.values().filter_map(|flag| flag.get("environments")).flat_map(Node::entries);
            document.environments = named.map(|(key, _)| key.text.clone()).collect();
        }
        if document.environments.is_empty() {
            document.environments.insert(DEFAULT_ENVIRONMENT.into());
        }
        if reader.has_errors() { Err(reader.problems) } else { Ok(document) }
    }

    /// The flags by name.
    pub fn flags(&self) -> &BTreeMap<Arc<str>, Node> {
        &self.flags
    }

    /// The segments by name.
    pub fn segments(&self) -> &BTreeMap<Arc<str>, Node> {
        &self.segments
    }

    /// Puts a flag in place of the one of its name, or takes it out.
    pub fn set_flag(&mut self, name: &str, node: Option<Node>) {
        match node {
            Some(node) => drop(self.flags.insert(name.into(), node)),
            None => drop(self.flags.remove(name)),
        }
    }

    /// Puts a segment in place of the one of its name, or takes it out.
    pub fn set_segment(&mut self, name: &str, node: Option<Node>) {
        match node {
            Some(node) => drop(self.segments.insert(name.into(), node)),
            None => drop(self.segments.remove(name)),
        }
    }

    /// Is the environment one of the document's?
    ///
    /// # Errors
    /// `NotFound`, naming the ones there are.
    pub fn require_environment(&self, environment: &str) -> Result<()> {
        if self.environments.contains(environment) {
            return Ok(());
        }
        let hint = suggestion(environment, self.environments.iter().map(|name| &**name));
        Err(Error::new(ErrorKind::NotFound, format!("there is no environment \"{environment}\"{hint}")))
    }

    /// Every mistake in the document, those of a place in the order of the places. With `now` (milliseconds since
    /// 1970) flags whose `expires` has passed are pointed out too.
    pub fn check(&self, now: Option<i64>) -> Vec<Problem> {
        let mut checked = Checked::default();
        for (name, node) in &self.segments {
            self.check_segment(name, node, &mut checked);
        }
        for (name, node) in &self.flags {
            self.check_flag(name, node, now, &mut checked);
        }
        self.check_references(&mut checked);
        self.point_out_unused(&mut checked);
        checked.problems.sort_by_key(|problem| problem.at);
        checked.problems
    }

    fn check_segment(&self, name: &Arc<str>, node: &Node, checked: &mut Checked) {
        let mut reader = Reader::at(&["segments", name]);
        segment::compile(&mut reader, node);
        checked.take(Name::Segment(name.clone()), reader);
    }

    fn check_flag(&self, name: &Arc<str>, node: &Node, now: Option<i64>, checked: &mut Checked) {
        let mut reader = Reader::at(&["flags", name]);
        let body = flag::compile(&mut reader, name, &node.overlaid(None, &["environments"]));
        if let Some(overrides) = node.get("environments").filter(|node| !node.is_null()) {
            reader.within("environments", |reader| self.check_overrides(reader, name, node, overrides));
        }
        if let (Some(now), Some(expires)) = (now, reader.date(node, "expires"))
            && expires <= now
        {
            let at = node.get("expires").map_or(node.at, |node| node.at);
            reader.within("expires", |reader| reader.warning(at, "the flag has outlived its date: remove it, or give it more time"));
        }
        checked.bodies.extend(body.map(|body| (name.clone(), body)));
        checked.take(Name::Flag(name.clone()), reader);
    }

    fn check_overrides(&self, reader: &mut Reader, name: &Arc<str>, node: &Node, overrides: &Node) {
        for (environment, over) in overrides.entries() {
            reader.within(&*environment.text, |reader| {
                if !self.environments.contains(&environment.text) {
                    let hint = suggestion(&environment.text, self.environments.iter().map(|name| &**name));
                    reader.error::<()>(environment.at, format!("there is no environment \"{}\"{hint}", environment.text));
                }
                let before = reader.problems.len();
                reader.keys(over, "an environment's settings", OVERRIDE_KEYS);
                // With a key that does not belong here the overlay would complain of things that nobody wrote.
                if reader.problems.len() == before {
                    flag::compile(reader, name, &node.overlaid(Some(over), &["environments"]));
                    // What is wrong with the shared keys has been said of the flag itself.
                    let here = format!("{}.", reader.path());
                    let is_own = |problem: &Problem| {
                        let key = problem.path.strip_prefix(&here).and_then(|rest| rest.split(['.', '[']).next());
                        key.is_none_or(|key| over.get(key).is_some())
                    };
                    let said = reader.problems.split_off(before);
                    reader.problems.extend(said.into_iter().filter(is_own));
                }
            });
        }
    }

    fn check_references(&self, checked: &mut Checked) {
        let mut known = BTreeMap::new();
        let all: Vec<(Name, Reference)> =
            checked.references.iter().flat_map(|(from, list)| list.iter().map(|reference| (from.clone(), reference.clone()))).collect();
        for (from, reference) in &all {
            let complaint = match &reference.to {
                Name::Flag(name) if !self.flags.contains_key(name) => {
                    Some(format!("there is no flag \"{name}\"{}", suggestion(name, self.flags.keys().map(|name| &**name))))
                }
                Name::Segment(name) if !self.segments.contains_key(name) => {
                    Some(format!("there is no segment \"{name}\"{}", suggestion(name, self.segments.keys().map(|name| &**name))))
                }
                Name::Flag(name) => checked.missing_variant(name, reference.variant.as_deref()),
                Name::Segment(_) => None,
            };
            checked.problems.extend(complaint.map(|message| reference.problem(message)));
            if let Some(way) = cycle(&checked.graph, from).filter(|way| way.get(1).is_none_or(|next| **next == reference.to)) {
                let steps: Vec<String> = way.iter().chain(way.first()).map(ToString::to_string).collect();
                checked.problems.push(reference.problem(format!("depends on itself: {}", steps.join(" → "))));
            } else if depth(&checked.graph, from, &mut known) > MAX_REFERENCES as usize - 1 {
                checked
                    .problems
                    .push(reference.problem(format!("the chain of flags and segments from here is longer than {}", MAX_REFERENCES - 1)));
            }
        }
    }

    fn point_out_unused(&self, checked: &mut Checked) {
        let used: BTreeSet<&Name> = checked.graph.values().flatten().collect();
        for (name, node) in &self.segments {
            if !used.contains(&Name::Segment(name.clone())) {
                let mut reader = Reader::at(&["segments", name]);
                reader.warning(node.at, "no flag and no segment uses it");
                checked.problems.extend(reader.problems);
            }
        }
    }

    /// The flags whose answers can differ when these flags and segments do: themselves and all that depend on them.
    pub fn affected(&self, flags: &[Arc<str>], segments: &[Arc<str>]) -> (BTreeSet<Arc<str>>, BTreeSet<Arc<str>>) {
        let mut checked = Checked::default();
        self.segments.iter().for_each(|(name, node)| self.check_segment(name, node, &mut checked));
        self.flags.iter().for_each(|(name, node)| self.check_flag(name, node, None, &mut checked));
        let changed = flags.iter().cloned().map(Name::Flag).chain(segments.iter().cloned().map(Name::Segment));
        let mut found = (BTreeSet::new(), BTreeSet::new());
        for name in dependants(&checked.graph, changed) {
            match name {
                Name::Flag(name) => found.0.insert(name),
                Name::Segment(name) => found.1.insert(name),
            };
        }
        found
    }

    /// What `environment` sees: its settings laid over the shared ones, without what is only for people. Versions are 0.
    pub fn ruleset(&self, environment: &str) -> Ruleset {
        let entries = |parts: &BTreeMap<Arc<str>, Node>| {
            parts.iter().map(|(name, node)| (name.clone(), Entry { version: 0, doc: raw(&effective(node, environment)) })).collect()
        };
        Ruleset { flags: entries(&self.flags), segments: entries(&self.segments), ..Ruleset::empty(environment, "") }
    }

    /// The whole document as one tree, to be written as YAML or JSON.
    pub fn to_node(&self) -> Node {
        let names = self.environments.iter().map(|name| Node::new(Kind::Text(name.clone()))).collect();
        let section = |parts: &BTreeMap<Arc<str>, Node>| {
            let entries = parts.iter().map(|(name, node)| (Key { at: Mark::default(), text: name.clone() }, node.clone()));
            Node::new(Kind::Map(entries.collect()))
        };
        Node::map([("environments", Node::new(Kind::List(names))), ("segments", section(&self.segments)), ("flags", section(&self.flags))])
    }
}

/// A flag or segment as one environment sees it.
pub fn effective(node: &Node, environment: &str) -> Node {
    let over = node.get("environments").and_then(|overrides| overrides.get(environment));
    node.overlaid(over, NOTE_KEYS)
}

fn raw(node: &Node) -> Arc<RawValue> {
    let text = serde_json::to_string(node).unwrap_or_default();
    // A node is JSON by construction; were it not, the flag would be invalid and no other harmed.
    RawValue::from_string(text).map_or_else(|_| RawValue::NULL.to_owned().into(), Into::into)
}

#[derive(Default)]
struct Checked {
    problems: Vec<Problem>,
    references: BTreeMap<Name, Vec<Reference>>,
    graph: Graph,
    bodies: BTreeMap<Arc<str>, Body>,
}

impl Checked {
    fn take(&mut self, name: Name, reader: Reader) {
        self.problems.extend(reader.problems);
        self.graph.insert(name.clone(), reader.references.iter().map(|reference| reference.to.clone()).collect());
        self.references.insert(name, reader.references);
    }

    fn missing_variant(&self, flag: &str, variant: Option<&str>) -> Option<String> {
        let (body, variant) = (self.bodies.get(flag)?, variant?);
        let names = body.variants.iter().map(|variant| &*variant.key);
        let is_there = names.clone().any(|name| name == variant);
        (!is_there).then(|| format!("flag \"{flag}\" has no variant \"{variant}\"{}", suggestion(variant, names)))
    }
}

impl Reference {
    fn problem(&self, message: String) -> Problem {
        Problem { severity: crate::ruleset::Severity::Error, path: self.path.clone(), at: self.at, message }
    }
}
