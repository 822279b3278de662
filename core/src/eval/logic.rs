//! JSONLogic's operations (jsonlogic.com) and flagd's, over values that JavaScript would coerce.
//!
//! Where the JavaScript library and the prose differ the library has the word, because its answers are what the
//! compatibility suite holds. Characters are counted, not UTF-16 units.

use std::borrow::Cow;
use std::sync::Arc;

use super::bind::either;
use super::convert::{convert, number};
use super::js;
use super::operand::Operand;
use super::trace::Trace;
use super::walk::Walk;
use crate::evaluation::ErrorCode;
use crate::ir::{Conv, Expr, Logic, LogicOp};
use crate::value::Value;

type Done<'c> = Result<Operand<'c>, ErrorCode>;

impl<'s: 'c, 'c, T: Trace> Walk<'s, 'c, T> {
    /// An operation.
    #[inline(never)]
    pub(super) fn logic(&mut self, logic: &'s Logic) -> Done<'c> {
        use LogicOp::{Add, And, Cat, Context, Dig, Div, If, In, List, Max, Merge, Min, Missing, MissingSome, Mul, Not, Or, Rem};
        use LogicOp::{All, Filter, Map, None, Reduce, SameMajor, SameMinor, Some, Sub, Substr, Truthy, Weighted, WeightedPercent};
        let args = &*logic.args;
        self.spend(1)?;
        match logic.op {
            Context => {
                let map = Value::Map(self.context.attributes.entries().into());
                Ok(Operand::from(self.keep_value(map)?))
            }
            Dig => self.dig(args),
            Missing => self.missing(args),
            MissingSome => self.missing_some(args),
            List => {
                let list = self.values(args)?;
                self.list(list)
            }
            Merge => {
                let list = self.flat(args)?;
                self.list(list)
            }
            Truthy => Ok(Operand::Bool(truthy(&self.nth(args, 0)?))),
            Not => Ok(Operand::Bool(!truthy(&self.nth(args, 0)?))),
            And => self.first(args, false),
            Or => self.first(args, true),
            If => self.chain(args),
            In => self.member(args),
            Add | Mul => {
                let unit = if logic.op == Add { 0.0 } else { 1.0 };
                let mut result = unit;
                for arg in args {
                    let operand = js::parse_float(&self.value(arg)?);
                    result = if logic.op == Add { result + operand } else { result * operand };
                }
                Ok(number(result))
            }
            Sub if args.len() == 1 => Ok(number(-js::number(&self.nth(args, 0)?))),
            Sub | Div | Rem => {
                let (a, b) = (js::number(&self.nth(args, 0)?), js::number(&self.nth(args, 1)?));
                Ok(number(match logic.op {
                    Sub => a - b,
                    Div => a / b,
                    _ => a % b,
                }))
            }
            Min | Max => {
                let mut result = if logic.op == Min { f64::INFINITY } else { f64::NEG_INFINITY };
                for arg in args {
                    let operand = js::number(&self.value(arg)?);
                    let better = if logic.op == Min { operand < result } else { operand > result };
                    if better || operand.is_nan() {
                        result = operand;
                    }
                    if result.is_nan() {
                        break;
                    }
                }
                Ok(number(result))
            }
            Cat => {
                let mut text = String::new();
                for value in self.values(args)? {
                    let piece = js::element_text(&value);
                    self.spend(piece.len() / 8)?;
                    text.push_str(&piece);
                }
                Ok(Operand::Text(Cow::Owned(text)))
            }
            Substr => self.substr(args),
            Map | Filter => self.map(args, logic.op == Map),
            Reduce => self.reduce(args),
            All | Some | None => self.count(args, logic.op),
            SameMajor | SameMinor => self.same_version(args, logic.op == SameMinor),
            Weighted | WeightedPercent => self.weighted(args, logic.op == WeightedPercent),
        }
    }

    fn nth(&mut self, args: &'s [Expr], at: usize) -> Done<'c> {
        args.get(at).map_or(Ok(Operand::Null), |arg| self.value(arg))
    }

    fn values(&mut self, args: &'s [Expr]) -> Result<Vec<Value>, ErrorCode> {
        args.iter().map(|arg| Ok(self.value(arg)?.into())).collect()
    }

    /// The arguments' values, with lists taken apart.
    fn flat(&mut self, args: &'s [Expr]) -> Result<Vec<Value>, ErrorCode> {
        let mut flat = Vec::new();
        for arg in args {
            match self.value(arg)? {
                Operand::Value(Value::List(items)) => {
                    self.spend(items.len())?;
                    flat.extend(items.iter().cloned());
                }
                other => flat.push(other.into()),
            }
        }
        Ok(flat)
    }

    fn list(&mut self, list: Vec<Value>) -> Done<'c> {
        Ok(Operand::from(self.keep_value(Value::List(list.into()))?))
    }

    /// The elements of the first argument; none where it is no list.
    fn items(&mut self, args: &'s [Expr]) -> Result<&'c [Value], ErrorCode> {
        let items: &'c [Value] = match self.nth(args, 0)? {
            Operand::Value(Value::List(items)) => items,
            _ => &[],
        };
        self.spend(items.len())?;
        Ok(items)
    }

    fn dig(&mut self, args: &'s [Expr]) -> Done<'c> {
        let data = self.nth(args, 0)?;
        let data = self.keep(data)?;
        let path: Value = self.nth(args, 1)?.into();
        match lead(data, &path) {
            Some(found) if !matches!(found, Value::Null) => Ok(Operand::from(found)),
            _ => self.nth(args, 2),
        }
    }

    fn missing(&mut self, args: &'s [Expr]) -> Done<'c> {
        let data = self.nth(args, 0)?;
        let data = self.keep(data)?;
        let names = self.flat(args.get(1..).unwrap_or_default())?;
        self.list(missing_in(data, names.iter()))
    }

    fn missing_some(&mut self, args: &'s [Expr]) -> Done<'c> {
        let data = self.nth(args, 0)?;
        let data = self.keep(data)?;
        let wanted = js::number(&self.nth(args, 1)?);
        let names = self.flat(args.get(2..).unwrap_or_default())?;
        let missing = missing_in(data, names.iter());
        let enough = (names.len() - missing.len()) as f64 >= wanted;
        self.list(if enough { Vec::new() } else { missing })
    }

    /// The first argument that is truthy, or that is not, else the last.
    fn first(&mut self, args: &'s [Expr], wanted: bool) -> Done<'c> {
        let mut last = Operand::Null;
        for arg in args {
            last = self.value(arg)?;
            if truthy(&last) == wanted {
                break;
            }
        }
        Ok(last)
    }

    fn chain(&mut self, args: &'s [Expr]) -> Done<'c> {
        for pair in args.chunks(2) {
            match pair {
                [when, then] => {
                    if truthy(&self.value(when)?) {
                        return self.value(then);
                    }
                }
                rest => return self.nth(rest, 0),
            }
        }
        Ok(Operand::Null)
    }

    fn member(&mut self, args: &'s [Expr]) -> Done<'c> {
        let item = self.nth(args, 0)?;
        Ok(Operand::Bool(match self.nth(args, 1)? {
            Operand::Text(text) => text.contains(&*js::text(&item)),
            Operand::Value(Value::List(items)) => {
                self.spend(items.len())?;
                items.iter().any(|other| js::same(&item, &Operand::from(other)))
            }
            _ => false,
        }))
    }

    fn substr(&mut self, args: &'s [Expr]) -> Done<'c> {
        let source = self.nth(args, 0)?;
        let source = js::text(&source);
        let (from, len) = (self.nth(args, 1)?, self.nth(args, 2)?);
        // Saturating casts: what is not a number is 0.
        let chars = source.chars().count() as i64;
        let from = js::number(&from) as i64;
        let from = if from < 0 { (chars + from.max(-chars)).max(0) } else { from.min(chars) };
        let rest = chars - from;
        let len = match len {
            Operand::Null => rest,
            len => match js::number(&len) as i64 {
                len if len < 0 => (rest + len.max(-rest)).max(0),
                len => len.min(rest),
            },
        };
        Ok(Operand::Text(Cow::Owned(source.chars().skip(from as usize).take(len as usize).collect())))
    }

    /// `map`, or else `filter`.
    fn map(&mut self, args: &'s [Expr], is_map: bool) -> Done<'c> {
        let items = self.items(args)?;
        let mut made = Vec::new();
        if let Some(body) = args.get(1) {
            self.bind(items.first().unwrap_or(&Value::Null));
            for item in items {
                self.elem = Some(item);
                let value = self.value(body)?;
                if is_map {
                    made.push(value.into());
                } else if truthy(&value) {
                    made.push(item.clone());
                }
            }
            self.unbind();
        }
        self.list(made)
    }

    fn reduce(&mut self, args: &'s [Expr]) -> Done<'c> {
        let items = self.items(args)?;
        let first = self.nth(args, 2)?;
        let Some(body) = args.get(1) else { return Ok(first) };
        let (current, accumulator): (Arc<str>, Arc<str>) = ("current".into(), "accumulator".into());
        let mut so_far: Value = first.into();
        for item in items {
            let both = [(current.clone(), item.clone()), (accumulator.clone(), so_far)];
            let both = self.keep_value(Value::Map(both.into()))?;
            self.bind(both);
            so_far = self.value(body)?.into();
            self.unbind();
        }
        Ok(Operand::from(self.keep_value(so_far)?))
    }

    fn count(&mut self, args: &'s [Expr], op: LogicOp) -> Done<'c> {
        let items = self.items(args)?;
        let mut held = 0;
        if let Some(condition) = args.get(1) {
            self.bind(items.first().unwrap_or(&Value::Null));
            for item in items {
                self.elem = Some(item);
                held += usize::from(truthy(&self.value(condition)?));
            }
            self.unbind();
        }
        Ok(Operand::Bool(match op {
            LogicOp::All => held == items.len() && held > 0,
            LogicOp::Some => held > 0,
            _ => held == 0,
        }))
    }

    fn same_version(&mut self, args: &'s [Expr], minor_too: bool) -> Done<'c> {
        let (a, b) = (convert(Conv::SemverGo, self.nth(args, 0)?), convert(Conv::SemverGo, self.nth(args, 1)?));
        Ok(match (a, b) {
            (Operand::Parsed(a), Operand::Parsed(b)) => Operand::Bool(a.major == b.major && (!minor_too || a.minor == b.minor)),
            _ => Operand::Null,
        })
    }

    fn weighted(&mut self, args: &'s [Expr], percent: bool) -> Done<'c> {
        const MOST: f64 = i32::MAX as f64;
        let by = self.nth(args, 0)?;
        let mut shares = Vec::new();
        let mut total = 0.0;
        for pair in args.get(1..).unwrap_or_default().chunks(2) {
            let weight = match pair.get(1).map(|weight| self.value(weight)).transpose()? {
                None => 1.0,
                Some(weight @ (Operand::Int(_) | Operand::Float(_))) => js::number(&weight).trunc().max(0.0),
                Some(_) => return Ok(Operand::Null),
            };
            total += weight;
            shares.push((&pair[0], weight));
        }
        if !matches!(by, Operand::Int(_) | Operand::Float(_)) || total <= 0.0 || total > MOST {
            return Ok(Operand::Null);
        }
        let number = js::number(&by);
        // Sums of whole numbers below 2^53 are exact in doubles; the first version's percentages are not, and are added in its order.
        let number = if percent { number } else { ((number as u64 * total as u64) >> 32) as f64 };
        let mut end = 0.0;
        for (outcome, weight) in shares {
            end += if percent { 100.0 * weight / total } else { weight };
            if number < end {
                return self.value(outcome);
            }
        }
        Ok(Operand::Null)
    }
}

/// JSONLogic's truth: JavaScript's, but an empty list is not true.
fn truthy(operand: &Operand<'_>) -> bool {
    match operand {
        Operand::Value(Value::List(list)) => !list.is_empty(),
        other => js::truthy(other),
    }
}

/// Where a path with dots leads. No path, or an empty one, is the data itself.
fn lead<'v>(data: &'v Value, path: &Value) -> Option<&'v Value> {
    let path = Operand::from(path);
    let path = if matches!(path, Operand::Null) { Cow::Borrowed("") } else { js::text(&path) };
    if path.is_empty() {
        return Some(data);
    }
    path.split('.').try_fold(data, either)
}

fn missing_in<'n>(data: &Value, names: impl Iterator<Item = &'n Value>) -> Vec<Value> {
    let is_missing = |name: &&Value| match lead(data, name) {
        None | Some(Value::Null) => true,
        Some(Value::Text(text)) => text.is_empty(),
        Some(_) => false,
    };
    names.filter(is_missing).cloned().collect()
}
