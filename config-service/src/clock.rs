//! The clock is handed in: tests stop it, and nothing else in the service asks the system for the time.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Yields milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// The system's clock.
pub fn system() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

/// A moment as people read it: `2026-11-22T17:20:19.123Z`.
pub fn to_rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |moment| moment.to_string())
}
