//! A task to practise with: on a pool inside the worker, without an account.

use crate::error::ApiError;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How far the practice task has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum PracticeStage {
    /// None was begun.
    #[default]
    Idle,
    /// A pool is started.
    Pool,
    /// The container engine is asked.
    Engine,
    /// The task is on its way to the worker, and its container is made.
    Preparing,
    /// It computes.
    Running,
    /// Its result goes to the pool and is paid.
    Paying,
    /// It is over and all is well.
    Done,
    /// It did not work out.
    Failed,
}

/// The practice task.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, TS)]
pub struct PracticeView {
    /// How far it has come.
    pub stage: PracticeStage,
    /// Begun at.
    #[ts(type = "number | null")]
    pub began_at_ms: Option<i64>,
    /// Over at.
    #[ts(type = "number | null")]
    pub ended_at_ms: Option<i64>,
    /// The task's last lines.
    pub lines: Vec<String>,
    /// Processor time that it took at most, once it is over.
    #[ts(type = "number")]
    pub cpu_ms: u64,
    /// Largest memory that was seen, once it is over; 0 where it was too quick to be seen.
    #[ts(type = "number")]
    pub peak_memory_bytes: u64,
    /// What the practice pool credited.
    #[ts(type = "number | null")]
    pub credited_cpt: Option<u64>,
    /// Why it did not work out.
    pub problem: Option<ApiError>,
}
