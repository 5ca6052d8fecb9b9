//! Back-off with full jitter: the pause before try `n` is drawn evenly from zero to 0.5 s × 1.6ⁿ, at most 30 s.
//!
//! Source: the protocol's rule, with "full jitter" as in M. Brooker, *Exponential Backoff And Jitter* (2015).

use std::time::Duration;

/// First ceiling.
pub const BASE: Duration = Duration::from_millis(500);
/// Growth per failed try.
pub const FACTOR: f64 = 1.6;
/// Largest ceiling.
pub const CAP: Duration = Duration::from_secs(30);

/// Ceiling of the pause after `failures` failed tries in a row (0 gives [`BASE`]).
#[must_use]
pub fn ceiling(failures: u32) -> Duration {
    let seconds = BASE.as_secs_f64() * FACTOR.powi(i32::try_from(failures.min(64)).unwrap_or(64));
    Duration::from_secs_f64(seconds.min(CAP.as_secs_f64()))
}

/// Pause after `failures` failed tries; `unit` is a random number in 0..1. A pool's own wish (`push_back`) is
/// honoured when it is longer, up to [`CAP`].
#[must_use]
pub fn pause(failures: u32, unit: f64, push_back: Option<Duration>) -> Duration {
    let unit = if unit.is_finite() { unit.clamp(0.0, 1.0) } else { 1.0 };
    let own = ceiling(failures).mul_f64(unit);
    own.max(push_back.unwrap_or_default().min(CAP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ceiling_grows_and_stays_below_the_cap() {
        assert_eq!(ceiling(0), BASE);
        assert_eq!(ceiling(1), Duration::from_millis(800));
        assert_eq!(ceiling(9), CAP);
        assert_eq!(ceiling(u32::MAX), CAP);
    }

    #[test]
    fn pause_spans_zero_to_ceiling_and_clamps_push_back() {
        assert_eq!(pause(3, 0.0, None), Duration::ZERO);
        assert_eq!(pause(3, 1.0, None), ceiling(3));
        assert_eq!(pause(0, 0.0, Some(Duration::from_secs(3600))), CAP);
        assert_eq!(pause(0, f64::NAN, None), BASE);
    }
}
