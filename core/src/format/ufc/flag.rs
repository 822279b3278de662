//! A flag: its variations, and its allocations as rules.

use std::sync::Arc;

use jiff::Timestamp;

use super::dialect::Dialect;
use super::part::{Part, count, is_map, list, optional_list, text, wrong};
use super::variations::Variations;
use super::{condition, split};
use crate::evaluation::Reason;
use crate::ir::{Body, Expr, Rel, Rule, Target, ValueType};
use crate::ruleset::{Kind, Node};
use crate::value::Value;

/// No allocation matched, or one that is everybody's for a time.
pub const DEFAULT: &str = "DEFAULT";
const TARGETING_MATCH: &str = "TARGETING_MATCH";
const SPLIT: &str = "SPLIT";
const STATIC: &str = "STATIC";
const DISABLED: &str = "DISABLED";
/// All reasons that a target may carry as its note.
pub const REASONS: [&str; 5] = [DEFAULT, TARGETING_MATCH, SPLIT, STATIC, DISABLED];

/// Eppo's number of shards where the flag has none.
const SHARDS: u64 = 10_000;

/// Compiles a flag.
///
/// # Errors
/// What makes the whole flag invalid, as a sentence.
pub fn compile(node: &Node, dialect: Dialect) -> Part<Body> {
    if !is_map(node) {
        return Err(format!("the flag is {}, want a map", node.excerpt()));
    }
    let value_type = value_type(&text(node, "variationType")?)?;
    let Some(Kind::Bool(enabled)) = node.get("enabled").map(|node| &node.kind) else {
        return Err(wrong(node, "enabled", "true or false"));
    };
    if !enabled {
        let fallthrough = nobody(Reason::Disabled, DISABLED);
        return Ok(Body { runs: Default::default(), value_type, variants: Arc::new([]), rules: Box::new([]), fallthrough });
    }
    let mut variations = Variations::read(node, value_type, dialect)?;
    let shards = if node.get("totalShards").is_some() && dialect == Dialect::Eppo { count(node, "totalShards")? } else { SHARDS };
    let rules = list(node, "allocations")?.iter().map(|allocation| {
        let name = text(allocation, "key")?;
        self::allocation(allocation, shards, &name, &mut variations).map_err(|message| format!("allocation \"{name}\": {message}"))
    });
    let rules = rules.collect::<Part<_>>()?;
    Ok(Body {
        runs: Default::default(),
        value_type,
        variants: variations.list.into(),
        rules,
        fallthrough: nobody(Reason::Fallthrough, DEFAULT),
    })
}

fn value_type(name: &str) -> Part<ValueType> {
    Ok(match name {
        "BOOLEAN" => ValueType::Boolean,
        "STRING" => ValueType::String,
        "INTEGER" => ValueType::Integer,
        "NUMERIC" => ValueType::Double,
        "JSON" => ValueType::Json,
        other => return Err(format!("\"variationType\" is \"{other}\", want BOOLEAN, STRING, INTEGER, NUMERIC or JSON")),
    })
}

fn nobody(reason: Reason, note: &str) -> Expr {
    Expr::Target(Target { variant: None, reason, note: Some(Box::new(note.into())) })
}

fn allocation(node: &Node, shards: u64, name: &Arc<str>, variations: &mut Variations) -> Part<Rule> {
    let mut when = Vec::new();
    if let Some(start) = date(node, "startAt")? {
        // Inclusive, and a check knows the time in whole milliseconds: round inwards.
        when.push(bound(Rel::Ge, -(-start).div_euclid(1_000_000)));
    }
    if let Some(end) = date(node, "endAt")? {
        when.push(bound(Rel::Le, end.div_euclid(1_000_000)));
    }
    let has_dates = !when.is_empty();
    let rules = optional_list(node, "rules")?;
    if !rules.is_empty() {
        when.push(Expr::Or(rules.iter().map(|rule| self::rule(rule, variations.dialect())).collect::<Part<_>>()?));
    }
    let splits = list(node, "splits")?;
    let splits = splits.iter().map(|split| split::read(split, shards, variations)).collect::<Part<Vec<_>>>()?;
    let one_for_all = matches!(&splits[..], [only] if only.shards.is_empty());
    let note: Arc<str> = match (rules.is_empty(), one_for_all, has_dates) {
        (false, _, _) => TARGETING_MATCH,
        (true, true, true) => DEFAULT,
        (true, true, false) => STATIC,
        (true, false, _) => SPLIT,
    }
    .into();
    let outcomes = splits.into_iter().map(|split| {
        let reason = match (split.shards.is_empty(), rules.is_empty()) {
            (false, _) => Reason::Rollout,
            (true, false) => Reason::RuleMatched,
            (true, true) => Reason::Fallthrough,
        };
        split.serve(Expr::Target(Target { variant: Some(split.variant), reason, note: Some(Box::new(note.clone())) }))
    });
    Ok(Rule { name: Some(name.clone()), when: Expr::And(when.into()), serve: Expr::Coalesce(outcomes.collect()) })
}

fn rule(node: &Node, dialect: Dialect) -> Part<Expr> {
    let conditions = list(node, "conditions")?.iter().map(|node| match condition::read(node, dialect) {
        Err(_) if dialect == Dialect::Eppo => Ok(Expr::Const(Value::Bool(false))),
        result => result,
    });
    Ok(Expr::And(conditions.collect::<Part<_>>()?))
}

/// A date in nanoseconds since 1970.
fn date(node: &Node, key: &str) -> Part<Option<i128>> {
    let Some(found) = node.get(key).filter(|node| !node.is_null()) else {
        return Ok(None);
    };
    let date = found.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    date.map(|date| Some(date.as_nanosecond())).ok_or_else(|| wrong(node, key, "a date and time like 2030-01-31T09:00:00Z"))
}

fn bound(rel: Rel, millis: i128) -> Expr {
    // The years that a date can have fit easily.
    Expr::Cmp(rel, Box::new((Expr::Now, Expr::Const(Value::Int(millis as i64)))))
}
