//! Resource use of a task over its life, kept as integrals so that averages survive a restart.

use crate::energy::Energy;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One reading of a running container.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct UsageSample {
    /// CPU time used since the container started, in nanoseconds.
    pub cpu_total_ns: u64,
    /// Memory in use without the page cache, in bytes.
    pub memory_bytes: u64,
    /// Busy share of the task's GPUs in percent, where the engine can tell.
    pub gpu_percent: Option<f32>,
    /// Bytes read from and written to disk since the start.
    pub disk_bytes: u64,
    /// Bytes received and sent since the start.
    pub network_bytes: u64,
    /// Bytes kept on disk now, where something tells.
    #[serde(default)]
    pub disk_used_bytes: Option<u64>,
}

/// What a task used so far.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct TaskUsage {
    /// Running time without frozen time, in milliseconds.
    pub active_ms: u64,
    /// CPU time in nanoseconds.
    pub cpu_total_ns: u64,
    /// Memory integral in byte-milliseconds.
    pub memory_byte_ms: f64,
    /// GPU integral in percent-milliseconds.
    pub gpu_percent_ms: f64,
    /// Largest memory seen, in bytes.
    pub peak_memory_bytes: u64,
    /// Disk traffic in bytes.
    pub disk_bytes: u64,
    /// Network traffic in bytes.
    pub network_bytes: u64,
    /// Electricity above idle, as far as it is known.
    #[serde(default)]
    pub energy: Energy,
}

impl TaskUsage {
    /// Adds a reading that stands for the last `elapsed` of unfrozen time.
    pub fn add(&mut self, sample: &UsageSample, elapsed: Duration) {
        let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        self.active_ms = self.active_ms.saturating_add(ms);
        self.cpu_total_ns = self.cpu_total_ns.max(sample.cpu_total_ns);
        self.memory_byte_ms += sample.memory_bytes as f64 * ms as f64;
        if let Some(gpu) = sample.gpu_percent.filter(|g| g.is_finite()) {
            self.gpu_percent_ms += f64::from(gpu.clamp(0.0, 100.0)) * ms as f64;
        }
        self.peak_memory_bytes = self.peak_memory_bytes.max(sample.memory_bytes);
        self.disk_bytes = self.disk_bytes.max(sample.disk_bytes);
        self.network_bytes = self.network_bytes.max(sample.network_bytes);
    }

    /// Electricity above idle; absent unless it is known for nine tenths of the time.
    #[must_use]
    pub fn known_energy(&self) -> Option<Energy> {
        let known =
            self.active_ms > 0 && self.energy.known_ms.saturating_mul(10) >= self.active_ms.saturating_mul(9);
        known.then_some(self.energy)
    }

    /// Averages over the task's life, in percent of what it was granted.
    #[must_use]
    pub fn average(&self, limits: &crate::limits::TaskLimits) -> AverageUse {
        if self.active_ms == 0 {
            return AverageUse::default();
        }
        let ms = self.active_ms as f64;
        let percent = |part: f64, whole: f64| {
            if whole > 0.0 { (100.0 * part / whole).clamp(0.0, 100.0) as f32 } else { 0.0 }
        };
        let granted_cpu_ns = ms * 1e6 * f64::from(limits.resources.cpu_millis) / 1000.0;
        AverageUse {
            cpu_percent: percent(self.cpu_total_ns as f64, granted_cpu_ns),
            memory_percent: percent(self.memory_byte_ms / ms, limits.resources.memory_bytes as f64),
            gpu_percent: if limits.resources.gpus > 0 {
                percent(self.gpu_percent_ms / ms, 100.0)
            } else {
                0.0
            },
        }
    }
}

/// Average use in percent (0 to 100) of the granted limits.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct AverageUse {
    /// CPU.
    pub cpu_percent: f32,
    /// Memory.
    pub memory_percent: f32,
    /// GPU; zero when none was granted.
    pub gpu_percent: f32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::TaskLimits;
    use crate::resources::GIB;

    #[test]
    fn averages_are_of_the_granted_limits() {
        let limits = TaskLimits::default();
        let mut usage = TaskUsage::default();
        let half = UsageSample { cpu_total_ns: 1_000_000_000, memory_bytes: GIB, ..UsageSample::default() };
        usage.add(&half, Duration::from_secs(2));
        let average = usage.average(&limits);
        assert_eq!((average.cpu_percent, average.memory_percent, average.gpu_percent), (50.0, 50.0, 0.0));
    }

    #[test]
    fn nothing_measured_is_zero_and_absurd_readings_stay_in_range() {
        let limits = TaskLimits::default();
        assert_eq!(TaskUsage::default().average(&limits), AverageUse::default());
        let mut usage = TaskUsage::default();
        let absurd = UsageSample {
            cpu_total_ns: u64::MAX,
            memory_bytes: u64::MAX,
            gpu_percent: Some(f32::NAN),
            ..UsageSample::default()
        };
        usage.add(&absurd, Duration::from_millis(1));
        let average = usage.average(&limits);
        assert_eq!((average.cpu_percent, average.memory_percent), (100.0, 100.0));
    }
}
