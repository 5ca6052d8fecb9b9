//! What tasks may ask for, by how far the pool trusts this computer.

use crate::limits::TaskLimits;
use crate::resources::{GIB, MIB, Resources, TrustLevel};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// One limit's name and value, as told to people and to the pool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{limit} is {asked}, at trust level {level} at most {most} is allowed")]
pub struct OverTrust {
    /// Name of the limit, as in the policy file.
    pub limit: &'static str,
    /// The level's word.
    pub level: &'static str,
    /// What the task asks for, in the policy file's unit.
    pub asked: u64,
    /// What the level allows.
    pub most: u64,
}

/// Names of a level's limits in the policy file, in order. Sizes are bytes, times seconds, processors thousandths of
/// a core.
pub const NAMES: [&str; 6] = ["cpu_millis", "memory_bytes", "gpus", "pids", "disk_bytes", "timeout_seconds"];

/// The largest task of each trust level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustLimits {
    /// A computer that has proven nothing yet.
    pub low: TaskLimits,
    /// Proven by finished tasks.
    pub medium: TaskLimits,
    /// Vouched for by the pool's owner.
    pub high: TaskLimits,
}

impl Default for TrustLimits {
    /// The built-in table; the store's `policy.toml` says the same with explanations.
    fn default() -> Self {
        let level = |cpu_millis, memory_bytes, gpus, pids, disk_bytes, timeout| TaskLimits {
            resources: Resources { cpu_millis, memory_bytes, gpus },
            pids,
            disk_bytes,
            timeout,
        };
        Self {
            low: level(4000, 4 * GIB, 0, 512, 16 * GIB, 24 * HOUR),
            medium: level(16_000, 32 * GIB, 2, 1024, 100 * GIB, 72 * HOUR),
            high: level(1_024_000, 4096 * GIB, 64, 4096, 1024 * GIB, 720 * HOUR),
        }
    }
}

/// A policy that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("[{level}] {limit} is {value}, allowed is {allowed}")]
pub struct TrustError {
    /// The level's word.
    pub level: &'static str,
    /// Name of the limit.
    pub limit: &'static str,
    /// The value.
    pub value: u64,
    /// What would be accepted.
    pub allowed: String,
}

/// A level's word.
#[must_use]
pub fn word(level: TrustLevel) -> &'static str {
    match level {
        TrustLevel::Low => "low",
        TrustLevel::Medium => "medium",
        TrustLevel::High => "high",
    }
}

/// A level's limits in the order of [`NAMES`].
#[must_use]
pub fn values(limits: &TaskLimits) -> [u64; 6] {
    let r = limits.resources;
    [
        u64::from(r.cpu_millis),
        r.memory_bytes,
        u64::from(r.gpus),
        u64::from(limits.pids),
        limits.disk_bytes,
        limits.timeout.as_secs(),
    ]
}

/// Sets one limit by its name; false when there is no such limit or the value does not fit its type.
pub fn set(limits: &mut TaskLimits, name: &str, value: u64) -> bool {
    let small = u32::try_from(value).ok();
    match (name, small) {
        ("cpu_millis", Some(value)) => limits.resources.cpu_millis = value,
        ("gpus", Some(value)) => limits.resources.gpus = value,
        ("pids", Some(value)) => limits.pids = value,
        ("memory_bytes", _) => limits.resources.memory_bytes = value,
        ("disk_bytes", _) => limits.disk_bytes = value,
        ("timeout_seconds", _) => limits.timeout = Duration::from_secs(value),
        _ => return false,
    }
    true
}

/// The range of a limit, by its place in [`NAMES`]: what any engine can enforce.
const RANGES: [(u64, u64); 6] =
    [(10, 1_024_000), (16 * MIB, 4096 * GIB), (0, 64), (1, 4096), (MIB, 1024 * GIB), (1, 30 * 86_400)];

impl TrustLimits {
    /// A level's limits.
    #[must_use]
    pub fn of(&self, level: TrustLevel) -> &TaskLimits {
        match level {
            TrustLevel::Low => &self.low,
            TrustLevel::Medium => &self.medium,
            TrustLevel::High => &self.high,
        }
    }

    /// A level's limits, to be changed.
    pub fn of_mut(&mut self, level: TrustLevel) -> &mut TaskLimits {
        match level {
            TrustLevel::Low => &mut self.low,
            TrustLevel::Medium => &mut self.medium,
            TrustLevel::High => &mut self.high,
        }
    }

    /// Checks that every value is one that an engine can hold, and that more trust never means less.
    ///
    /// # Errors
    /// The first value out of range.
    pub fn check(&self) -> Result<(), TrustError> {
        let mut floor = RANGES.map(|(least, _)| least);
        for level in [TrustLevel::Low, TrustLevel::Medium, TrustLevel::High] {
            let present = values(self.of(level));
            for (place, value) in present.into_iter().enumerate() {
                let (least, (_, most)) = (floor[place], RANGES[place]);
                if !(least..=most).contains(&value) {
                    let lower = level != TrustLevel::Low && least > RANGES[place].0;
                    let why = if lower { ", no less than the level below has" } else { "" };
                    return Err(TrustError {
                        level: word(level),
                        limit: NAMES[place],
                        value,
                        allowed: format!("{least} to {most}{why}"),
                    });
                }
            }
            floor = present;
        }
        Ok(())
    }

    /// Checks a task against its level.
    ///
    /// # Errors
    /// The first limit that the task asks too much of.
    pub fn admit(&self, level: TrustLevel, task: &TaskLimits) -> Result<(), OverTrust> {
        let most = values(self.of(level));
        let asked = values(task);
        let over = (0..NAMES.len()).find(|place| asked[*place] > most[*place]);
        over.map_or(Ok(()), |place| {
            Err(OverTrust { limit: NAMES[place], level: word(level), asked: asked[place], most: most[place] })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LEVELS: [TrustLevel; 3] = [TrustLevel::Low, TrustLevel::Medium, TrustLevel::High];

    #[test]
    fn the_built_in_table_is_valid_and_lets_ordinary_tasks_pass() {
        let table = TrustLimits::default();
        assert_eq!(table.check(), Ok(()));
        for level in LEVELS {
            assert_eq!(table.admit(level, &TaskLimits::default()), Ok(()), "{level:?}");
        }
    }

    #[test]
    fn what_is_over_the_level_is_named_with_level_and_numbers() {
        let table = TrustLimits::default();
        let mut task = TaskLimits::default();
        task.resources.gpus = 1;
        let refused = table.admit(TrustLevel::Low, &task).unwrap_err();
        assert_eq!(refused.to_string(), "gpus is 1, at trust level low at most 0 is allowed");
        assert_eq!(table.admit(TrustLevel::Medium, &task), Ok(()));
        task.resources.gpus = 3;
        assert_eq!(table.admit(TrustLevel::Medium, &task).unwrap_err().limit, "gpus");
        assert_eq!(table.admit(TrustLevel::High, &task), Ok(()));
    }

    #[test]
    fn a_table_out_of_bounds_or_upside_down_is_refused() {
        let mut table = TrustLimits::default();
        assert!(set(&mut table.high, "pids", 5000));
        let error = table.check().unwrap_err();
        assert_eq!((error.level, error.limit, error.value), ("high", "pids", 5000));
        let mut table = TrustLimits::default();
        assert!(set(&mut table.medium, "gpus", 0) && table.check().is_ok());
        assert!(set(&mut table.low, "gpus", 1));
        let error = table.check().unwrap_err().to_string();
        assert!(error.contains("[medium] gpus is 0") && error.contains("level below"), "{error}");
        assert!(!set(&mut table.low, "nonsense", 1) && !set(&mut table.low, "pids", u64::MAX));
    }

    fn limits() -> impl Strategy<Value = TaskLimits> {
        (10..2_000_000_u32, 1..8192 * GIB, 0..70_u32, 1..5000_u32, 1..2048 * GIB, 1..4_000_000_u64).prop_map(
            |(cpu_millis, memory_bytes, gpus, pids, disk_bytes, seconds)| TaskLimits {
                resources: Resources { cpu_millis, memory_bytes, gpus },
                pids,
                disk_bytes,
                timeout: Duration::from_secs(seconds),
            },
        )
    }

    proptest! {
        #[test]
        fn what_a_level_admits_every_higher_one_admits_in_a_checked_table(
            low in limits(), medium in limits(), high in limits(), task in limits(),
        ) {
            let table = TrustLimits { low, medium, high };
            if table.check().is_ok() {
                for pair in LEVELS.windows(2) {
                    if table.admit(pair[0], &task).is_ok() {
                        prop_assert!(table.admit(pair[1], &task).is_ok());
                    }
                }
            }
            let default = TrustLimits::default();
            let fits = (0..NAMES.len()).all(|at| values(&task)[at] <= values(&default.low)[at]);
            prop_assert_eq!(default.admit(TrustLevel::Low, &task).is_ok(), fits);
        }
    }
}
