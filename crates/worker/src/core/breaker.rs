//! Tasks that fail by this computer's fault: a growing pause after each, and a stop after five in a row.

use super::Core;
use hivemind_control::{ApiError, ErrorCode, Level};
use hivemind_domain::breaker::{self, Fault};
use hivemind_domain::task::{Task, Verdict};
use hivemind_domain::time::{Mono, Now};

impl Core {
    /// An attempt that was accepted at `began` has ended.
    pub(super) fn tried(&mut self, task: &Task, began: Mono, now: Now) {
        let trial = breaker::trial(task, &self.limits.images.standard);
        let said = match &task.verdict {
            Some(Verdict::Failed { message, .. } | Verdict::HandedBack { message, .. }) => message.as_str(),
            Some(Verdict::Succeeded | Verdict::Cancelled { .. }) | None => "",
        };
        if self.breaker.note(trial, said, began, now.mono)
            && let Some(error) = self.failing()
        {
            self.notice(Level::Error, error, now);
        }
    }

    /// What stopped the work.
    pub(super) fn failing(&self) -> Option<ApiError> {
        let (fault, said) = self.breaker.open()?;
        let code = match fault {
            Fault::Engine => ErrorCode::FailingEngine,
            Fault::Image => ErrorCode::FailingImage,
            Fault::Disk => ErrorCode::FailingDisk,
            Fault::Gpu => ErrorCode::FailingGpu,
        };
        Some(ApiError::new(code, format!("the last one: {said}")))
    }
}
