//! Takes away what an attempt leaves.

use super::PAUSES;
use crate::core::Input;
use crate::failpoint;
use crate::port::EngineError;
use crate::runtime::{Activity, Shared, lock};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::task::Task;
use std::sync::Arc;
use std::time::Duration;

/// A container that stays in spite of all that takes the owner's disk: it is tried again for as long as it takes.
const AT_LEAST_HOURLY: Duration = Duration::from_secs(3600);

pub(super) async fn remove_container(shared: Arc<Shared>, task: Task) {
    for pause in PAUSES.into_iter().chain(std::iter::repeat(AT_LEAST_HOURLY)) {
        failpoint::reach("container.before_removal");
        let removed = try_to_remove(&shared, &task).await;
        failpoint::reach("container.removed");
        let Err(error) = removed else { return };
        tracing::warn!(task_id = %task.key(), %error, "the container stays for now");
        if error.is_outage() {
            // It is found as a stray when the engine is back.
            return shared.tell(Input::EngineChecked(Err(error))).await;
        }
        tokio::time::sleep(pause).await;
    }
}

async fn try_to_remove(shared: &Shared, task: &Task) -> Result<(), EngineError> {
    let engine = &shared.ports.engine;
    if let Some(container) = &task.container {
        return engine.remove(container).await;
    }
    // It may have been made without us learning its id.
    let all = engine.own(&shared.ports.spool.install).await?;
    for own in all.into_iter().filter(|own| own.key.as_ref() == Some(task.key())) {
        engine.remove(&own.container).await?;
    }
    Ok(())
}

pub(in crate::runtime) async fn remove_file(path: &std::path::Path) {
    if let Err(error) = tokio::fs::remove_file(path).await
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "a file stays");
    }
}

/// Outputs that are still being gathered would be put into place after their files are removed.
pub(super) fn stop_collecting(shared: &Shared, key: &TaskKey) {
    if let Some(Activity::Collecting(token)) = lock(&shared.activities).get(key) {
        token.cancel();
    }
}

pub(super) async fn remove_files(shared: &Shared, key: &TaskKey) {
    failpoint::reach("files.before_removal");
    for file in shared.ports.spool.files(key) {
        remove_file(&file).await;
        failpoint::reach("files.half_removed");
    }
    failpoint::reach("files.removed");
}
