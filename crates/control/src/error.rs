//! One error for everything a person can meet: a stable code, one plain sentence and, where there is one, a fix.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use ts_rs::TS;

/// Stable codes. Screens and translations go by the code, never by the sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// The request has another shape than the command wants.
    InvalidRequest,
    /// A setting's value is not allowed.
    InvalidSetting,
    /// There is no such task.
    TaskUnknown,
    /// The task has already ended.
    TaskEnded,
    /// User name or password is wrong.
    WrongCredentials,
    /// Nobody is signed in.
    SignInRequired,
    /// The pool does not answer.
    PoolUnreachable,
    /// The pool shows a certificate that is not believed.
    PoolUntrusted,
    /// The pool refuses this computer.
    PoolRefused,
    /// The pool speaks in a way that cannot be understood.
    PoolProtocol,
    /// The pool has news for the owner; the sentence holds them.
    PoolNotice,
    /// The pool offers no encryption and was not marked as unencrypted.
    PoolUnencrypted,
    /// The configuration of the private link says what it may not say.
    LinkConfigRefused,
    /// The pool's key for the private link cannot be had over HTTPS.
    LinkNoHttps,
    /// The pool's end of the private link does not answer.
    LinkNoHandshake,
    /// The pool has no address for this computer in its private network.
    LinkAddressTaken,
    /// The private link is not taken because a clock is wrong.
    LinkClock,
    /// This computer's clock and the pool's tell different times.
    ClockWrong,
    /// The service that makes the private link's interface is not there.
    LinkServiceMissing,
    /// The service that makes the private link's interface may not, or not for this user or program.
    LinkPermission,
    /// The private link cannot be started: file, socket or keyring.
    LinkFailed,
    /// There is no container engine.
    EngineMissing,
    /// The container engine is installed but does not run.
    EngineStopped,
    /// The container engine needs virtualization, which is switched off in the computer's firmware.
    VirtualizationOff,
    /// This user may not use the container engine.
    EngineForbidden,
    /// The container engine is older than 20.10.
    EngineTooOld,
    /// The container engine reported an internal error.
    EngineFailed,
    /// The image cannot be had.
    ImageUnavailable,
    /// The owner's rules do not let the image run.
    ImageRefused,
    /// A task wants an image that the owner has to decide about.
    ImageQuestion,
    /// The image is larger than the owner allows.
    ImageTooLarge,
    /// A task needs GPUs that cannot be given to it.
    GpuUnavailable,
    /// Tasks would be kept apart from this computer less than the owner demands.
    IsolationTooLow,
    /// The container engine has a known hole.
    EngineVulnerable,
    /// The task asks for more than this computer's trust level allows.
    TrustLimit,
    /// A task's Python packages are not installed on this computer, or the package index is out of reach.
    DependenciesUnavailable,
    /// A task wants to reach a host that the owner does not allow.
    NetworkRefused,
    /// A task wants to reach a host that the owner has not decided about.
    NetworkQuestion,
    /// The processor has been busy above the owner's threshold for a while.
    CpuHigh,
    /// Memory in use is above the owner's threshold.
    MemoryHigh,
    /// The disk is fuller than the owner's threshold.
    DiskHigh,
    /// The computer is hotter than the owner's threshold.
    TemperatureHigh,
    /// A sensor of this computer cannot be read: it counts as in use.
    SensorUnreadable,
    /// A sensor of this computer tells what cannot be true: it takes no part.
    SensorIgnored,
    /// A task has used most of what it was granted.
    TaskNearLimit,
    /// A running task tells nothing of its use.
    TaskSilent,
    /// There is no debugging data of this task.
    DebugDataGone,
    /// Too little room on the disk.
    DiskLow,
    /// Five tasks in a row failed here: the container engine failed them.
    FailingEngine,
    /// Five tasks in a row failed here: the standard image cannot be had.
    FailingImage,
    /// Five tasks in a row failed here: the disk failed them.
    FailingDisk,
    /// Five tasks in a row failed here: the GPUs cannot be given to them.
    FailingGpu,
    /// The sum of what a running task keeps on disk cannot be bounded.
    DiskUnbounded,
    /// A task could do on this computer what no task may: the self-test got through.
    SandboxBroken,
    /// The worker's own records cannot be written.
    JournalFailed,
    /// The settings file cannot be understood: the settings that were in force last stay so.
    SettingsFileWrong,
    /// The worker's own records were damaged; the file is kept, what could be read was taken over.
    JournalDamaged,
    /// The system's keyring is locked.
    KeyringLocked,
    /// The worker does not run.
    WorkerNotRunning,
    /// Another worker uses this data folder.
    WorkerAlreadyRunning,
    /// The caller may not do this.
    Forbidden,
    /// This page may look and not change anything.
    ReadOnly,
    /// This page is not paired.
    NotPaired,
    /// The local network is not served.
    LanNotServed,
    /// There is no window program on this computer.
    WindowUnavailable,
    /// There is no folder in which the owner's files are saved.
    SaveNoFolder,
    /// The disk has no room for a file that is to be saved.
    SaveNoSpace,
    /// The system does not let a file be saved; the sentence holds its words.
    SaveRefused,
    /// A file is larger than what a page may save.
    SaveTooLarge,
    /// The ledger of receipts cannot be read, or rows of it are missing.
    ReceiptsUnreadable,
    /// A mistake of ours; the sentence holds what is known.
    Internal,
}

/// What a click can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Open the sign-in form.
    SignIn,
    /// Try again now.
    Retry,
    /// Take work again.
    Resume,
    /// Show how to install the container engine.
    InstallEngine,
    /// Show how to start the container engine.
    StartEngine,
    /// Show how to get permission for the container engine.
    PermitEngine,
    /// Open the settings.
    OpenSettings,
    /// Open the health checks.
    OpenDoctor,
    /// Start the worker.
    StartWorker,
    /// Unlock the keyring.
    UnlockKeyring,
    /// Switch virtualization on in the firmware.
    EnableVirtualization,
    /// Pair this browser.
    Pair,
}

/// An error as every host shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// Stable code.
    pub code: ErrorCode,
    /// One plain English sentence, already safe to print.
    pub message: String,
    /// Facts of this case for translated sentences, already safe to print.
    #[serde(default)]
    pub facts: BTreeMap<String, String>,
    /// What can be done about it.
    #[serde(default)]
    pub action: Option<Action>,
}

impl ApiError {
    /// An error with the code's usual action. The sentence is made printable and cut to 500 bytes.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl AsRef<str>) -> Self {
        let message = hivemind_domain::text::plain_line(message.as_ref(), 500);
        Self { code, message, facts: BTreeMap::new(), action: code.action() }
    }

    /// Adds a fact for translated sentences.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<str>) -> Self {
        self.facts.insert(name.to_owned(), hivemind_domain::text::plain_line(value.as_ref(), 200));
        self
    }
}

impl ErrorCode {
    /// The code as it is written on the wire.
    #[must_use]
    pub fn word(self) -> String {
        serde_json::to_value(self).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// What usually helps.
    #[must_use]
    pub fn action(self) -> Option<Action> {
        match self {
            Self::WrongCredentials | Self::SignInRequired | Self::PoolRefused => Some(Action::SignIn),
            Self::PoolUnreachable | Self::LinkNoHandshake | Self::LinkAddressTaken => Some(Action::Retry),
            Self::PoolUnencrypted
            | Self::PoolUntrusted
            | Self::LinkNoHttps
            | Self::InvalidSetting
            | Self::SettingsFileWrong
            | Self::DependenciesUnavailable
            | Self::NetworkRefused
            | Self::NetworkQuestion
            | Self::LanNotServed
            | Self::ImageRefused
            | Self::ImageTooLarge
            | Self::IsolationTooLow => Some(Action::OpenSettings),
            Self::EngineMissing | Self::EngineTooOld | Self::EngineVulnerable => Some(Action::InstallEngine),
            Self::EngineStopped => Some(Action::StartEngine),
            Self::VirtualizationOff => Some(Action::EnableVirtualization),
            Self::EngineForbidden => Some(Action::PermitEngine),
            Self::LinkConfigRefused
            | Self::LinkClock
            | Self::ClockWrong
            | Self::LinkServiceMissing
            | Self::LinkPermission
            | Self::LinkFailed
            | Self::ImageUnavailable
            | Self::GpuUnavailable
            | Self::DiskLow
            | Self::DiskUnbounded
            | Self::SandboxBroken
            | Self::JournalFailed
            | Self::JournalDamaged
            | Self::EngineFailed => Some(Action::OpenDoctor),
            Self::FailingEngine | Self::FailingImage | Self::FailingDisk | Self::FailingGpu => {
                Some(Action::Resume)
            }
            Self::KeyringLocked => Some(Action::UnlockKeyring),
            Self::WorkerNotRunning => Some(Action::StartWorker),
            Self::NotPaired => Some(Action::Pair),
            Self::CpuHigh | Self::MemoryHigh | Self::DiskHigh | Self::TemperatureHigh => {
                Some(Action::OpenSettings)
            }
            Self::InvalidRequest
            | Self::ImageQuestion
            | Self::TrustLimit
            | Self::SensorUnreadable
            | Self::SensorIgnored
            | Self::TaskNearLimit
            | Self::TaskSilent
            | Self::DebugDataGone
            | Self::TaskUnknown
            | Self::TaskEnded
            | Self::PoolProtocol
            | Self::PoolNotice
            | Self::WorkerAlreadyRunning
            | Self::Forbidden
            | Self::ReadOnly
            | Self::WindowUnavailable
            | Self::SaveNoFolder
            | Self::SaveNoSpace
            | Self::SaveRefused
            | Self::SaveTooLarge
            | Self::ReceiptsUnreadable
            | Self::Internal => None,
        }
    }
}
