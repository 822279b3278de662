//! The epoch word: one number in JavaScript's memory that changes whenever any client's flags do.
//!
//! JavaScript keeps answers (`lib/context.js`) and compares this word before it serves one: a load from a typed array, 0.3 ns, where
//! a call would cost 60. The memory is allocated by JavaScript and written by us. The other way round, a typed
//! array over our memory, is refused by runtimes with a memory cage, where it becomes a copy that never changes again.
//!
//! There is one word for each environment (the main thread, each worker), not for each client: it then lives exactly as long as
//! the environment, whose clean-up hook takes the pointer away under the lock that every write holds.

use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::External;
use napi::{Env, JsValue, Status, Unknown, sys};
use napi_derive::napi;

/// The place of the word, until the environment ends.
pub struct EpochWord(Mutex<Option<Place>>);

struct Place(NonNull<AtomicU32>);

// SAFETY: the memory belongs to an array that the environment's strong reference keeps (see `epoch_word`), is written only by atomic
// operations under the mutex, and is no longer reachable from here once the environment's clean-up hook has run.
unsafe impl Send for Place {}

impl EpochWord {
    /// Makes every kept answer of this environment old.
    pub fn advance(&self) {
        let place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Place(word)) = &*place {
            // SAFETY: `Some` means that the environment still stands, and with it the array.
            unsafe { word.as_ref() }.fetch_add(1, Ordering::Release);
        }
    }

    fn leave(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Takes over a `Uint32Array` of one number, for as long as the environment lives.
#[napi]
pub fn epoch_word(env: &Env, array: Unknown<'_>) -> napi::Result<External<Arc<EpochWord>>> {
    let (mut kind, mut length, mut data) = (0, 0, ptr::null_mut());
    // SAFETY: both values belong to this call's environment; Node-API checks that the value is a typed array.
    let status = unsafe {
        sys::napi_get_typedarray_info(env.raw(), array.raw(), &mut kind, &mut length, &mut data, ptr::null_mut(), ptr::null_mut())
    };
    let place = NonNull::new(data.cast::<AtomicU32>())
        .filter(|place| status == sys::Status::napi_ok && kind == sys::TypedarrayType::uint32_array && length == 1 && place.is_aligned());
    let Some(place) = place else {
        return Err(napi::Error::new(Status::InvalidArg, "the epoch word is a Uint32Array of length 1"));
    };
    let mut reference = ptr::null_mut();
    // SAFETY: as above. The reference is never deleted: it ends with the environment, after the clean-up hook below.
    let status = unsafe { sys::napi_create_reference(env.raw(), array.raw(), 1, &mut reference) };
    if status != sys::Status::napi_ok {
        return Err(napi::Error::new(Status::from(status), "the epoch word could not be kept"));
    }
    let word = Arc::new(EpochWord(Mutex::new(Some(Place(place)))));
    env.add_env_cleanup_hook(word.clone(), |word| word.leave())?;
    Ok(External::new(word))
}
