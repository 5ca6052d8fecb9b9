//! The pool's clocks. Money and leases of a running pool hang on the monotonic one; wall time is only written down.

use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Milliseconds since the Unix epoch.
#[expect(clippy::disallowed_methods, reason = "this module is the pool's clock")]
pub(crate) fn wall_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A point on the monotonic clock; tests can pause it.
pub(crate) fn mono() -> Instant {
    Instant::now()
}

/// Whole milliseconds, saturating.
pub(crate) fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Whole milliseconds for a wire field, saturating.
pub(crate) fn ms_u32(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
