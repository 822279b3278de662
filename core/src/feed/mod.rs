//! News that something moved. One way so far: the config service's stream of events.

pub mod sse;
