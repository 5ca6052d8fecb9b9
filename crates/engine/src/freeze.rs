//! Freezing a container's processes and letting them go on.

use crate::connection::Connection;
use crate::failure::{status_of, translate};
use hivemind_worker_core::port::EngineError;
use std::time::Duration;

/// The engine answers within this time, or the container counts as not frozen.
const WITHIN: Duration = Duration::from_secs(20);

/// Freezes a container, or lets it go on. What is as wanted already, has ended or is gone is left as it is.
pub(crate) async fn freeze(engine: &Connection, container: &str, frozen: bool) -> Result<(), EngineError> {
    let docker = engine.patient(WITHIN)?;
    let (done, what) = if frozen {
        (docker.pause_container(container).await, "freeze the container")
    } else {
        (docker.unpause_container(container).await, "let the container go on")
    };
    match done {
        Ok(()) => Ok(()),
        // 409: frozen already, or it does not run. Older engines say 500 to a thaw of what is not frozen.
        Err(error) if matches!(status_of(&error), Some(404 | 409)) => Ok(()),
        Err(error) if status_of(&error) == Some(500) && is_fine(engine, container, frozen).await => Ok(()),
        Err(error) => Err(translate(what, &error)),
    }
}

/// Whether a container is as wanted although the engine refused.
async fn is_fine(engine: &Connection, container: &str, frozen: bool) -> bool {
    let Ok(docker) = engine.docker() else { return false };
    let Ok(found) = docker.inspect_container(container, None).await else { return false };
    let state = found.state.unwrap_or_default();
    let (running, paused) = (state.running.unwrap_or(false), state.paused.unwrap_or(false));
    !running || paused == frozen
}
