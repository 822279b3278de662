//! One flag. Everything it says becomes rules, tried in this order: off, schedule, prerequisites, targets, rules,
//! fallthrough; so the evaluator needs to know of none of them.

use std::sync::Arc;

use super::condition::{on_flag, when};
use super::reader::{Reader, present};
use super::rollout::{Hashing, percentage, weighted};
use super::variants::Variants;
use crate::evaluation::Reason;
use crate::ir::{Body, Expr, Ids, Rel, Rule, Runs, Target, ValueType};
use crate::ruleset::{Kind, Text, Tree};
use crate::value::Value;

/// The keys of a flag: those that decide its answer, then those that are for people.
const KEYS: &[&str] = &[
    "type",
    "enabled",
    "variants",
    "off",
    "targets",
    "rules",
    "fallthrough",
    "prerequisites",
    "schedule",
    "salt",
    "description",
    "owner",
    "tags",
    "expires",
    "environments",
];
/// The keys that are for people and never leave the service.
pub const NOTE_KEYS: &[&str] = &["description", "owner", "tags", "expires", "environments"];
/// The keys that an environment may say otherwise.
pub const OVERRIDE_KEYS: &[&str] = &["enabled", "off", "targets", "rules", "fallthrough", "prerequisites", "schedule", "salt"];
const RULE_KEYS: &[&str] = &["name", "description", "when", "serve", "rollout", "percentage", "by", "salt", "from", "until"];
/// The most rules that a flag may have.
const MAX_RULES: usize = 1_000;

/// Compiles what one environment says of a flag.
pub fn compile(reader: &mut Reader, name: &Arc<str>, node: &Tree<'_>) -> Option<Body> {
    reader.keys(node, "a flag", KEYS)?;
    notes(reader, node);
    let variants = Variants::read(reader, node)?;
    let salt = reader.text(node, "salt").unwrap_or_else(|| Text::Shared(name.clone()));
    let enabled = reader.bool(node, "enabled").unwrap_or(true);

    // Everything is read even if the flag is off, so that a mistake shows before somebody turns it on.
    let count = |key: &str| node.get(key).map_or(0, |node| node.entries().len() + node.items().len());
    let mut rules = Vec::with_capacity(2 + count("targets") + count("rules"));
    rules.extend(reader.within("schedule", |reader| schedule(reader, node, &variants)));
    rules.extend(reader.within("prerequisites", |reader| prerequisites(reader, node, &variants)));
    reader.within("targets", |reader| targets(reader, node, &variants, &mut rules));
    let list = reader.list(node, "rules");
    if list.len() > MAX_RULES {
        reader.error::<()>(node.at, format!("a flag may have {MAX_RULES} rules, and this has {}", list.len()));
    }
    for (at, node) in list.iter().take(MAX_RULES).enumerate() {
        rules.extend(reader.within("rules", |reader| reader.within(at, |reader| rule(reader, node, &variants, &salt))));
    }
    let fallthrough = reader.within("fallthrough", |reader| fallthrough(reader, node, &variants, &salt));

    if !enabled {
        rules.clear();
    }
    Some(Body {
        value_type: variants.value_type,
        fallthrough: if enabled { fallthrough? } else { variants.off(Reason::Disabled) },
        runs: Runs::of(&rules),
        rules: rules.into(),
        variants: variants.list,
    })
}

fn notes(reader: &mut Reader, node: &Tree<'_>) {
    for key in ["description", "owner"] {
        reader.text(node, key);
    }
    let tags = reader.list(node, "tags");
    reader.within("tags", |reader| drop(reader.texts(tags)));
    reader.date(node, "expires");
}

fn serve(variant: u32, reason: Reason) -> Expr {
    Expr::Target(Target { variant: Some(variant), reason, note: None })
}

fn within_dates(from: Option<i64>, until: Option<i64>) -> Option<Expr> {
    let bound = |rel, ms: i64| Expr::Cmp(rel, Box::new((Expr::Now, Expr::Const(Value::Int(ms)))));
    let bounds: Vec<Expr> = from.map(|ms| bound(Rel::Ge, ms)).into_iter().chain(until.map(|ms| bound(Rel::Lt, ms))).collect();
    (!bounds.is_empty()).then(|| Expr::And(bounds.into()))
}

fn dates(reader: &mut Reader, node: &Tree<'_>) -> Option<Expr> {
    let (from, until) = (reader.date(node, "from"), reader.date(node, "until"));
    if let (Some(from), Some(until)) = (from, until)
        && from >= until
    {
        reader.error::<()>(node.at, "until has to be later than from");
    }
    within_dates(from, until)
}

fn schedule(reader: &mut Reader, node: &Tree<'_>, variants: &Variants) -> Option<Rule> {
    let node = present(node, "schedule")?;
    reader.keys(node, "a schedule", &["from", "until"])?;
    let on = dates(reader, node)?;
    Some(Rule { name: Some("schedule".into()), when: Expr::Not(Box::new(on)), serve: variants.off(Reason::Disabled) })
}

fn prerequisites(reader: &mut Reader, node: &Tree<'_>, variants: &Variants) -> Option<Rule> {
    let list = reader.list(node, "prerequisites");
    let conditions: Vec<Expr> =
        list.iter().enumerate().filter_map(|(at, node)| reader.within(at, |reader| on_flag(reader, node))).collect();
    let failed = Expr::Not(Box::new(Expr::IsTrue(Box::new(Expr::And(conditions.into())))));
    (!list.is_empty()).then(|| Rule { name: Some("prerequisites".into()), when: failed, serve: variants.off(Reason::PrerequisiteFailed) })
}

fn targets(reader: &mut Reader, node: &Tree<'_>, variants: &Variants, rules: &mut Vec<Rule>) {
    let Some(node) = present(node, "targets") else { return };
    if !matches!(node.kind, Kind::Map(_)) {
        reader.error::<()>(node.at, format!("has to be a map from variants to lists of users, and {} is not", node.excerpt()));
    }
    for (key, _) in node.entries() {
        let list = reader.list(node, &key.text);
        let users = reader.within(&*key.text, |reader| reader.texts(list));
        if let Some(variant) = variants.index(reader, &key.text, key.at) {
            let when = Expr::In(reader.common.key(), Ids::new(&users));
            let name = Some(reader.common.text(&Text::Lent("targets")));
            rules.push(Rule { name, when, serve: serve(variant, Reason::UserTargeted) });
        }
    }
}

fn rule(reader: &mut Reader, node: &Tree<'_>, variants: &Variants, salt: &Text<'_>) -> Option<Rule> {
    reader.keys(node, "a rule", RULE_KEYS)?;
    let name = reader.text(node, "name").map(|name| reader.common.text(&name));
    reader.text(node, "description");
    let condition = when(reader, node);
    let dates = dates(reader, node);
    let served = served(reader, node, variants, salt);
    let share = match present(node, "percentage") {
        None => None,
        Some(share) => {
            let hashing = Hashing::read(reader, node, salt);
            Some(reader.within("percentage", |reader| percentage(reader, share, hashing?))?)
        }
    };
    if share.is_none() {
        for key in ["by", "salt"] {
            if let Some(stray) = present(node, key) {
                reader.error::<()>(stray.at, format!("{key} belongs to a percentage, or into the rollout"));
            }
        }
    }
    let (condition, served) = (condition?, served?);
    let when = match dates {
        // The clock is cheaper than most conditions, and a rule that is not due need not be looked at.
        Some(due) => Expr::And([due, condition].into()),
        None => condition,
    };
    let serve = match share {
        None => served,
        Some(is_in) => {
            let served = match served {
                Expr::Target(target) => Expr::Target(Target { reason: Reason::Rollout, ..target }),
                other => other,
            };
            Expr::If(Box::new([is_in, served, Expr::Const(Value::Null)]))
        }
    };
    Some(Rule { name, when, serve })
}

fn served(reader: &mut Reader, node: &Tree<'_>, variants: &Variants, salt: &Text<'_>) -> Option<Expr> {
    match (present(node, "serve"), present(node, "rollout")) {
        (Some(variant), None) => {
            let variant = reader.within("serve", |reader| variants.named(reader, variant))?;
            Some(serve(variant, Reason::RuleMatched))
        }
        // A context without the attribute that is hashed cannot be placed: the rule declines.
        (None, Some(split)) => reader.within("rollout", |reader| weighted(reader, split, variants, salt, Expr::Const(Value::Null))),
        (None, None) if variants.value_type == ValueType::Boolean => variants.holding(true).map(|on| serve(on, Reason::RuleMatched)),
        (None, None) => reader.error(node.at, "a rule says what it serves: serve (a variant) or rollout (weights)"),
        (Some(both), Some(_)) => reader.error(both.at, "a rule has serve or rollout, not both"),
    }
}

fn fallthrough(reader: &mut Reader, node: &Tree<'_>, variants: &Variants, salt: &Text<'_>) -> Option<Expr> {
    match present(node, "fallthrough") {
        None if variants.value_type == ValueType::Boolean => match variants.holding(true) {
            // With rules, a flag is for whom they name; without, it is simply on.
            Some(on) if present(node, "rules").is_none() && present(node, "targets").is_none() => Some(serve(on, Reason::Fallthrough)),
            _ => Some(variants.off(Reason::Fallthrough)),
        },
        None => reader.error(node.at, "a flag that is not boolean says what it serves in the end: fallthrough (a variant, or a rollout)"),
        Some(split) if matches!(split.kind, Kind::Map(_)) => {
            reader.keys(split, "a fallthrough", &["rollout"])?;
            let Some(split) = present(split, "rollout") else {
                return reader.error(split.at, "is a variant's name, or {rollout: {weights: …}}");
            };
            reader.within("rollout", |reader| weighted(reader, split, variants, salt, variants.off(Reason::Fallthrough)))
        }
        Some(variant) => Some(serve(variants.named(reader, variant)?, Reason::Fallthrough)),
    }
}
