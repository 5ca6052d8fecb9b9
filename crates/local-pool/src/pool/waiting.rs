//! Waiting for a task's end.

use super::Pool;
use crate::clock;
use crate::error::PoolError;
use crate::tasks::TaskView;
use hivemind_domain::ids::TaskId;
use std::time::Duration;

impl Pool {
    /// The task as it is when it has ended, or when `limit` has passed or the pool ends, whichever comes first.
    pub(crate) async fn wait_for_end(
        &self,
        id: TaskId,
        owner: Option<i64>,
        limit: Duration,
    ) -> Result<TaskView, PoolError> {
        let until = clock::mono() + limit;
        let mut changes = self.pulses.watch(&id);
        loop {
            changes.borrow_and_update();
            let view = self.task(id.clone(), owner).await?;
            if view.state.is_final() {
                return Ok(view);
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep_until(until) => return Ok(view),
                () = self.closing.cancelled() => return Ok(view),
            }
        }
    }
}
