//! What a run says about itself.

use crate::{Failure, FailureCode};
use serde::Serialize;

/// Name of this language in tasks and receipts.
pub const RUNTIME: &str = "managed-function-v0";

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// To its end.
    #[default]
    Completed,
    /// By a failure.
    Failed,
}

/// The counts of a run, from which it is billed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// Always [`RUNTIME`].
    pub runtime: &'static str,
    /// How it ended.
    pub status: Status,
    /// Operations that were carried out.
    pub executed_ops: u64,
    /// Calls of functions and built-ins.
    pub function_calls: u64,
    /// Passes through loops.
    pub loop_iterations: u64,
    /// Deepest nesting of calls of the program's functions.
    pub max_call_depth: u32,
    /// Bytes that were printed.
    pub output_bytes: u64,
    /// Word of the failure.
    pub failure_code: Option<&'static str>,
    /// Sentence of the failure.
    pub failure_message: Option<String>,
}

impl Default for Receipt {
    fn default() -> Self {
        Self {
            runtime: RUNTIME,
            status: Status::Completed,
            executed_ops: 0,
            function_calls: 0,
            loop_iterations: 0,
            max_call_depth: 0,
            output_bytes: 0,
            failure_code: None,
            failure_message: None,
        }
    }
}

impl Receipt {
    pub(crate) fn failed(self, failure: &Failure) -> Self {
        Self {
            status: Status::Failed,
            failure_code: Some(failure.code.word()),
            failure_message: Some(failure.message.clone()),
            ..self
        }
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// What the network bills for it, at most: 1 CPT, and 1 for each begun 1,000 operations and each begun KiB.
    #[must_use]
    pub fn price_cpt(&self) -> u64 {
        1 + self.executed_ops.div_ceil(1000) + self.output_bytes.div_ceil(1024)
    }
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What was printed, or the rendered final value where nothing was; of a failed run what was printed before.
    pub output: String,
    /// Its counts.
    pub receipt: Receipt,
}

impl Outcome {
    /// Of a program that could not be run by no fault of its own, as this sentence says.
    #[must_use]
    pub fn broken(why: &str) -> Self {
        let failure = Failure::new(FailureCode::Internal, why);
        Self { output: String::new(), receipt: Receipt::default().failed(&failure) }
    }
}
