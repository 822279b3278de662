//! Rollouts: a share of the users (`percentage`), or weighted variants (`rollout`).
//!
//! Both hash one attribute, the targeting key unless `by` says otherwise, with the flag's salt into one of 100 000
//! buckets. A percentage takes the lowest buckets, so raising it never removes a user who was in; a rule whose
//! percentage misses declines, and the next rule is tried. Weights are integers of 100 000 or text such as `"12.5%"`.

use std::sync::Arc;

use super::condition::attribute;
use super::reader::{Reader, present};
use super::variants::Variants;
use crate::eval::hash::seed_of;
use crate::evaluation::Reason;
use crate::ir::bucket::BUCKETS;
use crate::ir::expr::Ramp;
use crate::ir::{Bucket, Expr, Hash, Norm, Part, Ranges, Rel, Split, Target};
use crate::ruleset::{Kind, Text, Tree};
use crate::value::Value;

/// Which attribute is hashed, and with which salt.
pub struct Hashing {
    by: Arc<Expr>,
    /// The seed that the salt makes.
    seed: u64,
}

impl Hashing {
    /// Reads `by` and `salt` of a rule or a rollout; what is not there is the flag's.
    pub fn read(reader: &mut Reader, node: &Tree<'_>, flag_salt: &Text<'_>) -> Option<Self> {
        let by = match present(node, "by") {
            None => reader.common.key(),
            Some(by) => reader.within("by", |reader| attribute(reader, by))?,
        };
        let seed = if present(node, "salt").is_some() { seed_of(&reader.text(node, "salt")?) } else { seed_of(flag_salt) };
        Some(Self { by, seed })
    }

    fn bucket(self) -> Expr {
        let parts = Box::new([Part::Expr((*self.by).clone())]);
        Expr::Bucket(Box::new(Bucket { hash: Hash::Xxh3(self.seed), parts, norm: Norm::Scale(BUCKETS) }))
    }
}

/// `percentage: 25`, `"12.5%"` or a ramp: true for the share of users that is in.
pub fn percentage(reader: &mut Reader, node: &Tree<'_>, hashing: Hashing) -> Option<Expr> {
    let limit = match &node.kind {
        Kind::Map(_) => ramp(reader, node)?,
        _ => Expr::Const(Value::Int(percent(reader, node)? as i64)),
    };
    Some(Expr::Cmp(Rel::Lt, Box::new((hashing.bucket(), limit))))
}

fn ramp(reader: &mut Reader, node: &Tree<'_>) -> Option<Expr> {
    reader.keys(node, "a ramp", &["from", "to", "start", "end"])?;
    let mut share = |key: &str, otherwise: u64| match present(node, key) {
        None => Some(otherwise),
        Some(share) => reader.within(key, |reader| percent(reader, share)),
    };
    let (from, to) = (share("from", 0), share("to", BUCKETS));
    let (start, end) = (reader.date(node, "start"), reader.date(node, "end"));
    match (start, end) {
        (Some(start), Some(end)) if start < end => Some(Expr::Ramp(Box::new(Ramp { from: from?, to: to?, start, end }))),
        (Some(_), Some(_)) => reader.error(node.at, "a ramp ends after it starts"),
        _ => reader.error(node.at, "a ramp needs start and end, two dates"),
    }
}

/// A share of the users as buckets.
fn percent(reader: &mut Reader, node: &Tree<'_>) -> Option<u64> {
    let percent = match &node.kind {
        Kind::Int(int) => Some(*int as f64),
        Kind::Float(float) => Some(*float),
        Kind::Text(text) => text.strip_suffix('%').and_then(|digits| digits.trim().parse().ok()),
        _ => None,
    };
    match percent.and_then(buckets) {
        Some(buckets) => Some(buckets),
        None => reader.error(node.at, format!("{} is not a percentage: write 0 to 100, with at most three decimals", node.excerpt())),
    }
}

/// Buckets of a percentage: exact, or none.
fn buckets(percent: f64) -> Option<u64> {
    let buckets = (percent * 1000.0).round();
    let is_exact = (percent * 1000.0 - buckets).abs() < 1e-6;
    (is_exact && (0.0..=BUCKETS as f64).contains(&buckets)).then_some(buckets as u64)
}

/// `rollout: {weights: {on: "25%", off: "75%"}, by: …, salt: …}`: every user gets one of the variants.
pub fn weighted(reader: &mut Reader, node: &Tree<'_>, variants: &Variants, salt: &Text<'_>, missing: Expr) -> Option<Expr> {
    reader.keys(node, "a rollout", &["weights", "by", "salt"])?;
    let hashing = Hashing::read(reader, node, salt)?;
    let Some(weights) = present(node, "weights").filter(|weights| !weights.entries().is_empty()) else {
        return reader.error(node.at, "a rollout needs weights, as in {on: 25000, off: 75000} or {on: \"25%\", off: \"75%\"}");
    };
    let mut ranges = Vec::new();
    let mut sum: u64 = 0;
    for (name, weight) in weights.entries() {
        let width = reader.within(&*name.text, |reader| weight_of(reader, weight));
        let variant = variants.index(reader, &name.text, name.at);
        let (width, variant) = (width?, variant?);
        let target = Expr::Target(Target { variant: Some(variant), reason: Reason::Rollout, note: None });
        ranges.push((sum, sum + width, target));
        sum += width;
    }
    if sum != BUCKETS {
        return reader.error(weights.at, format!("the weights sum to {sum}, want {BUCKETS} (or 100 % in all)"));
    }
    let split = Split { by: hashing.bucket(), ranges: Ranges::Whole(ranges.into()), missing, past_end: Expr::Const(Value::Null) };
    Some(Expr::Split(Box::new(split)))
}

fn weight_of(reader: &mut Reader, node: &Tree<'_>) -> Option<u64> {
    match &node.kind {
        Kind::Int(int) if (0..=BUCKETS as i64).contains(int) => Some(*int as u64),
        Kind::Text(text) if text.ends_with('%') => percent(reader, node),
        _ => reader.error(node.at, format!("{} is not a weight: write an integer of {BUCKETS}, or text such as \"12.5%\"", node.excerpt())),
    }
}
