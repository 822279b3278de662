//! Where answers come from when the snapshot in memory cannot give them.

pub mod remote;
pub mod saved;

pub use remote::Remote;
