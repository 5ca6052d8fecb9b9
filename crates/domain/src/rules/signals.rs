//! What the rules are told about the computer.

use super::Traffic;
use crate::contribution::{PauseReason, Wish};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// A reading that may not be there.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Signal<T> {
    /// This computer has no such thing: it takes no part.
    #[default]
    Absent,
    /// It exists and cannot be read: counts as in use.
    Unreadable,
    /// The reading.
    Value(T),
}

/// What gives a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sensor {
    /// Whether the computer is about to sleep.
    Suspend,
    /// Whether an update goes on.
    Update,
    /// Free room on the disk.
    Disk,
    /// Temperature of the processor.
    CpuHeat,
    /// Temperature of the hottest GPU.
    GpuHeat,
    /// Whether it runs on battery.
    Battery,
    /// Whether an exclusive program runs.
    ExclusiveApp,
    /// Whether something has the full screen.
    FullScreen,
    /// Time since the last input.
    Idle,
    /// Whether the session is locked.
    Lock,
    /// Whether somebody is here from afar.
    RemoteSession,
    /// Load of other programs.
    OtherPrograms,
    /// Whether the network is metered.
    Metered,
    /// Bytes that work has moved.
    Traffic,
}

/// Everything that a decision is made from but the owner's rules.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Signals {
    /// What the owner wants.
    pub wish: Wish,
    /// What the worker itself found in the way.
    pub obstacles: BTreeSet<PauseReason>,
    /// After failures of this computer nothing is begun for so long.
    pub failing_for: Option<Duration>,
    /// The computer is about to sleep.
    pub suspending: Signal<bool>,
    /// An update goes on.
    pub updating: Signal<bool>,
    /// Free bytes of the disk.
    pub disk_free: Signal<u64>,
    /// Degrees Celsius of the processor.
    pub cpu_celsius: Signal<f32>,
    /// Degrees Celsius of the hottest GPU.
    pub gpu_celsius: Signal<f32>,
    /// It runs on battery.
    pub on_battery: Signal<bool>,
    /// An exclusive program runs.
    pub exclusive_app: Signal<bool>,
    /// A program runs that wants GPUs for itself.
    pub gpu_app: Signal<bool>,
    /// A program runs that wants the network for itself.
    pub network_app: Signal<bool>,
    /// Something has the full screen, or a presentation goes on.
    pub full_screen: Signal<bool>,
    /// Time since the last input. Absent without a session: the computer is away.
    pub idle: Signal<Duration>,
    /// The session is locked: its owner is away.
    pub locked: Signal<bool>,
    /// Somebody works on it from afar: in use.
    pub remote_session: Signal<bool>,
    /// Load of other programs, in percent of all processors, our containers' taken out.
    pub other_programs: Signal<f32>,
    /// The network is metered.
    pub metered: Signal<bool>,
    /// Bytes that work has moved in this day and month.
    pub traffic: Signal<Traffic>,
}

/// One sensor's news.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sensed {
    /// Time since the last input.
    Idle(Signal<Duration>),
    /// The session is locked.
    Locked(Signal<bool>),
    /// Somebody works on it from afar.
    RemoteSession(Signal<bool>),
    /// It runs on battery.
    OnBattery(Signal<bool>),
    /// Something has the full screen.
    FullScreen(Signal<bool>),
    /// An exclusive program runs.
    ExclusiveApp(Signal<bool>),
    /// A program that wants GPUs for itself runs.
    GpuApp(Signal<bool>),
    /// A program that wants the network for itself runs.
    NetworkApp(Signal<bool>),
    /// The network is metered.
    Metered(Signal<bool>),
    /// The computer is about to sleep.
    Suspending(Signal<bool>),
    /// A new version is about to be put in place.
    Updating(Signal<bool>),
    /// Degrees Celsius of the processor.
    CpuCelsius(Signal<f32>),
    /// Degrees Celsius of the hottest GPU.
    GpuCelsius(Signal<f32>),
    /// Load of other programs, in percent of all processors.
    OtherPrograms(Signal<f32>),
    /// Free bytes of the disk.
    DiskFree(Signal<u64>),
}

impl Signals {
    /// Takes a sensor's news.
    pub fn take(&mut self, sensed: Sensed) {
        match sensed {
            Sensed::Idle(signal) => self.idle = signal,
            Sensed::Locked(signal) => self.locked = signal,
            Sensed::RemoteSession(signal) => self.remote_session = signal,
            Sensed::OnBattery(signal) => self.on_battery = signal,
            Sensed::FullScreen(signal) => self.full_screen = signal,
            Sensed::ExclusiveApp(signal) => self.exclusive_app = signal,
            Sensed::GpuApp(signal) => self.gpu_app = signal,
            Sensed::NetworkApp(signal) => self.network_app = signal,
            Sensed::Metered(signal) => self.metered = signal,
            Sensed::Suspending(signal) => self.suspending = signal,
            Sensed::Updating(signal) => self.updating = signal,
            Sensed::CpuCelsius(signal) => self.cpu_celsius = signal,
            Sensed::GpuCelsius(signal) => self.gpu_celsius = signal,
            Sensed::OtherPrograms(signal) => self.other_programs = signal,
            Sensed::DiskFree(signal) => self.disk_free = signal,
        }
    }
}
