//! Measures how fast this computer is: once per hardware, after a long calm, never while somebody or a task needs it.

use super::{Shared, lock};
use crate::core::Input;
use crate::port::Host;
use hivemind_control::{DecisionReason, MetricsSample, Snapshot, StatusState};
use hivemind_domain::benchmark::{Benchmark, hardware};
use hivemind_domain::time::Mono;
use std::sync::Arc;
use std::time::Duration;

/// It must have had nothing to do for so long.
const CALM: Duration = Duration::from_secs(600);
/// Other programs may take so much of it meanwhile, in percent: more would be measured too.
const QUIET_PERCENT: f32 = 20.0;

/// Waits for the right moment.
#[derive(Default)]
pub(super) struct Bench {
    calm_since: Option<Mono>,
    /// It cannot be measured here; nothing changes that before the next start.
    in_vain: bool,
}

impl Bench {
    /// After a reading of the computer: measures when the moment is right.
    pub(super) async fn look(&mut self, shared: &Arc<Shared>, sample: &MetricsSample) {
        let now = shared.ports.clock.now();
        if self.in_vain || sample.cpu_percent > QUIET_PERCENT || !is_calm(&shared.snapshots.borrow()) {
            self.calm_since = None;
            return;
        }
        if now.mono.since(*self.calm_since.get_or_insert(now.mono)) < CALM {
            return;
        }
        self.calm_since = None;
        let present = super::room::capabilities(shared).await;
        if lock(&shared.benchmark).as_ref().is_some_and(|kept| kept.is_of(&present)) {
            return;
        }
        tracing::info!("the speed of this computer is measured");
        let (host, watched): (Arc<dyn Host>, _) = (Arc::clone(&shared.ports.host), Arc::clone(shared));
        let measuring = tokio::task::spawn_blocking(move || {
            host.benchmark(&|| is_calm(&watched.snapshots.borrow()) && !watched.inputs.is_closed())
        });
        let Ok(Some(speeds)) = measuring.await else {
            // Called off, or impossible: only the first is worth another try.
            self.in_vain = is_calm(&shared.snapshots.borrow());
            return;
        };
        let found = Benchmark { at: now.wall, hardware: hardware(&present), speeds };
        if let Err(error) = shared.ports.journal.set_benchmark(&found).await {
            tracing::warn!(%error, "the speed of this computer is not kept");
        }
        *lock(&shared.benchmark) = Some(found);
        // So that it is published.
        shared.tell(Input::Tick).await;
    }
}

/// Whether nobody and nothing needs the computer: it would take work, and there is none.
fn is_calm(snapshot: &Snapshot) -> bool {
    snapshot.status.state == StatusState::Ready
        && snapshot.decision.reason == DecisionReason::Free
        && snapshot.tasks.is_empty()
}
