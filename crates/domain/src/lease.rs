//! The pool's promise that an attempt is ours, judged by our own monotonic clock.

use crate::time::Mono;
use std::time::Duration;

/// Length of a lease when the pool names none: 10 s from the last answered heartbeat.
pub const DEFAULT_LENGTH: Duration = Duration::from_secs(10);

/// A lease. It counts from the moment the renewing request was *sent*, so that a slow answer never makes us
/// believe in a lease that has already ended at the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    until: Mono,
}

impl Lease {
    /// A lease granted by an answer to a request sent at `sent`; `length` is clamped to 1..=300 s.
    #[must_use]
    pub fn granted(sent: Mono, length: Duration) -> Self {
        let length = length.clamp(Duration::from_secs(1), Duration::from_secs(300));
        Self { until: sent.after(length) }
    }

    /// Renews; an older answer arriving late never shortens the lease.
    pub fn renew(&mut self, sent: Mono, length: Duration) {
        self.until = self.until.max(Self::granted(sent, length).until);
    }

    /// Whether the pool still counts on us at `now`. A lapsed lease stops no computation: the result waits until
    /// the pool confirms or revokes.
    #[must_use]
    pub fn holds(&self, now: Mono) -> bool {
        now < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: u64) -> Mono {
        Mono(Duration::from_secs(s))
    }

    #[test]
    fn counts_from_sending_and_never_shortens() {
        let mut lease = Lease::granted(at(100), DEFAULT_LENGTH);
        assert!(lease.holds(at(109)) && !lease.holds(at(110)));
        lease.renew(at(105), DEFAULT_LENGTH);
        lease.renew(at(101), DEFAULT_LENGTH);
        assert!(lease.holds(at(114)) && !lease.holds(at(115)));
    }

    #[test]
    fn absurd_lengths_are_clamped() {
        assert!(!Lease::granted(at(0), Duration::MAX).holds(at(301)));
        assert!(Lease::granted(at(0), Duration::ZERO).holds(at(0)));
    }
}
