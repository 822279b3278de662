//! An answer as C sees it: numbers in a struct, and its texts in one run of bytes.
//!
//! The bytes go to the caller's buffer where they fit, so that a host whose own strings are copies anyway has its answer with one crossing and
//! nothing to free. Places in the run are offsets: a pointer into the caller's memory must not be stored there, Go's collector moves it.

use std::borrow::Cow;
use std::mem::MaybeUninit;

use jackstaff::evaluation::{Evaluation as Answer, Origin, Reason};
use jackstaff::{Value, ValueType};

use crate::error::guard;
use crate::raw::Text;
use crate::text::Held;

/// Any type will do.
pub const JACKSTAFF_ANY: u32 = 0;
/// `true` or `false`.
pub const JACKSTAFF_BOOLEAN: u32 = 1;
/// Text.
pub const JACKSTAFF_STRING: u32 = 2;
/// A whole number that fits 64 bits.
pub const JACKSTAFF_INTEGER: u32 = 3;
/// A number.
pub const JACKSTAFF_DOUBLE: u32 = 4;
/// Any JSON. As the kind of a value: a list, an object or null, as JSON text.
pub const JACKSTAFF_JSON: u32 = 5;

/// The `start` of a text that is not there.
pub const JACKSTAFF_ABSENT: u32 = u32::MAX;

/// A text inside an evaluation's texts: `len` bytes from `start` on. Not there if `start` is `JACKSTAFF_ABSENT`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub(crate) start: u32,
    pub(crate) len: u32,
}

/// The answer to a check. `texts` is where its texts are, unless it is null: then they are in the caller's buffer.
#[repr(C)]
pub struct Evaluation {
    /// What the value is: `JACKSTAFF_BOOLEAN`, …, `JACKSTAFF_JSON`; `JACKSTAFF_ANY` if it is the caller's default, of which nothing is written.
    pub(crate) kind: u32,
    /// Why, in the order of `jackstaff_reason`.
    pub(crate) reason: u32,
    /// From where, in the order of `jackstaff_origin`.
    pub(crate) origin: u32,
    /// For a boolean flag the value itself; for others: on, and not its off variant.
    pub(crate) enabled: bool,
    /// The value of a boolean.
    pub(crate) boolean: bool,
    /// The value of an integer.
    pub(crate) integer: i64,
    /// The value of a double; and of an integer, where a double holds it without loss.
    pub(crate) number: f64,
    /// The value of a string, or of JSON as JSON text.
    pub(crate) text: Span,
    /// The name of the variant that was served.
    pub(crate) variant: Span,
    /// The name of the rule that decided.
    pub(crate) rule: Span,
    /// What was wrong, where something was: `malformed_flag`, `cycle`, `targeting_key_missing`, …
    pub(crate) error: Span,
    /// The life of the store that `version` belongs to.
    pub(crate) epoch: Span,
    /// The version of the last change that could have altered this answer; 0 if the source has none.
    pub(crate) version: u64,
    /// How long ago the answer was evaluated or, for a local one, known to be current; seconds.
    pub(crate) age: f64,
    /// The texts, if they are in memory of the library.
    pub(crate) texts: Text,
    pub(crate) owner: Option<Box<Held>>,
}

/// The texts of an answer in their order: value, variant, rule, error, epoch.
type Parts<'a> = [Option<Cow<'a, str>>; 5];

impl Evaluation {
    /// The answer, with its texts in `buffer` or, if there is not enough of it, in memory of ours.
    pub fn new(answer: &Answer, wanted: Option<ValueType>, buffer: &mut [MaybeUninit<u8>]) -> Self {
        let (mut evaluation, parts) = Self::lay(answer, wanted, 0);
        let len = parts.iter().flatten().map(|part| part.len()).sum();
        match buffer.get_mut(..len) {
            Some(mut room) => {
                for part in parts.iter().flatten() {
                    let (place, rest) = room.split_at_mut(part.len());
                    place.write_copy_of_slice(part.as_bytes());
                    room = rest;
                }
            }
            None => {
                let (texts, owner) = Held::new(parts.into_iter().flatten().collect());
                (evaluation.texts, evaluation.owner) = (texts, Some(owner));
            }
        }
        evaluation
    }

    /// The answers, with all their texts in one run.
    pub fn several(answers: &[Answer], wanted: Option<ValueType>) -> (Vec<Self>, String) {
        let mut texts = String::new();
        let lay = |answer| {
            let (evaluation, parts) = Self::lay(answer, wanted, texts.len());
            texts.extend(parts.into_iter().flatten());
            evaluation
        };
        let evaluations = answers.iter().map(lay).collect();
        (evaluations, texts)
    }

    /// The answer as if its texts began at `start`, and the texts.
    fn lay(answer: &Answer, wanted: Option<ValueType>, start: usize) -> (Self, Parts<'_>) {
        // A service that only knows the guide names no variant; a flag in this process without one serves the caller's default.
        let is_default = answer.origin == Origin::Default || (answer.variant.is_none() && answer.origin == Origin::Local);
        let value = &answer.value;
        let (kind, text) = match value {
            _ if is_default => (JACKSTAFF_ANY, None),
            _ if wanted == Some(ValueType::Json) => (JACKSTAFF_JSON, Some(Cow::Owned(value.to_json()))),
            Value::Bool(_) => (JACKSTAFF_BOOLEAN, None),
            Value::Text(text) => (JACKSTAFF_STRING, Some(Cow::Borrowed(&**text))),
            // A number is what it was asked as; where nobody said, what it was written as.
            Value::Int(_) if wanted == Some(ValueType::Double) => (JACKSTAFF_DOUBLE, None),
            Value::Float(_) if wanted == Some(ValueType::Integer) => (JACKSTAFF_INTEGER, None),
            Value::Int(_) => (JACKSTAFF_INTEGER, None),
            Value::Float(_) => (JACKSTAFF_DOUBLE, None),
            Value::Null | Value::List(_) | Value::Map(_) => (JACKSTAFF_JSON, Some(Cow::Owned(value.to_json()))),
        };
        let error = answer.error.map(jackstaff::evaluation::ErrorCode::as_str);
        let parts: Parts<'_> = [
            text,
            answer.variant.as_deref().map(Cow::Borrowed),
            answer.rule.as_deref().map(Cow::Borrowed),
            error.map(Cow::Borrowed),
            Some(Cow::Borrowed(&answer.epoch)),
        ];
        let mut at = start;
        let [text, variant, rule, error, epoch] = parts.each_ref().map(|part| match part {
            Some(part) => {
                let span = Span { start: at as u32, len: part.len() as u32 };
                at += part.len();
                span
            }
            None => Span { start: JACKSTAFF_ABSENT, len: 0 },
        });
        let evaluation = Self {
            kind,
            reason: position(&Reason::ALL, answer.reason),
            origin: position(&Origin::ALL, answer.origin),
            enabled: answer.enabled,
            boolean: value.as_bool().unwrap_or(false),
            integer: value.as_i64().unwrap_or(0),
            number: value.as_f64().unwrap_or(0.0),
            text,
            variant,
            rule,
            error,
            epoch,
            version: answer.version,
            age: answer.age.as_secs_f64(),
            texts: Text::NULL,
            owner: None,
        };
        (evaluation, parts)
    }
}

fn position<T: PartialEq>(all: &[T], one: T) -> u32 {
    all.iter().position(|other| *other == one).map_or(u32::MAX, |at| at as u32)
}

/// The type that a caller wants, by its number.
pub fn wanted(number: u32) -> Option<ValueType> {
    (number as usize).checked_sub(1).and_then(|at| ValueType::ALL.get(at)).copied()
}

/// The default of a caller, as far as it matters here: in the record of a mock, and as `enabled` where nobody can say.
pub fn fallback(number: i32) -> Value {
    match number {
        0 => Value::Bool(false),
        1 => Value::Bool(true),
        _ => Value::Null,
    }
}

/// The word for a reason: of its number in an evaluation, from 0 on; the null text past the last. The text stays for the life of the process.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_reason(number: u32) -> Text {
    Reason::ALL.get(number as usize).map_or(Text::NULL, |reason| Text::of(reason.as_str()))
}

/// The word for an origin: of its number in an evaluation, from 0 on; the null text past the last. The text stays for the life of the process.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_origin(number: u32) -> Text {
    Origin::ALL.get(number as usize).map_or(Text::NULL, |origin| Text::of(origin.as_str()))
}

/// Frees what an evaluation holds of the library's. Null, and one that was freed, are fine.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_evaluation_free(evaluation: Option<&mut Evaluation>) {
    guard((), || {
        if let Some(evaluation) = evaluation {
            evaluation.texts = Text::NULL;
            evaluation.owner = None;
        }
    });
}
