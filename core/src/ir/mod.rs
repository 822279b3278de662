//! The intermediate representation: what every flag format compiles to and all that the evaluator knows.
//!
//! A front-end (`format/native`, `format/ufc`, …) turns a vendor's document into [`Flag`]s and
//! [`Segment`]s once; [`crate::eval`] then walks them for every check. Ten decisions make one small
//! language enough for all vendors:
//!
//! 1. Conditions are three-valued: true, false, unknown. [`Expr::IsTrue`] is the only place where
//!    unknown collapses, so `Not(IsTrue(x))` and `Not(x)` tell the vendors' views of a missing attribute apart.
//! 2. Conversions are named ([`Conv`]) and yield null when they fail; comparisons are strict.
//! 3. A rule's outcome is an expression that may *decline* (yield null): the next rule is tried.
//! 4. Bucketing is a number-valued expression ([`Bucket`]), so rollouts, filters and splits need nothing more.
//! 5. A [`Target`] carries its own reason and note, because they may depend on which range was hit.
//! 6. Flags refer to flags by [`Field`]; a cycle is an error, found when a snapshot is built and again at run time.
//! 7. Errors are of three kinds: an unknown value, a rule that declines, [`Expr::Err`] that aborts. Besides, a
//!    flag may be invalid as a whole ([`Flag::body`] is an `Err`) and harms no other.
//! 8. Contexts are normalised by the front-end; a [`Path`] says whether lists may be indexed.
//! 9. Clock, randomness, values and sets from outside are inputs ([`crate::eval::Inputs`]), never globals; an answer says
//!    which of them it asked ([`crate::eval::Asked`]).
//! 10. Types are checked at the getter, after evaluation, and without loss.

pub mod bucket;
pub mod conv;
pub mod expr;
pub mod ids;
pub mod logic;
pub mod pattern;
pub mod runs;
mod shelf;
mod show;
pub mod snapshot;

use std::sync::Arc;

use crate::evaluation::{ErrorCode, Reason};
use crate::value::Value;
pub use bucket::{Hash, Norm, Units};
pub use conv::Conv;
pub use expr::{Bucket, Expr, Field, Part, Path, Quant, Ramp, Ranges, Rel, Seg, Split, Switch, TextRel};
pub use ids::Ids;
pub use logic::{Js, Logic, LogicOp, Named};
pub use pattern::Pattern;
pub use runs::Runs;
pub use snapshot::Snapshot;

/// What a flag's variants hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueType {
    /// `true` or `false`.
    Boolean,
    /// Text.
    String,
    /// A 64-bit integer.
    Integer,
    /// A double; an integer is one too.
    Double,
    /// Any JSON.
    Json,
}

impl ValueType {
    /// All types, in the order of the documentation.
    pub const ALL: [Self; 5] = [Self::Boolean, Self::String, Self::Integer, Self::Double, Self::Json];

    /// The word in documents and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Json => "json",
        }
    }

    /// Does `value` have this type, without loss?
    pub fn admits(self, value: &Value) -> bool {
        match self {
            Self::Boolean => matches!(value, Value::Bool(_)),
            Self::String => matches!(value, Value::Text(_)),
            Self::Integer => value.as_i64().is_some(),
            Self::Double => value.as_f64().is_some(),
            Self::Json => true,
        }
    }
}

/// A flag, compiled.
#[derive(Clone, Debug)]
pub struct Flag {
    /// Its name.
    pub key: Arc<str>,
    /// The version of the last change that could alter its answer; 0 where the source has none.
    pub version: u64,
    /// What to evaluate, or why it cannot be.
    pub body: Result<Body, Invalid>,
}

/// Why a flag as a whole cannot be evaluated.
#[derive(Clone, Debug)]
pub struct Invalid {
    /// For the program.
    pub code: ErrorCode,
    /// For the person.
    pub message: Arc<str>,
}

/// The part of a flag that is evaluated.
#[derive(Clone, Debug)]
pub struct Body {
    /// What its variants hold.
    pub value_type: ValueType,
    /// What it can serve. Shared: most flags have the same two.
    pub variants: Arc<[Variant]>,
    /// Tried in order; the first that matches and does not decline has the word.
    pub rules: Box<[Rule]>,
    /// Where to look among many rules about one attribute: [`Runs::of`] the rules, or none.
    pub runs: Runs,
    /// The answer when no rule had one; null means: the caller's default.
    pub fallthrough: Expr,
}

/// One of the answers that a flag can give.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Its name.
    pub key: Arc<str>,
    /// Its value, or the error that serving it is.
    pub value: Result<Value, ErrorCode>,
    /// What [`crate::Evaluation::enabled`] says when it is served.
    pub enabled: bool,
}

/// A condition and what follows from it.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, for traces and answers.
    pub name: Option<Arc<str>>,
    /// It matches when this is true; false and unknown are "no".
    pub when: Expr,
    /// A [`Expr::Target`] or a [`Expr::Named`], or null to decline.
    pub serve: Expr,
}

/// The end of an evaluation.
#[derive(Clone, Debug)]
pub struct Target {
    /// Which variant; `None` is the caller's default.
    pub variant: Option<u32>,
    /// Why.
    pub reason: Reason,
    /// What the front-end wants to find again in the answer (a vendor's own reason, an allocation). Our own flags have none: boxed, so that
    /// they pay one word for it.
    pub note: Option<Box<Arc<str>>>,
}

/// A named, reusable condition.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its name.
    pub key: Arc<str>,
    /// The version of its document; 0 where the source has none.
    pub version: u64,
    /// Is the context in it? An invalid segment is unknown to whoever asks.
    pub body: Result<Expr, Invalid>,
}
