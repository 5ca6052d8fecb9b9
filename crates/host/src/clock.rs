//! The clock port.

use hivemind_domain::time::{Mono, Now, WallMs};
use hivemind_worker_core::port::Clock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The system's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Now {
        Now { mono: Mono(monotonic()), wall: WallMs(wall()) }
    }
}

/// Time since the computer started, suspend included: a lease goes on while a laptop sleeps.
#[cfg(target_os = "linux")]
fn monotonic() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The performance counter behind `Instant` goes on during suspend on Windows.
#[cfg(not(target_os = "linux"))]
#[expect(clippy::disallowed_methods, reason = "this is the clock port")]
fn monotonic() -> Duration {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}

#[expect(clippy::disallowed_methods, reason = "this is the clock port")]
fn wall() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_forward_and_knows_this_century() {
        let first = SystemClock.now();
        std::thread::sleep(Duration::from_millis(5));
        let second = SystemClock.now();
        assert!(second.mono.since(first.mono) >= Duration::from_millis(5));
        assert!(first.wall.0 > 1_700_000_000_000);
    }
}
