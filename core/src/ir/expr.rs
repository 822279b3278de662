//! Expressions: conditions, values and outcomes are one tree.

use std::cmp::Ordering;
use std::sync::Arc;

use ipnet::IpNet;
use regex::Regex;
use semver::Version;

use super::Target;
use super::bucket::{Hash, Norm};
use super::ids::Ids;
use crate::evaluation::ErrorCode;
use crate::value::Value;

/// An expression. Values are JSON, versions and targets; null is missing is unknown.
#[derive(Clone, Debug)]
pub enum Expr {
    /// A literal.
    Const(Value),
    /// A literal version, parsed when the flag was compiled.
    Version(Box<Version>),
    /// The targeting key; null if the context has none.
    Key,
    /// An attribute, or what a path leads to in it.
    Attr(Path),
    /// Is the attribute present, even if null?
    Has(Path),
    /// The element that the innermost [`Expr::Quant`] is looking at.
    Elem,
    /// Now, in milliseconds since 1970.
    Now,
    /// A conversion; null when it fails.
    Conv(Conv, Box<Expr>),
    /// A strict comparison. Equality is total; order is unknown between different types.
    Cmp(Rel, Box<(Expr, Expr)>),
    /// Is the text one of these? Unknown for anything but text.
    In(Box<Expr>, Ids),
    /// Does the text relate to any of these?
    Text(TextRel, Box<Expr>, Box<[Arc<str>]>),
    /// Does the text match? Linear time whatever the pattern. Unknown for anything but text.
    Regex(Box<Expr>, Regex),
    /// Is the text an address in any of these networks? Unknown if it is not an address.
    Cidr(Box<Expr>, Box<[IpNet]>),
    /// True becomes false and false true; unknown stays.
    Not(Box<Expr>),
    /// Kleene's and, left to right; true when empty.
    And(Box<[Expr]>),
    /// Kleene's or, left to right; false when empty.
    Or(Box<[Expr]>),
    /// Unknown becomes false.
    IsTrue(Box<Expr>),
    /// Is it unknown?
    IsNull(Box<Expr>),
    /// If the first is true the second, else the third.
    If(Box<[Expr; 3]>),
    /// The first that is not null.
    Coalesce(Box<[Expr]>),
    /// Over the elements of a list; anything else that is not null counts as a list of itself.
    Quant(Quant, Box<Expr>, Box<Expr>),
    /// The number of elements, entries or characters.
    Len(Box<Expr>),
    /// The remainder of a division by a positive number.
    Mod(Box<Expr>, f64),
    /// A number of buckets that grows with time.
    Ramp(Box<Ramp>),
    /// A bucket number; null if one of its parts is.
    Bucket(Box<Bucket>),
    /// A choice by number: of outcomes, of values or of conditions.
    Split(Box<Split>),
    /// Something about another flag, evaluated for the same context.
    Flag(Arc<str>, Field),
    /// Another flag's outcome as this one's.
    Delegate(Arc<str>),
    /// Is the context in the segment? Unknown if there is no such segment.
    Segment(Arc<str>),
    /// Serve this.
    Target(Target),
    /// Stop: the flag answers with this error.
    Err(ErrorCode),
}

/// Steps from the attributes to a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// The attribute's name.
    pub name: Arc<str>,
    /// What to do from there; empty for most.
    pub rest: Box<[Seg]>,
}

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
pub enum Seg {
    /// Into a map.
    Key(Arc<str>),
    /// Into a list.
    Index(usize),
}

/// Comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rel {
    /// Equal.
    Eq,
    /// Not equal.
    Ne,
    /// Less than.
    Lt,
    /// Less than or equal.
    Le,
    /// Greater than.
    Gt,
    /// Greater than or equal.
    Ge,
}

impl Rel {
    /// Does the relation hold between two things in this order?
    #[inline]
    pub fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Eq => order.is_eq(),
            Self::Ne => order.is_ne(),
            Self::Lt => order.is_lt(),
            Self::Le => order.is_le(),
            Self::Gt => order.is_gt(),
            Self::Ge => order.is_ge(),
        }
    }
}

/// Relations of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextRel {
    /// Begins with.
    StartsWith,
    /// Ends with.
    EndsWith,
    /// Has inside.
    Contains,
}

/// How many elements must satisfy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quant {
    /// At least one.
    Any,
    /// Every one.
    All,
    /// Not one.
    None,
}

/// What to ask of another flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Its `enabled`.
    Enabled,
    /// Its value.
    Value,
    /// Its variant's name.
    Variant,
}

/// Named conversions. Each yields null when it does not apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conv {
    /// Only text passes.
    Text,
    /// Only numbers pass.
    Num,
    /// Scalars to text: integers in decimal, doubles in their shortest form, booleans as words.
    ToText,
    /// Text to lower case (Unicode, without regard to language).
    Lower,
    /// A number, or text that is one.
    ParseNum,
    /// Text that is a full Semantic Version 2.
    Semver,
    /// A version as people write it: a leading `v`, one to three parts, missing parts are zero.
    SemverLoose,
    /// A date as milliseconds since 1970: an RFC 3339 text, a date without time (UTC), or a number of milliseconds.
    DateMs,
}

/// A choice by number: the first range that holds it. What is chosen is an outcome, a value or a condition, as the place wants it.
#[derive(Clone, Debug)]
pub struct Split {
    /// The number.
    pub by: Expr,
    /// `(from, to, outcome)`: from inclusive, to exclusive.
    pub ranges: Box<[(u64, u64, Expr)]>,
    /// The outcome when there is no number.
    pub missing: Expr,
    /// The outcome when no range holds it.
    pub past_end: Expr,
}

/// How to turn parts of a context into a number.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// The hash.
    pub hash: Hash,
    /// What is hashed, one after the other. A part that is null makes the bucket null.
    pub parts: Box<[Part]>,
    /// How the hash becomes a bucket.
    pub norm: Norm,
}

/// A piece of what is hashed.
#[derive(Clone, Debug)]
pub enum Part {
    /// Always the same.
    Text(Arc<str>),
    /// From the context: text as UTF-8, other scalars as [`super::Conv::ToText`] writes them.
    Expr(Expr),
}

/// A straight line in time, in integers: `from` until `start`, `to` from `end` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ramp {
    /// The number at the start.
    pub from: u64,
    /// The number at the end.
    pub to: u64,
    /// Milliseconds since 1970.
    pub start: i64,
    /// Milliseconds since 1970; later than `start`.
    pub end: i64,
}

impl Ramp {
    /// The number at `now`.
    pub fn at(&self, now: i64) -> i64 {
        let (from, to) = (i128::from(self.from), i128::from(self.to));
        let gone = i128::from(now.clamp(self.start, self.end)) - i128::from(self.start);
        let whole = (i128::from(self.end) - i128::from(self.start)).max(1);
        (from + (to - from) * gone / whole) as i64
    }
}
