//! A relay beside a running task, replaced whenever it ends.

use super::{Relays, Running, lock, remove};
use crate::connection::Connection;
use crate::failure::translate;
use crate::policy;
use hivemind_worker_core::port::{EgressSession, EngineError, EngineErrorKind};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;

/// A relay is replaced this often at most while its task runs.
const REPLACEMENTS: u32 = 20;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What befell a task's relay and was not told in the task's log yet. Never more than one each replacement.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn add(&self, sentence: &str) {
        lock(&self.0).push(sentence.to_owned());
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.0))
    }
}

/// Keeps a relay beside a running task until dropped.
pub(crate) struct Keeper(JoinHandle<()>);

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Keeper {
    /// Takes over a relay that carries, or begins with a new one; replaces it whenever it ends. `container` must have
    /// been started: one that does not run has ended, and needs no relay.
    pub(crate) fn new(
        relays: Arc<Relays>,
        engine: Connection,
        container: String,
        session: Arc<dyn EgressSession>,
        first: Option<Running>,
        notes: Notes,
    ) -> Self {
        let kept = Kept { relays, engine, container, session, notes };
        Self(tokio::spawn(async move { kept.keep(first).await }))
    }
}

struct Kept {
    relays: Arc<Relays>,
    engine: Connection,
    container: String,
    session: Arc<dyn EgressSession>,
    notes: Notes,
}

impl Kept {
    async fn keep(&self, first: Option<Running>) {
        let container = &self.container;
        let (mut running, mut pause, mut ended) = (first, FIRST_PAUSE, false);
        for _ in 0..REPLACEMENTS {
            if let Some(mut running) = running.take() {
                // Whatever the task had open was cut by the kernel, and new connections are refused until the next
                // relay listens: nothing hangs.
                let error = running.ended().await;
                tracing::warn!(container, %error, "a relay ended before its task");
                ended = true;
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            match self.replace().await {
                Ok(started) => {
                    if ended {
                        self.notes
                            .add("the way out ended and was replaced; connections at that moment were cut");
                    }
                    running = Some(started);
                }
                // The task has ended: nobody needs a relay.
                Err(error) if error.kind == EngineErrorKind::Gone => return,
                Err(error) => {
                    tracing::warn!(container, %error, "no relay for a task that has network");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
            }
            pause = pause.min(LONGEST_PAUSE);
        }
        if let Some(mut running) = running {
            running.ended().await;
        }
        tracing::error!(container, "a task stays without its relay");
        self.notes
            .add("the way out ended too often and is not replaced any more; every connection is refused");
    }

    async fn replace(&self) -> Result<Running, EngineError> {
        let Self { relays, engine, container, session, .. } = self;
        let gone = || EngineError::new(EngineErrorKind::Gone, "the task does not run");
        let state = engine.docker()?.inspect_container(container, None).await;
        let state = state.map_err(|e| translate("look at the container", &e))?.state.unwrap_or_default();
        if state.running != Some(true) {
            return Err(gone());
        }
        let route = relays.route(container).ok_or_else(gone)?;
        if let Some(old) = &route.relay {
            remove(engine, old).await?;
        }
        let network = format!("container:{container}");
        let relay = relays.create(engine, &route.install, &route.key, &network, policy::ROLE_RELAY).await?;
        if let Some(route) = lock(&relays.routes).get_mut(container) {
            route.relay = Some(relay.clone());
        }
        relays.start(engine, &relay, Arc::clone(session)).await
    }
}
