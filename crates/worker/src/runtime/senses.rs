//! Carries the sensors' news to the loop.

use super::{Message, Shared};
use crate::core::Input;
use crate::port::News;
use hivemind_control::Snapshot;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Who waits for tasks to be frozen waits no longer than this.
const SETTLED_WITHIN: Duration = Duration::from_secs(3);

/// Runs until it is dropped.
pub(super) async fn run(shared: Arc<Shared>) {
    let (news, heard) = mpsc::channel(64);
    let senses = Arc::clone(&shared.ports.senses);
    let wanted = shared.wanted.subscribe();
    tokio::join!(senses.watch(news, wanted), hear(shared, heard));
}

async fn hear(shared: Arc<Shared>, mut heard: mpsc::Receiver<News>) {
    while let Some(News { sensed, at, done }) = heard.recv().await {
        let Some(done) = done else {
            shared.tell(Input::Sensed(sensed, at)).await;
            continue;
        };
        let (stepped, worked) = oneshot::channel();
        let message = Message { input: Input::Sensed(sensed, at), done: Some(stepped) };
        let _ = shared.inputs.send(message).await;
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let _ = worked.await;
            let mut snapshots = shared.snapshots.subscribe();
            let _ = tokio::time::timeout(SETTLED_WITHIN, snapshots.wait_for(|s| is_settled(s))).await;
            let _ = done.send(());
        });
    }
}

/// Whether nothing of ours computes.
fn is_settled(snapshot: &Snapshot) -> bool {
    snapshot.tasks.iter().all(|task| task.frozen || task.phase != "running")
}
