//! The door of the hot path: functions that JavaScript calls with nothing between it and the evaluator.
//!
//! A method made by napi-rs costs 350 ns before any work (it looks its object up by a private symbol and checks that it is alive),
//! a bare Node-API callback 12. So a check is a bare function, closed over its client by the function's data pointer. It
//! reads its text into buffers on the stack and, when one is full, again on the heap: a read that stops at the end of
//! its buffer would make two long user ids one.
//!
//! A door never throws but for a text that is too long. What it cannot read (a user that is a number, say), it answers with
//! `undefined`, and the JavaScript around it sorts out the rest. A panic becomes `null`: the caller's default.

use std::cell::RefCell;
use std::ffi::{c_char, c_void};
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use jackstaff::context::MAX_TEXT;
use jackstaff::{Attributes, Client, View};
use napi::{Env, Status, Unknown, sys};

/// What is behind a door: a client, and the flags that the function is about, if it is bound to some.
pub struct Room {
    /// Who answers.
    pub client: Client,
    /// The flags; empty where the first argument names the flag.
    pub flags: Vec<String>,
    /// What to do with a call.
    pub work: Work,
    /// The attributes of the last call that had any: a request's checks have the same, and reading them is most of the work.
    pub last: RefCell<(String, Attributes)>,
}

/// What a door does with a call.
pub type Work = fn(&Room, &Call) -> Reply;

/// What a door answers.
pub enum Reply {
    /// `true` or `false`.
    Bool(bool),
    /// A small number.
    Number(u32),
    /// Text.
    Text(String),
    /// `undefined`: memory has no answer, or an argument is not what the fast path takes.
    Unknown,
    /// A `TypeError`.
    Refused(String),
}

impl Room {
    /// A room for `client` and `work`.
    pub fn new(client: &Client, flags: Vec<String>, work: Work) -> Self {
        Self { client: client.clone(), flags, work, last: RefCell::default() }
    }
}

/// A JavaScript function that does `room.work`.
///
/// # Errors
/// What Node-API says if it cannot make one.
pub fn function<'env>(env: &'env Env, room: Room) -> napi::Result<Unknown<'env>> {
    let data = Box::into_raw(Box::new(room)).cast::<c_void>();
    let mut function = ptr::null_mut();
    // SAFETY: `enter` has the signature that Node-API calls; `data` stays valid until `leave`, which is run once, when the function
    // is collected or the environment ends.
    let status = unsafe {
        let made = sys::napi_create_function(env.raw(), c"check".as_ptr(), 5, Some(enter), data, &mut function);
        if made == sys::Status::napi_ok {
            sys::napi_add_finalizer(env.raw(), function, data, Some(leave), ptr::null_mut(), ptr::null_mut())
        } else {
            made
        }
    };
    if status != sys::Status::napi_ok {
        // SAFETY: no finaliser was added, so nobody else owns it; the function, if there is one, was given to nobody.
        drop(unsafe { Box::from_raw(data.cast::<Room>()) });
        return Err(napi::Error::new(Status::from(status), "the function for checks could not be made"));
    }
    // SAFETY: a value of this environment, made just now.
    Ok(unsafe { Unknown::from_raw_unchecked(env.raw(), function) })
}

unsafe extern "C" fn leave(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: `data` is the pointer that `function` made, and this is its only finaliser. A destructor that panics must not
    // unwind into C.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(unsafe { Box::from_raw(data.cast::<Room>()) })));
}

/// The most arguments that a door looks at.
const MAX_ARGUMENTS: usize = 5;

unsafe extern "C" fn enter(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut count = MAX_ARGUMENTS;
    let mut values = [ptr::null_mut(); MAX_ARGUMENTS];
    let mut data = ptr::null_mut();
    // SAFETY: Node-API fills at most `count` values, those that were not given with undefined, and hands back our data pointer.
    let status = unsafe { sys::napi_get_cb_info(env, info, &mut count, values.as_mut_ptr(), ptr::null_mut(), &mut data) };
    if status != sys::Status::napi_ok || data.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: set by `function`, alive while the function is, and shared: doors run on the environment's thread alone.
    let room = unsafe { &*data.cast::<Room>() };
    let call = Call { env, values, count };
    let reply = contained(room, &call);
    let mut result = ptr::null_mut();
    // SAFETY: `env` is the one that called us and `result` is a place for one value. A null result is undefined to JavaScript.
    unsafe {
        match reply {
            Some(Reply::Bool(answer)) => sys::napi_get_boolean(env, answer, &mut result),
            Some(Reply::Number(number)) => sys::napi_create_uint32(env, number, &mut result),
            Some(Reply::Text(text)) => sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len() as isize, &mut result),
            Some(Reply::Unknown) => sys::Status::napi_ok,
            Some(Reply::Refused(message)) => {
                let message: Vec<u8> = message.bytes().filter(|byte| *byte != 0).chain([0]).collect();
                sys::napi_throw_type_error(env, c"invalid_argument".as_ptr(), message.as_ptr().cast::<c_char>())
            }
            None => sys::napi_get_null(env, &mut result),
        }
    };
    result
}

/// What the room's work answers; `None` if it panicked, which must not unwind into C.
fn contained(room: &Room, call: &Call) -> Option<Reply> {
    catch_unwind(AssertUnwindSafe(|| (room.work)(room, call))).ok()
}

/// The arguments of one call.
pub struct Call {
    env: sys::napi_env,
    values: [sys::napi_value; MAX_ARGUMENTS],
    /// How many were given, which may be more than we look at.
    count: usize,
}

/// A text argument's place: most fit on the stack.
pub struct Buffer<const N: usize> {
    stack: [MaybeUninit<u8>; N],
    heap: Vec<u8>,
}

impl<const N: usize> Buffer<N> {
    /// An empty place.
    pub fn new() -> Self {
        Self { stack: [const { MaybeUninit::uninit() }; N], heap: Vec::new() }
    }
}

impl Call {
    /// The text of argument `at`, whole; `None` if it is no text.
    pub fn text<'b, const N: usize>(&self, at: usize, buffer: &'b mut Buffer<N>) -> Option<&'b str> {
        let mut written = 0;
        // SAFETY: Node-API writes at most N bytes, a closing zero among them, and reports how many before it.
        let bytes = unsafe {
            let stack = buffer.stack.as_mut_ptr().cast::<u8>();
            if sys::napi_get_value_string_utf8(self.env, self.values[at], stack.cast::<c_char>(), N, &mut written) != sys::Status::napi_ok {
                return None;
            }
            // It stops before a character that does not fit: up to three bytes short of the end may be full.
            if written + 4 < N {
                std::slice::from_raw_parts(stack, written)
            } else {
                let mut length = 0;
                if sys::napi_get_value_string_utf8(self.env, self.values[at], ptr::null_mut(), 0, &mut length) != sys::Status::napi_ok {
                    return None;
                }
                buffer.heap.reserve_exact(length + 1);
                let heap = buffer.heap.as_mut_ptr().cast::<c_char>();
                if sys::napi_get_value_string_utf8(self.env, self.values[at], heap, length + 1, &mut written) != sys::Status::napi_ok {
                    return None;
                }
                buffer.heap.set_len(written.min(length));
                buffer.heap.as_slice()
            }
        };
        // Ids and names nearly always are ASCII, and then a look at eight bytes at a time is all that has to be made sure of.
        if bytes.is_ascii() {
            // SAFETY: ASCII is UTF-8.
            return Some(unsafe { std::str::from_utf8_unchecked(bytes) });
        }
        std::str::from_utf8(bytes).ok()
    }

    /// Was argument `at` given?
    #[inline]
    pub fn has(&self, at: usize) -> bool {
        self.count > at
    }

    /// The boolean of argument `at`; `None` if it is none.
    pub fn bool(&self, at: usize) -> Option<bool> {
        let mut answer = false;
        // SAFETY: a value of this call's environment; its type is checked by Node-API.
        let status = unsafe { sys::napi_get_value_bool(self.env, self.values[at], &mut answer) };
        (status == sys::Status::napi_ok).then_some(answer)
    }

    /// The whole number of argument `at`; `None` if it is no number.
    pub fn number(&self, at: usize) -> Option<u32> {
        let mut number = 0;
        // SAFETY: as above.
        let status = unsafe { sys::napi_get_value_uint32(self.env, self.values[at], &mut number) };
        (status == sys::Status::napi_ok).then_some(number)
    }

    /// Is argument `at` null? Undefined is not: a user that is undefined is a mistake, null is nobody.
    pub fn is_null(&self, at: usize) -> bool {
        let mut kind = 0;
        // SAFETY: as above.
        let status = unsafe { sys::napi_typeof(self.env, self.values[at], &mut kind) };
        status == sys::Status::napi_ok && kind == sys::ValueType::napi_null
    }

    /// Runs `work` with the context that arguments `user` and `attributes` say: a text or null, and JSON text or nothing.
    #[inline]
    pub fn with_context(&self, room: &Room, user: usize, attributes: usize, work: impl FnOnce(View<'_>) -> Reply) -> Reply {
        let mut buffer = Buffer::<512>::new();
        let key = match self.text(user, &mut buffer) {
            Some(key) if key.len() > MAX_TEXT => {
                return Reply::Refused(format!("user has {} bytes of text: at most {MAX_TEXT} are allowed", key.len()));
            }
            Some(key) => Some(key),
            None if self.is_null(user) => None,
            None => return Reply::Unknown,
        };
        if !self.has(attributes) {
            return work(View { key, attributes: Attributes::EMPTY }); // not even asked: the commonest call there is
        }
        match self.text(attributes, &mut Buffer::<1024>::new()) {
            Some(json) => with_attributes(room, key, json, work),
            None => work(View { key, attributes: Attributes::EMPTY }),
        }
    }
}

#[inline(never)]
fn with_attributes(room: &Room, key: Option<&str>, json: &str, work: impl FnOnce(View<'_>) -> Reply) -> Reply {
    let mut last = room.last.borrow_mut();
    if last.0 != json {
        match Attributes::from_json(json) {
            Ok(attributes) => *last = (json.to_owned(), attributes),
            Err(error) => return Reply::Refused(error.message().to_owned()),
        }
    }
    work(View { key, attributes: &last.1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_at_the_door_ends_there_and_the_next_call_is_answered() {
        let client = Client::from_document(jackstaff::Value::Map([].into()), "development").unwrap();
        let call = Call { env: ptr::null_mut(), values: [ptr::null_mut(); MAX_ARGUMENTS], count: 0 };
        let mut room = Room::new(&client, Vec::new(), |room, _| {
            // Even one that holds what the room keeps between calls.
            let _last = room.last.borrow_mut();
            panic!("on purpose");
        });
        assert!(contained(&room, &call).is_none());
        assert!(contained(&room, &call).is_none(), "and again");
        room.work = |room, _| Reply::Bool(room.last.borrow_mut().0.is_empty());
        assert!(matches!(contained(&room, &call), Some(Reply::Bool(true))));
    }
}
