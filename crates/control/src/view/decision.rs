//! When work is taken and why, and the pause that the owner asks for.

use hivemind_domain::rules::Reason;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Why it works or does not. Ordered by precedence, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum DecisionReason {
    /// The owner does not contribute.
    #[default]
    Off,
    /// The owner lets running tasks finish and then stops.
    Finishing,
    /// The worker is ending.
    ShuttingDown,
    /// The computer is about to sleep.
    Suspending,
    /// The worker is being updated.
    Updating,
    /// What happened cannot be written down safely.
    JournalFailed,
    /// The container engine does not answer or may not be used.
    EngineUnavailable,
    /// The engine keeps tasks apart less than the owner demands.
    IsolationTooLow,
    /// The self-test showed that tasks could do what they must not.
    SandboxBroken,
    /// Too little room on the disk.
    DiskLow,
    /// Tasks fail here by no fault of theirs.
    TasksFailing,
    /// No valid sign-in.
    SignInRequired,
    /// The pool refuses this computer.
    PoolRefused,
    /// The pool cannot be reached.
    PoolUnreachable,
    /// On the way to the pool.
    Connecting,
    /// Processor or GPU is critically hot.
    CriticallyHot,
    /// The owner asked for a pause.
    Snoozed,
    /// The owner said to work anyway: everything below is set aside.
    Forced,
    /// It runs on battery.
    OnBattery,
    /// Processor or GPU is too hot.
    TooHot,
    /// A program runs that wants the computer for itself.
    ExclusiveApp,
    /// Something is shown on the full screen.
    FullScreen,
    /// Somebody uses the computer, or a sensor cannot be read.
    InUse,
    /// Other programs keep the processor busy.
    OthersBusy,
    /// It is outside the hours that the owner chose.
    Schedule,
    /// Electricity is dear at this hour.
    DearHours,
    /// The network is metered.
    Metered,
    /// A program runs that wants the network for itself.
    NetworkApp,
    /// It is outside the hours in which the owner lends the network.
    NetworkHours,
    /// The owner's traffic for this period is used up.
    NetworkQuota,
    /// Nothing stands in the way.
    Free,
}

impl From<Reason> for DecisionReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Off => Self::Off,
            Reason::Finishing => Self::Finishing,
            Reason::ShuttingDown => Self::ShuttingDown,
            Reason::Suspending => Self::Suspending,
            Reason::Updating => Self::Updating,
            Reason::JournalFailed => Self::JournalFailed,
            Reason::EngineUnavailable => Self::EngineUnavailable,
            Reason::IsolationTooLow => Self::IsolationTooLow,
            Reason::SandboxBroken => Self::SandboxBroken,
            Reason::DiskLow => Self::DiskLow,
            Reason::TasksFailing => Self::TasksFailing,
            Reason::SignInRequired => Self::SignInRequired,
            Reason::PoolRefused => Self::PoolRefused,
            Reason::PoolUnreachable => Self::PoolUnreachable,
            Reason::Connecting => Self::Connecting,
            Reason::CriticallyHot => Self::CriticallyHot,
            Reason::Snoozed => Self::Snoozed,
            Reason::Forced => Self::Forced,
            Reason::OnBattery => Self::OnBattery,
            Reason::TooHot => Self::TooHot,
            Reason::ExclusiveApp => Self::ExclusiveApp,
            Reason::FullScreen => Self::FullScreen,
            Reason::InUse => Self::InUse,
            Reason::OthersBusy => Self::OthersBusy,
            Reason::Schedule => Self::Schedule,
            Reason::DearHours => Self::DearHours,
            Reason::Metered => Self::Metered,
            Reason::NetworkApp => Self::NetworkApp,
            Reason::NetworkHours => Self::NetworkHours,
            Reason::NetworkQuota => Self::NetworkQuota,
            Reason::Free => Self::Free,
        }
    }
}

/// What the rules say now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct DecisionView {
    /// Whether new work may be taken.
    pub takes_work: bool,
    /// The one reason that is told.
    pub reason: DecisionReason,
    /// Everything found, the gravest first, never empty in a worker that runs.
    pub all: Vec<DecisionReason>,
    /// When the reason ends by itself, or work by the hours; absent when that cannot be known.
    #[ts(type = "number | null")]
    pub until_ms: Option<i64>,
    /// The same as the clock here shows it, such as `15:40` or `2026-11-23 08:00`.
    pub until: Option<String>,
    /// What the owner can do, as a stable word such as `end_snooze`.
    pub remedy: String,
    /// Whether the owner asked for a pause of GPUs alone.
    #[serde(default)]
    pub gpus_snoozed: bool,
    /// When that ends, as the clock here shows it; absent when only the owner ends it.
    #[serde(default)]
    pub gpus_until: Option<String>,
    /// Whether a program runs, or ran a moment ago, that wants GPUs for itself.
    #[serde(default)]
    pub gpu_app: bool,
    /// The preset that holds in these hours instead of the settings, as the schedule names it.
    #[serde(default)]
    pub preset_now: Option<String>,
    /// Sensors that exist and cannot be read; they count as in use.
    pub unreadable: Vec<String>,
    /// Sensors whose reading cannot be true; they take no part.
    pub ignored: Vec<String>,
}

/// How long it took from a signal until every task's container was frozen, over the last times it was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct GiveBackView {
    /// How often, at most 200.
    pub times: u32,
    /// Half of them took at most so long, in milliseconds.
    #[ts(type = "number")]
    pub p50_ms: u64,
    /// 95 of 100 took at most so long, in milliseconds.
    #[ts(type = "number")]
    pub p95_ms: u64,
}

/// Bytes that packages, results, images and connections of tasks have moved, both ways together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct TrafficView {
    /// In the present day, in local time.
    #[ts(type = "number")]
    pub day_bytes: u64,
    /// In the present month.
    #[ts(type = "number")]
    pub month_bytes: u64,
    /// As many are allowed in a day; absent for any number.
    #[ts(type = "number | null")]
    pub day_quota_bytes: Option<u64>,
    /// The same in a month.
    #[ts(type = "number | null")]
    pub month_quota_bytes: Option<u64>,
}

/// A pause: no new work is taken, running tasks are frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SnoozeRequest {
    /// How long: `15m`, `3h`, a time such as `08:00`, `resume` for until the owner resumes, or `off`.
    pub length: String,
    /// Whether only GPUs are meant.
    #[serde(default)]
    pub gpus_only: bool,
}
