//! Writes attempts in the order of the loop's decisions, and has done what depends on them afterwards.

use super::{Shared, attempt, diary};
use crate::core::{Input, Written};
use crate::failpoint;
use hivemind_domain::rules::Snooze;
use hivemind_domain::task::{Phase, Task, TaskEffect};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Pause before a failed write is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// What to write.
pub(super) enum Entry {
    /// An attempt, and what to do once it is on disk.
    Attempt(Box<Task>, Vec<TaskEffect>),
    /// Whether the owner wants to contribute.
    Wish(bool),
    /// The pause that the owner asked for.
    Snooze(Option<Snooze>),
    /// The pause of GPUs alone.
    GpuSnooze(Option<Snooze>),
}

/// Starts the writer. It ends when the sender is dropped and everything is written.
pub(super) fn spawn(shared: Arc<Shared>) -> (mpsc::UnboundedSender<Entry>, JoinHandle<()>) {
    let (sender, mut entries) = mpsc::unbounded_channel::<Entry>();
    let writing = tokio::spawn(async move {
        while let Some(entry) = entries.recv().await {
            let recorded = begin_early(&shared, &entry);
            write(&shared, &entry).await;
            if let Some(recorded) = recorded {
                let _ = recorded.send(());
            }
            if let Entry::Attempt(task, effects) = entry {
                for effect in effects {
                    match effect {
                        TaskEffect::Submit | TaskEffect::HandBack | TaskEffect::AwaitSettlement => {
                            shared.tell(Input::Kept(task.key().clone())).await;
                        }
                        // Begun before.
                        TaskEffect::Prepare | TaskEffect::Collect => {}
                        TaskEffect::Run
                        | TaskEffect::Halt
                        | TaskEffect::RemoveContainer
                        | TaskEffect::RemoveFiles => attempt::perform(&shared, (*task).clone(), effect),
                    }
                }
                diary::attempt(&task);
            }
        }
    });
    (sender, writing)
}

/// Begins what changes nothing outside, so that the disk is not waited for. After a crash the outputs are read again
/// from the container that has ended, and a package without a record is swept away; what follows the package waits
/// for what is returned here.
fn begin_early(shared: &Arc<Shared>, entry: &Entry) -> Option<oneshot::Sender<()>> {
    let Entry::Attempt(task, effects) = entry else { return None };
    if effects.contains(&TaskEffect::Collect) {
        attempt::perform(shared, (**task).clone(), TaskEffect::Collect);
    }
    effects.contains(&TaskEffect::Prepare).then(|| {
        let (told, recorded) = attempt::Recorded::awaited();
        attempt::begin(shared, (**task).clone(), recorded);
        told
    })
}

/// Tries until it is written: what follows must not happen without it.
async fn write(shared: &Shared, entry: &Entry) {
    let (before, after) = failpoints(entry);
    failpoint::reach(before);
    let mut failed = false;
    loop {
        let journal = &shared.ports.journal;
        let written = match entry {
            Entry::Attempt(task, _) => journal.put(task).await,
            Entry::Snooze(snooze) => journal.set_snooze(*snooze).await,
            Entry::GpuSnooze(snooze) => journal.set_gpu_snooze(*snooze).await,
            Entry::Wish(contribute) => journal.set_wish(*contribute).await,
        };
        match written {
            Ok(()) => {
                failpoint::reach(after);
                if let Entry::Attempt(task, _) = entry
                    && task.phase == Phase::Settled
                {
                    shared.settlements.send_modify(|count| *count += 1);
                }
                if failed {
                    shared.tell(Input::Written(Written::Records, Ok(()))).await;
                }
                return;
            }
            Err(error) => {
                tracing::error!(%error, "the journal cannot be written");
                failed = true;
                // The container has what the package holds: its room may be what is missing.
                if let Entry::Attempt(task, effects) = entry
                    && error.disk_full
                    && effects.contains(&TaskEffect::Run)
                {
                    attempt::remove_file(&shared.ports.spool.package(task.key())).await;
                }
                shared.tell(Input::Written(Written::Records, Err(error))).await;
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

fn failpoints(entry: &Entry) -> (&'static str, &'static str) {
    match entry {
        // All are what the owner wants, one fact each.
        Entry::Wish(_) | Entry::Snooze(_) | Entry::GpuSnooze(_) => {
            ("journal.wish.before", "journal.wish.after")
        }
        Entry::Attempt(task, _) => match task.phase {
            Phase::Accepted | Phase::Preparing => ("journal.preparing.before", "journal.preparing.after"),
            Phase::Running | Phase::Collecting => ("journal.running.before", "journal.running.after"),
            Phase::Uploading => ("journal.uploading.before", "journal.uploading.after"),
            Phase::Reported | Phase::Settled => ("journal.settled.before", "journal.settled.after"),
            Phase::HandedBack => ("journal.handed_back.before", "journal.handed_back.after"),
            Phase::LeaseLost => ("journal.lease_lost.before", "journal.lease_lost.after"),
        },
    }
}
