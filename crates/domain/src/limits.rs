//! The limits of one task's container.

use crate::resources::{GIB, MIB, Resources};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Hard limits of one container, as granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskLimits {
    /// CPU, memory and GPUs; memory has no swap on top.
    pub resources: Resources,
    /// Processes and threads together.
    pub pids: u32,
    /// Bytes the task may keep on disk.
    pub disk_bytes: u64,
    /// Running time, frozen seconds not counted.
    pub timeout: Duration,
}

impl Default for TaskLimits {
    /// Row 49 of the seeds' promises: 2 GiB of memory, 100 processes, 1 GiB of disk; one core, one hour.
    fn default() -> Self {
        Self {
            resources: Resources { cpu_millis: 1000, memory_bytes: 2 * GIB, gpus: 0 },
            pids: 100,
            disk_bytes: GIB,
            timeout: Duration::from_secs(3600),
        }
    }
}

/// A limit that no container can be run with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {value}, allowed is {allowed}")]
pub struct LimitError {
    /// Name of the limit.
    pub field: &'static str,
    /// What was asked for.
    pub value: u64,
    /// What would be accepted.
    pub allowed: &'static str,
}

impl TaskLimits {
    /// Checks every limit against what any engine can enforce.
    ///
    /// # Errors
    /// The first limit out of range, with its range.
    pub fn check(&self) -> Result<(), LimitError> {
        let within = |field, value: u64, range: std::ops::RangeInclusive<u64>, allowed| {
            if range.contains(&value) { Ok(()) } else { Err(LimitError { field, value, allowed }) }
        };
        let r = self.resources;
        within("cpu_millis", u64::from(r.cpu_millis), 10..=1_024_000, "10 to 1024000 thousandths of a core")?;
        within("memory_bytes", r.memory_bytes, 16 * MIB..=4096 * GIB, "16 MiB to 4 TiB")?;
        within("gpus", u64::from(r.gpus), 0..=64, "0 to 64")?;
        within("pids", u64::from(self.pids), 1..=4096, "1 to 4096")?;
        within("disk_bytes", self.disk_bytes, MIB..=1024 * GIB, "1 MiB to 1 TiB")?;
        within("timeout", self.timeout.as_secs(), 1..=30 * 86_400, "1 second to 30 days")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_extremes_are_named() {
        assert_eq!(TaskLimits::default().check(), Ok(()));
        let tiny = TaskLimits { pids: 0, ..TaskLimits::default() };
        assert_eq!(tiny.check().unwrap_err().field, "pids");
        let mut huge = TaskLimits::default();
        huge.resources.memory_bytes = u64::MAX;
        assert_eq!(huge.check().unwrap_err().field, "memory_bytes");
    }
}
