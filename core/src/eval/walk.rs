//! The walk over a flag's rules and expressions.
//!
//! Three functions that call each other: [`Walk::test`] for conditions (three-valued), [`Walk::value`] for values,
//! [`Walk::serve`] for outcomes. An `Err` is an abort and ends the whole evaluation. What flags refer to is in `refer`,
//! what is bound in `bind`, and JSONLogic in `logic`: apart, so that the functions that every check goes through stay small
//! and their stack frames too.

use std::borrow::Cow;
use std::net::IpAddr;

use super::bind::steps;
use super::convert::{convert, to_text};
use super::hash::{self, Number};
use super::inputs::{Asked, Inputs};
use super::operand::{Operand, compare};
use super::scratch::Scratch;
use super::trace::Trace;
use super::{Answer, cbor, js, version};
use crate::context::View;
use crate::evaluation::ErrorCode;
use crate::ir::runs::Run;
use crate::ir::{Body, Bucket, Conv, Expr, Flag, Norm, Part, Ranges, Rule, Snapshot, Split, Target, TextRel};
use crate::value::Value;

/// How deep flags and segments may refer to each other. Front-ends refuse cycles; this guards against
/// what a broken document could still do to a thread's stack.
pub const MAX_REFERENCES: u32 = 32;

/// How many elements an evaluation may go over, and eights of bytes of text it may make, in all. Only lists that nest, or an
/// accumulator that grows, come near; then the flag answers with an error.
pub const MAX_WORK: u32 = 1 << 18;

/// True, false or unknown; or an abort.
pub(super) type Tri = Result<Option<bool>, ErrorCode>;

/// What a rule came to.
enum Served<'s> {
    /// The next rule, please.
    Declined,
    Target(&'s Target),
    /// Another flag's answer as this one's. Boxed, because all outcomes pass through here and hardly any is one.
    Answer(Box<Answer<'s>>),
}

/// An evaluation on its way.
pub struct Walk<'s, 'c, T> {
    pub(super) snapshot: &'s Snapshot,
    pub(super) context: View<'c>,
    pub(super) inputs: &'c dyn Inputs,
    /// Which inputs were asked.
    pub(super) asked: Asked,
    /// References followed and not yet left.
    pub(super) depth: u32,
    /// What is left of [`MAX_WORK`].
    pub(super) work: u32,
    /// What is bound innermost.
    pub(super) elem: Option<&'c Value>,
    /// What is bound outside of that, the outermost first. Boxed, because nearly all evaluations carry it for nothing.
    #[allow(clippy::box_collection, reason = "one word to set and to look at, in every check, instead of three")]
    pub(super) outer: Option<Box<Vec<&'c Value>>>,
    /// Where the next value that is made is kept.
    pub(super) scratch: &'c Scratch,
    /// Who watches.
    pub trace: T,
}

impl<'s: 'c, 'c, T: Trace> Walk<'s, 'c, T> {
    /// A walk that has not begun.
    #[inline]
    pub fn new(snapshot: &'s Snapshot, context: View<'c>, inputs: &'c dyn Inputs, scratch: &'c Scratch, trace: T) -> Self {
        let asked = Asked::default();
        Self { snapshot, context, inputs, asked, depth: 0, work: MAX_WORK, elem: None, outer: None, scratch, trace }
    }

    /// The answer of the flag of that name.
    pub fn flag(&mut self, name: &str) -> Result<Answer<'s>, ErrorCode> {
        self.known_flag(self.snapshot.flag(name).ok_or(ErrorCode::FlagNotFound)?)
    }

    /// The answer of a flag.
    #[inline]
    pub fn known_flag(&mut self, flag: &'s Flag) -> Result<Answer<'s>, ErrorCode> {
        let body = flag.body.as_ref().map_err(|invalid| invalid.code)?;
        for (index, rule) in body.rules.iter().enumerate() {
            let matched = self.tested(&rule.when)?;
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
                Served::Target(target) => return Answer::of(flag, body, Some(rule), target, self.asked),
                Served::Answer(answer) => return Ok(Answer { flag, rule: Some(rule), asked: self.asked, ..*answer }),
            }
        }
        match self.serve(&body.fallthrough)? {
            Served::Target(target) => Answer::of(flag, body, None, target, self.asked),
            Served::Answer(answer) => Ok(Answer { flag, rule: None, asked: self.asked, ..*answer }),
            Served::Declined => Err(ErrorCode::MalformedFlag),
        }
    }

    /// The answer of a flag with many rules about one attribute. Without a trace, which shows every rule.
    #[inline(never)]
    pub fn by_runs(&mut self, flag: &'s Flag, body: &'s Body, runs: &'s [Run]) -> Result<Answer<'s>, ErrorCode> {
        let mut from = 0;
        for run in runs {
            // Before it, and where the attribute is no text and the rules' further conditions may have a say, one after the other.
            let text = self.plain_text(&run.by);
            for at in from..if text.is_some() { run.from } else { run.to } {
                if let Some((rule, served)) = self.served_by(body, at)? {
                    return self.answer(flag, body, rule, served);
                }
            }
            for at in text.map_or(&[][..], |text| run.rules(text)) {
                if let Some((rule, served)) = self.served_by(body, *at as usize)? {
                    return self.answer(flag, body, rule, served);
                }
            }
            from = run.to;
        }
        for at in from..body.rules.len() {
            if let Some((rule, served)) = self.served_by(body, at)? {
                return self.answer(flag, body, rule, served);
            }
        }
        let served = self.serve(&body.fallthrough)?;
        self.answer(flag, body, None, served)
    }

    /// What the rule at that place serves, if it has the word.
    fn served_by(&mut self, body: &'s Body, at: usize) -> Result<Option<(Option<&'s Rule>, Served<'s>)>, ErrorCode> {
        let Some(rule) = body.rules.get(at) else { return Ok(None) };
        if self.tested(&rule.when)? != Some(true) {
            return Ok(None);
        }
        Ok(match self.serve(&rule.serve)? {
            Served::Declined => None,
            served => Some((Some(rule), served)),
        })
    }

    fn answer(&self, flag: &'s Flag, body: &'s Body, rule: Option<&'s Rule>, served: Served<'s>) -> Result<Answer<'s>, ErrorCode> {
        match served {
            Served::Target(target) => Answer::of(flag, body, rule, target, self.asked),
            Served::Answer(answer) => Ok(Answer { flag, rule, asked: self.asked, ..*answer }),
            Served::Declined => Err(ErrorCode::MalformedFlag),
        }
    }

    fn serve(&mut self, expr: &'s Expr) -> Result<Served<'s>, ErrorCode> {
        match expr {
            Expr::Target(target) => Ok(Served::Target(target)),
            Expr::If(parts) => match if self.tested(&parts[0])? == Some(true) { &parts[1] } else { &parts[2] } {
                // A percentage: the variant or the next rule.
                Expr::Target(target) => Ok(Served::Target(target)),
                chosen => self.serve(chosen),
            },
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
            Expr::Delegate(name) => match self.other_flag(name)? {
                Ok(answer) => Ok(Served::Answer(Box::new(answer))),
                Err(_) => Err(ErrorCode::MalformedFlag),
            },
            Expr::Const(Value::Null) => Ok(Served::Declined),
            Expr::Err(code) => Err(*code),
            Expr::Let(_) | Expr::Switch(_) | Expr::Named(_) => self.serve_rare(expr),
            _ => Err(ErrorCode::MalformedFlag),
        }
    }

    /// The outcomes of nodes that our own flags do not have.
    #[cold]
    fn serve_rare(&mut self, expr: &'s Expr) -> Result<Served<'s>, ErrorCode> {
        match expr {
            Expr::Let(parts) => {
                self.enter(&parts.0)?;
                let served = self.serve(&parts.1);
                self.unbind();
                served
            }
            Expr::Switch(switch) => {
                let chosen = self.branch(switch)?;
                self.serve(chosen)
            }
            Expr::Named(named) => {
                let name = self.value(&named.by)?;
                if T::ON {
                    self.trace.value(named.by.to_string(), name.clone().into());
                }
                if matches!(name, Operand::Null) {
                    return Ok(Served::Declined);
                }
                let name = to_text(name).ok_or(ErrorCode::UnknownVariant)?;
                let found = named.targets.iter().find(|(key, _)| **key == *name);
                found.map(|(_, target)| Served::Target(target)).ok_or(ErrorCode::UnknownVariant)
            }
            // Who calls this names the nodes above and no other.
            _ => Err(ErrorCode::MalformedFlag),
        }
    }

    /// The part of a split that its number leads to.
    fn choose(&mut self, split: &'s Split) -> Result<&'s Expr, ErrorCode> {
        let number = match &split.by {
            Expr::Bucket(bucket) if !T::ON => self.bucket(bucket)?.map_or(Operand::Null, Operand::from),
            other => self.value(other)?,
        };
        let chosen = match (&split.ranges, number) {
            (Ranges::Whole(ranges), Operand::Int(int)) => match u64::try_from(int) {
                Ok(number) => ranges.iter().find(|(from, to, _)| (*from..*to).contains(&number)).map(|(_, _, outcome)| outcome),
                Err(_) => return Ok(&split.missing),
            },
            (Ranges::Double(ranges), number @ (Operand::Int(_) | Operand::Float(_))) => {
                let number = js::number(&number);
                ranges.iter().find(|(from, to, _)| (*from..*to).contains(&number)).map(|(_, _, outcome)| outcome)
            }
            _ => return Ok(&split.missing),
        };
        Ok(chosen.unwrap_or(&split.past_end))
    }

    /// True, false or unknown: [`Walk::quick`] where the condition stands, else [`Walk::test`].
    #[inline(always)]
    fn tested(&mut self, expr: &'s Expr) -> Tri {
        match self.quick(expr) {
            Some(bool) => Ok(Some(bool)),
            None => self.test(expr),
        }
    }

    /// The conditions of everyday flags, where the context has what they look at: an attribute that is one of some texts, a percentage by the
    /// user's id, a plain version, a number. Nothing is built, nothing fails, and there is no call to pay for. `None` is not "unknown" but "look
    /// properly".
    #[inline(always)]
    fn quick(&self, expr: &'s Expr) -> Option<bool> {
        if T::ON {
            return None;
        }
        match expr {
            Expr::Const(Value::Bool(bool)) => Some(*bool),
            Expr::In(inner, ids) => self.plain_text(inner).map(|text| ids.contains(text)),
            Expr::Cmp(rel, sides) => match &**sides {
                (Expr::Bucket(bucket), Expr::Const(Value::Int(limit))) => match (&*bucket.parts, bucket.norm) {
                    ([Part::Expr(only)], Norm::Scale(_)) => match hash::bucket(bucket.hash, bucket.norm, self.plain_text(only)?.as_bytes())
                    {
                        Number::Int(number) => Some(rel.holds(number.cmp(limit))),
                        Number::Float(_) => None,
                    },
                    _ => None,
                },
                (Expr::Conv(Conv::SemverLoose, inner), Expr::Version(wanted)) if wanted.pre.is_empty() => {
                    let numbers = version::numbers(self.plain_text(inner)?)?;
                    Some(rel.holds(numbers.cmp(&[wanted.major, wanted.minor, wanted.patch])))
                }
                (Expr::Conv(Conv::Num, inner), Expr::Const(Value::Int(limit))) => match (&**inner, limit) {
                    (Expr::Attr(path), limit) if path.rest.is_empty() => match self.context.attributes.get(&path.name)? {
                        Value::Int(number) => Some(rel.holds(number.cmp(limit))),
                        _ => None,
                    },
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        }
    }

    /// True, false or unknown. What is not for everyday stands in a function of its own: this one calls itself, and what it does not hold need
    /// not be put on the stack and taken off again at each step.
    pub(super) fn test(&mut self, expr: &'s Expr) -> Tri {
        match expr {
            Expr::And(parts) => self.fold(parts, false),
            Expr::Or(parts) => self.fold(parts, true),
            Expr::Not(inner) => Ok(self.tested(inner)?.map(|bool| !bool)),
            Expr::Const(Value::Bool(bool)) => Ok(Some(*bool)),
            _ => self.test_other(expr),
        }
    }

    #[inline(never)]
    fn test_other(&mut self, expr: &'s Expr) -> Tri {
        let result = match expr {
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
            Expr::Has(path) => Some(
                self.context.attributes.get(&path.name).is_some_and(|value| path.rest.is_empty() || steps(value, &path.rest).is_some()),
            ),
            Expr::In(inner, ids) => self.text(inner)?.map(|text| ids.contains(&text)),
            Expr::Cmp(rel, sides) => {
                let left = self.value(&sides.0)?;
                let result = compare(*rel, &left, &self.value(&sides.1)?);
                if T::ON {
                    self.trace.condition(expr.to_string(), left.into(), result);
                }
                return Ok(result);
            }
            Expr::Text(rel, parts) => self.text(&parts.0)?.map(|text| {
                parts.1.iter().any(|needle| match rel {
                    TextRel::StartsWith => text.starts_with(&**needle),
                    TextRel::EndsWith => text.ends_with(&**needle),
                    TextRel::Contains => text.contains(&**needle),
                })
            }),
            Expr::Regex(inner, regex) => self.text(inner)?.map(|text| regex.is_match(&text)),
            Expr::Cidr(parts) => self
                .text(&parts.0)?
                .and_then(|text| text.parse::<IpAddr>().ok())
                .map(|address| parts.1.iter().any(|network| network.contains(&address))),
            Expr::Quant(quant, list, condition) => self.quantify(*quant, list, condition)?,
            Expr::Err(code) => return Err(*code),
            Expr::InSet(inner, set) => self.in_set(inner, set)?,
            Expr::Pattern(parts) => self.text(&parts.0)?.and_then(|text| parts.1.is_match(&text)),
            Expr::Js(rel, sides) => return self.js(*rel, sides, expr),
            Expr::Let(_) | Expr::Switch(_) => return self.test_rare(expr),
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
            match self.tested(part)? {
                Some(bool) if bool == decisive => return Ok(Some(decisive)),
                Some(_) => {}
                None => result = None,
            }
        }
        Ok(result)
    }

    pub(super) fn value(&mut self, expr: &'s Expr) -> Result<Operand<'c>, ErrorCode> {
        Ok(match expr {
            Expr::Key => self.context.key.map_or(Operand::Null, |key| Operand::Text(Cow::Borrowed(key))),
            Expr::Attr(_) | Expr::Elem(..) => self.borrowed(expr).map_or(Operand::Null, Operand::from),
            Expr::Const(value) => Operand::from(value),
            Expr::Version(version) => Operand::Version(version),
            Expr::Now => Operand::Int(self.now()),
            Expr::Ramp(ramp) => Operand::Int(ramp.at(self.now())),
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
            Expr::Flag(name, field) => self.field(name, *field)?,
            Expr::Err(code) => return Err(*code),
            Expr::Split(split) => {
                let chosen = self.choose(split)?;
                return self.value(chosen);
            }
            Expr::Let(_) | Expr::Switch(_) | Expr::AsList(_) | Expr::Rand(_) | Expr::Extern(_) | Expr::Logic(_) => return self.rare(expr),
            Expr::Target(_) | Expr::Delegate(_) | Expr::Named(_) => return Err(ErrorCode::MalformedFlag),
            condition => self.test(condition)?.map_or(Operand::Null, Operand::Bool),
        })
    }

    #[inline]
    fn now(&mut self) -> i64 {
        self.asked.time = true;
        self.inputs.now()
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
                Part::Cbor(expr) => {
                    if !cbor::encode(self.value(expr)?, &mut bytes) {
                        return Ok(None);
                    }
                }
            }
        }
        Ok(Some(hash::bucket(bucket.hash, bucket.norm, &bytes)))
    }

    /// The text that an expression comes to.
    #[inline]
    pub(super) fn text(&mut self, expr: &'s Expr) -> Result<Option<Cow<'c, str>>, ErrorCode> {
        if let Some(text) = self.plain_text(expr) {
            return Ok(Some(Cow::Borrowed(text)));
        }
        Ok(match self.value(expr)? {
            Operand::Text(text) => Some(text),
            _ => None,
        })
    }

    /// The text of the targeting key or of an attribute: what most conditions look at, without the general way's copies.
    #[inline(always)]
    fn plain_text(&self, expr: &'s Expr) -> Option<&'c str> {
        match expr {
            Expr::Key => self.context.key,
            Expr::Attr(path) if path.rest.is_empty() => self.context.attributes.get(&path.name)?.as_str(),
            _ => None,
        }
    }
}

impl Expr {
    /// The part of a condition that the context decides: what a trace shows as the actual value.
    fn subject(&self) -> Option<&Expr> {
        match self {
            Expr::In(inner, _) | Expr::Regex(inner, _) | Expr::IsNull(inner) | Expr::Quant(_, inner, _) => Some(inner.plain()),
            Expr::Text(_, parts) => Some(parts.0.plain()),
            Expr::Cidr(parts) => Some(parts.0.plain()),
            Expr::InSet(inner, _) => Some(inner.plain()),
            Expr::Pattern(parts) => Some(parts.0.plain()),
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
