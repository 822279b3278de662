//! The evaluator: what does this flag answer for this context, at this moment?
//!
//! [`evaluate`] is a function of its arguments: no clock and no randomness (they are handed in as [`Inputs`], and asked only by flags
//! that depend on them), no log, no I/O, no lock, and for the flags people write most no allocation. The
//! same code runs in every client, in the service and in the command line. [`explain`] is the same walk with a
//! [`Trace`] that writes down what happened; the usual walk's trace is `()` and compiles to nothing.

mod bind;
mod cbor;
mod convert;
mod date;
pub mod hash;
pub mod inputs;
mod js;
mod logic;
mod operand;
mod refer;
mod scratch;
#[cfg(test)]
mod tests;
pub mod trace;
mod version;
mod walk;

use std::sync::Arc;

use crate::context::View;
use crate::evaluation::{ErrorCode, Evaluation, Origin, Reason};
use crate::ir::{Body, Expr, Flag, Rule, Snapshot, Target, ValueType, Variant};
use crate::value::Value;
pub use date::parse_date_ms;
pub use inputs::{Asked, Inputs};
use scratch::Scratch;
pub use trace::{Explanation, Trace};
pub use version::parse_version;
use walk::Walk;
pub use walk::{MAX_REFERENCES, MAX_WORK};

/// What an evaluation found, borrowed from the snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'s> {
    /// The flag.
    pub flag: &'s Flag,
    /// The flag's body.
    pub body: &'s Body,
    /// What it serves; `None` means the caller's default.
    pub variant: Option<&'s Variant>,
    /// The variant's value, if it has one.
    pub value: Option<&'s Value>,
    /// Why.
    pub reason: Reason,
    /// The rule that decided.
    pub rule: Option<&'s Rule>,
    /// What the front-end noted at the target.
    pub note: Option<&'s Arc<str>>,
    /// Which inputs it rests on, and so how long it may be kept.
    pub asked: Asked,
}

impl<'s> Answer<'s> {
    /// What serving a target comes to.
    #[inline]
    fn of(flag: &'s Flag, body: &'s Body, rule: Option<&'s Rule>, target: &'s Target, asked: Asked) -> Result<Self, ErrorCode> {
        let variant = match target.variant {
            Some(index) => Some(body.variants.get(index as usize).ok_or(ErrorCode::MalformedFlag)?),
            None => None,
        };
        let value = match variant {
            Some(variant) => Some(variant.value.as_ref().map_err(|code| *code)?),
            None => None,
        };
        Ok(Self { flag, body, variant, value, reason: target.reason, rule, note: target.note.as_deref(), asked })
    }

    /// Is the flag on, for [`Evaluation::enabled`]?
    pub fn enabled(&self) -> Option<bool> {
        self.variant.map(|variant| variant.enabled)
    }
}

/// Evaluates `flag` for `context`. `inputs` are asked only if the flag asks for them; a closure that yields milliseconds since
/// 1970 is enough for flags that need the time and nothing else.
///
/// # Errors
/// The flag is not in the snapshot, is invalid, or aborts: the caller's default applies.
#[inline]
pub fn evaluate<'s>(snapshot: &'s Snapshot, flag: &str, context: View<'_>, inputs: &dyn Inputs) -> Result<Answer<'s>, ErrorCode> {
    let flag = &**snapshot.flag(flag).ok_or(ErrorCode::FlagNotFound)?;
    match flag.body.as_ref() {
        // On or off for everybody: there is nothing to walk over.
        Ok(body)
            if body.rules.is_empty()
                && let Expr::Target(target) = &body.fallthrough =>
        {
            Answer::of(flag, body, None, target, Asked::default())
        }
        _ => walked(snapshot, flag, context, inputs),
    }
}

fn walked<'s>(snapshot: &'s Snapshot, flag: &'s Flag, context: View<'_>, inputs: &dyn Inputs) -> Result<Answer<'s>, ErrorCode> {
    let scratch = Scratch::default();
    let mut walk = Walk::new(snapshot, context, inputs, &scratch, ());
    // Apart, so that all others pay a look at one word for it.
    match &flag.body {
        Ok(body) if let Some(runs) = body.runs.get() => walk.by_runs(flag, body, runs),
        _ => walk.known_flag(flag),
    }
}

/// [`evaluate`], and how it came to that.
pub fn explain<'s>(
    snapshot: &'s Snapshot,
    flag: &str,
    context: View<'_>,
    inputs: &dyn Inputs,
) -> (Result<Answer<'s>, ErrorCode>, Explanation) {
    let scratch = Scratch::default();
    let mut walk = Walk::new(snapshot, context, inputs, &scratch, Explanation::new(flag));
    let answer = walk.flag(flag);
    (answer, walk.trace)
}

/// The answer for a caller who wants a `wanted` and has a default: types are checked here, and only here.
///
/// An integer passes as a double and a double without fraction as an integer, where nothing is lost; `Json` admits all.
#[inline]
pub fn finish(
    answer: Result<Answer<'_>, ErrorCode>,
    snapshot: &Snapshot,
    flag: &str,
    wanted: Option<ValueType>,
    default: &Value,
) -> Evaluation {
    let base = |reason| {
        let version = snapshot.flag(flag).map_or(snapshot.version, |flag| flag.version);
        Evaluation { version, epoch: snapshot.epoch.clone(), ..Evaluation::default(flag, default.clone(), reason) }
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(code) => {
            return Evaluation { error: Some(code), ..base(code.reason()) };
        }
    };
    if wanted.is_some_and(|wanted| !fits(wanted, answer)) {
        return Evaluation { error: Some(ErrorCode::TypeMismatch), ..base(Reason::TypeMismatch) };
    }
    let (Some(variant), Some(value)) = (answer.variant, answer.value) else {
        // The flag itself says "the caller's default": not an error, and the reason is the flag's.
        return Evaluation { origin: Origin::Local, enabled: false, ..base(answer.reason) };
    };
    Evaluation {
        flag: answer.flag.key.clone(),
        value: value.clone(),
        enabled: variant.enabled,
        variant: Some(variant.key.clone()),
        reason: answer.reason,
        origin: Origin::Local,
        rule: answer.rule.and_then(|rule| rule.name.clone()),
        error: None,
        version: answer.flag.version,
        epoch: snapshot.epoch.clone(),
        age: std::time::Duration::ZERO,
    }
}

fn fits(wanted: ValueType, answer: Answer<'_>) -> bool {
    match answer.value {
        // Boolean and string flags are what they say; a number is judged by its value.
        Some(value) => wanted.admits(value),
        None => wanted == answer.body.value_type,
    }
}
