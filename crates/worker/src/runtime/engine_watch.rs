//! Asks the engine whether it can be used, and hears when it goes.

use super::Shared;
use crate::core::Input;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// One that breaks every connection at once is not asked in a circle.
const LEAST: Duration = Duration::from_secs(5);

/// Whether somebody listens for its going.
#[derive(Debug, Default)]
pub(super) struct EngineWatch(AtomicBool);

/// Asks; while the answer is yes, one task waits for the engine to go, and has it asked again then.
pub(super) fn verify(shared: Arc<Shared>) {
    tokio::spawn(async move {
        let answer = shared.ports.engine.verify().await;
        if answer.is_ok() && !shared.engine_watch.0.swap(true, Ordering::AcqRel) {
            tokio::spawn(until_gone(Arc::clone(&shared)));
        }
        shared.tell(Input::EngineChecked(answer)).await;
    });
}

async fn until_gone(shared: Arc<Shared>) {
    let began = shared.ports.clock.now().mono;
    tokio::select! {
        () = shared.ports.engine.gone() => {}
        // The worker has ended: nobody holds its journal and its connections any longer.
        () = shared.inputs.closed() => return,
    }
    let stood = shared.ports.clock.now().mono.since(began);
    tokio::time::sleep(LEAST.saturating_sub(stood)).await;
    // Before it is told: the question that follows begins the next watch.
    shared.engine_watch.0.store(false, Ordering::Release);
    shared.tell(Input::EngineGone).await;
}
