//! Writes attempts in the order of the loop's decisions, and has done what depends on them afterwards.

use super::{Shared, attempt};
use crate::core::Input;
use hivemind_domain::task::{Task, TaskEffect};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Pause before a failed write is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// An attempt to write, and what to do once it is on disk.
pub(super) struct Entry {
    pub(super) task: Box<Task>,
    pub(super) effects: Vec<TaskEffect>,
}

/// Starts the writer. It ends when the sender is dropped and everything is written.
pub(super) fn spawn(shared: Arc<Shared>) -> mpsc::UnboundedSender<Entry> {
    let (sender, mut entries) = mpsc::unbounded_channel::<Entry>();
    tokio::spawn(async move {
        while let Some(entry) = entries.recv().await {
            write(&shared, &entry.task).await;
            for effect in entry.effects {
                attempt::perform(&shared, (*entry.task).clone(), effect);
            }
        }
    });
    sender
}

/// Tries until it is written: what follows must not happen without it.
async fn write(shared: &Shared, task: &Task) {
    let mut failed = false;
    loop {
        match shared.ports.journal.put(task).await {
            Ok(()) if failed => return shared.tell(Input::Journal(Ok(()))).await,
            Ok(()) => return,
            Err(error) => {
                tracing::error!(task_id = %task.key(), %error, "the journal cannot be written");
                failed = true;
                shared.tell(Input::Journal(Err(error))).await;
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}
