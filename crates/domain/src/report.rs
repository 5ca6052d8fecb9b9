//! What is told about an ended attempt, to its pool and to people.

use crate::task::{Task, Verdict};
use serde::{Deserialize, Serialize};

/// How long each phase took, in milliseconds; zero for one that did not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PhaseTimes {
    /// Waiting to be begun.
    pub queue_ms: u64,
    /// Fetching the package.
    pub fetch_ms: u64,
    /// Pulling the image; zero when it was there.
    pub pull_ms: u64,
    /// The rest of the preparation: checks, container, files.
    pub prepare_ms: u64,
    /// From the container's start to its end.
    pub run_ms: u64,
    /// Gathering the outputs.
    pub collect_ms: u64,
    /// Sending report and outputs until they were durable.
    pub upload_ms: u64,
    /// Installing dependencies, a part of the preparation; zero when there were none or they were kept.
    pub install_ms: u64,
    /// What an installation of kept dependencies had taken: the cache's saving.
    pub saved_ms: u64,
}

impl PhaseTimes {
    /// Both together: a phase that a restart broke in two took the sum.
    #[must_use]
    pub fn plus(self, more: Self) -> Self {
        Self {
            queue_ms: self.queue_ms.saturating_add(more.queue_ms),
            fetch_ms: self.fetch_ms.saturating_add(more.fetch_ms),
            pull_ms: self.pull_ms.saturating_add(more.pull_ms),
            prepare_ms: self.prepare_ms.saturating_add(more.prepare_ms),
            run_ms: self.run_ms.saturating_add(more.run_ms),
            collect_ms: self.collect_ms.saturating_add(more.collect_ms),
            upload_ms: self.upload_ms.saturating_add(more.upload_ms),
            install_ms: self.install_ms.saturating_add(more.install_ms),
            saved_ms: self.saved_ms.saturating_add(more.saved_ms),
        }
    }
}

/// The execution report.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecutionReport {
    /// `succeeded`, a failure's class such as `out_of_memory`, `cancelled` or `handed_back`.
    pub exit_class: String,
    /// Exit code, where the program ended by itself.
    pub exit_code: Option<i64>,
    /// By the wall from the container's start to its end, in milliseconds.
    pub wall_ms: u64,
    /// CPU time in milliseconds.
    pub cpu_ms: u64,
    /// Largest memory seen, in bytes.
    pub peak_memory_bytes: u64,
    /// Bytes that went in: the package.
    pub bytes_in: u64,
    /// Bytes that came out: the outputs' zip.
    pub bytes_out: u64,
    /// Disk traffic in bytes.
    pub disk_bytes: u64,
    /// Network traffic in bytes.
    pub network_bytes: u64,
    /// Time for which GPUs were held, in milliseconds, added up over them.
    pub gpu_ms: u64,
    /// Time for which the container was frozen, in milliseconds: not paid, not counted against its time.
    pub frozen_ms: u64,
    /// Digest or image id that ran; empty when none did.
    pub image_digest: String,
    /// How long each phase took.
    pub phases: PhaseTimes,
}

impl Verdict {
    /// The verdict as one word, failures by their class.
    #[must_use]
    pub fn exit_class(&self) -> &'static str {
        match self {
            Self::Failed { class, .. } => class.word(),
            Self::Succeeded | Self::Cancelled { .. } | Self::HandedBack { .. } => self.word(),
        }
    }
}

impl Task {
    /// By the wall from the container's start to the verdict, or as long as it was followed, whichever is longer.
    #[must_use]
    pub fn wall_ms(&self) -> u64 {
        let (Some(from), Some(to)) = (self.started_at, self.ended_at) else { return 0 };
        u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0).max(self.times.run_ms)
    }

    /// Time for which GPUs were held, in milliseconds.
    #[must_use]
    pub fn gpu_ms(&self) -> u64 {
        self.usage.active_ms.saturating_mul(u64::from(self.assignment.limits.resources.gpus))
    }

    /// What is told about it; `None` before it has ended.
    #[must_use]
    pub fn report(&self) -> Option<ExecutionReport> {
        let verdict = self.verdict.as_ref()?;
        let wall_ms = self.wall_ms();
        Some(ExecutionReport {
            exit_class: verdict.exit_class().to_owned(),
            exit_code: verdict.exit_code(),
            wall_ms,
            cpu_ms: self.usage.cpu_total_ns / 1_000_000,
            peak_memory_bytes: self.usage.peak_memory_bytes,
            bytes_in: self.assignment.package.as_ref().map_or(0, |package| package.size_bytes),
            bytes_out: self.result.as_ref().map_or(0, |result| result.size_bytes),
            disk_bytes: self.usage.disk_bytes,
            network_bytes: self.usage.network_bytes,
            gpu_ms: self.gpu_ms(),
            frozen_ms: self.frozen_ms,
            image_digest: self.image_digest.clone().unwrap_or_default(),
            phases: PhaseTimes { run_ms: wall_ms, ..self.times },
        })
    }
}
