//! "The newest call wins": a worker that reconnects must not wait until the pool notices that the old connection is
//! dead.

use crate::guarded::Guarded;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio_util::sync::CancellationToken;

#[derive(Debug)]
struct Slot {
    ticket: u64,
    token: CancellationToken,
    lock: Arc<Mutex<()>>,
}

#[derive(Debug, Default)]
struct Slots {
    by_name: HashMap<String, Slot>,
    tickets: u64,
}

/// One holder per name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Takeovers(Arc<Guarded<Slots>>);

/// The right to act under a name until somebody newer wants it.
#[derive(Debug)]
pub(crate) struct Turn {
    slots: Takeovers,
    name: String,
    ticket: u64,
    /// Cancelled when a newer call takes over.
    pub(crate) superseded: CancellationToken,
    _lock: OwnedMutexGuard<()>,
}

impl Takeovers {
    /// Ends the present holder's turn, waits until it has let go, and takes over.
    pub(crate) async fn take(&self, name: String) -> Turn {
        let (ticket, superseded, lock) = self.0.with(|slots| {
            slots.tickets += 1;
            let ticket = slots.tickets;
            let token = CancellationToken::new();
            let slot = slots.by_name.entry(name.clone()).or_insert_with(|| Slot {
                ticket,
                token: token.clone(),
                lock: Arc::default(),
            });
            if slot.ticket != ticket {
                slot.token.cancel();
                (slot.ticket, slot.token) = (ticket, token.clone());
            }
            (ticket, token, slot.lock.clone())
        });
        Turn { slots: self.clone(), name, ticket, superseded, _lock: lock.lock_owned().await }
    }

    /// Whether somebody holds this name.
    pub(crate) fn is_held(&self, name: &str) -> bool {
        self.0.with(|slots| slots.by_name.contains_key(name))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.slots.0.with(|slots| {
            if slots.by_name.get(&self.name).is_some_and(|slot| slot.ticket == self.ticket) {
                slots.by_name.remove(&self.name);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_newer_call_waits_for_the_older_to_let_go() {
        let takeovers = Takeovers::default();
        let first = takeovers.take("x".into()).await;
        let (other, again) = (takeovers.take("y".into()).await, takeovers.clone());
        let second = tokio::spawn(async move { again.take("x".into()).await });
        first.superseded.cancelled().await;
        assert!(!other.superseded.is_cancelled() && !second.is_finished());
        drop(first);
        let second = second.await.unwrap();
        assert!(!second.superseded.is_cancelled() && takeovers.is_held("x"));
        drop(second);
        assert!(!takeovers.is_held("x"));
    }
}
