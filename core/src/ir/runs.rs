//! Rules that ask for the same attribute one after the other, found by its value.
//!
//! A flag that serves fifty tenants, or countries, has a rule for each. Walked over, a check costs as many comparisons as there are rules
//! before the one that matches; looked up, it costs one hash, whatever their number.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use hashbrown::HashMap;

use super::{Expr, Ids, Rule};

/// A run is at least so long: what is shorter is walked over as quickly.
const SHORTEST: usize = 5;

/// The runs among a flag's rules, in their order. None for most flags.
#[derive(Clone, Default)]
pub struct Runs(Option<Box<[Run]>>);

/// Rules, one after the other, that each begin by asking whether the same attribute is one of a few texts.
#[derive(Clone)]
pub struct Run {
    /// The first of them.
    pub from: usize,
    /// One after the last.
    pub to: usize,
    /// What they ask about: the targeting key, or an attribute itself.
    pub by: Arc<Expr>,
    rules: HashMap<Arc<str>, Vec<u32>, foldhash::fast::RandomState>,
}

impl Runs {
    /// The runs among these rules.
    pub fn of(rules: &[Rule]) -> Self {
        let mut runs = Vec::new();
        let mut from = 0;
        while let Some(rule) = rules.get(from) {
            let by = asks(rule).map(|(by, _)| by);
            let same = |rule: &&Rule| asks(rule).zip(by).is_some_and(|((other, _), by)| is_same(other, by));
            let len = rules[from..].iter().take_while(same).count();
            if let (Some(by), SHORTEST..) = (by, len) {
                runs.push(Run::of(rules, from, from + len, by));
            }
            from += len.max(1);
        }
        Self((!runs.is_empty()).then(|| runs.into()))
    }

    /// The runs, if there are any.
    #[inline]
    pub fn get(&self) -> Option<&[Run]> {
        self.0.as_deref()
    }
}

impl Run {
    fn of(all: &[Rule], from: usize, to: usize, by: &Arc<Expr>) -> Self {
        let mut rules: HashMap<Arc<str>, Vec<u32>, foldhash::fast::RandomState> = HashMap::default();
        for (at, rule) in all.iter().enumerate().take(to).skip(from) {
            for text in asks(rule).into_iter().flat_map(|(_, ids)| ids.sample()) {
                let places = rules.entry(text.clone()).or_default();
                // A text that is in one list twice.
                if places.last() != Some(&(at as u32)) {
                    places.push(at as u32);
                }
            }
        }
        Self { from, to, by: by.clone(), rules }
    }

    /// The rules that may match where the attribute is this text, in their order. No other of the run does, and none of the others fails: "no" to
    /// its first question ends a rule.
    pub fn rules(&self, text: &str) -> &[u32] {
        self.rules.get(text).map_or(&[], Vec::as_slice)
    }
}

/// What the rule asks first, if it is about an attribute and a few texts.
fn asks(rule: &Rule) -> Option<(&Arc<Expr>, &Ids)> {
    let first = match &rule.when {
        Expr::And(parts) => parts.first()?,
        when => when,
    };
    match first {
        Expr::In(by, ids) if ids.is_few() => Some((by, ids)),
        _ => None,
    }
}

fn is_same(a: &Expr, b: &Expr) -> bool {
    match (a, b) {
        (Expr::Key, Expr::Key) => true,
        (Expr::Attr(a), Expr::Attr(b)) => a.rest.is_empty() && a == b,
        _ => false,
    }
}

impl Debug for Runs {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.get().unwrap_or_default().iter().map(|run| run.from..run.to)).finish()
    }
}
