//! How an evaluation came to its answer: which rule, which condition, which bucket, and why not.
//!
//! The walk is generic over a [`Trace`]. The usual one is `()`, whose [`Trace::ON`] is false, so that the
//! compiler drops every line that only a trace needs.

use serde::Serialize;

use crate::value::Value;

/// Somebody who watches an evaluation.
pub trait Trace {
    /// Is anybody watching?
    const ON: bool;
    /// A flag that this one depends on, or the flag itself, begins.
    fn enter_flag(&mut self, _name: &str) {}
    /// It ends, with this answer.
    fn leave_flag(&mut self, _answer: &str) {}
    /// A rule was tried. `outcome` is `matched`, `not_matched`, `unknown` or `declined`.
    fn rule(&mut self, _index: usize, _name: Option<&str>, _outcome: &'static str) {}
    /// A condition was tried.
    fn condition(&mut self, _says: String, _actual: Value, _result: Option<bool>) {}
    /// A bucket was computed.
    fn bucket(&mut self, _by: String, _bucket: Value) {}
    /// A value was computed that chooses a variant or a branch.
    fn value(&mut self, _says: String, _value: Value) {}
}

impl Trace for () {
    const ON: bool = false;
}

/// A written trace. In JSON it is the same in every language.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The flag that was asked about.
    pub flag: String,
    /// What happened, in order.
    pub steps: Vec<Step>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Another flag had to be evaluated first.
    Flag {
        /// Its name.
        name: String,
    },
    /// That flag's answer.
    FlagAnswer {
        /// Its name.
        name: String,
        /// The variant, or the error.
        answer: String,
    },
    /// A condition was tried.
    Condition {
        /// The condition in words.
        says: String,
        /// What the context held there.
        actual: Value,
        /// `null` is unknown: the attribute is missing or of another type.
        result: Option<bool>,
    },
    /// A bucket was computed.
    Bucket {
        /// What was hashed, in words.
        by: String,
        /// The bucket; null if a part was missing.
        bucket: Value,
    },
    /// A value was computed that chooses a variant or a branch, or that other expressions refer to.
    Value {
        /// The expression in words.
        says: String,
        /// What it came to.
        value: Value,
    },
    /// A rule came to its end.
    Rule {
        /// Its place, from 0, counting the built-in ones (schedule, prerequisites, targets).
        index: usize,
        /// Its name.
        name: Option<String>,
        /// `matched`, `not_matched`, `unknown` or `declined`.
        outcome: String,
    },
}

impl Explanation {
    /// An empty trace of `flag`.
    pub fn new(flag: &str) -> Self {
        Self { flag: flag.to_owned(), steps: Vec::new() }
    }

    fn open_flag(&self) -> Option<String> {
        let mut open: Vec<&str> = Vec::new();
        for step in &self.steps {
            match step {
                Step::Flag { name } => open.push(name),
                Step::FlagAnswer { .. } => drop(open.pop()),
                _ => {}
            }
        }
        open.pop().map(str::to_owned)
    }
}

impl Trace for Explanation {
    const ON: bool = true;

    fn enter_flag(&mut self, name: &str) {
        self.steps.push(Step::Flag { name: name.to_owned() });
    }
    fn leave_flag(&mut self, answer: &str) {
        if let Some(name) = self.open_flag() {
            self.steps.push(Step::FlagAnswer { name, answer: answer.to_owned() });
        }
    }
    fn rule(&mut self, index: usize, name: Option<&str>, outcome: &'static str) {
        self.steps.push(Step::Rule { index, name: name.map(str::to_owned), outcome: outcome.to_owned() });
    }
    fn condition(&mut self, says: String, actual: Value, result: Option<bool>) {
        self.steps.push(Step::Condition { says, actual, result });
    }
    fn bucket(&mut self, by: String, bucket: Value) {
        self.steps.push(Step::Bucket { by, bucket });
    }
    fn value(&mut self, says: String, value: Value) {
        self.steps.push(Step::Value { says, value });
    }
}
