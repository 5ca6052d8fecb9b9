//! Time for timers. Tokio's clock, so that tests can turn it.

use std::time::Duration;
pub(crate) use tokio::time::Instant;

/// Now.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// How long ago something was; zero when it lies ahead.
pub(crate) fn since(then: Instant) -> Duration {
    now().saturating_duration_since(then)
}
