//! When this computer works for the pool and why: one decision, from signals, the owner's rules and overrides.
//!
//! [`decide`] is pure and total. What has to be remembered between two looks, so that a trembling sensor does not
//! make work start and stop, goes in and comes out as [`Memory`].

use crate::contribution::{PauseReason, Wish};
use crate::time::{Now, WallMs};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

mod apps;
mod book;
mod history;
mod judging;
pub mod preset;
mod replay;
mod schedule;
mod signals;
mod snooze;
mod stuck;
mod traffic;

pub use apps::ExclusiveApps;
pub use book::{Book, Span, Sum};
pub use history::{Frame, Recorder};
pub use judging::Memory;
pub use replay::{Replay, replay};
pub use schedule::{Schedule, ScheduleError, clock_text, next_clock};
pub use signals::{Sensed, Sensor, Signal, Signals};
pub use snooze::{Overrides, Snooze, SnoozeError, SnoozeFor};
pub use stuck::{Stuck, hottest};
pub use traffic::{Traffic, TrafficMeter};

/// Why it works or does not. Ordered by precedence, the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
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

impl Reason {
    /// Every reason, the gravest first.
    pub const ALL: [Self; 31] = [
        Self::Off,
        Self::Finishing,
        Self::ShuttingDown,
        Self::Suspending,
        Self::Updating,
        Self::JournalFailed,
        Self::EngineUnavailable,
        Self::IsolationTooLow,
        Self::SandboxBroken,
        Self::DiskLow,
        Self::TasksFailing,
        Self::SignInRequired,
        Self::PoolRefused,
        Self::PoolUnreachable,
        Self::Connecting,
        Self::CriticallyHot,
        Self::Snoozed,
        Self::Forced,
        Self::OnBattery,
        Self::TooHot,
        Self::ExclusiveApp,
        Self::FullScreen,
        Self::InUse,
        Self::OthersBusy,
        Self::Schedule,
        Self::DearHours,
        Self::Metered,
        Self::NetworkApp,
        Self::NetworkHours,
        Self::NetworkQuota,
        Self::Free,
    ];

    /// What the owner can do about it.
    #[must_use]
    pub fn remedy(self) -> Remedy {
        match self {
            Self::Off | Self::Finishing => Remedy::Start,
            Self::JournalFailed | Self::PoolRefused => Remedy::LookAtHealth,
            Self::EngineUnavailable => Remedy::MendEngine,
            Self::IsolationTooLow
            | Self::ExclusiveApp
            | Self::OthersBusy
            | Self::DearHours
            | Self::Metered
            | Self::NetworkApp
            | Self::NetworkHours
            | Self::NetworkQuota => Remedy::ChangeRules,
            Self::SandboxBroken => Remedy::TestAgain,
            Self::DiskLow => Remedy::FreeDisk,
            Self::TasksFailing => Remedy::Resume,
            Self::SignInRequired => Remedy::SignIn,
            Self::Snoozed => Remedy::EndSnooze,
            Self::OnBattery => Remedy::PlugIn,
            Self::Schedule => Remedy::ChangeSchedule,
            Self::ShuttingDown
            | Self::Suspending
            | Self::Updating
            | Self::PoolUnreachable
            | Self::Connecting
            | Self::CriticallyHot
            | Self::TooHot
            | Self::FullScreen
            | Self::InUse => Remedy::Wait,
            Self::Forced | Self::Free => Remedy::Nothing,
        }
    }

    /// What running tasks do while it holds work up.
    #[must_use]
    pub fn gives_way(self) -> GiveWay {
        match self {
            Self::Suspending
            | Self::CriticallyHot
            | Self::Snoozed
            | Self::OnBattery
            | Self::TooHot
            | Self::ExclusiveApp
            | Self::FullScreen
            | Self::InUse
            | Self::OthersBusy
            | Self::Schedule
            | Self::DearHours => GiveWay::Everything,
            Self::Metered | Self::NetworkApp | Self::NetworkHours | Self::NetworkQuota => GiveWay::Network,
            Self::Off
            | Self::Finishing
            | Self::ShuttingDown
            | Self::Updating
            | Self::JournalFailed
            | Self::EngineUnavailable
            | Self::IsolationTooLow
            | Self::SandboxBroken
            | Self::DiskLow
            | Self::TasksFailing
            | Self::SignInRequired
            | Self::PoolRefused
            | Self::PoolUnreachable
            | Self::Connecting
            | Self::Forced
            | Self::Free => GiveWay::Nothing,
        }
    }

    fn verdict(self, rules: &Rules) -> Verdict {
        match self {
            Self::Off | Self::ShuttingDown | Self::SandboxBroken | Self::CriticallyHot => Verdict::Halt,
            Self::InUse if rules.in_use.cpu_percent > 0 => Verdict::Less,
            Self::Forced | Self::Free => Verdict::Run,
            Self::Finishing
            | Self::Suspending
            | Self::Updating
            | Self::DiskLow
            | Self::TasksFailing
            | Self::JournalFailed
            | Self::EngineUnavailable
            | Self::IsolationTooLow
            | Self::SignInRequired
            | Self::PoolRefused
            | Self::PoolUnreachable
            | Self::Connecting
            | Self::Snoozed
            | Self::OnBattery
            | Self::TooHot
            | Self::ExclusiveApp
            | Self::FullScreen
            | Self::InUse
            | Self::OthersBusy
            | Self::Schedule
            | Self::DearHours
            | Self::Metered
            | Self::NetworkApp
            | Self::NetworkHours
            | Self::NetworkQuota => Verdict::Hold,
        }
    }
}

impl From<PauseReason> for Reason {
    fn from(reason: PauseReason) -> Self {
        match reason {
            PauseReason::ShuttingDown => Self::ShuttingDown,
            PauseReason::JournalFailed => Self::JournalFailed,
            PauseReason::EngineUnavailable => Self::EngineUnavailable,
            PauseReason::IsolationTooLow => Self::IsolationTooLow,
            PauseReason::SandboxBroken => Self::SandboxBroken,
            PauseReason::DiskLow => Self::DiskLow,
            PauseReason::TasksFailing => Self::TasksFailing,
            PauseReason::SignInRequired => Self::SignInRequired,
            PauseReason::PoolRefused => Self::PoolRefused,
            PauseReason::PoolUnreachable => Self::PoolUnreachable,
        }
    }
}

/// What follows from a decision, the mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Work, with the share for an unused computer.
    Run,
    /// Work, with the share for a computer in use.
    Less,
    /// Take nothing new; give way.
    #[default]
    Hold,
    /// End what runs.
    Halt,
}

/// Which running tasks are frozen, the fewest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GiveWay {
    /// None.
    #[default]
    Nothing,
    /// Those that may reach hosts.
    Network,
    /// All.
    Everything,
}

/// What the owner can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// Nothing is needed.
    #[default]
    Nothing,
    /// It passes by itself.
    Wait,
    /// Turn contributing on.
    Start,
    /// Look at the health checks.
    LookAtHealth,
    /// Start or permit the container engine.
    MendEngine,
    /// Run the self-test again after mending the engine.
    TestAgain,
    /// Make room on the disk.
    FreeDisk,
    /// Say that work goes on, after a look at the cause.
    Resume,
    /// Sign in.
    SignIn,
    /// End the pause.
    EndSnooze,
    /// Plug the computer in.
    PlugIn,
    /// Change the hours.
    ChangeSchedule,
    /// Change the rule.
    ChangeRules,
}

/// What tasks may have of the computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Share {
    /// Of all processors, in percent; 0 means nothing at all.
    pub cpu_percent: u8,
    /// Of the memory, in percent.
    pub memory_percent: u8,
    /// Whether GPUs.
    pub gpu: bool,
}

impl Share {
    /// Processor time for all tasks together on a computer with so many processors, in thousandths of a core: one core
    /// stays free where there is more than one, unless all is lent.
    #[must_use]
    pub fn cpu_millis(self, cores: u32) -> u32 {
        let whole = cores.saturating_mul(1000);
        let percent = u32::from(self.cpu_percent.min(100));
        let most = if cores > 1 && percent < 100 { whole - 1000 } else { whole };
        (whole / 100 * percent).min(most)
    }
}

/// The owner's rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// Without input for so long the owner is away.
    pub idle_after: Duration,
    /// What tasks may have while the owner uses the computer.
    pub in_use: Share,
    /// What tasks may have while the owner is away.
    pub away: Share,
    /// Whether to work on battery.
    pub on_battery: bool,
    /// So long after the battery was left, work may go on.
    pub ac_for: Duration,
    /// So long after an exclusive program ended, work may go on.
    pub exclusive_for: Duration,
    /// Other programs' load from which the computer is busy while in use, in percent; 0 turns the rule off.
    pub busy_in_use: u8,
    /// The same while the owner is away; 0 turns the rule off.
    pub busy_away: u8,
    /// So long the load must last.
    pub busy_for: Duration,
    /// Processor's temperature from which it is too hot, in degrees Celsius.
    pub cpu_celsius: u8,
    /// GPU's temperature from which it is too hot.
    pub gpu_celsius: u8,
    /// So far it must fall below before it is no more too hot.
    pub heat_slack: u8,
    /// So far above is critical.
    pub heat_critical: u8,
    /// So long everything must be calm before work goes on.
    pub calm: Duration,
    /// Bytes to keep free on the disk.
    pub keep_free: u64,
    /// Whether to work on a metered network.
    pub on_metered: bool,
    /// The hours; absent means always.
    pub schedule: Option<Schedule>,
    /// What holds instead in the hours of each preset that the schedule names, by the preset's name.
    pub in_hours: BTreeMap<&'static str, Rules>,
    /// The hours in which electricity is cheap enough to work; absent means always.
    pub cheap_hours: Option<Schedule>,
    /// The hours in which the network is lent; absent means always.
    pub network_hours: Option<Schedule>,
    /// Bytes that work may move in a day; absent means any number.
    pub quota_day: Option<u64>,
    /// The same in a month.
    pub quota_month: Option<u64>,
    /// Where these hours are counted.
    pub zone: jiff::tz::TimeZone,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            idle_after: Duration::from_secs(180),
            in_use: Share { cpu_percent: 25, memory_percent: 25, gpu: false },
            away: Share { cpu_percent: 80, memory_percent: 60, gpu: true },
            on_battery: false,
            ac_for: Duration::from_secs(30),
            exclusive_for: Duration::from_secs(5),
            busy_in_use: 25,
            busy_away: 50,
            busy_for: Duration::from_secs(10),
            cpu_celsius: 80,
            gpu_celsius: 78,
            heat_slack: 8,
            heat_critical: 10,
            calm: Duration::from_secs(60),
            keep_free: 10 * crate::resources::GIB,
            on_metered: false,
            schedule: None,
            in_hours: BTreeMap::new(),
            cheap_hours: None,
            network_hours: None,
            quota_day: None,
            quota_month: None,
            zone: jiff::tz::TimeZone::UTC,
        }
    }
}

impl Rules {
    /// The preset that holds at this moment by the schedule.
    #[must_use]
    pub fn preset_now(&self, now: WallMs) -> Option<&'static preset::Preset> {
        self.schedule.as_ref().and_then(|hours| hours.preset(&self.zone, now))
    }

    /// The rules of this moment: those of the preset that its hours name, else these.
    #[must_use]
    pub fn at(&self, now: WallMs) -> &Self {
        self.preset_now(now).and_then(|preset| self.in_hours.get(preset.name)).unwrap_or(self)
    }
}

/// What is done now and why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decision {
    /// What follows.
    pub verdict: Verdict,
    /// The one reason that is told.
    pub primary_reason: Reason,
    /// Everything that speaks against work, and what was set aside by force; the gravest first, never empty.
    pub all_reasons: Vec<Reason>,
    /// When the primary reason ends by itself, or work by the hours; absent when that cannot be known.
    pub next_change_at: Option<WallMs>,
    /// What the owner can do about the primary reason.
    pub what_you_can_do: Remedy,
    /// What tasks may have.
    pub share: Share,
    /// The pause of GPUs alone that goes on.
    pub gpu_snooze: Option<Snooze>,
    /// Whether a program runs that wants GPUs for itself.
    pub gpu_app: bool,
    /// Which running tasks are frozen.
    pub give_way: GiveWay,
    /// The gravest reason for that.
    pub give_way_reason: Option<Reason>,
    /// Sensors that exist and could not be read.
    pub unreadable: Vec<Sensor>,
    /// Sensors whose reading cannot be true.
    pub ignored: Vec<Sensor>,
    /// After so long the same signals may lead to another decision.
    pub look_after: Option<Duration>,
}

impl Decision {
    /// Whether new work may be taken.
    #[must_use]
    pub fn takes_work(&self) -> bool {
        matches!(self.verdict, Verdict::Run | Verdict::Less)
    }
}

/// Decides. `memory` is what the last decision gave back, [`Memory::default`] at first.
#[must_use]
pub fn decide(
    signals: &Signals,
    rules: &Rules,
    overrides: &Overrides,
    memory: Memory,
    now: Now,
) -> (Decision, Memory) {
    let mut judging = judging::Judging::new(rules.at(now.wall), memory, now);
    match signals.wish {
        Wish::Off => judging.find(Reason::Off, None),
        Wish::Draining => judging.find(Reason::Finishing, None),
        Wish::Starting => judging.find(Reason::Connecting, None),
        Wish::On => {}
    }
    for obstacle in &signals.obstacles {
        judging.find((*obstacle).into(), None);
    }
    if let Some(left) = signals.failing_for {
        judging.rest(left);
    }
    judging.sensors(signals);
    judging.hours();
    judging.traffic(signals);
    judging.overrides(overrides);
    judging.done()
}

#[cfg(test)]
mod tests;
