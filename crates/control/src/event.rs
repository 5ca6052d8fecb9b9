//! Snapshot first, then events. The snapshot is the truth, events are hints; who falls behind gets a new snapshot.

use crate::view::{LogLine, MetricsSample, Snapshot, TaskRef};
use futures_util::stream::{self, BoxStream, StreamExt};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::{broadcast, watch};
use ts_rs::TS;

/// What a subscriber is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case", tag = "event", content = "data")]
pub enum Event {
    /// The whole present state; replaces everything known before.
    Snapshot(Arc<Snapshot>),
    /// A new reading of the computer's use.
    Metrics(MetricsSample),
    /// New lines of a running task.
    Log {
        /// Which task.
        task: TaskRef,
        /// Its new lines.
        lines: Vec<LogLine>,
    },
    /// Somebody asked for the window.
    RaiseWindow,
    /// Somebody asked for the window with what a person may send to whoever helps.
    ReportProblem,
    /// Somebody quits the worker: its window goes with it.
    Quitting,
}

/// Everything a subscriber will be told, until the worker ends.
pub type EventStream = BoxStream<'static, Event>;

/// Both halves of what the worker publishes.
pub struct Subscription {
    /// Present state.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// Hints.
    pub events: broadcast::Receiver<Event>,
}

/// Joins both halves into one stream.
#[must_use]
pub fn subscription(mut both: Subscription) -> EventStream {
    both.snapshots.mark_changed();
    stream::unfold(both, |mut both| async move {
        let event = tokio::select! {
            biased;
            changed = both.snapshots.changed() => {
                changed.ok()?;
                Event::Snapshot(both.snapshots.borrow_and_update().clone())
            }
            event = both.events.recv() => match event {
                Ok(event) => event,
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    Event::Snapshot(both.snapshots.borrow_and_update().clone())
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            },
        };
        Some((event, both))
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn snapshot_comes_first_and_again_after_falling_behind() {
        let (state, snapshots) = watch::channel(Arc::new(Snapshot::default()));
        let (hints, events) = broadcast::channel(2);
        let mut stream = subscription(Subscription { snapshots, events });
        assert!(matches!(stream.next().await, Some(Event::Snapshot(_))));
        for _ in 0..5 {
            hints.send(Event::RaiseWindow).unwrap();
        }
        assert!(matches!(stream.next().await, Some(Event::Snapshot(_))), "behind by three");
        assert_eq!(stream.next().await, Some(Event::RaiseWindow));
        state.send(Arc::new(Snapshot { seq: 7, ..Snapshot::default() })).unwrap();
        assert!(matches!(stream.next().await, Some(Event::Snapshot(s)) if s.seq == 7));
        drop(state);
        assert!(stream.next().await.is_none());
    }
}
