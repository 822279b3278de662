//! Reading a document part by part, collecting every mistake on the way instead of stopping at the first.

use std::fmt::Write;

use super::common::Common;
use super::references::Reference;
use crate::eval::parse_date_ms;
use crate::ruleset::{Kind, Mark, Problem, Severity, Text, Tree};
use crate::value::same;

/// Names of flags, variants, segments and environments: `[A-Za-z0-9._-]{1,128}`. No colon, no slash and no
/// wildcard, because names become parts of cache keys, paths and topics.
pub fn is_name(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// One step of a path.
pub enum Step<'s> {
    /// Into a map.
    Into(&'s str),
    /// Into a list.
    At(usize),
}

impl<'s> From<&'s str> for Step<'s> {
    fn from(name: &'s str) -> Self {
        Self::Into(name)
    }
}

impl From<usize> for Step<'_> {
    fn from(index: usize) -> Self {
        Self::At(index)
    }
}

/// What has been found while reading.
#[derive(Default)]
pub struct Reader {
    /// The steps to where the reader is, as they are shown.
    path: String,
    /// The mistakes so far.
    pub problems: Vec<Problem>,
    /// What the parts read so far refer to.
    pub references: Vec<Reference>,
    /// What the parts read so far have in common.
    pub common: Common,
}

impl Reader {
    /// A reader whose paths begin with these steps.
    pub fn at(path: &[&str]) -> Self {
        let mut reader = Self::default();
        reader.begin(path);
        reader
    }

    /// Begins another part, whose paths begin with these steps. What was found in the last one is forgotten, unless somebody took it.
    pub fn begin(&mut self, path: &[&str]) {
        self.path.clear();
        self.problems.clear();
        self.references.clear();
        for name in path {
            self.step(Step::Into(name));
        }
    }

    /// Does a step deeper, as in `rules[2]`.
    pub fn within<'s, T>(&mut self, step: impl Into<Step<'s>>, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.step(step.into());
        let result = read(self);
        self.path.truncate(before);
        result
    }

    /// A step deeper; how long the path was before.
    fn step(&mut self, step: Step<'_>) -> usize {
        let before = self.path.len();
        match step {
            Step::Into(name) => {
                if before > 0 {
                    self.path.push('.');
                }
                self.path.push_str(name);
            }
            Step::At(index) => _ = write!(self.path, "[{index}]"), // writing to a String cannot fail
        }
        before
    }

    /// Where the reader is.
    pub fn path(&self) -> String {
        self.path.clone()
    }

    /// Notes a mistake at `at`; says `None`, so that it can end a reading function.
    pub fn error<T>(&mut self, at: Mark, message: impl Into<String>) -> Option<T> {
        self.problem(Severity::Error, at, message.into());
        None
    }

    /// Notes something that somebody should look at.
    pub fn warning(&mut self, at: Mark, message: impl Into<String>) {
        self.problem(Severity::Warning, at, message.into());
    }

    fn problem(&mut self, severity: Severity, at: Mark, message: String) {
        let problem = Problem { severity, path: self.path(), at, message };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Was there an error?
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// Checks that `node` is a map with none but these keys.
    pub fn keys(&mut self, node: &Tree<'_>, what: &str, allowed: &[&str]) -> Option<()> {
        if !matches!(node.kind, Kind::Map(_)) {
            return self.error(node.at, format!("{what} has to be a map with {}, and this is {}", allowed.join(", "), node.excerpt()));
        }
        for (key, _) in node.entries() {
            if !allowed.iter().any(|allowed| same(allowed, &key.text)) {
                let hint = suggestion(&key.text, allowed.iter().copied());
                self.error::<()>(key.at, format!("{what} has no \"{}\"{hint}", key.text));
            }
        }
        Some(())
    }

    /// The text under `key`, if it is there.
    pub fn text<'t>(&mut self, node: &Tree<'t>, key: &str) -> Option<Text<'t>> {
        let node = present(node, key)?;
        match &node.kind {
            Kind::Text(text) => Some(text.clone()),
            _ => {
                self.within(key, |reader| reader.error(node.at, format!("has to be text, and {} is not; put it in quotes", node.excerpt())))
            }
        }
    }

    /// The name under `key`, if it is there.
    pub fn name<'t>(&mut self, node: &Tree<'t>, key: &str) -> Option<Text<'t>> {
        let text = self.text(node, key)?;
        let at = present(node, key)?.at;
        self.within(key, |reader| reader.check_name(&text, at)).then_some(text)
    }

    /// Is it a name? Notes a mistake if not.
    pub fn check_name(&mut self, text: &str, at: Mark) -> bool {
        if !is_name(text) {
            let shown: String = text.chars().take(60).collect();
            self.error::<()>(at, format!("\"{shown}\" is not a name: 1 to 128 letters, digits, dots, hyphens and underscores"));
        }
        is_name(text)
    }

    /// The boolean under `key`, if it is there.
    pub fn bool(&mut self, node: &Tree<'_>, key: &str) -> Option<bool> {
        let node = present(node, key)?;
        match node.kind {
            Kind::Bool(bool) => Some(bool),
            _ => self.within(key, |reader| reader.error(node.at, format!("has to be true or false, and {} is neither", node.excerpt()))),
        }
    }

    /// The list under `key`; empty if it is not there.
    pub fn list<'n, 't>(&mut self, node: &'n Tree<'t>, key: &str) -> &'n [Tree<'t>] {
        match present(node, key) {
            None => &[],
            Some(Tree { kind: Kind::List(list), .. }) => list,
            Some(other) => {
                self.within(key, |reader| reader.error::<()>(other.at, format!("has to be a list, and {} is not", other.excerpt())));
                &[]
            }
        }
    }

    /// The texts of a list, numbers taken as their digits: user ids come as both.
    pub fn texts<'t>(&mut self, list: &[Tree<'t>]) -> Vec<Text<'t>> {
        let mut texts = Vec::with_capacity(list.len());
        for (at, node) in list.iter().enumerate() {
            match &node.kind {
                Kind::Text(text) => texts.push(text.clone()),
                Kind::Int(int) => texts.push(Text::Shared(int.to_string().into())),
                _ => self.within(at, |reader| {
                    reader.error::<()>(node.at, format!("has to be text, and {} is not; put it in quotes", node.excerpt()));
                }),
            }
        }
        texts
    }

    /// The date under `key` in milliseconds since 1970, if it is there.
    pub fn date(&mut self, node: &Tree<'_>, key: &str) -> Option<i64> {
        let node = present(node, key)?;
        match node.as_str().and_then(parse_date_ms) {
            Some(ms) => Some(ms),
            None => self.within(key, |reader| {
                reader.error(node.at, format!("{} is not a date: write 2027-03-01 or 2027-03-01T09:00:00Z", node.excerpt()))
            }),
        }
    }
}

/// The part under `key`, unless it is missing or null.
pub fn present<'n, 't>(node: &'n Tree<'t>, key: &str) -> Option<&'n Tree<'t>> {
    node.get(key).filter(|node| !node.is_null())
}

/// `; did you mean "equals"?`, or what there is to choose from.
pub fn suggestion<'a>(wrong: &str, right: impl Iterator<Item = &'a str> + Clone) -> String {
    let nearest = right.clone().map(|word| (distance(wrong, word), word)).min();
    match nearest {
        Some((distance, word)) if distance <= 1 + wrong.chars().count() / 4 => format!("; did you mean \"{word}\"?"),
        Some(_) if right.clone().count() <= 32 => format!("; there is {}", right.collect::<Vec<_>>().join(", ")),
        _ => String::new(),
    }
}

/// The number of letters to insert, delete or change (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(128).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().take(128).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let change = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
