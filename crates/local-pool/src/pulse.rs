//! Tells whoever watches a task that something about it has changed.

use crate::guarded::Guarded;
use crate::tasks::whole_of;
use hivemind_domain::ids::TaskId;
use std::collections::HashMap;
use tokio::sync::watch;

/// One channel per watched task.
#[derive(Debug, Default)]
pub(crate) struct Pulses(Guarded<HashMap<TaskId, watch::Sender<()>>>);

impl Pulses {
    /// Something changed. What changes a sub-task changes its whole.
    pub(crate) fn beat(&self, task: &TaskId) {
        let whole = whole_of(task);
        self.0.with(|all| {
            for watched in std::iter::once(task).chain(&whole).filter_map(|id| all.get(id)) {
                watched.send_replace(());
            }
        });
    }

    /// Watches a task. Look at it after this, so that nothing between is missed.
    pub(crate) fn watch(&self, task: &TaskId) -> watch::Receiver<()> {
        self.0.with(|all| all.entry(task.clone()).or_insert_with(|| watch::Sender::new(())).subscribe())
    }

    /// Forgets tasks that nobody watches any more.
    pub(crate) fn sweep(&self) {
        self.0.with(|all| all.retain(|_, watched| watched.receiver_count() > 0));
    }
}
