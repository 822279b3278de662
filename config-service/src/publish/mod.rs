//! Telling others that an environment moved.
//!
//! The door for writes calls every [`Publisher`] after the commit. What one sends may get lost: each message carries a
//! version, and whoever receives it compares versions and asks for what is missing. The outbox in the store keeps the last moves, for
//! publishers that must not lose any.

pub mod sse;

use std::sync::Arc;

use crate::environments::published::Published;

/// Somebody who tells others. Calls come in the order of the versions and must not block.
pub trait Publisher: Send + Sync + 'static {
    /// An environment serves this now.
    fn publish(&self, published: &Arc<Published>);

    /// An environment is gone.
    fn close(&self, environment: &str);
}
