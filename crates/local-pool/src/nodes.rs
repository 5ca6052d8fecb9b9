//! Nodes as the database knows them.

use crate::error::PoolError;
use hivemind_domain::ids::{InstallId, NodeId, TaskKey};
use hivemind_domain::resources::{Capabilities, TrustLevel};
use rusqlite::{OptionalExtension, Transaction, params};
use serde::Serialize;

/// Finished tasks after which a node has proven itself.
pub const PROVEN_AFTER: u32 = 10;

fn trust_number(trust: TrustLevel) -> i64 {
    match trust {
        TrustLevel::Low => 0,
        TrustLevel::Medium => 1,
        TrustLevel::High => 2,
    }
}

fn trust_read(number: i64) -> TrustLevel {
    match number {
        2 => TrustLevel::High,
        1 => TrustLevel::Medium,
        _ => TrustLevel::Low,
    }
}

fn stored_node(id: String) -> Result<NodeId, PoolError> {
    NodeId::new(id).map_err(|e| PoolError::Internal(e.to_string()))
}

/// What a worker says about itself.
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    pub(crate) install: InstallId,
    pub(crate) hostname: String,
    pub(crate) worker_version: String,
    pub(crate) capabilities: Capabilities,
}

/// Makes a node, or finds the one that this installation already is for this user.
pub(crate) fn register(
    t: &Transaction<'_>,
    user: i64,
    registration: &Registration,
    now_ms: i64,
) -> Result<(NodeId, TrustLevel), PoolError> {
    let fresh = format!("n-{}", uuid::Uuid::new_v4());
    t.execute(
        "INSERT INTO nodes (id, user_id, install_id, hostname, worker_version, capabilities, trust, active,
                            registered_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, 1, ?7)
         ON CONFLICT (user_id, install_id) DO UPDATE SET hostname = excluded.hostname, active = 1,
             worker_version = excluded.worker_version, capabilities = excluded.capabilities,
             registered_ms = excluded.registered_ms",
        params![
            fresh,
            user,
            registration.install.as_str(),
            registration.hostname,
            registration.worker_version,
            serde_json::to_string(&registration.capabilities)?,
            now_ms
        ],
    )?;
    let (id, trust): (String, i64) = t.query_row(
        "SELECT id, trust FROM nodes WHERE user_id = ?1 AND install_id = ?2",
        params![user, registration.install.as_str()],
        |r| Ok((r.get(0)?, r.get(1)?)),
    )?;
    Ok((stored_node(id)?, trust_read(trust)))
}

/// Nodes that were registered when the pool ended, with their users.
pub(crate) fn active(t: &Transaction<'_>) -> Result<Vec<(NodeId, i64, TrustLevel)>, PoolError> {
    let mut query = t.prepare("SELECT id, user_id, trust FROM nodes WHERE active = 1")?;
    let rows = query.query_map([], |r| Ok((r.get::<_, String>(0)?, r.get(1)?, r.get::<_, i64>(2)?)))?;
    rows.map(|row| {
        let (id, user, trust) = row?;
        Ok((stored_node(id)?, user, trust_read(trust)))
    })
    .collect()
}

/// Notes that a node was removed.
pub(crate) fn deactivate(t: &Transaction<'_>, id: &NodeId) -> Result<(), PoolError> {
    t.execute("UPDATE nodes SET active = 0 WHERE id = ?1", [id.as_str()])?;
    Ok(())
}

/// Sets a node's trust; false when there is no such node.
pub(crate) fn set_trust(t: &Transaction<'_>, id: &NodeId, trust: TrustLevel) -> Result<bool, PoolError> {
    let changed =
        t.execute("UPDATE nodes SET trust = ?2 WHERE id = ?1", params![id.as_str(), trust_number(trust)])?;
    Ok(changed > 0)
}

/// Raises the trust of an attempt's node when it has proven itself; says the node and its trust.
pub(crate) fn promote(t: &Transaction<'_>, key: &TaskKey) -> Result<Option<(NodeId, TrustLevel)>, PoolError> {
    let found: Option<(String, i64, u32)> = t
        .query_row(
            "SELECT n.id, n.trust, n.succeeded FROM nodes n JOIN attempts a ON a.node_id = n.id
             WHERE a.task_id = ?1 AND a.attempt = ?2",
            params![key.task.as_str(), key.attempt],
            |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)),
        )
        .optional()?;
    let Some((id, trust, succeeded)) = found else { return Ok(None) };
    let id = stored_node(id)?;
    if trust_read(trust) == TrustLevel::Low && succeeded >= PROVEN_AFTER {
        set_trust(t, &id, TrustLevel::Medium)?;
        return Ok(Some((id, TrustLevel::Medium)));
    }
    Ok(Some((id, trust_read(trust))))
}

/// A node as people see it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeView {
    /// Identifier.
    pub node_id: String,
    /// Computer's name; empty for other people's nodes.
    pub hostname: String,
    /// Whether it is the caller's.
    pub own: bool,
    /// Trust.
    pub trust: TrustLevel,
    /// Whether it is registered now.
    pub active: bool,
    /// Larger of CPU and memory use in percent, from its last report; absent before the first.
    pub load_percent: Option<f32>,
    /// CPU in percent.
    pub cpu_percent: Option<f32>,
    /// Memory in percent.
    pub memory_percent: Option<f32>,
    /// Why it takes no tasks; empty when it does.
    pub pause_reason: String,
    /// What is above its threshold there, as words such as `memory_high`; empty for other people's nodes.
    pub alerts: Vec<String>,
    /// Logical processors.
    pub cpu_cores: u32,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Names of its GPUs.
    pub gpus: Vec<String>,
    /// Attempts it holds.
    pub running: u32,
    /// Tasks it finished well.
    pub succeeded: u32,
    /// Version of its worker.
    pub worker_version: String,
}

/// Every node, active ones first; `viewer` sees the names of their own only, nobody (`None`) is the pool's owner.
pub(crate) fn list(t: &Transaction<'_>, viewer: Option<i64>, limit: u32) -> Result<Vec<NodeView>, PoolError> {
    let mut query = t.prepare(
        "SELECT id, user_id, hostname, trust, active, capabilities, worker_version, succeeded,
                (SELECT count(*) FROM attempts a WHERE a.node_id = nodes.id AND a.state = 'held')
         FROM nodes ORDER BY active DESC, trust DESC, id LIMIT ?1",
    )?;
    let rows = query.query_map([limit], |r| {
        Ok((
            (r.get::<_, String>(0)?, r.get::<_, i64>(1)?, r.get::<_, String>(2)?),
            (r.get::<_, i64>(3)?, r.get::<_, bool>(4)?, r.get::<_, String>(5)?),
            (r.get(6)?, r.get(7)?, r.get(8)?),
        ))
    })?;
    rows.map(|row| {
        let ((node_id, user, hostname), (trust, active, capabilities), (worker_version, succeeded, running)) =
            row?;
        let capabilities: Capabilities = serde_json::from_str(&capabilities)?;
        let own = viewer == Some(user);
        Ok(NodeView {
            node_id,
            hostname: if own || viewer.is_none() { hostname } else { String::new() },
            own,
            trust: trust_read(trust),
            active,
            load_percent: None,
            cpu_percent: None,
            memory_percent: None,
            pause_reason: String::new(),
            alerts: Vec::new(),
            cpu_cores: capabilities.cpu_cores,
            memory_bytes: capabilities.memory_bytes,
            gpus: capabilities.gpus.into_iter().map(|gpu| gpu.name).collect(),
            running,
            succeeded,
            worker_version,
        })
    })
    .collect()
}
