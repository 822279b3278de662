//! What is done behind the doors: a question in, memory's answer out, and no wait.

use jackstaff::{Client, Value, View};

use crate::convert;
use crate::raw::door::{Buffer, Call, Reply, Room};

/// `(flag, user, default, attributes?)` → boolean.
pub fn check(room: &Room, call: &Call) -> Reply {
    let mut buffer = Buffer::<256>::new();
    let (Some(flag), Some(default)) = (call.text(0, &mut buffer), call.bool(2)) else { return Reply::Unknown };
    call.with_context(room, 1, 3, |context| enabled(&room.client, flag, context, default))
}

/// `(user, default?, attributes?)` → boolean, about the room's flag. A default that is not given is false, and spares the asking.
pub fn check_bound(room: &Room, call: &Call) -> Reply {
    let default = if call.has(1) { call.bool(1) } else { Some(false) };
    let (Some(flag), Some(default)) = (room.flags.first(), default) else { return Reply::Unknown };
    call.with_context(room, 0, 2, |context| enabled(&room.client, flag, context, default))
}

#[inline]
fn enabled(client: &Client, flag: &str, context: View<'_>, default: bool) -> Reply {
    match client.peek_enabled(flag, context, default) {
        Some(enabled) => Reply::Bool(enabled),
        None => begin(client).and_then(|()| client.peek_enabled(flag, context, default)).map_or(Reply::Unknown, Reply::Bool),
    }
}

/// The start may put in place what the options brought: then a second look finds it.
#[cold]
fn begin(client: &Client) -> Option<()> {
    client.start();
    client.snapshot().map(|_| ())
}

/// `(flag, user, default, attributes?)` → 1 if enabled, plus 2 if the answer lasts until the next change.
pub fn check_lasting(room: &Room, call: &Call) -> Reply {
    let mut buffer = Buffer::<256>::new();
    let (Some(flag), Some(default)) = (call.text(0, &mut buffer), call.bool(2)) else { return Reply::Unknown };
    call.with_context(room, 1, 3, |context| match room.client.peek_lasting(flag, context, default) {
        Some((enabled, lasts)) => Reply::Number(u32::from(enabled) + 2 * u32::from(lasts)),
        None => Reply::Unknown,
    })
}

/// `(user, default, attributes?)` → a `0` or `1` for each of the room's flags.
pub fn check_all(room: &Room, call: &Call) -> Reply {
    let Some(default) = call.bool(1) else { return Reply::Unknown };
    call.with_context(room, 0, 2, |context| {
        let peek = || -> Option<String> {
            let mut out = String::with_capacity(room.flags.len());
            let checks = room.client.checks();
            for flag in &room.flags {
                out.push(if checks.enabled(flag, context, default)? { '1' } else { '0' });
            }
            Some(out)
        };
        peek().or_else(|| begin(&room.client).and_then(|()| peek())).map_or(Reply::Unknown, Reply::Text)
    })
}

/// `(flag, user, attributes, wanted type, default)` → an evaluation as JSON.
pub fn evaluate(room: &Room, call: &Call) -> Reply {
    let (mut name, mut default) = (Buffer::<256>::new(), Buffer::<256>::new());
    let (Some(flag), Some(wanted)) = (call.text(0, &mut name), call.number(3)) else { return Reply::Unknown };
    let (wanted, default) = (convert::wanted(wanted), fallback(call.text(4, &mut default)));
    call.with_context(room, 1, 2, |context| {
        let peek = || room.client.peek(flag, context, wanted, &default);
        match peek().or_else(|| begin(&room.client).and_then(|()| peek())) {
            Some(evaluation) => {
                let mut out = String::with_capacity(128);
                convert::write_evaluation(&mut out, &evaluation);
                Reply::Text(out)
            }
            None => Reply::Unknown,
        }
    })
}

/// The default of a caller: only its type and a mock's record need it here, the value stays in JavaScript.
pub fn fallback(json: Option<&str>) -> Value {
    match json {
        Some("true") => Value::Bool(true),
        Some("false") => Value::Bool(false),
        _ => Value::Null,
    }
}
