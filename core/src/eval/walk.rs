//! The walk over a flag's rules and expressions.
//!
//! Three functions that call each other: [`Walk::test`] for conditions (three-valued), [`Walk::value`] for values,
//! [`Walk::serve`] for outcomes. An `Err` is an abort and ends the whole evaluation.

use std::borrow::Cow;
use std::net::IpAddr;

use super::Answer;
use super::convert::{convert, to_text};
use super::hash::{self, Number};
use super::operand::{Operand, compare};
use super::trace::Trace;
use crate::context::View;
use crate::evaluation::ErrorCode;
use crate::ir::{Body, Bucket, Conv, Expr, Field, Flag, Part, Path, Quant, Rule, Seg, Snapshot, Split, Target, TextRel};
use crate::value::Value;

/// How deep flags and segments may refer to each other. Front-ends refuse cycles; this guards against
/// what a broken document could still do to a thread's stack.
pub const MAX_REFERENCES: u32 = 32;

type Tri = Result<Option<bool>, ErrorCode>;

/// What a rule came to.
enum Served<'s> {
    /// The next rule, please.
    Declined,
    Target(&'s Target),
    /// Another flag's answer as this one's.
    Answer(Answer<'s>),
}

/// An evaluation on its way.
pub struct Walk<'s, 'c, T> {
    snapshot: &'s Snapshot,
    context: View<'c>,
    now: &'c dyn Fn() -> i64,
    depth: u32,
    elem: Option<&'c Value>,
    /// Who watches.
    pub trace: T,
}

impl<'s: 'c, 'c, T: Trace> Walk<'s, 'c, T> {
    /// A walk that has not begun.
    #[inline]
    pub fn new(snapshot: &'s Snapshot, context: View<'c>, now: &'c dyn Fn() -> i64, trace: T) -> Self {
        Self { snapshot, context, now, depth: 0, elem: None, trace }
    }

    /// The answer of a flag.
    #[inline]
    pub fn flag(&mut self, name: &str) -> Result<Answer<'s>, ErrorCode> {
        let flag = &**self.snapshot.flag(name).ok_or(ErrorCode::FlagNotFound)?;
        let body = flag.body.as_ref().map_err(|invalid| invalid.code)?;
        for (index, rule) in body.rules.iter().enumerate() {
            let matched = self.test(&rule.when)?;
            if matched != Some(true) {
                if T::ON {
                    self.trace.rule(index, rule.name.as_deref(), if matched.is_none() { "unknown" } else { "not_matched" });
                }
                continue;
            }
            let served = self.serve(&rule.serve)?;
            if T::ON {
                let declined = matches!(served, Served::Declined);
                self.trace.rule(index, rule.name.as_deref(), if declined { "declined" } else { "matched" });
            }
            match served {
                Served::Declined => {}
                Served::Target(target) => return answer(flag, body, Some(rule), target),
                Served::Answer(answer) => {
                    return Ok(Answer { flag, rule: Some(rule), ..answer });
                }
            }
        }
        match self.serve(&body.fallthrough)? {
            Served::Target(target) => answer(flag, body, None, target),
            Served::Answer(answer) => Ok(Answer { flag, rule: None, ..answer }),
            Served::Declined => Err(ErrorCode::MalformedFlag),
        }
    }

    fn serve(&mut self, expr: &'s Expr) -> Result<Served<'s>, ErrorCode> {
        match expr {
            Expr::Target(target) => Ok(Served::Target(target)),
            Expr::If(parts) => {
                let chosen = if self.test(&parts[0])? == Some(true) { &parts[1] } else { &parts[2] };
                self.serve(chosen)
            }
            Expr::Split(split) => {
                let chosen = self.choose(split)?;
                self.serve(chosen)
            }
            Expr::Coalesce(parts) => {
                for part in parts {
                    match self.serve(part)? {
                        Served::Declined => {}
                        served => return Ok(served),
                    }
                }
                Ok(Served::Declined)
            }
            Expr::Delegate(name) => self.other_flag(name)?.map(Served::Answer).ok_or(ErrorCode::MalformedFlag),
            Expr::Const(Value::Null) => Ok(Served::Declined),
            Expr::Err(code) => Err(*code),
            _ => Err(ErrorCode::MalformedFlag),
        }
    }

    /// The part of a split that its number leads to.
    fn choose(&mut self, split: &'s Split) -> Result<&'s Expr, ErrorCode> {
        let number = match &split.by {
            Expr::Bucket(bucket) if !T::ON => self.bucket(bucket)?.map_or(Operand::Null, Operand::from),
            other => self.value(other)?,
        };
        let bucket = match number {
            Operand::Int(int) => u64::try_from(int).ok(),
            _ => None,
        };
        let Some(bucket) = bucket else {
            return Ok(&split.missing);
        };
        let range = split.ranges.iter().find(|(from, to, _)| (*from..*to).contains(&bucket));
        Ok(range.map_or(&split.past_end, |(_, _, outcome)| outcome))
    }

    /// True, false or unknown.
    fn test(&mut self, expr: &'s Expr) -> Tri {
        let result = match expr {
            Expr::Const(Value::Bool(bool)) => return Ok(Some(*bool)),
            Expr::And(parts) => return self.fold(parts, false),
            Expr::Or(parts) => return self.fold(parts, true),
            Expr::Not(inner) => return Ok(self.test(inner)?.map(|bool| !bool)),
            Expr::IsTrue(inner) => return Ok(Some(self.test(inner)? == Some(true))),
            Expr::If(parts) => {
                let chosen = if self.test(&parts[0])? == Some(true) { &parts[1] } else { &parts[2] };
                return self.test(chosen);
            }
            Expr::Split(split) => {
                let chosen = self.choose(split)?;
                return self.test(chosen);
            }
            Expr::Segment(name) => self.segment(name)?,
            Expr::IsNull(inner) => Some(matches!(self.value(inner)?, Operand::Null)),
            Expr::Has(path) => {
                Some(self.context.attributes.get(&path.name).is_some_and(|value| path.rest.is_empty() || walk_path(value, path).is_some()))
            }
            Expr::In(inner, ids) => self.text(inner)?.map(|text| ids.contains(&text)),
            Expr::Cmp(rel, sides) => match &**sides {
                // A percentage: two integers and nothing to build.
                (Expr::Bucket(bucket), Expr::Const(Value::Int(limit))) if !T::ON => match self.bucket(bucket)? {
                    Some(Number::Int(number)) => Some(rel.holds(number.cmp(limit))),
                    Some(number) => compare(*rel, &number.into(), &Operand::Int(*limit)),
                    None => None,
                },
                (left, right) => {
                    let left = self.value(left)?;
                    let result = compare(*rel, &left, &self.value(right)?);
                    if T::ON {
                        self.trace.condition(expr.to_string(), left.into(), result);
                    }
                    return Ok(result);
                }
            },
            Expr::Text(rel, inner, needles) => self.text(inner)?.map(|text| {
                needles.iter().any(|needle| match rel {
                    TextRel::StartsWith => text.starts_with(&**needle),
                    TextRel::EndsWith => text.ends_with(&**needle),
                    TextRel::Contains => text.contains(&**needle),
                })
            }),
            Expr::Regex(inner, regex) => self.text(inner)?.map(|text| regex.is_match(&text)),
            Expr::Cidr(inner, networks) => self
                .text(inner)?
                .and_then(|text| text.parse::<IpAddr>().ok())
                .map(|address| networks.iter().any(|network| network.contains(&address))),
            Expr::Quant(quant, list, condition) => self.quantify(*quant, list, condition)?,
            Expr::Err(code) => return Err(*code),
            other => match self.value(other)? {
                Operand::Bool(bool) => Some(bool),
                _ => None,
            },
        };
        if T::ON {
            let actual = match expr.subject() {
                Some(subject) => self.value(subject)?.into(),
                None => Value::Null,
            };
            self.trace.condition(expr.to_string(), actual, result);
        }
        Ok(result)
    }

    /// Kleene's and (`decisive` false) and or (`decisive` true).
    fn fold(&mut self, parts: &'s [Expr], decisive: bool) -> Tri {
        let mut result = Some(!decisive);
        for part in parts {
            match self.test(part)? {
                Some(bool) if bool == decisive => return Ok(Some(decisive)),
                Some(_) => {}
                None => result = None,
            }
        }
        Ok(result)
    }

    fn quantify(&mut self, quant: Quant, list: &'s Expr, condition: &'s Expr) -> Tri {
        let single;
        let items: &[Value] = match self.value(list)? {
            Operand::Null => return Ok(None),
            Operand::Value(Value::List(items)) => items,
            // Not a list: a list of itself, where it is borrowed from the context and lives as long.
            _ => match self.borrowed(list) {
                Some(value) => {
                    single = std::slice::from_ref(value);
                    single
                }
                None => return Ok(None),
            },
        };
        let outer = self.elem;
        let mut held = 0;
        let mut failed = Ok(());
        for item in items {
            self.elem = Some(item);
            match self.test(condition) {
                Ok(result) => held += usize::from(result == Some(true)),
                Err(code) => failed = Err(code),
            }
        }
        self.elem = outer;
        failed?;
        Ok(Some(match quant {
            Quant::Any => held > 0,
            Quant::All => held == items.len(),
            Quant::None => held == 0,
        }))
    }

    fn borrowed(&self, expr: &'s Expr) -> Option<&'c Value> {
        match expr {
            Expr::Attr(path) => walk_path(self.context.attributes.get(&path.name)?, path),
            Expr::Elem => self.elem,
            _ => None,
        }
    }

    fn value(&mut self, expr: &'s Expr) -> Result<Operand<'c>, ErrorCode> {
        Ok(match expr {
            Expr::Key => self.context.key.map_or(Operand::Null, |key| Operand::Text(Cow::Borrowed(key))),
            Expr::Attr(_) | Expr::Elem => self.borrowed(expr).map_or(Operand::Null, Operand::from),
            Expr::Const(value) => Operand::from(value),
            Expr::Version(version) => Operand::Version(version),
            Expr::Now => Operand::Int((self.now)()),
            Expr::Ramp(ramp) => Operand::Int(ramp.at((self.now)())),
            Expr::Conv(conv, inner) => {
                let inner = self.value(inner)?;
                convert(*conv, inner)
            }
            Expr::Bucket(bucket) => {
                let number = self.bucket(bucket)?.map_or(Operand::Null, Operand::from);
                if T::ON {
                    self.trace.bucket(bucket.what(), number.clone().into());
                }
                number
            }
            Expr::Coalesce(parts) => {
                for part in parts {
                    match self.value(part)? {
                        Operand::Null => {}
                        operand => return Ok(operand),
                    }
                }
                Operand::Null
            }
            Expr::If(parts) => {
                let chosen = if self.test(&parts[0])? == Some(true) { &parts[1] } else { &parts[2] };
                return self.value(chosen);
            }
            Expr::Len(inner) => match self.value(inner)? {
                Operand::Text(text) => Operand::Int(text.chars().count() as i64),
                Operand::Value(Value::List(list)) => Operand::Int(list.len() as i64),
                Operand::Value(Value::Map(entries)) => Operand::Int(entries.len() as i64),
                _ => Operand::Null,
            },
            Expr::Mod(inner, divisor) => match self.value(inner)? {
                Operand::Int(int) => Operand::Float((int as f64).rem_euclid(*divisor)),
                Operand::Float(float) => Operand::Float(float.rem_euclid(*divisor)),
                _ => Operand::Null,
            },
            Expr::Flag(name, field) => match self.other_flag(name)? {
                None => Operand::Null,
                Some(answer) => match field {
                    Field::Enabled => Operand::Bool(answer.enabled().unwrap_or(false)),
                    Field::Value => answer.value.map_or(Operand::Null, Operand::from),
                    Field::Variant => answer.variant.map_or(Operand::Null, |variant| Operand::Text(Cow::Borrowed(&*variant.key))),
                },
            },
            Expr::Err(code) => return Err(*code),
            Expr::Split(split) => {
                let chosen = self.choose(split)?;
                return self.value(chosen);
            }
            Expr::Target(_) | Expr::Delegate(_) => return Err(ErrorCode::MalformedFlag),
            condition => self.test(condition)?.map_or(Operand::Null, Operand::Bool),
        })
    }

    fn bucket(&mut self, bucket: &'s Bucket) -> Result<Option<Number>, ErrorCode> {
        if let [Part::Expr(only)] = &*bucket.parts {
            // One plain text, as in our own rollouts: nothing to copy.
            if let Some(text) = self.plain_text(only) {
                return Ok(Some(hash::bucket(bucket.hash, bucket.norm, text.as_bytes())));
            }
            return Ok(to_text(self.value(only)?).map(|text| hash::bucket(bucket.hash, bucket.norm, text.as_bytes())));
        }
        let mut bytes = Vec::with_capacity(128);
        for part in &bucket.parts {
            match part {
                Part::Text(text) => bytes.extend_from_slice(text.as_bytes()),
                Part::Expr(expr) => match to_text(self.value(expr)?) {
                    Some(text) => bytes.extend_from_slice(text.as_bytes()),
                    None => return Ok(None),
                },
            }
        }
        Ok(Some(hash::bucket(bucket.hash, bucket.norm, &bytes)))
    }

    /// The text that an expression comes to.
    #[inline]
    fn text(&mut self, expr: &'s Expr) -> Result<Option<Cow<'c, str>>, ErrorCode> {
        if let Some(text) = self.plain_text(expr) {
            return Ok(Some(Cow::Borrowed(text)));
        }
        Ok(match self.value(expr)? {
            Operand::Text(text) => Some(text),
            _ => None,
        })
    }

    /// The text of the targeting key or of an attribute: what most conditions look at, without the general way's copies.
    #[inline]
    fn plain_text(&self, expr: &'s Expr) -> Option<&'c str> {
        match expr {
            Expr::Key => self.context.key,
            Expr::Attr(path) if path.rest.is_empty() => self.context.attributes.get(&path.name)?.as_str(),
            _ => None,
        }
    }

    /// Another flag's answer; `None` if there is no such flag or it cannot answer. A cycle aborts.
    fn other_flag(&mut self, name: &str) -> Result<Option<Answer<'s>>, ErrorCode> {
        self.descend()?;
        if T::ON {
            self.trace.enter_flag(name);
        }
        let elem = self.elem.take();
        let answer = self.flag(name);
        self.elem = elem;
        self.depth -= 1;
        if T::ON {
            self.trace.leave_flag(match &answer {
                Ok(answer) => answer.variant.map_or("the caller's default", |variant| &variant.key),
                Err(code) => code.as_str(),
            });
        }
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(ErrorCode::Cycle) => Err(ErrorCode::Cycle),
            Err(_) => Ok(None),
        }
    }

    fn segment(&mut self, name: &str) -> Tri {
        let Some(segment) = self.snapshot.segment(name) else {
            return Ok(None);
        };
        let Ok(body) = &segment.body else {
            return Ok(None);
        };
        self.descend()?;
        let result = self.test(body);
        self.depth -= 1;
        result
    }

    fn descend(&mut self) -> Result<(), ErrorCode> {
        self.depth += 1;
        if self.depth > MAX_REFERENCES { Err(ErrorCode::Cycle) } else { Ok(()) }
    }
}

fn answer<'s>(flag: &'s Flag, body: &'s Body, rule: Option<&'s Rule>, target: &'s Target) -> Result<Answer<'s>, ErrorCode> {
    let variant = match target.variant {
        Some(index) => Some(body.variants.get(index as usize).ok_or(ErrorCode::MalformedFlag)?),
        None => None,
    };
    let value = match variant {
        Some(variant) => Some(variant.value.as_ref().map_err(|code| *code)?),
        None => None,
    };
    Ok(Answer { flag, body, variant, value, reason: target.reason, rule, note: target.note.as_ref() })
}

fn walk_path<'v>(value: &'v Value, path: &Path) -> Option<&'v Value> {
    path.rest.iter().try_fold(value, |value, step| match (step, value) {
        (Seg::Key(key), value) => value.get(key),
        (Seg::Index(index), Value::List(list)) => list.get(*index),
        _ => None,
    })
}

impl Expr {
    /// The part of a condition that the context decides: what a trace shows as the actual value.
    fn subject(&self) -> Option<&Expr> {
        match self {
            Expr::In(inner, _) | Expr::Text(_, inner, _) | Expr::Regex(inner, _) | Expr::Cidr(inner, _) => Some(inner.plain()),
            Expr::IsNull(inner) | Expr::Quant(_, inner, _) => Some(inner.plain()),
            _ => None,
        }
    }

    /// Without conversions, which are of no interest to a reader.
    fn plain(&self) -> &Expr {
        match self {
            Expr::Conv(Conv::Lower | Conv::Text | Conv::Num | Conv::ToText, inner) => inner.plain(),
            other => other,
        }
    }
}
