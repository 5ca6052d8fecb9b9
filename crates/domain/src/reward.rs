//! The seeds' two reward formulas, in whole CPT.
//!
//! Source: rows 70 and 71 of the seed documents. Base 10; the mean of CPU and memory use picks the factor
//! (> 80 %: 1.5, > 50 %: 1.2, > 20 %: 1.0, else 0.8); GPU use adds 0.01 CPT per percent. `v2` multiplies the
//! first part by hours run, at most 2, and pays at least 1 CPT.

use crate::usage::AverageUse;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const BASE: f64 = 10.0;
const CPT_PER_GPU_PERCENT: f64 = 0.01;
const SECONDS_PER_UNIT: f64 = 3600.0;
const MAX_UNITS: f64 = 2.0;

/// Which formula a pool pays by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Formula {
    /// By use alone.
    V1,
    /// By use and running time.
    #[default]
    V2,
}

/// CPT due for a task that ran for `active` (frozen time not counted) with the average use `used`.
#[must_use]
pub fn reward(formula: Formula, used: AverageUse, active: Duration) -> u64 {
    let clean = |v: f32| if v.is_finite() { f64::from(v.clamp(0.0, 100.0)) } else { 0.0 };
    let factor = factor((clean(used.cpu_percent) + clean(used.memory_percent)) / 2.0);
    let bonus = clean(used.gpu_percent) * CPT_PER_GPU_PERCENT;
    // Both values are finite and small, so the conversion only drops the fraction, as the seeds' int() does.
    match formula {
        Formula::V1 => (BASE * factor + bonus) as u64,
        Formula::V2 => {
            let units = (active.as_secs_f64() / SECONDS_PER_UNIT).min(MAX_UNITS);
            ((BASE * factor * units + bonus) as u64).max(1)
        }
    }
}

fn factor(average_percent: f64) -> f64 {
    match average_percent {
        a if a > 80.0 => 1.5,
        a if a > 50.0 => 1.2,
        a if a > 20.0 => 1.0,
        _ => 0.8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(cpu: f32, memory: f32, gpu: f32) -> AverageUse {
        AverageUse { cpu_percent: cpu, memory_percent: memory, gpu_percent: gpu }
    }

    #[test]
    fn v1_every_branch_and_border() {
        let table = [
            (used(0.0, 0.0, 0.0), 8),
            (used(20.0, 20.0, 0.0), 8),
            (used(20.5, 20.5, 0.0), 10),
            (used(50.0, 50.0, 0.0), 10),
            (used(100.0, 0.5, 0.0), 12),
            (used(80.0, 80.0, 0.0), 12),
            (used(81.0, 80.5, 0.0), 15),
            (used(100.0, 100.0, 100.0), 16),
            (used(0.0, 0.0, 99.0), 8),
            (used(f32::NAN, f32::INFINITY, -1.0), 8),
        ];
        for (input, expected) in table {
            assert_eq!(reward(Formula::V1, input, Duration::from_secs(1)), expected, "{input:?}");
        }
    }

    #[test]
    fn v2_scales_with_time_caps_at_two_hours_and_pays_at_least_one() {
        let table = [
            (used(0.0, 0.0, 0.0), 0, 1),
            (used(60.0, 60.0, 0.0), 60, 1),
            (used(60.0, 60.0, 0.0), 1800, 6),
            (used(60.0, 60.0, 0.0), 3600, 12),
            (used(90.0, 90.0, 0.0), 7200, 30),
            (used(90.0, 90.0, 0.0), 86_400, 30),
            (used(90.0, 90.0, 100.0), 7200, 31),
            (used(10.0, 10.0, 100.0), 0, 1),
            (used(10.0, 10.0, 100.0), 450, 2),
        ];
        for (input, seconds, expected) in table {
            assert_eq!(
                reward(Formula::V2, input, Duration::from_secs(seconds)),
                expected,
                "{input:?} {seconds}"
            );
        }
    }

    #[test]
    fn v2_never_falls_as_time_goes_on() {
        let mut last = 0;
        for seconds in (0..8000).step_by(7) {
            let now = reward(Formula::V2, used(55.0, 70.0, 30.0), Duration::from_secs(seconds));
            assert!(now >= last);
            last = now;
        }
    }
}
