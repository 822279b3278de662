//! A split: a variation, and the shards that a subject must fall into to get it.

use super::dialect::Dialect;
use super::part::{Part, count, list, text};
use super::variations::Variations;
use crate::evaluation::ErrorCode;
use crate::ir::{self, Bucket, Expr, Hash, Norm, Ranges};
use crate::ruleset::Node;
use crate::value::Value;

/// A split as read.
pub struct Split {
    /// The place of its variation.
    pub variant: u32,
    /// One condition per shard that can fail. Shards that hold everybody are left out: no hash is needed
    /// for them, hence no targeting key, and an allocation of nothing else counts as not split.
    pub shards: Vec<Expr>,
}

impl Split {
    /// The outcome for those inside; the others are declined.
    pub fn serve(&self, target: Expr) -> Expr {
        if self.shards.is_empty() {
            return target;
        }
        Expr::If(Box::new([Expr::And(self.shards.clone().into()), target, Expr::Const(Value::Null)]))
    }
}

/// Reads a split; `total` is the flag's number of shards, for the dialect that has one.
pub fn read(node: &Node, total: u64, variations: &mut Variations) -> Part<Split> {
    let variant = variations.place(&text(node, "variationKey")?)?;
    let mut shards = Vec::new();
    for node in list(node, "shards")? {
        let total = if variations.dialect() == Dialect::Datadog { count(node, "totalShards")? } else { total };
        if total == 0 {
            return Err("\"totalShards\" is 0, want a whole number from 1".to_owned());
        }
        let salt = text(node, "salt")?;
        let ranges = list(node, "ranges")?.iter().map(|range| Ok((count(range, "start")?, count(range, "end")?)));
        let ranges = ranges.collect::<Part<Vec<_>>>()?;
        if !ranges.contains(&(0, total)) {
            shards.push(shard(&salt, total, &ranges));
        }
    }
    Ok(Split { variant, shards })
}

/// Is the subject in one of the ranges? The hash of nobody is an error, and only then is the targeting key asked for.
fn shard(salt: &str, total: u64, ranges: &[(u64, u64)]) -> Expr {
    let parts = [ir::Part::Text(format!("{salt}-").into()), ir::Part::Expr(Expr::Key)];
    Expr::Split(Box::new(ir::Split {
        by: Expr::Bucket(Box::new(Bucket { hash: Hash::Md5Hi32, parts: parts.into(), norm: Norm::Mod(total) })),
        ranges: Ranges::Whole(ranges.iter().map(|(start, end)| (*start, *end, Expr::Const(Value::Bool(true)))).collect()),
        missing: Expr::Err(ErrorCode::TargetingKeyMissing),
        past_end: Expr::Const(Value::Bool(false)),
    }))
}
