//! Pay.

use super::EarningsSum;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How far back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct EarningsQuery {
    /// Days, 1 to 3650; 0 means 30.
    #[serde(default)]
    pub days: u32,
}

/// Earnings of one day.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct EarningsDay {
    /// Local day as `2026-11-21`, the day on which the work was earned.
    pub day: String,
    /// Its sum.
    pub sum: EarningsSum,
    /// The electricity that it took.
    #[serde(default)]
    pub electricity: ElectricitySum,
}

/// Earnings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct EarningsView {
    /// Newest first; days without work are left out.
    pub days: Vec<EarningsDay>,
    /// Sum over the days.
    pub sum: EarningsSum,
    /// The pool's word about the balance.
    #[ts(type = "number | null")]
    pub balance_cpt: Option<i64>,
    /// Attempts of the period that were or may be paid, newest first, at most 500.
    #[serde(default)]
    pub tasks: Vec<EarnedTask>,
    /// What may be credited if it goes on like the last seven days; absent while there is too little to go by.
    #[serde(default)]
    pub forecast: Option<ForecastView>,
    /// What kept pay away in the period, with numbers; the largest first.
    #[serde(default)]
    pub unpaid: Vec<UnpaidView>,
    /// The electricity that this took above idle.
    #[serde(default)]
    pub electricity: ElectricityView,
}

/// Electricity that tasks took above what the computer draws anyway. An estimate by the computer's own sensors.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct ElectricityView {
    /// What is known of it in the period.
    pub sum: ElectricitySum,
    /// The currency of every cost, as ISO 4217; empty where the owner named none.
    pub currency: String,
    /// Why the processor's power is not known: empty where it is, else `no_sensor`, `no_permission` or `learning`, as
    /// long as its power while idle was not seen.
    pub processor: String,
    /// The same for GPUs; empty also where there is none.
    pub gpus: String,
    /// Power of each part while idle, where it is known.
    pub idle: Vec<IdlePower>,
}

/// Electricity of some attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct ElectricitySum {
    /// Attempts for which it is known.
    pub known_tasks: u32,
    /// Attempts altogether.
    pub tasks: u32,
    /// Of the processor, in thousandths of a watt-hour.
    #[ts(type = "number")]
    pub cpu_mwh: u64,
    /// Of GPUs, in thousandths of a watt-hour.
    #[ts(type = "number")]
    pub gpu_mwh: u64,
    /// What it cost, in millionths of the currency; absent without a price.
    #[ts(type = "number | null")]
    pub cost_micros: Option<u64>,
}

/// What a part of the computer draws while nothing runs on it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct IdlePower {
    /// `cpu`, or the name of a GPU.
    pub device: String,
    /// In thousandths of a watt.
    #[ts(type = "number")]
    pub milliwatts: u64,
}

/// The pay of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct EarnedTask {
    /// The task.
    pub task_id: String,
    /// The attempt.
    pub attempt: u32,
    /// The requester's name for it, printable.
    pub name: String,
    /// Local day on which it was earned.
    pub day: String,
    /// Ended at.
    #[ts(type = "number")]
    pub ended_at_ms: i64,
    /// By our own measurements.
    #[ts(type = "number")]
    pub estimated_cpt: u64,
    /// Named by the pool; absent while it has not spoken.
    #[ts(type = "number | null")]
    pub credited_cpt: Option<u64>,
    /// Whether the pool's ledger has moved it for good.
    pub settled: bool,
    /// Whether the pool has not said for more than 30 days what it pays.
    #[serde(default)]
    pub unanswered: bool,
    /// Electricity that it took above idle, in thousandths of a watt-hour; absent where that is not known.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub energy_mwh: Option<u64>,
    /// What that cost, in millionths of the currency; absent without a price.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub cost_micros: Option<u64>,
}

/// Which attempts of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct EarnedQuery {
    /// Days, 1 to 3650; 0 means 30.
    #[serde(default)]
    pub days: u32,
    /// So many of the newest are left out.
    #[serde(default)]
    pub offset: u32,
    /// At most this many, 1 to 500; 0 means 50.
    #[serde(default)]
    pub limit: u32,
}

/// A page of the attempts that were or may be paid.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct EarnedPage {
    /// Newest first.
    pub tasks: Vec<EarnedTask>,
    /// How many there are in all.
    pub total: u32,
}

/// What a day may bring: the mean of the worse and of the better half of the last seven whole days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct ForecastView {
    /// CPT of a poor day.
    #[ts(type = "number")]
    pub low_cpt: u64,
    /// CPT of a good day.
    #[ts(type = "number")]
    pub high_cpt: u64,
    /// Days that it goes by, 3 to 7.
    pub days: u32,
}

/// Why some attempts brought nothing, or nothing yet.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct UnpaidView {
    /// A stable word: `waiting` (for the pool's word), `unanswered` (waited for more than 30 days), `failed`,
    /// `timed_out`, `cancelled`, `handed_back`, `lease_lost`, `credited_nothing`, `less_than_estimated` or `no_task`.
    pub why: String,
    /// Attempts.
    pub tasks: u32,
    /// Our own estimate of what they would have brought, for `less_than_estimated` what is missing.
    #[ts(type = "number")]
    pub estimated_cpt: u64,
}
