//! What goes on while JavaScript does something else: promises, and fetches that nobody waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jackstaff::Client;
use napi::bindgen_prelude::Object;
use napi::{Env, JsDeferred};

use crate::error::{Result, host, thrown};

/// A promise that is settled from the core's runtime. It keeps the process alive until then, as any request does.
pub fn promise<'env>(client: &Client, env: &'env Env, future: impl Future<Output = String> + Send + 'static) -> Result<Object<'env>> {
    let (deferred, promise) = env.create_deferred().map_err(host)?;
    let mut pending = Pending(Some(deferred));
    let spawned = client.spawn(async move { pending.settle(future.await) });
    spawned.map_err(thrown)?;
    Ok(promise)
}

type Settle = Box<dyn FnOnce(Env) -> napi::Result<String> + Send>;

/// A promise that is settled in any case: if the future is dropped, by a panic or with its runtime, with the empty text.
struct Pending(Option<JsDeferred<String, Settle>>);

impl Pending {
    fn settle(&mut self, text: String) {
        if let Some(deferred) = self.0.take() {
            deferred.resolve(Box::new(move |_| Ok(text)));
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.settle(String::new());
    }
}

/// The most fetches of a client at a time. A check in a loop while the service is away would otherwise pile them up; the next
/// check tries again.
const MAX_FETCHES: usize = 256;

/// How many fetches are under way.
pub type Fetches = Arc<AtomicUsize>;

/// One of a client's places for fetches, held while the fetch lives.
pub struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    /// A place, if there is one left.
    pub fn begin(fetches: &Fetches) -> Option<Self> {
        // Counted first, so that a place which is refused is given back by the same drop.
        let place = Self(fetches.clone());
        (fetches.fetch_add(1, Ordering::Relaxed) < MAX_FETCHES).then_some(place)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
