//! A condition on one attribute.

use std::sync::Arc;

use regex::Regex;
use semver::Version;

use super::dialect::Dialect;
use super::part::{Part, text, wrong};
use crate::ir::{Conv, Expr, Ids, Path, Rel};
use crate::ruleset::{Kind, Node};
use crate::value::Value;

/// Reads a condition. A missing attribute makes it unknown, be it `ONE_OF` or `NOT_ONE_OF`; only `IS_NULL` sees it.
///
/// # Errors
/// An operator that the dialect does not know, or a value that does not go with it.
pub fn read(node: &Node, dialect: Dialect) -> Part<Expr> {
    let attribute = attribute(text(node, "attribute")?);
    let operator = text(node, "operator")?;
    match &*operator {
        "MATCHES" => matches(node, dialect, attribute),
        "NOT_MATCHES" => Ok(Expr::Not(Box::new(matches(node, dialect, attribute)?))),
        "ONE_OF" => one_of(node, attribute),
        "NOT_ONE_OF" => Ok(Expr::Not(Box::new(one_of(node, attribute)?))),
        "IS_NULL" => match node.get("value").map(|node| &node.kind) {
            Some(Kind::Bool(true)) => Ok(Expr::IsNull(Arc::new(attribute))),
            Some(Kind::Bool(false)) => Ok(Expr::Not(Box::new(Expr::IsNull(Arc::new(attribute))))),
            _ => Err(wrong(node, "value", "true or false")),
        },
        "GT" => compare(node, dialect, attribute, Rel::Gt),
        "GTE" => compare(node, dialect, attribute, Rel::Ge),
        "LT" => compare(node, dialect, attribute, Rel::Lt),
        "LTE" => compare(node, dialect, attribute, Rel::Le),
        operator => match (semver_operator(operator), dialect) {
            (Some(rel), Dialect::Datadog) => {
                let version = single_text(node, dialect).and_then(|text| Version::parse(text).ok());
                Ok(compare_versions(attribute, rel, version.ok_or_else(|| wrong(node, "value", "a version like 1.2.3"))?))
            }
            _ => Err(format!("\"operator\" is \"{operator}\", which is none")),
        },
    }
}

fn semver_operator(operator: &str) -> Option<Rel> {
    Some(match operator {
        "SEMVER_GT" => Rel::Gt,
        "SEMVER_GTE" => Rel::Ge,
        "SEMVER_LT" => Rel::Lt,
        "SEMVER_LTE" => Rel::Le,
        "SEMVER_EQ" => Rel::Eq,
        "SEMVER_NEQ" => Rel::Ne,
        _ => return None,
    })
}

/// The attribute of that name; `id` is the targeting key unless the context has an attribute `id`, even a null one.
fn attribute(name: Arc<str>) -> Expr {
    let path = Arc::new(Path { name, rest: Box::new([]) });
    if &*path.name == "id" { Expr::If(Box::new([Expr::Has(path.clone()), Expr::Attr(path), Expr::Key])) } else { Expr::Attr(path) }
}

fn as_text(attribute: Expr) -> Arc<Expr> {
    Arc::new(Expr::Conv(Conv::ToText, Arc::new(attribute)))
}

fn matches(node: &Node, dialect: Dialect, attribute: Expr) -> Part<Expr> {
    let pattern = single_text(node, dialect).ok_or_else(|| wrong(node, "value", "a regular expression"))?;
    let regex = Regex::new(pattern).map_err(|error| format!("\"value\" is \"{pattern}\", which is no regular expression: {error}"))?;
    Ok(Expr::Regex(as_text(attribute), regex.into()))
}

fn one_of(node: &Node, attribute: Expr) -> Part<Expr> {
    let Some(Kind::List(values)) = node.get("value").map(|node| &node.kind) else {
        return Err(wrong(node, "value", "a list of texts"));
    };
    let texts: Option<Vec<&str>> = values.iter().map(Node::as_str).collect();
    Ok(Expr::In(as_text(attribute), Ids::new(&texts.ok_or_else(|| wrong(node, "value", "a list of texts"))?)))
}

fn compare(node: &Node, dialect: Dialect, attribute: Expr, rel: Rel) -> Part<Expr> {
    let number = match node.get("value").map(|node| &node.kind) {
        Some(Kind::Int(int)) => Some(Value::Int(*int)),
        Some(Kind::Float(float)) => Some(Value::Float(*float)),
        Some(Kind::Text(text)) if dialect == Dialect::Eppo => {
            if let Ok(version) = Version::parse(text) {
                return Ok(compare_versions(attribute, rel, version));
            }
            text.parse::<f64>().ok().map(Value::from)
        }
        _ => None,
    };
    let number = number.ok_or_else(|| wrong(node, "value", "a number"))?;
    let attribute = Expr::Conv(Conv::ParseNum, Arc::new(attribute));
    Ok(Expr::Cmp(rel, Box::new((attribute, Expr::Const(number)))))
}

fn compare_versions(attribute: Expr, rel: Rel, version: Version) -> Expr {
    let attribute = Expr::Conv(Conv::Semver, Arc::new(attribute));
    Expr::Cmp(rel, Box::new((attribute, Expr::Version(Box::new(version)))))
}

/// The text under `value`; to Datadog a list of one text is that text.
fn single_text(node: &Node, dialect: Dialect) -> Option<&str> {
    match &node.get("value")?.kind {
        Kind::Text(text) => Some(text),
        Kind::List(list) if dialect == Dialect::Datadog && list.len() == 1 => list[0].as_str(),
        _ => None,
    }
}
