//! A worker as the face knows it, and which tasks it may be pushed.

use super::task::FaceTask;
use hivemind_proto::nodepool::{ProviderWorkerSettings, ResourceSpec, ResourceUsage};
use std::cmp::Ordering;
use tokio::time::Instant;

/// Below it no work is given.
const LEAST_TRUST: i64 = 20;

/// A worker.
#[derive(Debug, Clone)]
pub struct WorkerView {
    /// Its id.
    pub id: String,
    /// Its last word about itself.
    pub status: String,
    /// Where it is dialled.
    pub ip: String,
    /// What it has.
    pub resources: ResourceSpec,
    /// How busy it is.
    pub usage: ResourceUsage,
    /// Whether it may be dialled.
    pub enabled: bool,
    /// Its trust.
    pub score: i64,
    /// Whether it is banned.
    pub banned: bool,
    /// Tasks done.
    pub successful: i64,
    /// Tasks failed.
    pub failed: i64,
}

#[derive(Debug)]
pub(super) struct Worker {
    pub(super) owner: String,
    pub(super) settings: ProviderWorkerSettings,
    pub(super) view: WorkerView,
    pub(super) heard: Instant,
}

/// The smaller of what there is and what its owner gives. 0 as a limit is none.
fn given(there: i32, limit: i32) -> i32 {
    if limit > 0 { there.min(limit) } else { there }
}

impl Worker {
    pub(super) fn new(owner: &str, id: &str) -> Self {
        Self {
            owner: owner.to_owned(),
            settings: ProviderWorkerSettings { enabled: true, ..ProviderWorkerSettings::default() },
            heard: Instant::now(),
            view: WorkerView {
                id: id.to_owned(),
                status: String::new(),
                ip: String::new(),
                resources: ResourceSpec::default(),
                usage: ResourceUsage::default(),
                enabled: true,
                score: 100,
                banned: false,
                successful: 0,
                failed: 0,
            },
        }
    }

    pub(super) fn trusted(&self) -> bool {
        self.view.score >= LEAST_TRUST && !self.view.banned
    }

    pub(super) fn succeeded(&mut self) {
        self.view.score = (self.view.score + 1).min(1000);
        self.view.successful += 1;
    }

    pub(super) fn failed(&mut self) {
        self.view.score = (self.view.score - 5).max(0);
        self.view.failed += 1;
    }

    /// Whether it may be pushed anything at all.
    fn may_be_dialled(&self) -> bool {
        let everywhere = ["0.0.0.0:", "[::]:"];
        let address = self.view.ip.strip_prefix("http://").unwrap_or(&self.view.ip);
        self.settings.enabled
            && self.trusted()
            && matches!(self.view.status.as_str(), "ACTIVE" | "IDLE" | "BUSY")
            && !address.is_empty()
            && !everywhere.iter().any(|start| address.starts_with(start))
    }

    /// Memory, GPU memory and disk count in whole GB; how many tasks it has already counts nothing.
    pub(super) fn fits(&self, task: &FaceTask) -> bool {
        let (has, needs, limits) = (&self.view.resources, &task.needs, &self.settings);
        let cores = given(has.cpu_cores, limits.cpu_cores_limit);
        let whole = i64::from(has.cpu_cores.max(1));
        let score = if cores < has.cpu_cores {
            i64::from(has.cpu_score) * i64::from(cores) / whole
        } else {
            i64::from(has.cpu_score)
        };
        self.may_be_dialled()
            && score >= i64::from(needs.cpu_score)
            && has.gpu_score >= needs.gpu_score
            && given(has.memory_mb / 1024, limits.memory_gb_limit) >= needs.memory_mb / 1024
            && given(has.vram_mb / 1024, limits.gpu_memory_gb_limit) >= needs.vram_mb / 1024
            && given(has.storage_available_gb, limits.storage_gb_limit) >= needs.storage_total_gb
            && i64::from(limits.min_cpt_per_hour) <= task.max_cpt
    }

    /// Which of two that fit is dialled: the idler one, else the bigger one.
    pub(super) fn before(&self, other: &Self) -> Ordering {
        let rank = |worker: &Self| match worker.view.status.as_str() {
            "IDLE" => 0,
            "ACTIVE" => 1,
            _ => 2,
        };
        let (own, theirs) = (&self.view, &other.view);
        rank(self)
            .cmp(&rank(other))
            .then(own.usage.cpu_percent.total_cmp(&theirs.usage.cpu_percent))
            .then(theirs.resources.memory_mb.cmp(&own.resources.memory_mb))
            .then(theirs.resources.storage_available_gb.cmp(&own.resources.storage_available_gb))
            .then(theirs.resources.cpu_cores.cmp(&own.resources.cpu_cores))
            .then(own.id.cmp(&theirs.id))
    }
}
