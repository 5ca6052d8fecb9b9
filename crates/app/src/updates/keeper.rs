//! When updates are looked for, and the wait for a moment in which no task would be lost.

use super::Here;
use super::look::{NotTaken, fetch, look};
use super::record::Record;
use super::source::Source;
use hivemind_control::{DecisionReason, Snapshot};
use hivemind_update::{Swap, SystemDisk};
use hivemind_worker_core::port::{Clock, SettingsStore};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// From the start to the first look: a computer that was just switched on has better things to do.
pub(super) const FIRST: Duration = Duration::from_secs(600);
/// Between two looks; up to an hour more or less, so that not everybody comes at once.
pub(super) const PAUSE: Duration = Duration::from_secs(24 * 3600);
const JITTER: Duration = Duration::from_secs(3600);
/// For a moment without work that comes by itself; after that no new tasks are taken, and what there is runs out.
pub(super) const PATIENCE: Duration = Duration::from_secs(6 * 3600);
/// For the worker to say that it takes no new tasks. It says so at once; one that decides nothing at present says nothing.
const HEARD: Duration = Duration::from_secs(30);

/// Looks for updates, and says when one can be put in place.
pub(super) struct Keeper {
    pub(super) here: Arc<Here>,
    pub(super) program: PathBuf,
    pub(super) target: String,
    pub(super) source: Arc<dyn Source>,
    pub(super) data: PathBuf,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) settings: Arc<dyn SettingsStore>,
    pub(super) snapshots: watch::Receiver<Arc<Snapshot>>,
    /// Whether new tasks are kept away, because a new version is about to be put in place.
    pub(super) updating: watch::Sender<bool>,
    /// Cancelled when the worker is to end for the new version.
    pub(super) exchange: CancellationToken,
    pub(super) first: Duration,
}

impl Keeper {
    /// Until the worker ends.
    pub(super) async fn keep(self, shutdown: CancellationToken) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.look_after() => {}
        }
    }

    async fn look_after(mut self) {
        tokio::time::sleep(self.first.max(self.not_before())).await;
        loop {
            let pause = PAUSE - JITTER + JITTER.mul_f64(2.0 * rand::random::<f64>());
            // What is ready waits for a calm moment until it is looked again: it may be withdrawn.
            if let Ok(true) = timeout(pause, self.round()).await {
                self.exchange.cancel();
                return;
            }
            self.updating.send_replace(false);
        }
    }

    /// After an exchange that could not even begin: not at once again.
    fn not_before(&self) -> Duration {
        let until = Record::load(&self.data).not_before_ms.unwrap_or(0);
        let left = until.saturating_sub(self.clock.now().wall.0).clamp(0, PAUSE.as_millis() as i64);
        Duration::from_millis(left.unsigned_abs())
    }

    /// One look and, where something is ready, the wait for a calm moment. Never ends otherwise.
    async fn round(&mut self) -> bool {
        if self.wanted()
            && self.snapshots.wait_for(|snapshot| !metered(snapshot)).await.is_ok()
            && self.look().await
            && self.calm().await
        {
            return true;
        }
        std::future::pending().await
    }

    fn wanted(&self) -> bool {
        self.settings.current().flag("updates")
    }

    /// True when a version lies ready.
    async fn look(&self) -> bool {
        let swap = Swap::new(self.program.clone(), &SystemDisk);
        let now_ms = self.clock.now().wall.0;
        let looked = look(&*self.source, &self.here, &self.target, &swap.seen(), now_ms).await;
        let found = match looked {
            Ok(offer) => fetch(&*self.source, &self.program, &offer).await.map(|()| offer.version),
            Err(error) => Err(error),
        };
        match &found {
            Ok(version) => tracing::info!(%version, "an update is ready"),
            // Whoever put that version there by hand needs none that was ready before.
            Err(error) if error.newest().is_some() => {
                if let Err(error) = swap.discard() {
                    tracing::warn!(%error, "a version that was ready stays on the disk");
                }
            }
            Err(error) => {
                tracing::warn!(%error, "no update is taken");
                if let NotTaken::Refused(_) = error
                    && let Err(error) = swap.discard()
                {
                    tracing::warn!(%error, "a version that was ready stays on the disk");
                }
            }
        }
        Record::change(&self.data, |record| record.found(&found, now_ms));
        found.is_ok()
    }

    /// Waits until nothing runs and nothing waits to be delivered, and keeps new tasks away then. False when the worker
    /// ends, or the owner does not want updates any more.
    async fn calm(&mut self) -> bool {
        loop {
            let by_itself = match timeout(PATIENCE, self.snapshots.wait_for(is_calm)).await {
                Ok(Ok(_)) => true,
                Ok(Err(_)) => return false,
                Err(_) => false,
            };
            if !self.wanted() {
                return false;
            }
            self.updating.send_replace(true);
            let kept_away = |snapshot: &Arc<Snapshot>| {
                !is_calm(snapshot) || snapshot.decision.all.contains(&DecisionReason::Updating)
            };
            if let Ok(Err(_)) = timeout(HEARD, self.snapshots.wait_for(kept_away)).await {
                return false;
            }
            if !by_itself && self.snapshots.wait_for(is_calm).await.is_err() {
                return false;
            }
            if is_calm(&self.snapshots.borrow()) {
                return self.wanted();
            }
            // One came in between: it is not stopped for this.
            self.updating.send_replace(false);
        }
    }
}

/// Whether nothing runs here and nothing waits to be delivered. What is delivered and only waits to be paid waits in the
/// journal as well.
fn is_calm(snapshot: &Arc<Snapshot>) -> bool {
    snapshot.tasks.iter().all(|task| task.phase == "reported")
}

fn metered(snapshot: &Snapshot) -> bool {
    snapshot.decision.all.contains(&DecisionReason::Metered)
}
