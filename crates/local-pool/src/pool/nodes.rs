//! Registration, heartbeats and status reports of nodes.

use super::{Pool, unbroken};
use crate::clock;
use crate::error::PoolError;
use crate::live::NodeStatus;
use crate::nodes::{self, NodeView, Registration};
use crate::tasks::{self, CancelStep};
use crate::users::{self, Balance};
use hivemind_domain::ids::{NodeId, TaskKey};
use hivemind_domain::resources::TrustLevel;
use hivemind_domain::task::CancelledBy;
use hivemind_domain::text::plain_line;
use hivemind_domain::usage::TaskUsage;
use rusqlite::{OptionalExtension, params};
use std::sync::Arc;

/// Nodes shown at most.
const MAX_LISTED: u32 = 1000;

/// What a heartbeat is answered.
#[derive(Debug)]
pub(crate) struct HeartbeatAnswer {
    /// In the order asked: whether the attempt is the node's.
    pub(crate) renewed: Vec<bool>,
    pub(crate) cancellations: Vec<(TaskKey, CancelledBy)>,
}

impl Pool {
    /// Registers a node.
    pub(crate) async fn register_node(
        self: &Arc<Self>,
        user: i64,
        registration: Registration,
    ) -> Result<(NodeId, TrustLevel), PoolError> {
        let pool = self.clone();
        unbroken(async move {
            let now_ms = clock::wall_ms();
            let (id, trust) = pool.db.call(move |t| nodes::register(t, user, &registration, now_ms)).await?;
            pool.live.with(|live| live.register(id.clone(), user, trust, clock::mono()));
            tracing::info!(node = %id, "node registered");
            Ok((id, trust))
        })
        .await
    }

    /// Refuses a node that is not registered or not `user`'s.
    pub(crate) fn check_node(&self, id: &NodeId, user: i64) -> Result<(), PoolError> {
        let own = self.live.with(|live| live.node(id).is_some_and(|node| node.user == user));
        if own { Ok(()) } else { Err(PoolError::NodeUnknown) }
    }

    /// Life of a node. Reads the database only for attempts that are not its own in memory, which a worker lists
    /// once and then drops.
    pub(crate) async fn heartbeat(
        &self,
        user: i64,
        id: NodeId,
        held: Vec<TaskKey>,
    ) -> Result<HeartbeatAnswer, PoolError> {
        self.check_node(&id, user)?;
        let beat =
            self.live.with(|live| live.beat(&id, &held, clock::mono())).ok_or(PoolError::NodeUnknown)?;
        let mut renewed = beat.known;
        if renewed.contains(&false) {
            let known = renewed.clone();
            renewed = self
                .db
                .call(move |t| {
                    let mut query = t.prepare_cached(
                        "SELECT 1 FROM attempts WHERE task_id = ?1 AND attempt = ?2 AND node_id = ?3
                     AND state IN ('held', 'finished')",
                    )?;
                    held.iter()
                        .zip(known)
                        .map(|(key, known)| {
                            let place = params![key.task.as_str(), key.attempt, id.as_str()];
                            Ok(known || query.query_row(place, |_| Ok(())).optional()?.is_some())
                        })
                        .collect()
                })
                .await?;
        }
        Ok(HeartbeatAnswer { renewed, cancellations: beat.cancellations })
    }

    /// Removes a node whose worker ends.
    pub(crate) async fn sign_off(&self, user: i64, id: NodeId) -> Result<(), PoolError> {
        self.check_node(&id, user)?;
        self.live.with(|live| live.remove(&id));
        tracing::info!(node = %id, "node signed off");
        self.db.call(move |t| nodes::deactivate(t, &id)).await
    }

    /// Takes a node's report, charges for its attempts, and cancels what is no longer covered. Says what is charged
    /// for each attempt that is the node's.
    pub(crate) async fn report_status(
        self: &Arc<Self>,
        user: i64,
        id: NodeId,
        status: NodeStatus,
        reports: Vec<(TaskKey, TaskUsage)>,
    ) -> Result<(Vec<(TaskKey, u64)>, Balance), PoolError> {
        self.check_node(&id, user)?;
        self.live.with(|live| live.report(&id, status));
        let pool = self.clone();
        unbroken(async move {
            let now_ms = clock::wall_ms();
            let (charges, uncovered, balance) = pool
                .db
                .call(move |t| {
                    let (mut charges, mut uncovered) = (Vec::new(), Vec::new());
                    for (key, usage) in reports {
                        let Some(accrued) = tasks::accrue(t, &key, &id, &usage, now_ms)? else { continue };
                        if !accrued.covered {
                            let by = CancelledBy::InsufficientFunds;
                            if let CancelStep::Told(key) = tasks::cancel(t, &key.task, None, by, now_ms)? {
                                uncovered.push(key);
                            }
                        }
                        charges.push((key, accrued.charged));
                    }
                    Ok((charges, uncovered, users::balance(t, user)?))
                })
                .await?;
            for key in uncovered {
                tracing::info!(task_id = %key.task, "cancelled for want of funds");
                pool.live.with(|live| live.ask_to_end(&key, CancelledBy::InsufficientFunds));
            }
            for (key, _) in &charges {
                pool.pulses.beat(&key.task);
            }
            Ok((charges, balance))
        })
        .await
    }

    /// Sets a node's trust, as the pool's owner.
    pub(crate) async fn set_trust(&self, id: NodeId, trust: TrustLevel) -> Result<(), PoolError> {
        let stored = id.clone();
        if !self.db.call(move |t| nodes::set_trust(t, &stored, trust)).await? {
            return Err(PoolError::NodeUnknown);
        }
        self.live.with(|live| live.set_trust(&id, trust));
        Ok(())
    }

    /// Every node as `viewer` may see it; `None` is the pool's owner.
    pub(crate) async fn list_nodes(&self, viewer: Option<i64>) -> Result<Vec<NodeView>, PoolError> {
        let mut views = self.db.call(move |t| nodes::list(t, viewer, MAX_LISTED)).await?;
        self.live.with(|live| {
            for view in &mut views {
                let node = NodeId::new(view.node_id.as_str()).ok().and_then(|id| live.node(&id).cloned());
                view.active = node.is_some();
                let Some((load, Some(status))) = node.map(|n| (n.load, n.status)) else { continue };
                view.load_percent = Some(load);
                view.cpu_percent = Some(status.usage.cpu_percent);
                view.memory_percent = Some(status.usage.memory_percent);
                view.pause_reason = plain_line(&status.pause, 64);
                if view.own || viewer.is_none() {
                    view.alerts = status.alerts.iter().map(|word| plain_line(word, 64)).collect();
                }
            }
        });
        Ok(views)
    }
}
