//! Tells whoever watches a task that something about it has changed.

use crate::guarded::Guarded;
use hivemind_domain::ids::TaskId;
use std::collections::HashMap;
use tokio::sync::watch;

/// One channel per watched task.
#[derive(Debug, Default)]
pub(crate) struct Pulses(Guarded<HashMap<TaskId, watch::Sender<()>>>);

impl Pulses {
    /// Something changed.
    pub(crate) fn beat(&self, task: &TaskId) {
        self.0.with(|all| {
            if let Some(watched) = all.get(task) {
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
