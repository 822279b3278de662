//! `core/src/cache`, with shuttle's lock.

#[path = "../../../core/src/cache/key.rs"]
pub mod key;
#[path = "../../../core/src/cache/known.rs"]
pub mod known;
#[path = "../../../core/src/cache/memory.rs"]
pub mod memory;

/// The lock that is tried.
pub mod sync {
    pub use shuttle::sync::RwLock;
}
