//! A task as the face knows it.

use hivemind_proto::nodepool::{ExecutionMetrics, ResourceSpec};
use std::time::Duration;
use tokio::time::Instant;

/// What tasks without a container name as their runtime.
pub const MANAGED_FUNCTION: &str = "managed-function-v0";

/// Where a task is. The network knows RUNNING too, and never uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskStatus {
    /// Waits.
    Pending,
    /// Given to a worker.
    Assigned,
    /// Done.
    Completed,
    /// Failed for good.
    Failed,
    /// Cancelled by its owner.
    Cancelled,
}

/// A task.
#[derive(Debug, Clone)]
pub struct FaceTask {
    /// Who pays.
    pub owner: String,
    /// Where its package is; of a managed function its input.
    pub reference: String,
    /// Empty, or [`MANAGED_FUNCTION`].
    pub runtime: String,
    /// What a managed function does. It is pushed, and never pulled.
    pub source: String,
    /// What it needs.
    pub needs: ResourceSpec,
    /// Most that it may cost.
    pub max_cpt: i64,
    /// Where it is.
    pub status: TaskStatus,
    /// Whose it is.
    pub worker: Option<String>,
    /// How often it was taken back.
    pub retries: u32,
    /// How often it was given out, pushed or pulled.
    pub assignments: u32,
    /// How often it was pushed.
    pub pushes: u32,
    /// How often its worker was told to stop it.
    pub stops: u32,
    /// Answers to pushes that came when it was no longer its worker's.
    pub discarded: u32,
    /// What it printed, or why it failed.
    pub output: Option<String>,
    /// Why it failed, in its worker's words.
    pub message: Option<String>,
    /// Where its result is said to be.
    pub result: Option<String>,
    /// What its worker measured.
    pub metrics: Option<ExecutionMetrics>,
    /// The receipt of a managed function, as its worker wrote it.
    pub receipt: Option<String>,
    /// What its owner paid. 0: nothing.
    pub charged: i64,
    /// Reports about its use.
    pub reports: u32,
    /// Longest time between two words about it.
    pub longest_silence: Duration,
    pub(super) handed_in: Instant,
    pub(super) last: Instant,
    /// Where it was pushed to and not taken back from.
    pub(super) pushed_to: Option<String>,
    /// Operations and bytes of output that its receipt is about.
    pub(super) used: (i64, i64),
}

impl FaceTask {
    pub(super) fn new(owner: &str, reference: &str, needs: ResourceSpec, max_cpt: i64) -> Self {
        Self {
            owner: owner.to_owned(),
            reference: reference.to_owned(),
            runtime: String::new(),
            source: String::new(),
            needs,
            max_cpt,
            status: TaskStatus::Pending,
            worker: None,
            retries: 0,
            assignments: 0,
            pushes: 0,
            stops: 0,
            discarded: 0,
            output: None,
            message: None,
            result: None,
            metrics: None,
            receipt: None,
            charged: 0,
            reports: 0,
            longest_silence: Duration::ZERO,
            handed_in: Instant::now(),
            last: Instant::now(),
            pushed_to: None,
            used: (0, 0),
        }
    }

    pub(super) fn function(mut self, source: &str) -> Self {
        MANAGED_FUNCTION.clone_into(&mut self.runtime);
        source.clone_into(&mut self.source);
        self
    }

    pub(super) fn is_held_by(&self, worker: &str) -> bool {
        self.status == TaskStatus::Assigned && self.worker.as_deref() == Some(worker)
    }

    pub(super) fn give(&mut self, worker: &str, pushed_to: Option<&str>) {
        self.status = TaskStatus::Assigned;
        self.worker = Some(worker.to_owned());
        self.pushed_to = pushed_to.map(ToOwned::to_owned);
        self.assignments += 1;
        self.pushes += u32::from(pushed_to.is_some());
        self.last = Instant::now();
    }

    /// Waits again, one try more. Gives whose it was.
    pub(super) fn take_back(&mut self) -> Option<String> {
        self.status = TaskStatus::Pending;
        self.retries += 1;
        self.pushed_to = None;
        self.worker.take()
    }

    pub(super) fn fail(&mut self, words: String) {
        self.status = TaskStatus::Failed;
        self.output.get_or_insert_with(|| words.clone());
        self.message = Some(words);
    }

    pub(super) fn heard(&mut self) {
        self.longest_silence = self.longest_silence.max(self.last.elapsed());
        self.last = Instant::now();
    }

    /// A managed function is paid by its worker's own receipt, everything else in full.
    pub(super) fn price(&self) -> i64 {
        if self.runtime != MANAGED_FUNCTION {
            return self.max_cpt;
        }
        let parts = |amount: i64, part: u64| i64::try_from(amount.max(0).cast_unsigned().div_ceil(part));
        let (operations, bytes) = (parts(self.used.0, 1000), parts(self.used.1, 1024));
        let price = 1_i64.saturating_add(operations.unwrap_or(i64::MAX));
        self.max_cpt.min(price.saturating_add(bytes.unwrap_or(i64::MAX)))
    }
}
