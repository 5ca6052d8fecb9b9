//! Temperature of the processor: what is made of the readings. Where they come from differs.

#[cfg(target_os = "linux")]
mod kernel;
#[cfg(any(windows, test))]
mod zones;

#[cfg(target_os = "linux")]
pub(super) use kernel::watch;
#[cfg(windows)]
pub(super) use zones::watch;

use hivemind_domain::rules::{Signal, Stuck};
use std::time::Duration;

/// How often it is read.
const LOOK: Duration = Duration::from_secs(10);
/// How often a sensor is looked for where there is none.
const SEARCH: Duration = Duration::from_secs(600);
/// A sensor that shows the very same while the processor worked hard for so many readings, and rested for as many, is
/// stuck.
const STUCK: u32 = 12;

/// Time of all processors together since some moment, in any unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ticks {
    whole: u64,
    idle: u64,
}

/// Makes a signal of what was read.
#[derive(Debug)]
struct Judge {
    stuck: Stuck,
    last: Option<Ticks>,
}

impl Judge {
    fn new() -> Self {
        Self { stuck: Stuck::after(STUCK), last: None }
    }

    /// Of the hottest reading in degrees Celsius; none where a sensor exists and cannot be read.
    fn signal(&mut self, hottest: Option<f32>, ticks: Option<Ticks>) -> Signal<f32> {
        let Some(celsius) = hottest else { return Signal::Unreadable };
        let load = self.load(ticks);
        if self.stuck.is(celsius, load) {
            tracing::warn!(celsius, "the processor's temperature is stuck");
            // No number: it is ignored, and named.
            return Signal::Value(f32::NAN);
        }
        Signal::Value(celsius)
    }

    /// Load of the processor since the last reading, in percent.
    fn load(&mut self, ticks: Option<Ticks>) -> Option<f32> {
        let now = ticks?;
        let last = self.last.replace(now)?;
        let (passed, rested) = (now.whole.checked_sub(last.whole)?, now.idle.checked_sub(last.idle)?);
        (passed > 0).then(|| 100.0 - 100.0 * rested as f32 / passed as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_is_what_was_not_idle_since_the_last_reading() {
        let mut judge = Judge::new();
        assert_eq!(judge.load(Some(Ticks { whole: 1000, idle: 800 })), None);
        assert_eq!(judge.load(Some(Ticks { whole: 1100, idle: 810 })), Some(90.0));
        assert_eq!(judge.load(None), None);
    }

    #[test]
    fn a_sensor_that_knows_no_difference_between_work_and_rest_is_ignored() {
        let mut judge = Judge::new();
        let (mut whole, mut idle) = (0, 0);
        let mut read = |rests: bool, times: u32| {
            (0..times).fold(Signal::Absent, |_, _| {
                whole += 100;
                idle += if rests { 100 } else { 0 };
                judge.signal(Some(27.9), Some(Ticks { whole, idle }))
            })
        };
        assert_eq!(read(false, STUCK + 1), Signal::Value(27.9));
        assert!(matches!(read(true, STUCK), Signal::Value(ignored) if ignored.is_nan()));
        assert_eq!(judge.signal(None, None), Signal::Unreadable);
    }
}
