//! Jackstaff for Node.js: the native half of the package.
//!
//! JavaScript owns the public classes (`lib/client.js` and its neighbours) and this crate owns the answers. A check that memory can
//! answer crosses the boundary once, through a raw Node-API callback ([`raw::door`]): two strings into stack buffers, one
//! boolean back, no promise, no object ([`checks`]). Everything else is a method of [`client::NativeClient`], made with napi-derive; its
//! waits run on the core's runtime and settle a promise from there ([`wait`]). What is larger than a word crosses as JSON text
//! ([`convert`]): one string is cheaper than an object built property by property.
//!
//! Nothing here is `static` that belongs to one environment, so that worker threads, reloaded modules and the main thread each
//! have their own clients. A change is announced to JavaScript's memories by one number ([`raw::epoch`]).
//!
//! All `unsafe` of the crate is in [`raw`].

mod checks;
mod client;
mod convert;
mod error;
mod log;
mod raw;
mod wait;

/// Runs when the addon is loaded.
#[napi_derive::module_init]
fn load() {
    log::install();
}
