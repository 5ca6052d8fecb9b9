//! One function from its plan to its end.

use crate::ended::Ended;
use crate::thread::Ran;
use hivemind_domain::ids::{InstallId, TaskKey};
use hivemind_domain::task::ManagedFunction;
use hivemind_domain::time::Now;
use hivemind_managed_function::Reins;
use hivemind_worker_core::port::{ContainerPlan, Told};
use std::sync::Arc;
use tokio::sync::watch;

/// How far it is.
#[derive(Debug, Clone)]
pub(crate) enum Stage {
    /// Nobody asked for it to run.
    Ready,
    /// It waits for a place.
    Queued,
    /// Its thread runs, or is held.
    Computing,
    /// It has ended.
    Ended(Arc<Ended>),
}

/// One function.
pub(crate) struct Function {
    pub(crate) install: InstallId,
    pub(crate) key: TaskKey,
    pub(crate) program: ManagedFunction,
    pub(crate) reins: Reins,
    stage: watch::Sender<Stage>,
}

impl Function {
    pub(crate) fn new(plan: &ContainerPlan, program: ManagedFunction) -> Self {
        Self {
            install: plan.install.clone(),
            key: plan.key.clone(),
            program,
            reins: Reins::new(),
            stage: watch::Sender::new(Stage::Ready),
        }
    }

    /// It is to run; false when that was said before, or it was stopped already.
    pub(crate) fn queue(&self) -> bool {
        self.stage.send_if_modified(|stage| {
            let first = matches!(stage, Stage::Ready);
            if first {
                *stage = Stage::Queued;
            }
            first
        })
    }

    /// It has a place; false when it was stopped while it waited for one.
    pub(crate) fn begin(&self) -> bool {
        self.stage.send_if_modified(|stage| {
            let waits = matches!(stage, Stage::Queued);
            if waits {
                *stage = Stage::Computing;
            }
            waits
        })
    }

    /// Its thread has ended; nothing came of it where that broke.
    pub(crate) fn end(&self, ran: Option<Ran>, now: Now, told: &Told) {
        let ended = Ended::of(ran, now, told, self.reins.is_ended());
        self.stage.send_replace(Stage::Ended(Arc::new(ended)));
    }

    /// Ends it; false when nothing of it runs or ran.
    pub(crate) fn stop(&self) -> bool {
        self.reins.end();
        let mut ran = true;
        self.stage.send_if_modified(|stage| match stage {
            Stage::Ready => {
                ran = false;
                false
            }
            Stage::Queued => {
                *stage = Stage::Ended(Arc::new(Ended::before_it_began()));
                true
            }
            Stage::Computing | Stage::Ended(_) => false,
        });
        ran
    }

    /// Only what runs can be frozen, as with containers.
    pub(crate) fn freeze(&self) {
        if matches!(*self.stage.borrow(), Stage::Queued | Stage::Computing) {
            self.reins.hold();
        }
    }

    pub(crate) fn thaw(&self) {
        self.reins.release();
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.reins.is_held() && !matches!(*self.stage.borrow(), Stage::Ended(_))
    }

    pub(crate) async fn reach(&self, reached: impl FnMut(&Stage) -> bool) {
        // The sender is ours: it cannot go away meanwhile.
        let _ = self.stage.subscribe().wait_for(reached).await;
    }

    /// How it ended, once it has.
    pub(crate) async fn ended(&self) -> Arc<Ended> {
        loop {
            if let Some(ended) = self.ended_already() {
                return ended;
            }
            self.reach(|stage| matches!(stage, Stage::Ended(_))).await;
        }
    }

    pub(crate) fn ended_already(&self) -> Option<Arc<Ended>> {
        match &*self.stage.borrow() {
            Stage::Ended(ended) => Some(Arc::clone(ended)),
            Stage::Ready | Stage::Queued | Stage::Computing => None,
        }
    }

    /// What is known of it, as JSON without its source and input.
    pub(crate) fn describe(&self, id: &str) -> String {
        let stage = match &*self.stage.borrow() {
            Stage::Ready => "ready",
            Stage::Queued => "queued",
            Stage::Computing => "computing",
            Stage::Ended(_) => "ended",
        };
        let receipt = self.ended_already().map(|ended| ended.receipt.clone());
        let receipt = receipt.and_then(|json| serde_json::from_str::<serde_json::Value>(&json).ok());
        serde_json::json!({
            "id": id,
            "runtime": hivemind_managed_function::RUNTIME,
            "stage": stage,
            "source_bytes": self.program.source.len(),
            "input_bytes": self.program.input.len(),
            "receipt": receipt,
        })
        .to_string()
    }
}
