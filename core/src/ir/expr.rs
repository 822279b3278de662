//! Expressions: conditions, values and outcomes are one tree.

use std::cmp::Ordering;
use std::sync::Arc;

use ipnet::IpNet;
use regex::Regex;
use semver::Version;

use super::Target;
use super::bucket::{Hash, Norm};
use super::conv::Conv;
use super::ids::Ids;
use super::logic::{Js, Logic, Named};
use super::pattern::Pattern;
use crate::evaluation::ErrorCode;
use crate::value::Value;

/// An expression. Values are JSON, versions and targets; null is missing is unknown.
///
/// What is big or seldom is boxed, so that the nodes of the flags people write stay small and close together: 32 bytes each. What
/// conditions look at stands in an `Arc`, because a ruleset's conditions look at the same few attributes.
#[derive(Clone, Debug)]
pub enum Expr {
    /// A literal.
    Const(Value),
    /// A literal version, parsed when the flag was compiled.
    Version(Box<Version>),
    /// The targeting key; null if the context has none.
    Key,
    /// An attribute, or what a path leads to in it.
    Attr(Arc<Path>),
    /// Is the attribute present, even if null?
    Has(Arc<Path>),
    /// What is bound, or what steps lead to in it: the element that the innermost [`Expr::Quant`] is looking at, or the value
    /// of the innermost [`Expr::Let`]. The number counts bindings outwards: 0 is the innermost. Null where there are fewer.
    Elem(u8, Box<[Seg]>),
    /// Now, in milliseconds since 1970.
    Now,
    /// A whole number from 0 to below this, drawn anew each time. Null where the evaluation is handed no randomness. The
    /// answer is marked ([`crate::eval::Asked::random`]), because nobody may keep it.
    Rand(u32),
    /// A value from outside that the evaluation is handed by name, such as the answer of an application's own strategy. Null
    /// where nobody knows the name.
    Extern(Arc<str>),
    /// A conversion; null when it fails.
    Conv(Conv, Arc<Expr>),
    /// A strict comparison. Equality is total; order is unknown between different types.
    Cmp(Rel, Box<(Expr, Expr)>),
    /// Is the text one of these? Unknown for anything but text.
    In(Arc<Expr>, Ids),
    /// Is the text in a set that is kept outside, by the name of the set? Unknown for anything but text, and where
    /// nobody knows the set.
    InSet(Box<Expr>, Arc<str>),
    /// Does the text relate to any of these?
    Text(TextRel, Box<(Arc<Expr>, Texts)>),
    /// Does the text match? Linear time whatever the pattern. Unknown for anything but text.
    Regex(Arc<Expr>, Arc<Regex>),
    /// Does the text match a pattern that needs backtracking (look-around, references back)? Unknown for anything but
    /// text, and where the pattern's steps ran out.
    Pattern(Box<(Expr, Pattern)>),
    /// Is the text an address in any of these networks? Unknown if it is not an address.
    Cidr(Box<(Arc<Expr>, Box<[IpNet]>)>),
    /// True becomes false and false true; unknown stays.
    Not(Box<Expr>),
    /// Kleene's and, left to right; true when empty.
    And(Box<[Expr]>),
    /// Kleene's or, left to right; false when empty.
    Or(Box<[Expr]>),
    /// Unknown becomes false.
    IsTrue(Box<Expr>),
    /// Is it unknown?
    IsNull(Arc<Expr>),
    /// If the first is true the second, else the third.
    If(Box<[Expr; 3]>),
    /// The first that is not null.
    Coalesce(Box<[Expr]>),
    /// The branch for the type of a value.
    Switch(Box<Switch>),
    /// Binds the first, so that [`Expr::Elem`] means it in the second.
    Let(Box<(Expr, Expr)>),
    /// A list as it is, anything else that is not null as a list of itself.
    AsList(Box<Expr>),
    /// Over the elements of a list; anything else that is not null counts as a list of itself.
    Quant(Quant, Arc<Expr>, Box<Expr>),
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
    /// A comparison as JavaScript makes it: never unknown, and null is a value.
    Js(Js, Box<(Expr, Expr)>),
    /// An operation of JSONLogic.
    Logic(Box<Logic>),
    /// Serve the target whose name an expression yields, or decline where it yields null.
    Named(Box<Named>),
    /// Serve this.
    Target(Target),
    /// Stop: the flag answers with this error.
    Err(ErrorCode),
}

/// Some texts.
pub type Texts = Box<[Arc<str>]>;

/// Steps from the attributes to a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// The attribute's name.
    pub name: Arc<str>,
    /// What to do from there; empty for most.
    pub rest: Box<[Seg]>,
}

/// One step of a path. A front-end says by its choice whether lists may be indexed.
#[derive(Clone, Debug, PartialEq)]
pub enum Seg {
    /// Into a map.
    Key(Arc<str>),
    /// Into a list.
    Index(usize),
    /// Into a map or, where this is a whole number in decimal, into a list: for formats that write both alike.
    Either(Arc<str>),
}

/// Branches by the type of a value; those not named by a front-end are null. Integers and doubles are two branches, because
/// vendors who cast a literal to the attribute's type tell them apart.
#[derive(Clone, Debug)]
pub struct Switch {
    /// The value.
    pub by: Expr,
    /// When it is missing or null.
    pub null: Expr,
    /// When it is a boolean.
    pub boolean: Expr,
    /// When it is an integer.
    pub integer: Expr,
    /// When it is a double.
    pub double: Expr,
    /// When it is text or a version.
    pub text: Expr,
    /// When it is a list.
    pub list: Expr,
    /// When it is a map.
    pub map: Expr,
}

impl Switch {
    /// A switch whose branches are all `otherwise`.
    pub fn new(by: Expr, otherwise: &Expr) -> Self {
        let [null, boolean, integer, double, text, list, map] = std::array::from_fn(|_| otherwise.clone());
        Self { by, null, boolean, integer, double, text, list, map }
    }
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
    /// Why it cannot answer, as [`ErrorCode::as_str`] says it; null if it can. A cycle is no value: it ends the evaluation.
    Error,
}

/// A choice by number: the first range that holds it. What is chosen is an outcome, a value or a condition, as the place wants it.
#[derive(Clone, Debug)]
pub struct Split {
    /// The number.
    pub by: Expr,
    /// Where it may fall.
    pub ranges: Ranges,
    /// The outcome when there is no number.
    pub missing: Expr,
    /// The outcome when no range holds it.
    pub past_end: Expr,
}

/// `(from, to, outcome)`: from inclusive, to exclusive. The first that holds the number has it.
#[derive(Clone, Debug)]
pub enum Ranges {
    /// Of whole numbers. A number with a fraction, or below zero, counts as missing.
    Whole(Box<[(u64, u64, Expr)]>),
    /// Of doubles, for vendors whose bounds are sums of doubles. Integers are taken as doubles.
    Double(Box<[(f64, f64, Expr)]>),
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
    /// Any value that is not null, as deterministic CBOR (RFC 8949, 4.2.1): flagd's third version.
    Cbor(Expr),
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

impl Expr {
    /// What is bound innermost, as it is.
    pub fn elem() -> Self {
        Self::Elem(0, Box::new([]))
    }
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
