//! The computer's use.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One reading.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct MetricsSample {
    /// When.
    #[ts(type = "number")]
    pub at_ms: i64,
    /// CPU use of the whole computer.
    pub cpu_percent: f32,
    /// CPU use per core.
    pub cores_percent: Vec<f32>,
    /// CPU use of our tasks, in percent of the whole computer.
    pub tasks_cpu_percent: f32,
    /// Memory in use.
    #[ts(type = "number")]
    pub memory_used_bytes: u64,
    /// Memory.
    #[ts(type = "number")]
    pub memory_total_bytes: u64,
    /// Memory of our tasks.
    #[ts(type = "number")]
    pub tasks_memory_bytes: u64,
    /// Used on the disk that holds our data.
    #[ts(type = "number")]
    pub disk_used_bytes: u64,
    /// Size of that disk.
    #[ts(type = "number")]
    pub disk_total_bytes: u64,
    /// Received per second over all interfaces but loopback.
    #[ts(type = "number")]
    pub received_bytes_per_s: u64,
    /// Sent per second.
    #[ts(type = "number")]
    pub sent_bytes_per_s: u64,
    /// Load average of 1, 5 and 15 minutes; absent on Windows.
    pub load: Option<[f32; 3]>,
    /// Each GPU.
    pub gpus: Vec<GpuUse>,
    /// What the processor drew since the reading before, in watts, where the system tells.
    #[serde(default)]
    pub cpu_power_w: Option<f32>,
    /// Whether the processor has a sensor of power that this program may not read.
    #[serde(default)]
    pub cpu_power_denied: bool,
}

/// One GPU. What its driver does not tell is absent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct GpuUse {
    /// The driver's identifier.
    pub uuid: String,
    /// Product name.
    pub name: String,
    /// Busy share.
    pub percent: Option<f32>,
    /// Memory in use.
    #[ts(type = "number | null")]
    pub memory_used_bytes: Option<u64>,
    /// Memory.
    #[ts(type = "number | null")]
    pub memory_total_bytes: Option<u64>,
    /// Degrees Celsius.
    pub temperature_c: Option<f32>,
    /// Watts.
    pub power_w: Option<f32>,
}

/// The last minute.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct MetricsView {
    /// Oldest first; the last one is the newest.
    pub samples: Vec<MetricsSample>,
    /// What was done since the worker started.
    #[serde(default)]
    pub totals: WorkTotals,
}

/// What was done since the worker started, for attempts that are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct WorkTotals {
    /// Attempts that succeeded.
    #[ts(type = "number")]
    pub succeeded: u64,
    /// That failed, those out of time left out.
    #[ts(type = "number")]
    pub failed: u64,
    /// That ran out of time.
    #[ts(type = "number")]
    pub timed_out: u64,
    /// That were cancelled.
    #[ts(type = "number")]
    pub cancelled: u64,
    /// That were handed back.
    #[ts(type = "number")]
    pub handed_back: u64,
    /// That the pool gave to somebody else.
    #[ts(type = "number")]
    pub lost: u64,
    /// Running time without frozen time, in milliseconds.
    #[ts(type = "number")]
    pub run_ms: u64,
    /// CPU time in milliseconds.
    #[ts(type = "number")]
    pub cpu_ms: u64,
    /// Packages, in bytes.
    #[ts(type = "number")]
    pub bytes_in: u64,
    /// Outputs, in bytes.
    #[ts(type = "number")]
    pub bytes_out: u64,
}

/// How far back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TrendQuery {
    /// So many minutes, 1 to 44640.
    pub minutes: u32,
}

/// The computer's use over hours and days.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct TrendView {
    /// From then.
    #[ts(type = "number")]
    pub from_ms: i64,
    /// Up to then.
    #[ts(type = "number")]
    pub to_ms: i64,
    /// What one point stands for, in milliseconds: the farther back, the more.
    #[ts(type = "number")]
    pub step_ms: i64,
    /// Oldest first. Steps in which the worker did not run are missing.
    pub points: Vec<TrendPoint>,
}

/// Means of one step. What nothing told is absent.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct TrendPoint {
    /// Where the step begins.
    #[ts(type = "number")]
    pub at_ms: i64,
    /// Processor.
    pub cpu_percent: Option<f32>,
    /// Our tasks' part of it.
    pub tasks_cpu_percent: Option<f32>,
    /// Memory in use.
    pub memory_used_bytes: Option<f32>,
    /// Our tasks' part of it.
    pub tasks_memory_bytes: Option<f32>,
    /// Received per second.
    pub received_bytes_per_s: Option<f32>,
    /// Sent per second.
    pub sent_bytes_per_s: Option<f32>,
    /// Disk in use.
    pub disk_used_bytes: Option<f32>,
    /// The busiest GPU.
    pub gpu_percent: Option<f32>,
    /// The hottest GPU, in degrees Celsius.
    pub gpu_temperature_c: Option<f32>,
    /// All GPUs together, in watts.
    pub gpu_power_w: Option<f32>,
}
