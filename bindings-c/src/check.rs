//! Looking: what memory can answer, now.
//!
//! These functions take no lock worth naming, call nobody back, keep nothing of the caller's memory and do not wait. They do not
//! even start the client: its start tells listeners, and a host may have promised its runtime that these calls do not come back
//! into it. Whoever gets "only a wait could tell" takes a function of [`crate::later`], which starts it.

use std::mem::MaybeUninit;

use jackstaff::evaluation::{Evaluation as Answer, Reason};
use jackstaff::{Result, Value, View};

use crate::client::Client;
use crate::context::{Context, with_view};
use crate::error::guard;
use crate::evaluation::{Evaluation, fallback, wanted};
use crate::flag;
use crate::raw::{Bytes, Numbers, Text};
use crate::text::MAX_NAME;

/// The flag is off.
pub const JACKSTAFF_OFF: u32 = 0;
/// The flag is on.
pub const JACKSTAFF_ON: u32 = 1;
/// Nobody in this process knows: `jackstaff_is_enabled` or `jackstaff_answer_later` find out.
pub const JACKSTAFF_PENDING: u32 = 2;

/// The most flags of one batch.
pub const JACKSTAFF_MAX_BATCH: usize = 65_536;

/// Is the flag on? `JACKSTAFF_ON`, `JACKSTAFF_OFF`, or `JACKSTAFF_PENDING`. The default serves where nobody can say; a disabled flag is off even when the default is
/// true. `context`, if not null, says who is asking, and `user` is not looked at; the null text is nobody.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_look(client: Option<&Client>, flag: Text, user: Text, context: Option<&Context>, default_value: bool) -> u32 {
    guard(u32::from(default_value), || match flag.lossy(MAX_NAME) {
        Ok(flag) => look(client, &flag, user, context, default_value),
        Err(_) => u32::from(default_value),
    })
}

/// As `jackstaff_look`, with the index of a flag.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_look_at(client: Option<&Client>, flag: u32, user: Text, context: Option<&Context>, default_value: bool) -> u32 {
    guard(u32::from(default_value), || match flag::name(flag) {
        Some(flag) => look(client, flag, user, context, default_value),
        None => u32::from(default_value),
    })
}

/// As `jackstaff_look_at` for several flags: writes a 0 or a 1 for each to `out`, as many as there is room for. False if only a wait could tell; what
/// was written then means nothing.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_look_at_many(
    client: Option<&Client>,
    flags: Numbers,
    user: Text,
    context: Option<&Context>,
    default_value: bool,
    mut out: Bytes,
) -> bool {
    guard(true, || {
        let room = out.room();
        let mut look = |view: View<'_>| {
            for (place, index) in room.iter_mut().zip(flags.read(JACKSTAFF_MAX_BATCH)?) {
                let name = flag::name(*index);
                let enabled = match (client, name) {
                    (Some(client), Some(name)) => client.0.peek_enabled(name, view, default_value),
                    _ => Some(default_value),
                };
                let Some(enabled) = enabled else { return Ok(false) };
                place.write(u8::from(enabled));
            }
            Ok(true)
        };
        let answered: Result<bool> = with_view(user, context, &mut look).and_then(|answered| answered);
        answered.unwrap_or_else(|_| {
            for place in room.iter_mut() {
                place.write(u8::from(default_value));
            }
            true
        })
    })
}

/// The answer with all that is known about it. `wanted_type` is one of `JACKSTAFF_ANY`, …, `JACKSTAFF_JSON`: a flag of another type is the default. `default_value` is 1 or 0
/// where the default is a boolean and anything else where it is not: the default itself stays with the caller, and `kind` says when it serves.
///
/// Texts go to `buffer` where they fit, else to memory of the library; free the evaluation with `jackstaff_evaluation_free` in either case (after
/// an answer in the buffer that does nothing and may be left out; `texts` is then null). False if only a wait could tell; `out` is then not written.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_look_closely(
    client: Option<&Client>,
    flag: Text,
    user: Text,
    context: Option<&Context>,
    wanted_type: u32,
    default_value: i32,
    mut buffer: Bytes,
    out: Option<&mut MaybeUninit<Evaluation>>,
) -> bool {
    let Some(out) = out else { return false };
    let default = fallback(default_value);
    let peek = || -> Result<Option<Answer>> {
        let flag = flag.lossy(MAX_NAME)?;
        let Some(client) = client else { return Ok(Some(refused(&flag, &default))) };
        with_view(user, context, |view| client.0.peek(&flag, view, wanted(wanted_type), &default))
    };
    let answer = guard(None, || peek().unwrap_or_else(|_| Some(refused("", &default))));
    match answer {
        Some(answer) => {
            out.write(Evaluation::new(&answer, wanted(wanted_type), buffer.room()));
            true
        }
        None => false,
    }
}

/// The answer to a question that cannot be asked.
pub fn refused(flag: &str, default: &Value) -> Answer {
    Answer::default(flag, default.clone(), Reason::Error)
}

#[inline]
fn look(client: Option<&Client>, flag: &str, user: Text, context: Option<&Context>, default: bool) -> u32 {
    let Some(client) = client else { return u32::from(default) };
    match with_view(user, context, |view| client.0.peek_enabled(flag, view, default)) {
        Ok(Some(enabled)) => u32::from(enabled),
        Ok(None) => JACKSTAFF_PENDING,
        Err(_) => u32::from(default),
    }
}
