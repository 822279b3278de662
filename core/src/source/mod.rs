//! Where answers come from when the snapshot in memory cannot give them.

mod errand;
pub mod remote;
pub mod saved;

pub use remote::Remote;
