//! Telling others that an environment moved.
//!
//! The door for writes calls every [`Publisher`] after the commit. What one sends may get lost: each message carries a
//! version, and whoever receives it compares versions and asks for what is missing. Streams ([`sse`]) are told right there. Brokers are told by a [`relay`] each, which reads the outbox
//! that the commit itself wrote, so that none that is down loses anything or holds up a write: [`kafka`], [`redis`], and [`sweep`] for
//! fleets that still run the guide's clients.

pub mod event;
pub mod kafka;
pub mod redis;
pub mod relay;
pub mod sse;
pub mod sweep;

use std::sync::Arc;

use crate::environments::published::Published;

/// Somebody who tells others. Calls come in the order of the versions and must not block.
pub trait Publisher: Send + Sync + 'static {
    /// An environment serves this now.
    fn publish(&self, published: &Arc<Published>);

    /// An environment is gone.
    fn close(&self, environment: &str);
}
