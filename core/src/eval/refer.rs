//! Flags that ask other flags, and segments.

use std::borrow::Cow;

use super::Answer;
use super::operand::Operand;
use super::trace::Trace;
use super::walk::{MAX_REFERENCES, Tri, Walk};
use crate::evaluation::ErrorCode;
use crate::ir::Field;

impl<'s: 'c, 'c, T: Trace> Walk<'s, 'c, T> {
    /// Something about another flag. Null where it cannot answer; what asks for the error then has it.
    pub(super) fn field(&mut self, name: &str, field: Field) -> Result<Operand<'c>, ErrorCode> {
        let text = |text: &'c str| Operand::Text(Cow::Borrowed(text));
        Ok(match (self.other_flag(name)?, field) {
            (Ok(answer), Field::Enabled) => Operand::Bool(answer.enabled().unwrap_or(false)),
            (Ok(answer), Field::Value) => answer.value.map_or(Operand::Null, Operand::from),
            (Ok(answer), Field::Variant) => answer.variant.map_or(Operand::Null, |variant| text(&variant.key)),
            (Err(code), Field::Error) => text(code.as_str()),
            (Ok(_), Field::Error) | (Err(_), _) => Operand::Null,
        })
    }

    /// Another flag's answer, or why it has none. A cycle aborts, and so does work without end: neither becomes less by being
    /// asked again.
    pub(super) fn other_flag(&mut self, name: &str) -> Result<Result<Answer<'s>, ErrorCode>, ErrorCode> {
        self.descend()?;
        if T::ON {
            self.trace.enter_flag(name);
        }
        // What is bound here means nothing there.
        let bound = (self.elem.take(), std::mem::take(&mut self.outer));
        let answer = self.flag(name);
        (self.elem, self.outer) = bound;
        self.depth -= 1;
        if T::ON {
            self.trace.leave_flag(match &answer {
                Ok(answer) => answer.variant.map_or("the caller's default", |variant| &variant.key),
                Err(code) => code.as_str(),
            });
        }
        match answer {
            Err(code @ (ErrorCode::Cycle | ErrorCode::LimitExceeded)) => Err(code),
            answer => Ok(answer),
        }
    }

    pub(super) fn segment(&mut self, name: &str) -> Tri {
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
