//! Tasks and their output.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Names one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
pub struct TaskRef {
    /// The task.
    pub task_id: String,
    /// The attempt; absent means the newest one known here.
    pub attempt: Option<u32>,
}

/// Stops one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct StopTaskRequest {
    /// The task.
    pub task_id: String,
    /// The attempt; absent means the newest one known here.
    pub attempt: Option<u32>,
    /// Why, for the requester, in the owner's words: one line, at most 200 bytes count. Absent where the owner gives none.
    #[serde(default)]
    pub reason: Option<String>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct TaskView {
    /// The task.
    pub task_id: String,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The requester's name for it, printable.
    pub name: String,
    /// `accepted`, `preparing`, `running`, `collecting`, `uploading`, `reported`, `settled`, `handed_back` or
    /// `lease_lost`.
    pub phase: String,
    /// `succeeded`, `failed`, `timed_out`, `cancelled` or `handed_back`, once known.
    pub verdict: Option<String>,
    /// Exit code, where the program ended by itself.
    #[ts(type = "number | null")]
    pub exit_code: Option<i64>,
    /// Why it failed, was cancelled or handed back.
    pub message: Option<String>,
    /// Kind of a failure.
    pub failure_class: Option<String>,
    /// Digest or id of the image that runs.
    pub image_digest: Option<String>,
    /// Whether it is a managed function, which needs no container.
    #[serde(default)]
    pub function: bool,
    /// Accepted at.
    #[ts(type = "number")]
    pub accepted_at_ms: i64,
    /// Container started at.
    #[ts(type = "number | null")]
    pub started_at_ms: Option<i64>,
    /// Verdict known at.
    #[ts(type = "number | null")]
    pub ended_at_ms: Option<i64>,
    /// Final at.
    #[ts(type = "number | null")]
    pub closed_at_ms: Option<i64>,
    /// Running time without frozen time.
    #[ts(type = "number")]
    pub active_ms: u64,
    /// Whether its container is frozen now.
    #[serde(default)]
    pub frozen: bool,
    /// Time for which it was frozen so far; neither paid nor counted against its time.
    #[serde(default)]
    #[ts(type = "number")]
    pub frozen_ms: u64,
    /// Time it may run.
    #[ts(type = "number")]
    pub timeout_ms: u64,
    /// Granted thousandths of a core.
    pub cpu_millis: u32,
    /// Granted memory.
    #[ts(type = "number")]
    pub memory_bytes: u64,
    /// CPU use of the last seconds, in percent of what was granted.
    pub cpu_percent: f32,
    /// Memory in use.
    #[ts(type = "number")]
    pub memory_used_bytes: u64,
    /// Identifiers of the GPUs that it has, or had.
    #[serde(default)]
    pub gpus: Vec<String>,
    /// Busy share of its GPUs, where the driver tells.
    #[serde(default)]
    pub gpu_percent: Option<f32>,
    /// Memory of its GPUs in use, where the driver tells.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub gpu_memory_bytes: Option<u64>,
    /// Largest memory seen.
    #[ts(type = "number")]
    pub peak_memory_bytes: u64,
    /// Bytes received from and sent to hosts.
    #[ts(type = "number")]
    pub network_bytes: u64,
    /// Our own estimate of the pay.
    #[ts(type = "number")]
    pub estimated_cpt: u64,
    /// The pool's word about the pay.
    #[ts(type = "number | null")]
    pub credited_cpt: Option<u64>,
    /// Whether the pool's ledger has moved it for good.
    pub settled: bool,
    /// Whether the pool had forgotten this computer while the pay was open.
    #[serde(default)]
    pub orphaned: bool,
    /// Electricity that it took above idle so far, in thousandths of a watt-hour; absent where that is not known.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub energy_mwh: Option<u64>,
    /// SHA-256 of the outputs, hexadecimal.
    pub result_sha256: Option<String>,
    /// Size of the outputs.
    #[ts(type = "number | null")]
    pub result_bytes: Option<u64>,
    /// The execution report, once it has ended.
    pub report: Option<ReportView>,
}

/// What is told about an ended attempt.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct ReportView {
    /// `succeeded`, a failure's class such as `out_of_memory`, `cancelled` or `handed_back`.
    pub exit_class: String,
    /// Exit code, where the program ended by itself.
    #[ts(type = "number | null")]
    pub exit_code: Option<i64>,
    /// By the wall from the container's start to its end.
    #[ts(type = "number")]
    pub wall_ms: u64,
    /// CPU time.
    #[ts(type = "number")]
    pub cpu_ms: u64,
    /// Largest memory seen.
    #[ts(type = "number")]
    pub peak_memory_bytes: u64,
    /// The package.
    #[ts(type = "number")]
    pub bytes_in: u64,
    /// The outputs.
    #[ts(type = "number")]
    pub bytes_out: u64,
    /// Disk traffic.
    #[ts(type = "number")]
    pub disk_bytes: u64,
    /// Network traffic.
    #[ts(type = "number")]
    pub network_bytes: u64,
    /// Time for which GPUs were held, added up over them.
    #[ts(type = "number")]
    pub gpu_ms: u64,
    /// Time for which it was frozen while this computer gave way to its owner.
    #[serde(default)]
    #[ts(type = "number")]
    pub frozen_ms: u64,
    /// Digest or image id that ran; empty when none did.
    pub image_digest: String,
    /// How long each phase took; zero for one that did not happen.
    pub phases: PhasesView,
}

/// How long the phases of an attempt took, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct PhasesView {
    /// Accepted, waiting to be begun.
    #[ts(type = "number")]
    pub queue_ms: u64,
    /// Fetching the package.
    #[ts(type = "number")]
    pub fetch_ms: u64,
    /// Pulling the image.
    #[ts(type = "number")]
    pub pull_ms: u64,
    /// The rest of the preparation.
    #[ts(type = "number")]
    pub prepare_ms: u64,
    /// The program.
    #[ts(type = "number")]
    pub run_ms: u64,
    /// Gathering the outputs.
    #[ts(type = "number")]
    pub collect_ms: u64,
    /// Sending report and outputs.
    #[ts(type = "number")]
    pub upload_ms: u64,
    /// Installing dependencies, a part of the preparation.
    #[ts(type = "number")]
    pub install_ms: u64,
    /// What the installation of kept dependencies had taken once: the cache's saving.
    #[ts(type = "number")]
    pub saved_ms: u64,
}

impl From<hivemind_domain::report::ExecutionReport> for ReportView {
    fn from(report: hivemind_domain::report::ExecutionReport) -> Self {
        let p = report.phases;
        Self {
            exit_class: report.exit_class,
            exit_code: report.exit_code,
            wall_ms: report.wall_ms,
            cpu_ms: report.cpu_ms,
            peak_memory_bytes: report.peak_memory_bytes,
            bytes_in: report.bytes_in,
            bytes_out: report.bytes_out,
            disk_bytes: report.disk_bytes,
            network_bytes: report.network_bytes,
            gpu_ms: report.gpu_ms,
            frozen_ms: report.frozen_ms,
            image_digest: report.image_digest,
            phases: PhasesView {
                queue_ms: p.queue_ms,
                fetch_ms: p.fetch_ms,
                pull_ms: p.pull_ms,
                prepare_ms: p.prepare_ms,
                run_ms: p.run_ms,
                collect_ms: p.collect_ms,
                upload_ms: p.upload_ms,
                install_ms: p.install_ms,
                saved_ms: p.saved_ms,
            },
        }
    }
}

/// Which page of the history.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct HistoryQuery {
    /// Only attempts whose verdict or phase is this word.
    #[serde(default)]
    pub state: Option<String>,
    /// Only attempts whose name or id holds this text.
    #[serde(default)]
    pub search: Option<String>,
    /// Skip this many.
    #[serde(default)]
    pub offset: u32,
    /// At most this many, 1 to 500; 0 means 50.
    #[serde(default)]
    pub limit: u32,
}

/// A page of the history.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct HistoryPage {
    /// Newest first.
    pub tasks: Vec<TaskView>,
    /// How many match altogether.
    pub total: u32,
}

/// Which lines of a task's output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LogQuery {
    /// The task.
    pub task: TaskRef,
    /// First line wanted, from 0; absent means the last `limit` lines.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub from: Option<u64>,
    /// At most this many, 1 to 1000; 0 means 200.
    #[serde(default)]
    pub limit: u32,
}

/// One line, printable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LogLine {
    /// Number of the line, from 0.
    #[ts(type = "number")]
    pub number: u64,
    /// Whether it came from standard error.
    pub stderr: bool,
    /// When the engine read it.
    #[ts(type = "number")]
    pub at_ms: i64,
    /// The line without controls.
    pub text: String,
}

/// A page of a task's output.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct LogPage {
    /// In order.
    pub lines: Vec<LogLine>,
    /// Lines known altogether.
    #[ts(type = "number")]
    pub total: u64,
    /// First line still kept; older ones were dropped under the quota.
    #[ts(type = "number")]
    pub first_kept: u64,
}

/// What is kept of a failed attempt, in one folder on this computer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct DebugView {
    /// The folder.
    pub folder: String,
    /// Kept at.
    #[ts(type = "number")]
    pub kept_at_ms: i64,
    /// Removed at the latest then.
    #[ts(type = "number")]
    pub until_ms: i64,
    /// Files in it, by name.
    pub files: Vec<DebugFile>,
}

/// One file of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct DebugFile {
    /// Its name.
    pub name: String,
    /// Its size.
    #[ts(type = "number")]
    pub size_bytes: u64,
}
