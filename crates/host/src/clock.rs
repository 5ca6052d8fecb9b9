//! The real clocks. This is the one place that reads them.

use hivemind_domain::time::{Mono, Now, WallMs};
use hivemind_worker_core::port::Clock;
use std::time::Duration;

/// The computer's clocks. The monotonic one counts from the start of the computer on Linux, elsewhere from its
/// first reading; it goes on during suspend on both Linux and Windows.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// CLOCK_BOOTTIME: unlike CLOCK_MONOTONIC, which `std::time::Instant` reads, it counts suspended time, so that a
/// lease ends while the lid is closed.
#[cfg(target_os = "linux")]
fn monotonic() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// `Instant` is the performance counter on Windows, which counts suspended time.
#[cfg(not(target_os = "linux"))]
#[expect(clippy::disallowed_methods, reason = "this is the clock behind the port")]
fn monotonic() -> Duration {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock behind the port")]
    fn now(&self) -> Now {
        let wall = match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            // A computer whose clock stands before 1970.
            Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
        };
        Now { mono: Mono(monotonic()), wall: WallMs(wall) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monotonic_clock_never_falls() {
        let clock = SystemClock;
        let mut last = clock.now().mono;
        for _ in 0..10_000 {
            let now = clock.now().mono;
            assert!(now >= last);
            last = now;
        }
    }

    #[test]
    fn it_counts_real_time() {
        let clock = SystemClock;
        let before = clock.now();
        std::thread::sleep(Duration::from_millis(50));
        let after = clock.now();
        assert!(after.mono.since(before.mono) >= Duration::from_millis(50));
        // After 2020 and before 2200.
        assert!((1_577_836_800_000..7_258_118_400_000).contains(&after.wall.0), "{after:?}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn it_counts_from_the_start_of_the_computer() {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        let ours = SystemClock.now().mono.0.as_secs_f64();
        assert!((ours - uptime).abs() < 5.0, "{ours} against {uptime}");
    }
}
