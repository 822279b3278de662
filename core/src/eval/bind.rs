//! What is bound while a part of an expression is walked: elements of lists, values with a name, branches by type.

use super::inputs::Asked;
use super::js;
use super::operand::Operand;
use super::trace::Trace;
use super::walk::{Tri, Walk};
use crate::evaluation::ErrorCode;
use crate::ir::{Expr, Js, Quant, Seg, Switch};
use crate::value::Value;

static NULL: Value = Value::Null;

impl<'s: 'c, 'c, T: Trace> Walk<'s, 'c, T> {
    /// Pays for elements that are gone over, and values that are made.
    #[inline]
    pub(super) fn spend(&mut self, work: usize) -> Result<(), ErrorCode> {
        let left = u32::try_from(work).ok().and_then(|work| self.work.checked_sub(work));
        self.work = left.ok_or(ErrorCode::LimitExceeded)?;
        Ok(())
    }

    /// Keeps a value for the rest of the evaluation; one that is borrowed already stays where it is.
    pub(super) fn keep(&mut self, operand: Operand<'c>) -> Result<&'c Value, ErrorCode> {
        let value = match operand {
            Operand::Value(value) => return Ok(value),
            Operand::Null => return Ok(&NULL),
            other => Value::from(other),
        };
        self.keep_value(value)
    }

    /// Keeps a value that was made.
    pub(super) fn keep_value(&mut self, value: Value) -> Result<&'c Value, ErrorCode> {
        self.spend(8 + size(&value))?;
        let (kept, next) = self.scratch.keep(value);
        self.scratch = next;
        Ok(kept)
    }

    /// Makes a value what [`Expr::Elem`] means, until [`Walk::unbind`].
    #[inline]
    pub(super) fn bind(&mut self, value: &'c Value) {
        if let Some(outer) = self.elem.replace(value) {
            self.outer.get_or_insert_default().push(outer);
        }
    }

    /// Gives back what was bound before.
    #[inline]
    pub(super) fn unbind(&mut self) {
        self.elem = self.outer.as_mut().and_then(|outer| outer.pop());
    }

    /// Binds the value of a `let`.
    pub(super) fn enter(&mut self, expr: &'s Expr) -> Result<(), ErrorCode> {
        let value = match self.borrowed(expr) {
            Some(value) => value,
            None => {
                let value = self.value(expr)?;
                self.keep(value)?
            }
        };
        if T::ON {
            self.trace.value(expr.to_string(), value.clone());
        }
        self.bind(value);
        Ok(())
    }

    /// The branch for the type of a value.
    pub(super) fn branch(&mut self, switch: &'s Switch) -> Result<&'s Expr, ErrorCode> {
        let value = self.value(&switch.by)?;
        if T::ON {
            self.trace.value(format!("type of {}", switch.by), value.clone().into());
        }
        Ok(match value {
            Operand::Null | Operand::Abort(_) => &switch.null,
            Operand::Bool(_) => &switch.boolean,
            Operand::Int(_) => &switch.integer,
            Operand::Float(_) => &switch.double,
            Operand::Text(_) | Operand::Version(_) | Operand::Parsed(_) => &switch.text,
            Operand::Value(Value::Map(_)) => &switch.map,
            Operand::Value(_) => &switch.list,
        })
    }

    pub(super) fn quantify(&mut self, quant: Quant, list: &'s Expr, condition: &'s Expr) -> Tri {
        let items = match self.value(list)? {
            Operand::Null => return Ok(None),
            Operand::Value(Value::List(items)) => &**items,
            // A list of itself; an attribute is borrowed and not copied.
            operand => std::slice::from_ref(match self.borrowed(list) {
                Some(value) => value,
                None => self.keep(operand)?,
            }),
        };
        self.spend(items.len())?;
        self.bind(&NULL);
        let mut held = 0;
        for item in items {
            self.elem = Some(item);
            held += usize::from(self.test(condition)? == Some(true));
        }
        self.unbind();
        Ok(Some(match quant {
            Quant::Any => held > 0,
            Quant::All => held == items.len(),
            Quant::None => held == 0,
        }))
    }

    /// What an expression refers to, where it lies in the context or is bound.
    #[inline]
    pub(super) fn borrowed(&self, expr: &'s Expr) -> Option<&'c Value> {
        match expr {
            Expr::Attr(path) => steps(self.context.attributes.get(&path.name)?, &path.rest),
            Expr::Elem(0, path) => steps(self.elem?, path),
            Expr::Elem(level, path) => steps(self.outer.as_ref()?.iter().nth_back(usize::from(*level) - 1)?, path),
            _ => None,
        }
    }

    /// A comparison of JavaScript.
    #[cold]
    pub(super) fn js(&mut self, rel: Js, sides: &'s (Expr, Expr), expr: &'s Expr) -> Tri {
        let left = self.value(&sides.0)?;
        let result = Some(js::compare(rel, &left, &self.value(&sides.1)?));
        if T::ON {
            self.trace.condition(expr.to_string(), left.into(), result);
        }
        Ok(result)
    }

    /// Is the text in a set that is kept outside?
    #[cold]
    pub(super) fn in_set(&mut self, member: &'s Expr, set: &str) -> Tri {
        let Some(member) = self.text(member)? else { return Ok(None) };
        self.asked.external = true;
        Ok(self.inputs.contains(set, &member))
    }

    /// The conditions of nodes that our own flags do not have.
    #[cold]
    pub(super) fn test_rare(&mut self, expr: &'s Expr) -> Tri {
        match expr {
            Expr::Let(parts) => {
                self.enter(&parts.0)?;
                let result = self.test(&parts.1);
                self.unbind();
                result
            }
            Expr::Switch(switch) => {
                let chosen = self.branch(switch)?;
                self.test(chosen)
            }
            // Who calls this names the nodes above and no other.
            _ => Err(ErrorCode::MalformedFlag),
        }
    }

    /// The values of nodes that our own flags do not have.
    #[cold]
    pub(super) fn rare(&mut self, expr: &'s Expr) -> Result<Operand<'c>, ErrorCode> {
        match expr {
            Expr::Let(parts) => {
                self.enter(&parts.0)?;
                let value = self.value(&parts.1);
                self.unbind();
                value
            }
            Expr::Switch(switch) => {
                let chosen = self.branch(switch)?;
                self.value(chosen)
            }
            Expr::AsList(inner) => match self.value(inner)? {
                list @ (Operand::Null | Operand::Value(Value::List(_))) => Ok(list),
                other => {
                    let list = Value::List([Value::from(other)].into());
                    Ok(Operand::from(self.keep_value(list)?))
                }
            },
            Expr::Rand(below) => {
                self.asked = Asked { random: true, ..self.asked };
                let scaled = |bits: u64| (u128::from(bits) * u128::from(*below)) >> 64;
                Ok(self.inputs.random().map_or(Operand::Null, |bits| Operand::Int(scaled(bits) as i64)))
            }
            Expr::Extern(name) => {
                self.asked.external = true;
                match self.inputs.external(name, self.context) {
                    Some(value) => Ok(Operand::from(self.keep_value(value)?)),
                    None => Ok(Operand::Null),
                }
            }
            Expr::Logic(logic) => self.logic(logic),
            // Who calls this names the nodes above and no other.
            _ => Err(ErrorCode::MalformedFlag),
        }
    }
}

/// What keeping a value costs.
fn size(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len() / 8,
        Value::List(list) => list.len(),
        Value::Map(entries) => entries.len(),
        _ => 0,
    }
}

/// Where steps lead to from a value.
pub(super) fn steps<'v>(value: &'v Value, path: &[Seg]) -> Option<&'v Value> {
    path.iter().try_fold(value, |value, step| match (step, value) {
        (Seg::Key(key), value) => value.get(key),
        (Seg::Index(index), Value::List(list)) => list.get(*index),
        (Seg::Either(key), value) => either(value, key),
        _ => None,
    })
}

/// Into a map by key, or into a list by a number in decimal.
pub(super) fn either<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    match value {
        Value::List(list) if key.bytes().all(|byte| byte.is_ascii_digit()) => list.get(key.parse::<usize>().ok()?),
        value => value.get(key),
    }
}
