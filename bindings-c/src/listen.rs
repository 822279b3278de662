//! Telling the caller what changed.

use std::mem::MaybeUninit;

use jackstaff::change::Change as Changed;

use crate::client::{Client, some};
use crate::error::{Error, attempt, guard};
use crate::raw::{Data, Text};

/// What changed. It and its texts are there only for the call.
#[repr(C)]
pub struct Change {
    /// The environment that changed.
    environment: Text,
    /// The life of the store that the versions belong to. Another epoch means: start over.
    epoch: Text,
    /// The version that the environment has now.
    version: u64,
    /// The version before it, if `has_previous`.
    previous: u64,
    has_previous: bool,
    /// The flags whose answers can have changed: `flag_count` of them; 0 means any of them.
    flags: *const Text,
    flag_count: usize,
}

/// Is called after a change, by a thread of the library: it must not block. Looking at flags is fine there; asking and waiting is not.
pub type OnChange = Option<extern "C" fn(data: Data, change: &Change)>;

/// Is called once, when a listener will not be called again. It must not call into the client that it comes from.
pub type Release = Option<extern "C" fn(data: Data)>;

struct Listener {
    data: Data,
    on_change: OnChange,
    release: Release,
}

impl Listener {
    fn tell(&self, change: &Changed) {
        let flags: Vec<Text> = change.flags.iter().map(|flag| Text::of(flag)).collect();
        let change = Change {
            environment: Text::of(&change.environment),
            epoch: Text::of(&change.epoch),
            version: change.version,
            previous: change.previous.unwrap_or(0),
            has_previous: change.previous.is_some(),
            flags: flags.as_ptr(),
            flag_count: flags.len(),
        };
        if let Some(on_change) = self.on_change {
            on_change(self.data, &change);
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(release) = self.release {
            release(self.data);
        }
    }
}

/// Calls `on_change` after each change, and `release` (which may be null) when that is over: after `jackstaff_unlisten`, when the client is closed, and
/// when this fails. Starts the client. Returns a number for `jackstaff_unlisten`, or 0 if it fails; a client has at most 1 000 listeners.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_listen(
    client: Option<&Client>,
    on_change: OnChange,
    release: Release,
    data: Data,
    error: Option<&mut MaybeUninit<Error>>,
) -> u64 {
    attempt(error, || {
        // Made first, so that whatever fails releases it.
        let listener = Listener { data, on_change, release };
        if on_change.is_none() {
            return Err(jackstaff::Error::new(jackstaff::ErrorKind::InvalidArgument, "the callback is null"));
        }
        some(client)?.0.on_change(move |change| listener.tell(change))
    })
    .1
    .unwrap_or(0)
}

/// Forgets a listener; does nothing if it is gone already. A call that is under way may still be going on when this returns: `release` says when
/// it is over.
#[unsafe(no_mangle)]
pub extern "C" fn jackstaff_unlisten(client: Option<&Client>, listener: u64) {
    guard((), || client.into_iter().for_each(|client| client.0.remove_listener(listener)));
}
