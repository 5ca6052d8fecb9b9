//! How an installation waits for its end, and for the computer's owner.

use crate::connection::Connection;
use crate::freeze::freeze;
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

/// Lets an installation give way to the computer's owner: it stands still meanwhile, and that time does not count.
pub(super) struct Patience<'a> {
    engine: &'a Connection,
    held: watch::Receiver<bool>,
    /// How long it may still take.
    left: Duration,
    /// Whether it has stood still.
    pub(super) has_frozen: bool,
}

impl<'a> Patience<'a> {
    /// For `within`, while `held` says that nothing has to stand still.
    pub(super) fn new(engine: &'a Connection, held: watch::Receiver<bool>, within: Duration) -> Self {
        Self { engine, held, left: within, has_frozen: false }
    }

    /// Waits until nothing has to stand still.
    pub(super) async fn until_free(&mut self) {
        // The other end lives as long as the engine.
        let _ = self.held.wait_for(|held| !held).await;
    }

    /// Waits for `work` in this container, from when it has begun; nothing when it took too long.
    pub(super) async fn give_way<T>(
        &mut self,
        container: &str,
        begins: oneshot::Receiver<()>,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = std::pin::pin!(work);
        tokio::select! {
            done = &mut work => return Some(done),
            () = tokio::time::sleep(self.left) => return None,
            // One that never says so ends by itself.
            Ok(()) = begins => {}
        }
        let mut frozen = false;
        loop {
            let held = *self.held.borrow_and_update();
            if held != frozen {
                self.freeze(container, held).await;
                frozen = held;
            }
            let since = Instant::now();
            tokio::select! {
                done = &mut work => return Some(done),
                () = tokio::time::sleep(self.left), if !frozen => return None,
                Ok(()) = self.held.changed() => {}
            }
            if !frozen {
                self.left = self.left.saturating_sub(since.elapsed());
            }
        }
    }

    async fn freeze(&mut self, container: &str, frozen: bool) {
        self.has_frozen = true;
        if let Err(error) = freeze(self.engine, container, frozen).await {
            tracing::warn!(container, frozen, %error, "an installation does not give way as it should");
        }
    }
}
