//! A whole document: all flags, all segments, all environments, as people write them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::value::RawValue;

use super::flag::NOTE_KEYS;
use super::judge::Judged;
use super::reader::{Reader, suggestion};
use crate::error::{Error, ErrorKind, Result};
use crate::ruleset::problem::to_error;
use crate::ruleset::{Entry, Key, Kind, Mark, Node, Problem, Ruleset, Syntax, Text};

/// The environment that a document without any has.
const DEFAULT_ENVIRONMENT: &str = "development";

/// Flags and segments as written. Cheap to clone: the parts are shared.
#[derive(Clone, Debug, Default)]
pub struct Document {
    /// The environments it is for.
    pub environments: BTreeSet<Arc<str>>,
    pub(super) flags: BTreeMap<Arc<str>, Written>,
    pub(super) segments: BTreeMap<Arc<str>, Written>,
}

/// A flag or segment of a document, and what was found when it was last looked at: so a change of one among ten thousand has one
/// looked at.
#[derive(Debug)]
pub struct Written {
    node: Node,
    judged: Mutex<Option<Arc<Judged>>>,
}

impl Written {
    /// What was found when the part was last looked at.
    pub(super) fn judged(&self) -> MutexGuard<'_, Option<Arc<Judged>>> {
        self.judged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Node> for Written {
    fn from(node: Node) -> Self {
        Self { node, judged: Mutex::default() }
    }
}

impl Clone for Written {
    fn clone(&self) -> Self {
        Self { node: self.node.clone(), judged: Mutex::new(self.judged().clone()) }
    }
}

impl Deref for Written {
    type Target = Node;

    fn deref(&self) -> &Node {
        &self.node
    }
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
                    document.environments.insert(name.share());
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
                    parts.insert(key.text.share(), part.clone().into());
                }
            });
        }
        if document.environments.is_empty() {
            let named = document.flags.values().filter_map(|flag| flag.get("environments")).flat_map(Node::entries);
            document.environments = named.map(|(key, _)| key.text.share()).collect();
        }
        if document.environments.is_empty() {
            document.environments.insert(DEFAULT_ENVIRONMENT.into());
        }
        if reader.has_errors() { Err(reader.problems) } else { Ok(document) }
    }

    /// The flags by name.
    pub fn flags(&self) -> &BTreeMap<Arc<str>, Written> {
        &self.flags
    }

    /// The segments by name.
    pub fn segments(&self) -> &BTreeMap<Arc<str>, Written> {
        &self.segments
    }

    /// Puts a flag in place of the one of its name, or takes it out.
    pub fn set_flag(&mut self, name: &str, node: Option<Node>) {
        match node {
            Some(node) => drop(self.flags.insert(name.into(), node.into())),
            None => drop(self.flags.remove(name)),
        }
    }

    /// Puts a segment in place of the one of its name, or takes it out.
    pub fn set_segment(&mut self, name: &str, node: Option<Node>) {
        match node {
            Some(node) => drop(self.segments.insert(name.into(), node.into())),
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

    /// What `environment` sees: its settings laid over the shared ones, without what is only for people. Versions are 0.
    pub fn ruleset(&self, environment: &str) -> Ruleset {
        let entries = |parts: &BTreeMap<Arc<str>, Written>| {
            parts.iter().map(|(name, node)| (name.clone(), Entry { version: 0, doc: raw(&effective(node, environment)) })).collect()
        };
        Ruleset { flags: entries(&self.flags), segments: entries(&self.segments), ..Ruleset::empty(environment, "") }
    }

    /// The whole document as one tree, to be written as YAML or JSON.
    pub fn to_node(&self) -> Node {
        let names = self.environments.iter().map(|name| Node::new(Kind::Text(Text::Shared(name.clone())))).collect();
        let section = |parts: &BTreeMap<Arc<str>, Written>| {
            let entries =
                parts.iter().map(|(name, node)| (Key { at: Mark::default(), text: Text::Shared(name.clone()) }, node.node.clone()));
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
