//! The present state.

use super::{
    DecisionView, GiveBackView, GpuUse, HostQuestion, Level, NetworkStanding, PresetView, PrivateLinkView,
    TaskView, TrafficView,
};
use crate::error::ApiError;
use hivemind_domain::benchmark::Benchmark;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Everything the first screen needs; always sent whole.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct Snapshot {
    /// Rises with every change.
    #[ts(type = "number")]
    pub seq: u64,
    /// The worker's version.
    pub version: String,
    /// When this life of the worker began, in milliseconds of wall time; another life has another value.
    #[serde(default)]
    #[ts(type = "number")]
    pub began_ms: i64,
    /// The one sentence.
    pub status: StatusView,
    /// What the rules say about taking work, and why.
    #[serde(default)]
    pub decision: DecisionView,
    /// The connection to the pool.
    pub pool: PoolView,
    /// The private link to the pool.
    #[serde(default)]
    pub private_link: PrivateLinkView,
    /// The container engine.
    pub engine: EngineView,
    /// Who is signed in.
    pub account: Option<AccountView>,
    /// Attempts that are not final, oldest first.
    pub tasks: Vec<TaskView>,
    /// Earnings of the present day, in local time.
    pub today: EarningsSum,
    /// What the owner allows and what is granted to tasks.
    pub limits: LimitsView,
    /// This computer.
    pub host: HostView,
    /// Images that tasks wanted and the owner has to decide about, oldest first, at most 20.
    #[serde(default)]
    pub image_questions: Vec<ImageQuestion>,
    /// Images on their way here.
    #[serde(default)]
    pub pulls: Vec<PullView>,
    /// Warnings and news, newest first, at most 50.
    pub notices: Vec<Notice>,
    /// Hosts that tasks want to reach and the owner has not decided about, newest first.
    pub host_questions: Vec<HostQuestion>,
    /// What is above its threshold now: `cpu_high`, `memory_high`, `disk_high`, `temperature_high`,
    /// `task_near_limit`, `task_silent`.
    #[serde(default)]
    pub alerts: Vec<String>,
    /// How fast the computer was given back to its owner lately; absent before the first time.
    #[serde(default)]
    pub give_back: Option<GiveBackView>,
    /// What work has moved over the network, and what it may.
    #[serde(default)]
    pub traffic: TrafficView,
    /// The preset that the rules are nearest to.
    #[serde(default)]
    pub preset: PresetView,
    /// Language the owner chose: `auto`, `en` or `zh-tw`.
    pub language: String,
    /// Theme the owner chose: `system`, `light` or `dark`.
    pub theme: String,
}

/// The seven states that the tray shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum StatusState {
    /// At least one task runs.
    Earning,
    /// Waiting for a task.
    Ready,
    /// Giving way to the owner.
    Yielding,
    /// The owner asked for a pause.
    Snoozed,
    /// Not contributing.
    #[default]
    Off,
    /// On the way to the pool.
    Connecting,
    /// Only the owner can help.
    NeedsYou,
}

/// What it does and why.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct StatusView {
    /// One of seven.
    pub state: StatusState,
    /// Whether the toggle stands on.
    pub contributing: bool,
    /// Whether it ends after the running tasks.
    pub draining: bool,
    /// Tasks whose container runs.
    pub running_tasks: u32,
    /// The primary obstacle, when there is one.
    pub problem: Option<ApiError>,
    /// Every obstacle, the primary one first: for the checks, of which one must not hide another.
    #[serde(skip)]
    pub problems: Vec<ApiError>,
}

/// State of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PoolState {
    /// Not wanted.
    #[default]
    Idle,
    /// Dialling, signing in.
    Connecting,
    /// Telling the pool what this computer is.
    Registering,
    /// Heartbeats are answered.
    Online,
    /// Waiting for the next try.
    Backoff,
    /// Waiting for a sign-in.
    AuthRequired,
    /// Refused for good.
    Rejected,
}

/// The connection to the pool.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct PoolView {
    /// The address the owner gave.
    pub url: String,
    /// Where it stands.
    pub state: PoolState,
    /// Failed tries in a row.
    pub failures: u32,
    /// When the next try begins.
    #[ts(type = "number | null")]
    pub retry_at_ms: Option<i64>,
    /// Why it failed last.
    pub cause: Option<ApiError>,
    /// `tls`, `tunnel`, `loopback`, `overlay` or `unencrypted`; empty until known.
    pub link: String,
    /// What is spoken with it: `hivemind.v1`, or `nodepool` for the live network, whose work is pulled from here.
    #[serde(default)]
    pub dialect: String,
    /// This computer's name at the pool.
    pub node_id: Option<String>,
    /// Trust level at the pool: `low`, `medium` or `high`.
    pub trust: Option<String>,
    /// How this computer stands there, with a pool of the live network.
    #[serde(default)]
    pub standing: Option<NetworkStanding>,
}

/// The container engine.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct EngineView {
    /// Whether it can be used now; absent until asked.
    pub ready: Option<bool>,
    /// Such as `docker`.
    pub name: String,
    /// Such as `20.10.24`.
    pub version: String,
    /// `plain`, `userns`, `rootless`, `gvisor` or `vm`.
    pub isolation: String,
    /// The weakest isolation under which the owner takes work.
    #[serde(default)]
    pub minimum_isolation: String,
    /// Whether it can give GPUs to containers.
    #[serde(default)]
    pub gpus: bool,
    /// Known holes of its versions.
    #[serde(default)]
    pub holes: Vec<HoleView>,
    /// Whether managed functions are taken without it: those need no container.
    #[serde(default)]
    pub functions_only: bool,
    /// Why it cannot be used.
    pub problem: Option<ApiError>,
}

/// A known hole of the engine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct HoleView {
    /// Such as `CVE-2024-21626`.
    pub id: String,
    /// `Engine`, `containerd`, `runc` or `Docker Desktop`.
    pub component: String,
    /// The version that was found.
    pub found: String,
    /// What it lets happen.
    pub lets: String,
    /// The version without it.
    pub mended: String,
    /// Whether a distribution made this build and may have mended it without raising the number.
    pub maybe_mended: bool,
    /// Where it is described.
    pub source: String,
}

/// An image that the owner has to decide about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct ImageQuestion {
    /// The repository that an answer is about.
    pub repository: String,
    /// The reference that was wanted last.
    pub image: String,
    /// Tasks that were declined for it.
    pub declined: u32,
    /// First wanted at.
    #[ts(type = "number")]
    pub since_ms: i64,
}

/// The owner's answers about an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ImageAnswer {
    /// The next task that wants it may run.
    Once,
    /// Allowed from now on: goes to `allowed_images`.
    Always,
    /// Denied from now on: goes to `denied_images`.
    Never,
}

/// An answer about an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct ImageDecision {
    /// The repository.
    pub repository: String,
    /// The answer.
    pub answer: ImageAnswer,
}

/// An image on its way here.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct PullView {
    /// Its reference.
    pub image: String,
    /// Bytes that are here, packed.
    #[ts(type = "number")]
    pub done_bytes: u64,
    /// Bytes altogether, as far as the registry has told; rises while more becomes known.
    #[ts(type = "number")]
    pub total_bytes: u64,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct AccountView {
    /// Name at the pool.
    pub username: String,
    /// The pool's word about the balance, in CPT.
    #[ts(type = "number | null")]
    pub balance_cpt: Option<i64>,
    /// Whether the tokens lie in a file because there is no keyring.
    pub tokens_in_file: bool,
}

/// A sum of pay, in CPT. The parts overlap: settled pay was credited before, credited pay was estimated before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct EarningsSum {
    /// By our own measurements.
    #[ts(type = "number")]
    pub estimated_cpt: u64,
    /// Named by the pool.
    #[ts(type = "number")]
    pub credited_cpt: u64,
    /// Moved by the pool's ledger for good.
    #[ts(type = "number")]
    pub settled_cpt: u64,
    /// Attempts counted.
    pub tasks: u32,
}

/// What the owner allows and what is granted to tasks.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct LimitsView {
    /// Tasks at once.
    pub max_tasks: u32,
    /// Thousandths of a core.
    pub cpu_millis: u32,
    /// Memory.
    #[ts(type = "number")]
    pub memory_bytes: u64,
    /// Granted to tasks now.
    pub granted_cpu_millis: u32,
    /// Granted to tasks now.
    #[ts(type = "number")]
    pub granted_memory_bytes: u64,
    /// Whether GPUs are kept out.
    pub cpu_only: bool,
    /// GPUs that tasks may be given.
    #[serde(default)]
    pub gpus: u32,
    /// GPUs that tasks have now.
    #[serde(default)]
    pub granted_gpus: u32,
    /// Thousandths of a core that all tasks together may have now, in use or away.
    #[serde(default)]
    pub now_cpu_millis: u32,
    /// Memory that tasks may be granted now.
    #[serde(default)]
    #[ts(type = "number")]
    pub now_memory_bytes: u64,
    /// Weight of tasks' processors against everything else's: 1024 is the ordinary one, less while the owner is busy.
    #[serde(default)]
    pub cpu_shares: u32,
}

/// This computer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct HostView {
    /// Its name.
    pub hostname: String,
    /// `linux` or `windows`.
    pub os: String,
    /// Processor's name.
    pub cpu_name: String,
    /// Logical processors.
    pub cpu_cores: u32,
    /// Memory.
    #[ts(type = "number")]
    pub memory_bytes: u64,
    /// GPUs, empty without a driver.
    pub gpus: Vec<GpuUse>,
    /// What is known about GPUs when there are none, such as `no NVIDIA driver`.
    pub gpu_note: String,
    /// How fast it is; absent before it was measured.
    #[serde(default)]
    pub benchmark: Option<BenchmarkView>,
}

/// How fast a computer is. Millions are 10⁶.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct BenchmarkView {
    /// When it was measured.
    #[ts(type = "number")]
    pub at_ms: i64,
    /// Double-precision operations of one core, in millions per second.
    #[ts(type = "number")]
    pub cpu_one_mflops: u64,
    /// Of all cores together.
    #[ts(type = "number")]
    pub cpu_all_mflops: u64,
    /// Memory read and written by one core that copies, in millions of bytes per second.
    #[ts(type = "number")]
    pub memory_mb_per_s: u64,
    /// Written to the disk for good, in millions of bytes per second.
    #[ts(type = "number")]
    pub disk_write_mb_per_s: u64,
    /// Read from it; absent where that cannot be measured.
    #[ts(type = "number | null")]
    pub disk_read_mb_per_s: Option<u64>,
}

impl From<&Benchmark> for BenchmarkView {
    fn from(found: &Benchmark) -> Self {
        let speeds = found.speeds;
        Self {
            at_ms: found.at.0,
            cpu_one_mflops: speeds.cpu_one_mflops,
            cpu_all_mflops: speeds.cpu_all_mflops,
            memory_mb_per_s: speeds.memory_mb_per_s,
            disk_write_mb_per_s: speeds.disk_write_mb_per_s,
            disk_read_mb_per_s: speeds.disk_read_mb_per_s,
        }
    }
}

/// A warning or news.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Notice {
    /// When.
    #[ts(type = "number")]
    pub at_ms: i64,
    /// How grave.
    pub level: Level,
    /// What.
    pub error: ApiError,
}
