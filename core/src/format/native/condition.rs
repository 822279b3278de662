//! Conditions: `{attribute: plan, in: [pro]}`, `all`, `any`, `not`, `segment`, `flag`.
//!
//! A missing attribute, or one of another type than an operator needs, makes a condition unknown. Unknown is not
//! true, and neither is its negation: a rule fires only on what is known. `exists` asks for presence itself.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use regex::{Regex, RegexBuilder};

use super::reader::{Reader, present, suggestion};
use super::references::{Name, Reference};
use crate::eval::{parse_date_ms, parse_version};
use crate::ir::{Conv, Expr, Field, Path, Quant, Rel, Seg, TextRel};
use crate::ruleset::{Kind, Text, Tree};
use crate::value::{Value, same};

/// How deep conditions may nest.
const MAX_NESTING: usize = 16;
/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 2_000;
/// The most memory that a compiled pattern may take, in bytes.
const MAX_REGEX_SIZE: usize = 1 << 20;

/// The keys of a condition on an attribute.
const KEYS: &[&str] = &[
    "attribute",
    "ignore_case",
    "equals",
    "not_equals",
    "in",
    "not_in",
    "starts_with",
    "ends_with",
    "contains",
    "matches",
    "less_than",
    "at_most",
    "greater_than",
    "at_least",
    "before",
    "after",
    "version_equals",
    "version_less_than",
    "version_at_most",
    "version_greater_than",
    "version_at_least",
    "contains_any",
    "contains_all",
    "contains_none",
    "in_network",
    "exists",
];

/// Those that test.
fn operators() -> &'static [&'static str] {
    &KEYS[2..]
}

/// Reads a condition; a list is `all` of it.
pub fn compile(reader: &mut Reader, node: &Tree<'_>) -> Option<Expr> {
    nested(reader, node, 0)
}

fn nested(reader: &mut Reader, node: &Tree<'_>, depth: usize) -> Option<Expr> {
    if depth > MAX_NESTING {
        return reader.error(node.at, format!("conditions nest deeper than {MAX_NESTING} levels: make a segment of the inner ones"));
    }
    if let Kind::List(list) = &node.kind {
        let mut parts = parts(reader, list, depth)?;
        // One alone is what it says, without the list around it.
        return Some(if let [only] = &mut *parts { std::mem::replace(only, Expr::Key) } else { Expr::And(parts) });
    }
    let first = node.entries().first().map_or("", |(key, _)| &*key.text);
    let kind = ["all", "any", "not", "segment", "flag", "attribute"].into_iter().find(|kind| node.get(kind).is_some());
    match kind {
        Some(kind @ ("all" | "any")) => {
            reader.keys(node, "a condition", &[kind])?;
            let list = reader.list(node, kind);
            let parts = reader.within(kind, |reader| parts(reader, list, depth))?;
            Some(if kind == "all" { Expr::And(parts) } else { Expr::Or(parts) })
        }
        Some("not") => {
            reader.keys(node, "a condition", &["not"])?;
            let inner = reader.within("not", |reader| nested(reader, node.get("not")?, depth + 1))?;
            Some(Expr::Not(Box::new(inner)))
        }
        Some("segment") => {
            reader.keys(node, "a condition on a segment", &["segment"])?;
            let name = reader.name(node, "segment")?.share();
            refer(reader, node.get("segment")?, Name::Segment(name.clone()), None);
            Some(Expr::Segment(name))
        }
        Some("flag") => on_flag(reader, node),
        Some(_) => on_attribute(reader, node),
        None => {
            let hint = suggestion(first, ["all", "any", "not", "segment", "flag", "attribute"].into_iter());
            reader
                .error(node.at, format!("{} is not a condition: it needs attribute, segment, flag, all, any or not{hint}", node.excerpt()))
        }
    }
}

fn parts(reader: &mut Reader, list: &[Tree<'_>], depth: usize) -> Option<Box<[Expr]>> {
    // All of them, whatever is wrong with the first.
    let mut parts = Vec::with_capacity(list.len());
    for (at, part) in list.iter().enumerate() {
        parts.extend(reader.within(at, |reader| nested(reader, part, depth + 1)));
    }
    (parts.len() == list.len()).then(|| parts.into())
}

fn refer(reader: &mut Reader, node: &Tree<'_>, to: Name, variant: Option<Arc<str>>) {
    let path = reader.path();
    reader.references.push(Reference { to, variant, at: node.at, path });
}

/// `{flag: checkout, variant: fast}` or `{flag: checkout, enabled: true}`; the latter without saying.
pub fn on_flag(reader: &mut Reader, node: &Tree<'_>) -> Option<Expr> {
    reader.keys(node, "a condition on a flag", &["flag", "variant", "enabled"])?;
    let name = reader.name(node, "flag")?.share();
    let variant = reader.name(node, "variant").map(|variant| variant.share());
    let enabled = reader.bool(node, "enabled");
    refer(reader, node.get("flag")?, Name::Flag(name.clone()), variant.clone());
    let (field, wanted) = match variant {
        Some(variant) if enabled.is_none() => (Field::Variant, Value::Text(variant)),
        Some(_) => return reader.error(node.at, "asks for a variant and for enabled; one of them says it"),
        None => (Field::Enabled, Value::Bool(enabled.unwrap_or(true))),
    };
    Some(Expr::Cmp(Rel::Eq, Box::new((Expr::Flag(name, field), Expr::Const(wanted)))))
}

fn on_attribute(reader: &mut Reader, node: &Tree<'_>) -> Option<Expr> {
    let before = reader.problems.len();
    reader.keys(node, "a condition on an attribute", KEYS)?;
    let attribute = attribute(reader, node.get("attribute")?)?;
    let fold = reader.bool(node, "ignore_case").unwrap_or(false);
    let mut tests = Vec::with_capacity(node.entries().len().saturating_sub(1));
    for (key, operand) in node.entries() {
        if let Some(operator) = operators().iter().find(|operator| same(operator, &key.text)) {
            tests.push(reader.within(*operator, |reader| test(reader, &attribute, operator, operand, fold)));
        }
    }
    match tests.len() {
        0 if reader.problems.len() > before => None, // a misspelt operator has been complained about
        0 => reader.error(node.at, format!("says nothing about {attribute}: it needs one of {}", operators().join(", "))),
        1 => tests.pop()?,
        _ => Some(Expr::And(tests.into_iter().collect::<Option<_>>()?)),
    }
}

/// An attribute by name, with dots into maps and numbers into lists; a list of steps where a name has dots itself.
/// `user_id` is the targeting key.
pub fn attribute(reader: &mut Reader, node: &Tree<'_>) -> Option<Arc<Expr>> {
    let mut steps = match &node.kind {
        Kind::Text(name) if !name.is_empty() && !name.contains('.') => return Some(reader.common.attribute(name)),
        Kind::Text(name) => name.split('.').map(|step| Text::Shared(step.into())).collect(),
        Kind::List(list) => reader.texts(list),
        _ => return reader.error(node.at, format!("an attribute is a name, and {} is not", node.excerpt())),
    }
    .into_iter();
    let name = steps.next().filter(|name| !name.is_empty());
    let Some(name) = name else { return reader.error(node.at, "an attribute needs a name") };
    if steps.len() == 0 {
        return Some(reader.common.attribute(&name));
    }
    let rest = steps.map(|step| step.parse().map_or_else(|_| Seg::Key(step.share()), Seg::Index)).collect();
    Some(Arc::new(Expr::Attr(Arc::new(Path { name: reader.common.text(&name), rest }))))
}

fn test(reader: &mut Reader, attribute: &Arc<Expr>, operator: &str, operand: &Tree<'_>, fold: bool) -> Option<Expr> {
    let attr = || attribute.clone();
    let text = || if fold { Arc::new(Expr::Conv(Conv::Lower, attr())) } else { attr() };
    let compare = |rel, left: Expr, right: Expr| Expr::Cmp(rel, Box::new((left, right)));
    Some(match operator {
        "equals" | "in" => member(reader, &text(), operand, fold)?,
        "not_equals" | "not_in" => Expr::Not(Box::new(member(reader, &text(), operand, fold)?)),
        "starts_with" => Expr::Text(TextRel::StartsWith, Box::new((text(), needles(reader, operand, fold)?))),
        "ends_with" => Expr::Text(TextRel::EndsWith, Box::new((text(), needles(reader, operand, fold)?))),
        "contains" => Expr::Text(TextRel::Contains, Box::new((text(), needles(reader, operand, fold)?))),
        "matches" => Expr::Regex(attr(), pattern(reader, operand, fold)?),
        "less_than" | "at_most" | "greater_than" | "at_least" => {
            compare(relation(operator), Expr::Conv(Conv::Num, attr()), Expr::Const(number(reader, operand)?))
        }
        "before" => compare(Rel::Lt, Expr::Conv(Conv::DateMs, attr()), date(reader, operand)?),
        "after" => compare(Rel::Gt, Expr::Conv(Conv::DateMs, attr()), date(reader, operand)?),
        "contains_any" => any_element(Quant::Any, attribute, operand, reader)?,
        "contains_none" => any_element(Quant::None, attribute, operand, reader)?,
        "contains_all" => {
            let wanted = one_or_more(operand);
            Expr::And(wanted.iter().map(|item| any_element(Quant::Any, attribute, item, reader)).collect::<Option<_>>()?)
        }
        "in_network" => Expr::Cidr(Box::new((attr(), networks(reader, operand)?))),
        "exists" => match operand.kind {
            Kind::Bool(wanted) => {
                let missing = Expr::IsNull(attr());
                if wanted { Expr::Not(Box::new(missing)) } else { missing }
            }
            _ => return reader.error(operand.at, format!("has to be true or false, and {} is neither", operand.excerpt())),
        },
        version => compare(
            relation(version.trim_start_matches("version_")),
            Expr::Conv(Conv::SemverLoose, attr()),
            self::version(reader, operand)?,
        ),
    })
}

fn relation(operator: &str) -> Rel {
    match operator {
        "less_than" => Rel::Lt,
        "at_most" => Rel::Le,
        "greater_than" => Rel::Gt,
        "at_least" => Rel::Ge,
        _ => Rel::Eq,
    }
}

fn one_or_more<'n, 't>(node: &'n Tree<'t>) -> &'n [Tree<'t>] {
    match &node.kind {
        Kind::List(list) => list,
        _ => std::slice::from_ref(node),
    }
}

/// Is the value one of these? Texts go into a set, other scalars are compared one by one.
fn member(reader: &mut Reader, subject: &Arc<Expr>, operand: &Tree<'_>, fold: bool) -> Option<Expr> {
    if let (Kind::Text(text), false) = (&operand.kind, fold) {
        return Some(Expr::In(subject.clone(), reader.common.ids(std::slice::from_ref(text))));
    }
    let mut texts: Vec<Text<'_>> = Vec::with_capacity(operand.items().len());
    let mut tests = Vec::new();
    for item in one_or_more(operand) {
        match &item.kind {
            Kind::Text(text) => texts.push(if fold { Text::Shared(text.to_lowercase().into()) } else { text.clone() }),
            Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) => {
                // Case does not matter to what is not text, and folding would make it unknown.
                let plain = if let Expr::Conv(Conv::Lower, inner) = &**subject { &**inner } else { subject };
                tests.push(Expr::Cmp(Rel::Eq, Box::new((plain.clone(), Expr::Const(item.to_value())))));
            }
            _ => return reader.error(item.at, format!("compares with text, numbers and booleans, and {} is none of them", item.excerpt())),
        }
    }
    if tests.is_empty() {
        return Some(Expr::In(subject.clone(), reader.common.ids(&texts)));
    }
    if !texts.is_empty() {
        tests.insert(0, Expr::In(subject.clone(), reader.common.ids(&texts)));
    }
    Some(if tests.len() == 1 { tests.remove(0) } else { Expr::Or(tests.into()) })
}

fn any_element(quant: Quant, attribute: &Arc<Expr>, operand: &Tree<'_>, reader: &mut Reader) -> Option<Expr> {
    let test = member(reader, &Arc::new(Expr::elem()), operand, false)?;
    Some(Expr::Quant(quant, attribute.clone(), Box::new(test)))
}

fn needles(reader: &mut Reader, operand: &Tree<'_>, fold: bool) -> Option<Box<[Arc<str>]>> {
    let needles = one_or_more(operand).iter().map(|item| match &item.kind {
        Kind::Text(text) => Some(if fold { text.to_lowercase().into() } else { text.share() }),
        _ => reader.error(item.at, format!("looks for text, and {} is not; put it in quotes", item.excerpt())),
    });
    needles.collect()
}

fn pattern(reader: &mut Reader, operand: &Tree<'_>, fold: bool) -> Option<Arc<Regex>> {
    let Some(text) = operand.as_str() else {
        return reader.error(operand.at, format!("a pattern is text, and {} is not", operand.excerpt()));
    };
    if text.len() > MAX_PATTERN {
        return reader.error(operand.at, format!("the pattern has {} bytes, and {MAX_PATTERN} are allowed", text.len()));
    }
    match RegexBuilder::new(text).case_insensitive(fold).size_limit(MAX_REGEX_SIZE).build() {
        Ok(regex) => Some(regex.into()),
        Err(error) => {
            let reason = error.to_string();
            let last = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            reader.error(operand.at, format!("the pattern {} is not one: {last}", operand.excerpt()))
        }
    }
}

fn number(reader: &mut Reader, operand: &Tree<'_>) -> Option<Value> {
    match operand.kind {
        Kind::Int(_) | Kind::Float(_) => Some(operand.to_value()),
        _ => reader.error(
            operand.at,
            format!(
                "compares numbers, and {} is not one (for versions there is version_at_least, for dates before and after)",
                operand.excerpt()
            ),
        ),
    }
}

fn date(reader: &mut Reader, operand: &Tree<'_>) -> Option<Expr> {
    let ms = match &operand.kind {
        Kind::Int(ms) => Some(*ms),
        Kind::Text(text) => parse_date_ms(text),
        _ => None,
    };
    match ms {
        Some(ms) => Some(Expr::Const(Value::Int(ms))),
        None => reader.error(operand.at, format!("{} is not a date: write 2027-03-01 or 2027-03-01T09:00:00Z", operand.excerpt())),
    }
}

fn version(reader: &mut Reader, operand: &Tree<'_>) -> Option<Expr> {
    match operand.as_str().and_then(parse_version) {
        Some(version) => Some(Expr::Version(Box::new(version))),
        None => {
            reader.error(operand.at, format!("{} is not a version: write \"1.4.2\" (in quotes, or 1.10 becomes 1.1)", operand.excerpt()))
        }
    }
}

fn networks(reader: &mut Reader, operand: &Tree<'_>) -> Option<Box<[IpNet]>> {
    let networks = one_or_more(operand).iter().map(|item| {
        let text = item.as_str().unwrap_or_default();
        match text.parse().ok().or_else(|| text.parse().ok().map(|address: IpAddr| address.into())) {
            Some(network) => Some(network),
            None => reader.error(item.at, format!("{} is not a network: write 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32", item.excerpt())),
        }
    });
    networks.collect()
}

/// The condition of a `when` that may be missing: always.
pub fn when(reader: &mut Reader, node: &Tree<'_>) -> Option<Expr> {
    match present(node, "when") {
        None => Some(Expr::Const(Value::Bool(true))),
        Some(condition) => reader.within("when", |reader| compile(reader, condition)),
    }
}
