//! The worker's question for work, where the pool pushes.

use crate::nodepool::NodePool;
use crate::nodepool::pull::ready;
use hivemind_worker_core::port::{Assigned, Offer, PoolError};
use std::time::Duration;
use tokio::time::Instant;

/// How long one question may wait, as with other pools.
const PATIENCE: Duration = Duration::from_secs(25);

/// Takes the question back when nobody waits for its answer any more.
struct Asking<'a> {
    pool: &'a NodePool,
    number: u64,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.pool.state().pushed.asks_no_more(self.number);
    }
}

pub(in crate::nodepool) async fn next(pool: &NodePool, offer: Offer) -> Result<Option<Assigned>, PoolError> {
    let (number, was_full) = {
        let mut state = pool.state();
        state.ask += 1;
        let number = state.ask;
        state.pushed.asks(number, offer);
        (number, std::mem::take(&mut state.pushed.full))
    };
    let _asking = Asking { pool, number };
    pool.asks.notify_waiters();
    // An older question ends.
    pool.offered.notify_waiters();
    if was_full {
        pool.tell_soon();
    }
    let until = Instant::now() + PATIENCE;
    loop {
        let offered = pool.offered.notified();
        tokio::pin!(offered);
        offered.as_mut().enable();
        {
            let mut state = pool.state();
            if state.ask != number {
                return Ok(None);
            }
            if let Some(ready) = ready(&mut state) {
                return Ok(Some(ready));
            }
        }
        if tokio::time::timeout_at(until, offered).await.is_err() {
            return Ok(None);
        }
    }
}
