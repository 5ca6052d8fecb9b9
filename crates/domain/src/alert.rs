//! Thresholds with hysteresis: when this computer, or a task beside its limits, is worth a word.
//!
//! A gauge is raised when it was at or above its threshold for [`Gauge::hold`], and cleared when it was at least
//! [`Gauge::slack`] below it for as long. Between the two nothing changes, so a value that swings around its
//! threshold says one thing, once.

use crate::time::Mono;
use std::collections::BTreeMap;
use std::time::Duration;

/// What is watched of the computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gauge {
    /// CPU of all cores, in percent.
    Cpu,
    /// Memory in percent.
    Memory,
    /// The disk that holds our data, in percent.
    Disk,
    /// The hottest part that tells, in degrees Celsius.
    Temperature,
}

impl Gauge {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Cpu, Self::Memory, Self::Disk, Self::Temperature];

    /// The stable word of its alert.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Cpu => "cpu_high",
            Self::Memory => "memory_high",
            Self::Disk => "disk_high",
            Self::Temperature => "temperature_high",
        }
    }

    /// The setting that holds its threshold; 0 there switches it off.
    #[must_use]
    pub fn setting(self) -> &'static str {
        match self {
            Self::Cpu => "alert_cpu_percent",
            Self::Memory => "alert_memory_percent",
            Self::Disk => "alert_disk_percent",
            Self::Temperature => "alert_temperature_celsius",
        }
    }

    /// How far below the threshold it is calm again.
    #[must_use]
    pub fn slack(self) -> f32 {
        match self {
            Self::Cpu | Self::Memory => 5.0,
            Self::Disk => 2.0,
            Self::Temperature => 8.0,
        }
    }

    /// How long it must stay there. Tasks are meant to use the CPU, so that one has to last.
    #[must_use]
    pub fn hold(self) -> Duration {
        match self {
            Self::Cpu => Duration::from_secs(60),
            Self::Memory | Self::Disk | Self::Temperature => Duration::from_secs(5),
        }
    }
}

/// A gauge that was raised or cleared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alarm {
    /// Which.
    pub gauge: Gauge,
    /// Raised, or calm again.
    pub raised: bool,
    /// What it reads.
    pub value: f32,
    /// Where its threshold is.
    pub threshold: f32,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    raised: bool,
    /// Since when it reads as the other state wants.
    turning: Option<Mono>,
}

/// The watch over one computer.
#[derive(Debug, Clone, Default)]
pub struct HostWatch {
    states: BTreeMap<Gauge, State>,
}

impl HostWatch {
    /// Takes a reading; `threshold` 0 means off, `value` absent that nothing tells. Gives what changed.
    pub fn read(&mut self, gauge: Gauge, value: Option<f32>, threshold: u64, now: Mono) -> Option<Alarm> {
        let state = self.states.entry(gauge).or_default();
        let limit = threshold as f32;
        let value = value.filter(|value| value.is_finite());
        let (Some(value), true) = (value, threshold > 0) else {
            let was = std::mem::take(state).raised;
            return was.then_some(Alarm { gauge, raised: false, value: 0.0, threshold: limit });
        };
        let turns = if state.raised { value < limit - gauge.slack() } else { value >= limit };
        if !turns {
            state.turning = None;
            return None;
        }
        let since = *state.turning.get_or_insert(now);
        if now.since(since) < gauge.hold() {
            return None;
        }
        *state = State { raised: !state.raised, turning: None };
        Some(Alarm { gauge, raised: state.raised, value, threshold: limit })
    }
}

/// Share of a limit from which a task is near it, in percent; below [`CALM_PERCENT`] it is away from it again.
pub const NEAR_PERCENT: f32 = 90.0;
/// See [`NEAR_PERCENT`].
pub const CALM_PERCENT: f32 = 80.0;

/// Whether a task is near one of its limits, told once each time it comes there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NearLimit {
    near: bool,
}

impl NearLimit {
    /// Takes a reading; true when the task has just come near.
    pub fn read(&mut self, used: f64, limit: f64) -> bool {
        let percent = if limit > 0.0 { 100.0 * used / limit } else { 0.0 };
        let was = self.near;
        self.near = percent >= f64::from(if was { CALM_PERCENT } else { NEAR_PERCENT });
        self.near && !was
    }

    /// Whether it is near now.
    #[must_use]
    pub fn is_near(self) -> bool {
        self.near
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Mono {
        Mono(Duration::from_secs(seconds))
    }

    #[test]
    fn a_gauge_has_to_stay_there_before_it_speaks_either_way() {
        let mut watch = HostWatch::default();
        let mut read = |value, s| watch.read(Gauge::Memory, Some(value), 90, at(s)).map(|alarm| alarm.raised);
        assert_eq!([read(95.0, 0), read(95.0, 4)], [None, None]);
        assert_eq!(read(80.0, 5), None, "gone before it counted");
        assert_eq!([read(90.0, 6), read(91.0, 11), read(99.0, 30)], [None, Some(true), None]);
        assert_eq!([read(86.0, 31), read(89.0, 40)], [None, None], "between the two nothing changes");
        assert_eq!(
            [read(84.0, 41), read(86.0, 44), read(84.0, 45), read(84.0, 50)],
            [None, None, None, Some(false)]
        );
    }

    #[test]
    fn a_value_that_swings_around_its_threshold_says_one_thing_once() {
        for gauge in Gauge::ALL {
            let mut watch = HostWatch::default();
            let mut told = 0;
            for s in 0..3600 {
                // Two points above, one below, every two seconds.
                let value = if s % 4 < 2 { 82.0 } else { 79.0 };
                told += u32::from(watch.read(gauge, Some(value), 80, at(s)).is_some());
            }
            assert!(told <= 1, "{gauge:?} spoke {told} times");
        }
    }

    #[test]
    fn off_and_untold_gauges_are_silent_and_take_their_word_back() {
        let mut watch = HostWatch::default();
        for s in 0..100 {
            assert_eq!(watch.read(Gauge::Cpu, Some(100.0), 0, at(s)), None);
            assert_eq!(watch.read(Gauge::Temperature, None, 85, at(s)), None);
            assert_eq!(watch.read(Gauge::Disk, Some(f32::NAN), 90, at(s)), None);
        }
        let mut raised = false;
        for s in 0..100 {
            raised |= watch.read(Gauge::Cpu, Some(100.0), 95, at(s)).is_some_and(|alarm| alarm.raised);
        }
        assert!(raised);
        let cleared = watch.read(Gauge::Cpu, Some(100.0), 0, at(101));
        assert_eq!(cleared.map(|alarm| alarm.raised), Some(false), "switched off while it was raised");
    }

    #[test]
    fn a_task_near_a_limit_is_told_once_until_it_has_been_away() {
        let mut near = NearLimit::default();
        let mut read = |used| near.read(used, 1000.0);
        assert_eq!(
            [read(899.0), read(900.0), read(990.0), read(850.0), read(900.0)],
            [false, true, false, false, false]
        );
        assert_eq!([read(799.0), read(901.0)], [false, true]);
        assert!(!NearLimit::default().read(5.0, 0.0), "no limit, no alert");
    }
}
