//! What is kept on this computer.

use crate::port::{OutputLine, Tokens, Told};
use async_trait::async_trait;
use hivemind_control::LogPage;
use hivemind_domain::benchmark::Benchmark;
use hivemind_domain::ids::{InstallId, TaskKey};
use hivemind_domain::rules::{Frame, Snooze, Span, TrafficMeter};
use hivemind_domain::settings::{SettingError, Settings};
use hivemind_domain::task::Task;
use hivemind_domain::time::WallMs;
use hivemind_domain::trend::{Point, Tier};
use hivemind_domain::trust::TrustLimits;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// What could not be kept or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// Whether the disk is full.
    pub disk_full: bool,
    /// One printable sentence.
    pub message: String,
}

/// Which attempts of the history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryFilter {
    /// Verdict or phase by its word.
    pub state: Option<String>,
    /// Part of name or id, case ignored.
    pub search: Option<String>,
    /// Skip this many.
    pub offset: u32,
    /// At most this many.
    pub limit: u32,
}

/// The journal and history of attempts.
#[async_trait]
pub trait Journal: Send + Sync + 'static {
    /// Writes an attempt; returns when it is on disk for good.
    async fn put(&self, task: &Task) -> Result<(), StoreError>;

    /// Every attempt that is not final, oldest first.
    async fn unfinished(&self) -> Result<Vec<Task>, StoreError>;

    /// A page, newest first, and how many match altogether.
    async fn page(&self, filter: &HistoryFilter) -> Result<(Vec<Task>, u32), StoreError>;

    /// One attempt; without a number the newest.
    async fn find(&self, task_id: &str, attempt: Option<u32>) -> Result<Option<Task>, StoreError>;

    /// Attempts whose verdict became known at or after `since`, oldest first, at most 100,000.
    async fn ended_since(&self, since: WallMs) -> Result<Vec<Task>, StoreError>;

    /// Whether the owner wants to contribute, as kept last.
    async fn wish(&self) -> Result<Option<bool>, StoreError>;

    /// Keeps whether the owner wants to contribute.
    async fn set_wish(&self, contribute: bool) -> Result<(), StoreError>;

    /// The pause that the owner asked for, as kept last.
    async fn snooze(&self) -> Result<Option<Snooze>, StoreError>;

    /// Keeps the pause, or that there is none.
    async fn set_snooze(&self, snooze: Option<Snooze>) -> Result<(), StoreError>;

    /// The pause of GPUs alone, as kept last.
    async fn gpu_snooze(&self) -> Result<Option<Snooze>, StoreError>;

    /// Keeps the pause of GPUs, or that there is none.
    async fn set_gpu_snooze(&self, snooze: Option<Snooze>) -> Result<(), StoreError>;

    /// How fast this computer is, as kept last.
    async fn benchmark(&self) -> Result<Option<Benchmark>, StoreError>;

    /// Keeps it.
    async fn set_benchmark(&self, benchmark: &Benchmark) -> Result<(), StoreError>;

    /// What parts of the computer draw while idle, in watts, as kept last.
    async fn idle_power(&self) -> Result<BTreeMap<String, f32>, StoreError>;

    /// Keeps it.
    async fn set_idle_power(&self, idle: &BTreeMap<String, f32>) -> Result<(), StoreError>;

    /// What work has moved over the network, as kept last.
    async fn traffic(&self) -> Result<Option<TrafficMeter>, StoreError>;

    /// Keeps it.
    async fn set_traffic(&self, meter: TrafficMeter) -> Result<(), StoreError>;
}

/// The book of seconds, and what the sensors told.
#[async_trait]
pub trait BookStore: Send + Sync + 'static {
    /// Keeps a span; one that begins as a kept one does takes its place.
    async fn keep(&self, span: Span) -> Result<(), StoreError>;

    /// What was kept within these bounds, oldest first; at least of the last 30 days.
    async fn spans(&self, from: WallMs, to: WallMs) -> Result<Vec<Span>, StoreError>;

    /// Keeps what the sensors told; a frame that begins as a kept one does takes its place.
    async fn keep_frame(&self, frame: Frame) -> Result<(), StoreError>;

    /// What they told within these bounds, oldest first; of the last 30 days, or as much as there is room for.
    async fn frames(&self, from: WallMs, to: WallMs) -> Result<Vec<Frame>, StoreError>;
}

/// The computer's use over days.
#[async_trait]
pub trait TrendStore: Send + Sync + 'static {
    /// Keeps points; one at the time of a kept one takes its place, and too old ones go.
    async fn keep(&self, points: Vec<(Tier, Point)>) -> Result<(), StoreError>;

    /// Points of a tier from then on, oldest first.
    async fn points(&self, tier: Tier, from: WallMs) -> Result<Vec<Point>, StoreError>;
}

/// Output of tasks, kept in one bounded file per attempt.
#[async_trait]
pub trait LogArchive: Send + Sync + 'static {
    /// Adds lines, which rise in time; older ones are dropped under the quota. The first of them that are not later
    /// than the last kept time are passed over, so that lines told again after a restart stand once. Returns the
    /// numbers of the added lines.
    async fn append(&self, key: &TaskKey, lines: &[OutputLine]) -> Result<Range<u64>, StoreError>;

    /// A page, printable. `from` absent means the last `limit` lines.
    async fn page(&self, key: &TaskKey, from: Option<u64>, limit: u32) -> Result<LogPage, StoreError>;

    /// Lines from `first` on as they were, at most `limit`, to be sent to a pool.
    async fn read(&self, key: &TaskKey, first: u64, limit: u32) -> Result<Vec<OutputLine>, StoreError>;

    /// What was told of it, by the last kept lines.
    async fn told(&self, key: &TaskKey) -> Result<Told, StoreError>;

    /// Removes logs of attempts that are not in `keep` and older than 30 days.
    async fn sweep(&self, keep: &[TaskKey]) -> Result<(), StoreError>;
}

/// Why a secret could not be had or kept. Locked is not absent, and neither is away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The keyring is locked.
    #[error("the keyring is locked")]
    Locked,
    /// The keyring that it was put into is not there, or not yet.
    #[error("the keyring is not there yet")]
    Away,
    /// Neither keyring nor file works.
    #[error("tokens can be kept neither in a keyring nor in a file")]
    Unavailable,
}

/// Tokens, in the system's keyring where there is one.
#[async_trait]
pub trait Secrets: Send + Sync + 'static {
    /// The kept tokens for a pool's address.
    async fn load(&self, pool: &str) -> Result<Option<Tokens>, SecretError>;

    /// Keeps tokens.
    async fn save(&self, pool: &str, tokens: &Tokens) -> Result<(), SecretError>;

    /// Forgets tokens.
    async fn clear(&self, pool: &str) -> Result<(), SecretError>;

    /// Whether they lie in a file because there is no keyring.
    fn in_file(&self) -> bool;
}

/// The owner's settings.
#[async_trait]
pub trait SettingsStore: Send + Sync + 'static {
    /// Present settings with their sources. Asked for at every step of the worker, so nothing is copied.
    fn current(&self) -> Arc<Settings>;

    /// The largest task of each trust level: the owner's policy file, or the built-in table.
    fn trust_limits(&self) -> TrustLimits {
        TrustLimits::default()
    }

    /// Changes one in the settings file; `None` takes it out of the file.
    async fn set(&self, key: &str, value: Option<&str>) -> Result<Settings, SettingsChangeError>;
}

/// Why a setting could not be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsChangeError {
    /// Key or value is not allowed.
    #[error(transparent)]
    Invalid(#[from] SettingError),
    /// The file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where files of attempts lie while they are worked on.
#[derive(Debug, Clone)]
pub struct Spool {
    /// Folder for packages and outputs; exists, mode 0700.
    pub folder: PathBuf,
    /// This installation.
    pub install: InstallId,
}

impl Spool {
    /// The fetched package of an attempt.
    #[must_use]
    pub fn package(&self, key: &TaskKey) -> PathBuf {
        self.folder.join(format!("{}.{}.package.zip", key.task, key.attempt))
    }

    /// The output lines of a failed attempt, on their way into its debugging data.
    #[must_use]
    pub fn debug_log(&self, key: &TaskKey) -> PathBuf {
        self.folder.join(format!("{}.{}.log.txt", key.task, key.attempt))
    }

    /// The outputs of an attempt.
    #[must_use]
    pub fn result(&self, key: &TaskKey) -> PathBuf {
        self.folder.join(format!("{}.{}.result.zip", key.task, key.attempt))
    }

    /// Every file that an attempt may have here: package and outputs, and what adapters keep beside them while they
    /// write them (`.part`, `.spool`).
    #[must_use]
    pub fn files(&self, key: &TaskKey) -> Vec<PathBuf> {
        let beside = |file: PathBuf, endings: &[&str]| {
            let named = |ending: &&str| PathBuf::from(format!("{}{ending}", file.display()));
            endings.iter().map(named).collect::<Vec<_>>()
        };
        let mut files = beside(self.package(key), &["", ".part"]);
        files.extend(beside(self.result(key), &["", ".part", ".spool"]));
        files
    }
}
