//! One segment: users by list, users left out by list, and a condition.

use super::condition::{attribute, when};
use super::reader::{Reader, present};
use crate::ir::{Expr, Ids};
use crate::ruleset::Tree;
use crate::value::Value;

/// The keys of a segment.
const KEYS: &[&str] = &["description", "owner", "tags", "users", "except", "by", "when"];

/// Compiles a segment: not if in `except`, else if in `users`, else if `when` holds.
///
/// `by` names the attribute that both lists are of (a tenant, say); without it they are targeting keys.
pub fn compile(reader: &mut Reader, node: &Tree<'_>) -> Option<Expr> {
    reader.keys(node, "a segment", KEYS)?;
    for key in ["description", "owner"] {
        reader.text(node, key);
    }
    let tags = reader.list(node, "tags");
    reader.within("tags", |reader| drop(reader.texts(tags)));
    let by = match present(node, "by") {
        None => reader.common.key(),
        Some(by) => reader.within("by", |reader| attribute(reader, by))?,
    };
    let mut listed = |key: &str| {
        present(node, key)?;
        let list = reader.list(node, key);
        let ids = reader.within(key, |reader| reader.texts(list));
        Some(Expr::In(by.clone(), Ids::new(&ids)))
    };
    let (users, except) = (listed("users"), listed("except"));
    let condition = match present(node, "when") {
        Some(_) => Some(when(reader, node)?),
        None => None,
    };
    let member = match (users, condition) {
        (Some(users), Some(condition)) => Expr::Or([users, condition].into()),
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => return reader.error(node.at, "a segment says who is in it: users (a list of ids), when (a condition), or both"),
    };
    Some(match except {
        None => member,
        Some(except) => Expr::If(Box::new([except, Expr::Const(Value::Bool(false)), member])),
    })
}
