//! What an input costs: heap on top of what was there, and time.

use crate::ALLOCATOR;
use std::time::{Duration, Instant};

/// Most extra memory that a refusal may take, in bytes.
pub const MOST_BYTES: u64 = 16 << 20;
/// Most time that a refusal may take.
pub const MOST_TIME: Duration = Duration::from_secs(2);

/// Peak of the heap above its level before, and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Bytes.
    pub bytes: u64,
    /// By the wall.
    pub time: Duration,
}

/// Runs `what` and measures it. Nothing else may run in this process meanwhile.
pub fn measured<T>(what: impl FnOnce() -> T) -> (T, Cost) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let begun = now();
    let value = what();
    let time = begun.elapsed();
    let bytes = ALLOCATOR.peak_usage().saturating_sub(before) as u64;
    (value, Cost { bytes, time })
}

/// The monotonic time now.
#[expect(clippy::disallowed_methods, reason = "this program's clock; it measures real programs")]
pub fn now() -> Instant {
    Instant::now()
}
