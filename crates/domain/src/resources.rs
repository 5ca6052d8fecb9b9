//! What a computer has and what a task needs.

use serde::{Deserialize, Serialize};

/// One mebibyte in bytes.
pub const MIB: u64 = 1 << 20;
/// One gibibyte in bytes.
pub const GIB: u64 = 1 << 30;

/// An amount of computing resources, asked for or free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Resources {
    /// Thousandths of a core: 1500 is one and a half cores.
    pub cpu_millis: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Whole GPUs.
    pub gpus: u32,
}

impl Resources {
    /// What stays of `self` after `used`, never below zero.
    #[must_use]
    pub fn minus(self, used: Self) -> Self {
        Self {
            cpu_millis: self.cpu_millis.saturating_sub(used.cpu_millis),
            memory_bytes: self.memory_bytes.saturating_sub(used.memory_bytes),
            gpus: self.gpus.saturating_sub(used.gpus),
        }
    }

    /// The sum of both, saturating.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            cpu_millis: self.cpu_millis.saturating_add(other.cpu_millis),
            memory_bytes: self.memory_bytes.saturating_add(other.memory_bytes),
            gpus: self.gpus.saturating_add(other.gpus),
        }
    }

    /// Whether `need` fits into `self`.
    #[must_use]
    pub fn covers(self, need: Self) -> bool {
        self.cpu_millis >= need.cpu_millis && self.memory_bytes >= need.memory_bytes && self.gpus >= need.gpus
    }
}

/// One GPU as its driver names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GpuInfo {
    /// The driver's stable identifier.
    pub uuid: String,
    /// Product name.
    pub name: String,
    /// Memory in bytes.
    pub memory_bytes: u64,
}

/// What this computer is, told to a pool at registration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Capabilities {
    /// Logical processors.
    pub cpu_cores: u32,
    /// Processor's name.
    pub cpu_name: String,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Free bytes where tasks and results are kept.
    pub disk_free_bytes: u64,
    /// GPUs in the driver's order; empty without a driver.
    pub gpus: Vec<GpuInfo>,
    /// `linux` or `windows`.
    pub os: String,
    /// Container engine and version such as `docker 20.10.24`; empty while none answers.
    pub engine: String,
    /// `plain`, `userns`, `rootless`, `gvisor` or `vm`.
    pub isolation: String,
}

/// How far the pool trusts a computer. Ordered: `High` is served first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrustLevel {
    /// New or unproven.
    #[default]
    Low,
    /// Proven by finished tasks.
    Medium,
    /// Vouched for by the pool's owner.
    High,
}

/// Load of a computer as the seeds define it: the larger of CPU and memory use, in percent.
#[must_use]
pub fn load_percent(cpu: f32, memory: f32) -> f32 {
    let clean = |v: f32| if v.is_finite() { v.clamp(0.0, 100.0) } else { 100.0 };
    clean(cpu).max(clean(memory))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_is_the_larger_and_a_nonsense_reading_counts_as_full() {
        assert_eq!(load_percent(10.0, 40.0), 40.0);
        assert_eq!(load_percent(f32::NAN, 4.0), 100.0);
        assert_eq!(load_percent(-5.0, 300.0), 100.0);
    }

    #[test]
    fn arithmetic_saturates() {
        let big = Resources { cpu_millis: u32::MAX, memory_bytes: u64::MAX, gpus: u32::MAX };
        assert_eq!(big.plus(big), big);
        assert_eq!(Resources::default().minus(big), Resources::default());
        assert!(big.covers(big) && !Resources::default().covers(big));
    }
}
