//! The check, as cheap as the host allows: all `unsafe` of this crate.
//!
//! What UniFFI generates allocates a buffer for each text, clones the handle and passes a status record: microseconds, where the check itself takes
//! tens of nanoseconds. So what is asked a million times is written by hand, the check twice: for the JVM as a native method (JNI costs
//! a tenth of a call by JNA, and needs no library besides the one that JNA has loaded already), and for everybody else as a C function.
//!
//! A client is named by the number that its `door()` gave, and that is its address. Rust cannot check it: our Kotlin and Ruby hold the object for the
//! length of the call, and these functions are not for applications. What is not known in memory is [`PENDING`], and the host then takes
//! the way that waits.

use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;

use jackstaff::context::MAX_TEXT;
use jackstaff::{Attributes, Client, Context, Evaluation, Origin, Value, ValueType, View};
use jni_sys::{JNIEnv, jboolean, jclass, jint, jlong, jsize, jstring};

/// Nobody in this process knows: only a wait could tell. 0 is off, 1 is on.
pub const PENDING: u32 = 2;

/// Texts up to this length are read to the stack: flag names are shorter, and nearly all user ids.
const SHORT: usize = 128;

/// Is the flag on? 0, 1 or [`PENDING`]. `context` names one, or is 0: then `user` is who asks, nobody if it is null. The texts are UTF-8 and need not end in zero.
///
/// # Safety
/// `client` and `context` come from the `door()` of objects that are alive until this returns; `flag` and `user` point to as many bytes as their lengths say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn jackstaff_door(
    client: u64,
    context: u64,
    flag: *const u8,
    flag_len: u32,
    user: *const u8,
    user_len: u32,
    default: u8,
) -> u32 {
    guard(default != 0, || {
        // SAFETY: the caller promises that the lengths are right and that the memory is there for the call.
        let (flag, user) = unsafe { (bytes(flag, flag_len), bytes(user, user_len)) };
        let Some(flag) = flag.map(String::from_utf8_lossy) else { return u32::from(default != 0) };
        let user = user.map(String::from_utf8_lossy);
        // SAFETY: the caller promises that the objects are alive.
        unsafe { look(client, context, &flag, user.as_deref(), default != 0) }
    })
}

/// The same as a static native method of `dev.jackstaff.Door`: `look(client: Long, context: Long, flag: String, user: String?, default: Boolean): Int`.
///
/// # Safety
/// Called by a JVM, with numbers as for [`jackstaff_door`].
#[unsafe(no_mangle)]
#[allow(non_snake_case, reason = "the JVM looks for this name")]
pub unsafe extern "system" fn Java_dev_jackstaff_Door_look(
    env: *mut JNIEnv,
    _class: jclass,
    client: jlong,
    context: jlong,
    flag: jstring,
    user: jstring,
    default: jboolean,
) -> jint {
    let answer = guard(default, || {
        // SAFETY: the JVM passes its own environment and strings that live for the call.
        unsafe {
            let ask = |flag: &str| {
                if user.is_null() {
                    return look(client as u64, context as u64, flag, None, default);
                }
                with_text(env, user, |user| look(client as u64, context as u64, flag, Some(user), default)).unwrap_or(u32::from(default))
            };
            with_text(env, flag, ask).unwrap_or(u32::from(default))
        }
    });
    answer as jint
}

/// The value of a flag of type `wanted` (its place in `FlagType`) as text: `=` and the value; the empty text where the caller's default serves; null where only a
/// wait could tell. A static native method of `dev.jackstaff.Door`: `value(client: Long, context: Long, flag: String, wanted: Int): String?`.
///
/// # Safety
/// Called by a JVM, with numbers as for [`jackstaff_door`].
#[unsafe(no_mangle)]
#[allow(non_snake_case, reason = "the JVM looks for this name")]
pub unsafe extern "system" fn Java_dev_jackstaff_Door_value(
    env: *mut JNIEnv,
    _class: jclass,
    client: jlong,
    context: jlong,
    flag: jstring,
    wanted: jint,
) -> jstring {
    let wanted = usize::try_from(wanted).ok().and_then(|at| at.checked_sub(1)).and_then(|at| ValueType::ALL.get(at)).copied();
    let find = || {
        // SAFETY: the caller promises that the objects are alive, and the JVM that the string is.
        unsafe {
            let (client, context) = ((client as *const Client).as_ref()?, (context as *const Context).as_ref()?);
            with_text(env, flag, |flag| client.peek(flag, context.view(), wanted, &Value::Null).as_ref().map(shown))
                .unwrap_or_else(|| Some(Vec::new()))
        }
    };
    let Some(text) = catch_unwind(AssertUnwindSafe(find)).unwrap_or_else(|_| Some(Vec::new())) else { return std::ptr::null_mut() };
    // SAFETY: as in `with_text`; the JVM copies the units. Without memory it returns null and throws, as it does everywhere.
    unsafe { ((**env).v1_1.NewString)(env, text.as_ptr(), jsize::try_from(text.len()).unwrap_or(0)) }
}

/// What [`Java_dev_jackstaff_Door_value`] says of an answer.
fn shown(answer: &Evaluation) -> Vec<u16> {
    let is_default = answer.origin == Origin::Default || (answer.variant.is_none() && answer.origin == Origin::Local);
    match &answer.value {
        _ if is_default => Vec::new(),
        Value::Text(text) => std::iter::once(u16::from(b'=')).chain(text.encode_utf16()).collect(),
        other => format!("={}", other.to_json()).encode_utf16().collect(),
    }
}

/// A panic must not leave: it would end the host.
fn guard(default: bool, body: impl FnOnce() -> u32) -> u32 {
    // Nothing is left half done that a later call could see: what the core changes it swaps whole.
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(u32::from(default))
}

/// # Safety
/// The numbers name objects that are alive.
#[inline]
unsafe fn look(client: u64, context: u64, flag: &str, user: Option<&str>, default: bool) -> u32 {
    // SAFETY: `door()` gave the address of a client inside an object that the caller holds.
    let Some(client) = (unsafe { (client as *const Client).as_ref() }) else { return u32::from(default) };
    // SAFETY: the same of a context; null is none.
    let view = match (unsafe { (context as *const Context).as_ref() }, user) {
        (Some(context), _) => context.view(),
        (None, Some(user)) if user.len() > MAX_TEXT => return u32::from(default),
        (None, Some(user)) => View::of(user),
        (None, None) => View { key: None, attributes: Attributes::EMPTY },
    };
    client.peek_enabled(flag, view, default).map_or(PENDING, u32::from)
}

/// # Safety
/// `data` is null or points to `len` bytes that nobody writes to meanwhile.
unsafe fn bytes<'a>(data: *const u8, len: u32) -> Option<&'a [u8]> {
    // SAFETY: by the promise above; no length of 32 bits is too large for a slice.
    (!data.is_null()).then(|| unsafe { slice::from_raw_parts(data, len as usize) })
}

/// Calls `body` with a Java string as text; `None` for null and for more than [`MAX_TEXT`] units. Half a surrogate pair becomes U+FFFD.
///
/// # Safety
/// `env` belongs to this thread, and `text` is one of its strings or null.
#[inline]
unsafe fn with_text<T>(env: *mut JNIEnv, text: jstring, body: impl FnOnce(&str) -> T) -> Option<T> {
    if text.is_null() {
        return None;
    }
    // SAFETY: an environment points to its table of functions, and these are in it since version 1.2.
    let (get_length, get_region) = unsafe { ((**env).v1_1.GetStringLength, (**env).v1_2.GetStringRegion) };
    // SAFETY: by the promise above.
    let length = unsafe { get_length(env, text) };
    let units = usize::try_from(length).ok().filter(|units| *units <= MAX_TEXT)?;
    let mut short = [MaybeUninit::<u16>::uninit(); SHORT];
    let mut long = Vec::new();
    let room = if units <= SHORT {
        &mut short[..units]
    } else {
        long.resize(units, MaybeUninit::uninit());
        &mut long[..]
    };
    // SAFETY: the region is the whole string, and there is room for it.
    let units = unsafe {
        get_region(env, text, 0, length as jsize, room.as_mut_ptr().cast());
        slice::from_raw_parts(room.as_ptr().cast::<u16>(), units)
    };
    if units.len() <= SHORT && units.iter().fold(0, |all, unit| all | unit) < 0x80 {
        let mut ascii = [0_u8; SHORT];
        for (byte, unit) in ascii.iter_mut().zip(units) {
            *byte = *unit as u8;
        }
        // SAFETY: every byte is below 128.
        return Some(body(unsafe { str::from_utf8_unchecked(&ascii[..units.len()]) }));
    }
    Some(body(&String::from_utf16_lossy(units)))
}
