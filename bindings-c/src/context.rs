//! Who is asking: a user id that a check brings along, or a context built once.

use std::mem::MaybeUninit;

use jackstaff::{Attributes, ErrorKind, Result, Value, View};

use crate::client::json;
use crate::error::{Error, attempt, guard};
use crate::raw::Text;
use crate::text::MAX_NAME;

/// A user with attributes, built once and used for any number of checks, by any client and any thread. Opaque.
pub struct Context(pub(crate) jackstaff::Context);

/// Builds a context. `user` is the targeting key; the null text is nobody, which is not the same as the empty text. `attributes` is a JSON object,
/// or the null text for none: at most 256, nested at most 8 deep, texts at most 64 KiB.
///
/// Null if it fails; the error then names the attribute. The caller frees the context.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_context_new(user: Text, attributes: Text, error: Option<&mut MaybeUninit<Error>>) -> Option<Box<Context>> {
    attempt(error, || {
        let context = match (user.is_null(), user.lossy(MAX_NAME)?) {
            (true, _) => jackstaff::Context::anonymous(),
            (false, user) => jackstaff::Context::new(&*user)?,
        };
        Ok(Box::new(Context(context.with_attributes(self::attributes(attributes)?))))
    })
    .1
}

/// Frees a context. No call with it may be under way or come later. Null is fine.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_context_free(context: Option<Box<Context>>) {
    guard((), || drop(context));
}

/// Calls `body` with who is asking: the context if there is one, else the user.
///
/// # Errors
/// `InvalidArgument` for a user id that cannot be one.
#[inline]
pub fn with_view<T>(user: Text, context: Option<&Context>, body: impl FnOnce(View<'_>) -> T) -> Result<T> {
    if let Some(context) = context {
        return Ok(body(context.0.view()));
    }
    if user.is_null() {
        user.bytes(0)?; // null with a length
        return Ok(body(View { key: None, attributes: Attributes::EMPTY }));
    }
    Ok(body(View::of(&user.lossy(MAX_NAME)?)))
}

fn attributes(text: Text) -> Result<Attributes> {
    if text.is_null() {
        return Ok(Attributes::default());
    }
    match json(text, "attributes")? {
        Value::Map(entries) => Attributes::new(entries.iter().cloned()),
        other => {
            let message = format!("attributes are an object, and a {} is not", other.type_name());
            Err(jackstaff::Error::new(ErrorKind::InvalidArgument, message))
        }
    }
}
