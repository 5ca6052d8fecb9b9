//! The only place in this tool that reads a clock.

use std::time::Instant;

/// The monotonic time now.
#[expect(clippy::disallowed_methods, reason = "this is this program's clock; it measures real programs")]
pub fn now() -> Instant {
    Instant::now()
}

/// Seconds since `start`, for people.
pub fn seconds_since(start: Instant) -> String {
    format!("{:.1} s", now().duration_since(start).as_secs_f64())
}
