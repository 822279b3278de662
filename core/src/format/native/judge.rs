//! What is wrong with a document: with each part by itself, and with what parts say of each other.
//!
//! What is found out about a part by itself is kept beside it ([`Judged`]), since it stays the same until the part is written anew or the
//! environments are others: the config service judges its whole document at each write, and looks anew at what was written.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use std::sync::Arc;

use super::document::{Document, Written, effective};
use super::flag::{self, OVERRIDE_KEYS};
use super::reader::{Reader, suggestion};
use super::references::{Graph, Name, Reference, cycle, dependants, depth};
use super::segment;
use crate::eval::{MAX_REFERENCES, parse_date_ms};
use crate::ir::{Body, Expr, Flag, Segment, Snapshot, Variant};
use crate::ruleset::{Node, Problem, Severity};

/// What can be said of a part without a look at the others.
#[derive(Debug)]
pub struct Judged {
    /// The environments that it was judged for.
    environments: u64,
    problems: Vec<Problem>,
    references: Vec<Reference>,
    /// A flag's, if it compiles.
    variants: Option<Arc<[Variant]>>,
}

impl Document {
    /// Every mistake in the document, those of a place in the order of the places. With `now` (milliseconds since
    /// 1970) flags whose `expires` has passed are pointed out too.
    pub fn check(&self, now: Option<i64>) -> Vec<Problem> {
        let parts = self.parts();
        let mut problems = Vec::new();
        for (name, part, judged) in &parts {
            problems.extend(judged.problems.iter().cloned());
            if let (Name::Flag(name), Some(now)) = (name, now) {
                problems.extend(outlived(name, part, now));
            }
        }
        let references = parts.iter().flat_map(|(from, _, judged)| judged.references.iter().map(move |reference| (from, reference)));
        // The flags stand behind the segments, in the order of their names.
        let flags = &parts[self.segments.len()..];
        let place = |flag: &str| flags.binary_search_by(|(name, ..)| name.text().cmp(flag)).ok();
        self.check_references(references, &mut problems, |flag| flags[place(flag)?].2.variants.as_deref());
        problems.sort_by_key(|problem| problem.at);
        problems
    }

    /// The flags whose answers can differ when these flags and segments do: themselves and all that depend on them.
    pub fn affected(&self, flags: &[Arc<str>], segments: &[Arc<str>]) -> (BTreeSet<Arc<str>>, BTreeSet<Arc<str>>) {
        let mut graph = Graph::new();
        for (name, _, judged) in self.parts() {
            note(&mut graph, &name, &judged.references);
        }
        let changed = flags.iter().cloned().map(Name::Flag).chain(segments.iter().cloned().map(Name::Segment));
        let mut found = (BTreeSet::new(), BTreeSet::new());
        for name in dependants(&graph, changed) {
            match name {
                Name::Flag(name) => found.0.insert(name),
                Name::Segment(name) => found.1.insert(name),
            };
        }
        found
    }

    /// The snapshot of what `environment` sees. Each part is compiled once, for the mistakes and for the snapshot.
    ///
    /// # Errors
    /// The mistakes, as [`Document::check`] lists them.
    pub fn snapshot(&self, environment: &str) -> Result<Snapshot, Vec<Problem>> {
        let mut snapshot = Snapshot::with_room(environment, self.flags.len(), self.segments.len());
        let (mut reader, mut problems, mut references) = (Reader::default(), Vec::new(), Vec::new());
        let mut take = |name: Name, reader: &mut Reader| {
            problems.append(&mut reader.problems);
            references.extend(reader.references.drain(..).map(|reference| (name.clone(), reference)));
        };
        for (name, node) in &self.segments {
            let body = judge_segment(&mut reader, name, node);
            take(Name::Segment(name.clone()), &mut reader);
            // Where there is none there is a problem, and no snapshot.
            body.into_iter().for_each(|body| snapshot.put_segment(Segment { key: name.clone(), version: 0, body: Ok(body) }));
        }
        for (name, node) in &self.flags {
            let body = self.judge_flag(&mut reader, name, node);
            take(Name::Flag(name.clone()), &mut reader);
            let over = node.get("environments").and_then(|overrides| overrides.get(environment));
            let body = match over {
                Some(over) if !over.entries().is_empty() => {
                    reader.begin(&[]);
                    flag::compile(&mut reader, name, &effective(node, environment))
                }
                _ => body,
            };
            body.into_iter().for_each(|body| snapshot.put_flag(Flag { key: name.clone(), version: 0, body: Ok(body) }));
        }
        let variants = |flag: &str| Some(&*snapshot.flag(flag)?.body.as_ref().ok()?.variants);
        self.check_references(references.iter().map(|(from, reference)| (from, reference)), &mut problems, variants);
        if problems.iter().any(|problem| problem.severity == Severity::Error) {
            problems.sort_by_key(|problem| problem.at);
            return Err(problems);
        }
        Ok(snapshot)
    }

    /// All parts, segments first, and what can be said of each by itself.
    fn parts(&self) -> Vec<(Name, &Written, Arc<Judged>)> {
        let environments = foldhash::fast::FixedState::default().hash_one(&self.environments);
        let mut reader = Reader::default();
        let mut judge = |name: Name, part: &Written| -> Arc<Judged> {
            let mut kept = part.judged();
            if let Some(known) = kept.as_ref().filter(|known| known.environments == environments) {
                return known.clone();
            }
            let variants = match &name {
                Name::Flag(name) => self.judge_flag(&mut reader, name, part).map(|body| body.variants),
                Name::Segment(name) => judge_segment(&mut reader, name, part).and(None),
            };
            let (problems, references) = (std::mem::take(&mut reader.problems), std::mem::take(&mut reader.references));
            let judged = Arc::new(Judged { environments, problems, references, variants });
            *kept = Some(judged.clone());
            judged
        };
        let segments = self.segments.iter().map(|(name, part)| (Name::Segment(name.clone()), part));
        let flags = self.flags.iter().map(|(name, part)| (Name::Flag(name.clone()), part));
        segments.chain(flags).map(|(name, part)| (name.clone(), part, judge(name, part))).collect()
    }

    /// The body that the flag has where no environment says otherwise; the reader then holds what is wrong, there and in the environments.
    fn judge_flag(&self, reader: &mut Reader, name: &Arc<str>, node: &Node) -> Option<Body> {
        reader.begin(&["flags", name]);
        let overrides = node.get("environments").filter(|node| !node.is_null());
        let body = match overrides {
            None => flag::compile(reader, name, node),
            Some(_) => flag::compile(reader, name, &node.overlaid(None, &["environments"])),
        };
        if let Some(overrides) = overrides {
            reader.within("environments", |reader| self.check_overrides(reader, name, node, overrides));
        }
        body
    }

    fn check_overrides(&self, reader: &mut Reader, name: &Arc<str>, node: &Node, overrides: &Node) {
        for (environment, over) in overrides.entries() {
            reader.within(&*environment.text, |reader| {
                if !self.environments.contains(&*environment.text) {
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

    /// What parts say of each other: names that nobody has, variants that a flag does not have, circles, chains too long, segments that
    /// nobody uses.
    fn check_references<'r, 's>(
        &self,
        references: impl Iterator<Item = (&'r Name, &'r Reference)> + Clone,
        problems: &mut Vec<Problem>,
        variants: impl Fn(&str) -> Option<&'s [Variant]>,
    ) {
        let mut graph = Graph::new();
        references.clone().for_each(|(from, reference)| note(&mut graph, from, std::slice::from_ref(reference)));
        let mut known = BTreeMap::new();
        for (from, reference) in references {
            let complaint = match &reference.to {
                Name::Flag(name) if !self.flags.contains_key(name) => {
                    Some(format!("there is no flag \"{name}\"{}", suggestion(name, self.flags.keys().map(|name| &**name))))
                }
                Name::Segment(name) if !self.segments.contains_key(name) => {
                    Some(format!("there is no segment \"{name}\"{}", suggestion(name, self.segments.keys().map(|name| &**name))))
                }
                Name::Flag(name) => missing_variant(name, variants(name), reference.variant.as_deref()),
                Name::Segment(_) => None,
            };
            problems.extend(complaint.map(|message| reference.problem(message)));
            if let Some(way) = cycle(&graph, from).filter(|way| way.get(1).is_none_or(|next| **next == reference.to)) {
                let steps: Vec<String> = way.iter().chain(way.first()).map(ToString::to_string).collect();
                problems.push(reference.problem(format!("depends on itself: {}", steps.join(" → "))));
            } else if depth(&graph, from, &mut known) > MAX_REFERENCES as usize - 1 {
                problems
                    .push(reference.problem(format!("the chain of flags and segments from here is longer than {}", MAX_REFERENCES - 1)));
            }
        }
        let used: BTreeSet<&Name> = graph.values().flatten().collect();
        for (name, node) in &self.segments {
            if !used.contains(&Name::Segment(name.clone())) {
                let mut reader = Reader::at(&["segments", name]);
                reader.warning(node.at, "no flag and no segment uses it");
                problems.append(&mut reader.problems);
            }
        }
    }
}

fn judge_segment(reader: &mut Reader, name: &Arc<str>, node: &Node) -> Option<Expr> {
    reader.begin(&["segments", name]);
    segment::compile(reader, node)
}

/// Who mentions nobody is not in the graph.
fn note(graph: &mut Graph, from: &Name, references: &[Reference]) {
    if !references.is_empty() {
        graph.entry(from.clone()).or_default().extend(references.iter().map(|reference| reference.to.clone()));
    }
}

/// The flag's own date for being removed has passed. (That it is a date has been looked at with the flag.)
fn outlived(name: &str, node: &Node, now: i64) -> Option<Problem> {
    let expires = node.get("expires")?;
    parse_date_ms(expires.as_str()?).filter(|expires| *expires <= now)?;
    let mut reader = Reader::at(&["flags", name, "expires"]);
    reader.warning(expires.at, "the flag has outlived its date: remove it, or give it more time");
    reader.problems.pop()
}

fn missing_variant(flag: &str, variants: Option<&[Variant]>, variant: Option<&str>) -> Option<String> {
    let (variants, variant) = (variants?, variant?);
    let names = variants.iter().map(|variant| &*variant.key);
    let is_there = names.clone().any(|name| name == variant);
    (!is_there).then(|| format!("flag \"{flag}\" has no variant \"{variant}\"{}", suggestion(variant, names)))
}

impl Reference {
    fn problem(&self, message: String) -> Problem {
        Problem { severity: Severity::Error, path: self.path.clone(), at: self.at, message }
    }
}
