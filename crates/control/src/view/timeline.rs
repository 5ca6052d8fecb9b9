//! What it did and why, and how much is lent.

use super::DecisionReason;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Which part of the book of seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct TimelineQuery {
    /// From then; absent means 24 hours before `to_ms`. At most 31 days are told at once.
    #[ts(type = "number | null")]
    pub from_ms: Option<i64>,
    /// Up to then; absent means now.
    #[ts(type = "number | null")]
    pub to_ms: Option<i64>,
}

/// The book of seconds. Time in which the worker did not run is in no span.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct TimelineView {
    /// From then.
    #[ts(type = "number")]
    pub from_ms: i64,
    /// Up to then.
    #[ts(type = "number")]
    pub to_ms: i64,
    /// Stretches of time, oldest first; none overlap.
    pub spans: Vec<SpanView>,
    /// Time by reason, the longest first.
    pub sums: Vec<ReasonSum>,
}

/// A stretch of time with one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SpanView {
    /// From then.
    #[ts(type = "number")]
    pub from_ms: i64,
    /// Up to then.
    #[ts(type = "number")]
    pub to_ms: i64,
    /// Why it worked or did not.
    pub reason: DecisionReason,
    /// Whether a task computed.
    pub working: bool,
    /// Whether new work was taken: the owner's use of the computer may lessen the share, or stop everything.
    #[serde(default)]
    pub lends: bool,
}

/// Time of one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ReasonSum {
    /// Which.
    pub reason: DecisionReason,
    /// Altogether.
    #[ts(type = "number")]
    pub ms: u64,
    /// Of that with a task computing.
    #[ts(type = "number")]
    pub working_ms: u64,
}

/// Work although the rules say no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct IgnoreRulesRequest {
    /// For so many minutes, 1 to 1440; 0 follows the rules again.
    pub minutes: u32,
}

/// A preset to take over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct PresetRequest {
    /// `quiet`, `balanced` or `max`.
    pub name: String,
}

/// What a preset would lend of this computer, under the owner's other limits.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct PresetOffer {
    /// `quiet`, `balanced` or `max`.
    pub name: String,
    /// Thousandths of a core for all tasks together while the owner is away.
    pub away_cpu_millis: u32,
    /// Memory for them then.
    #[ts(type = "number")]
    pub away_memory_bytes: u64,
    /// Thousandths of a core while the owner uses the computer; 0 means that tasks stand still.
    pub in_use_cpu_millis: u32,
    /// Memory then.
    #[ts(type = "number")]
    pub in_use_memory_bytes: u64,
    /// So long after the last input the owner counts as away.
    pub idle_minutes: u32,
}

/// The preset that the settings are nearest to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct PresetView {
    /// `quiet`, `balanced` or `max`.
    pub name: String,
    /// Settings that differ from it; none when it is exactly that.
    pub differs: Vec<String>,
}
