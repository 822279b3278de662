//! JavaScript's comparisons and JSONLogic's operations: what GrowthBook and flagd need beyond strict comparisons.
//!
//! They are values and not conditions: nothing here is unknown, null is a value like others, and a rule's author counts on
//! JavaScript's coercions. [`crate::eval`] keeps them out of the usual walk's way.

use std::sync::Arc;

use super::Target;
use super::expr::Expr;

/// A comparison of JavaScript (ECMA-262, 7.2.13 to 7.2.15). Two lists, or two maps, are never equal, as two objects are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Js {
    /// `<`: two texts by UTF-16 unit, anything else as numbers; null is 0.
    Lt,
    /// `<=`.
    Le,
    /// `>`.
    Gt,
    /// `>=`.
    Ge,
    /// `==`, with coercion; null equals only null.
    Eq,
    /// `!=`.
    Ne,
    /// `===`.
    Same,
    /// `!==`.
    NotSame,
}

/// An operation and what it is applied to.
#[derive(Clone, Debug)]
pub struct Logic {
    /// Which.
    pub op: LogicOp,
    /// To what. What an operation lacks is null to it; what it has too much it does not look at.
    pub args: Box<[Expr]>,
}

/// Operations of JSONLogic (jsonlogic.com) and of flagd. `a`, `b`, … are the arguments in their order.
///
/// *Truthy* is JSONLogic's word: as JavaScript's, but an empty list is not. Numbers are doubles, and a result that is not one
/// (0/0, text that is no number) is null. A lazy operation looks only at the arguments it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogicOp {
    /// All attributes as a map.
    Context,
    /// `var` with a path that is computed: steps `b`, with dots, into `a`; `c` where they lead nowhere or to null.
    Dig,
    /// The names among `b`, … that lead nowhere in `a`, to null or to empty text. Lists are taken apart.
    Missing,
    /// Nothing missing if at least `b` of the names in the list `c` are there, else those missing in `a`.
    MissingSome,
    /// A list of the arguments.
    List,
    /// A list of the arguments, lists among them taken apart.
    Merge,
    /// Is `a` truthy?
    Truthy,
    /// Is `a` not truthy?
    Not,
    /// The first argument that is not truthy, else the last; lazy.
    And,
    /// The first argument that is truthy, else the last; lazy.
    Or,
    /// `b` if `a` is truthy, `d` if `c` is, … else the one that is left over, or null; lazy.
    If,
    /// Is `a` in the list `b`, or in the text `b`?
    In,
    /// The sum; of one argument, the number it is.
    Add,
    /// `a - b`; of one argument, its negative.
    Sub,
    /// The product.
    Mul,
    /// `a / b`.
    Div,
    /// `a % b`, with the sign of `a`.
    Rem,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The arguments' texts in a row.
    Cat,
    /// Of the text `a` the characters from `b` on, `c` of them; negative numbers count from the end.
    Substr,
    /// A list of `b` for each element of `a`, bound as [`Expr::Elem`].
    Map,
    /// The elements of `a` for which `b` is truthy.
    Filter,
    /// `b` for each element of `a` in turn, bound as a map of `current` and `accumulator`, which begins as `c`.
    Reduce,
    /// Is `b` truthy for every element of `a`, and is there one?
    All,
    /// Is `b` truthy for an element of `a`?
    Some,
    /// Is `b` truthy for no element of `a`?
    None,
    /// Have the versions `a` and `b` the same major number? Null unless both are versions.
    SameMajor,
    /// And the same minor number?
    SameMinor,
    /// flagd's split with weights that are computed, today's way: `a` is a hash of 32 bits, then pairs of an outcome and
    /// its weight. `hash · total >> 32` falls into the running sums. A weight that is no number makes all null, one below 0
    /// counts as 0; null too if they sum to nothing or to more than 2³¹ - 1.
    Weighted,
    /// The same as flagd's first version did it: `a` is a percentage as a double ([`super::Norm::SignedAbsPercent`]),
    /// and so are the running sums.
    WeightedPercent,
}

/// An outcome chosen by name at run time.
#[derive(Clone, Debug)]
pub struct Named {
    /// The name. A boolean or a number is used as its text; null declines, and a name that is not among the targets is an error.
    pub by: Expr,
    /// What the names mean.
    pub targets: Box<[(Arc<str>, Target)]>,
}
