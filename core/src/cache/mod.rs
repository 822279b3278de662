//! Memories of answers that the service gave.
//!
//! Two layers: this process's own ([`memory`]) and, where a Redis or Valkey is given, one that a fleet shares
//! ([`redis`](mod@self::redis)). Both keep answers under the same [`Key`] and by the same rules ([`known`]): an answer carries the
//! version of the last change that could have altered it, what is known to be older is not served, and an answer's age runs from its
//! evaluation through both layers. So nothing has to be deleted when a flag changes; knowing its new version is enough.
//!
//! There is no error here: a cache that is broken is a miss, and one line of log.

#[cfg(not(feature = "redis"))]
mod absent;
mod key;
pub mod known;
pub mod memory;
#[cfg(feature = "redis")]
pub mod redis;
mod sync;

#[cfg(not(feature = "redis"))]
pub use self::absent::{Entry, Redis, RedisStats};
#[cfg(feature = "redis")]
pub use self::redis::{Entry, Redis, RedisStats};
pub use key::Key;
pub use known::{Fill, Known, Ticket};
pub use memory::{Held, Hit, Lives, Memory};
