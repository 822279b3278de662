//! Memories of answers that the service gave. One so far: this process's own.

pub mod memory;

pub use memory::{Held, Key, Memory};
