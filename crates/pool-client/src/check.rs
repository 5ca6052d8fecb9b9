//! What a pool sends is hostile until checked: every message becomes a type of the domain here, or an error that
//! names the field.

use crate::failure::protocol;
use hivemind_domain::ids::{NodeId, TaskId, TaskKey};
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::resources::{Resources, TrustLevel};
use hivemind_domain::reward::Formula;
use hivemind_domain::task::{Assignment, CancelledBy, Credit, NetworkNeed, PackageRef};
use hivemind_domain::text::plain_line;
use hivemind_proto::bounds::Bounded;
use hivemind_proto::v1;
use hivemind_worker_core::port::{Assigned, HeartbeatAnswer, PoolError, Registered, Tokens};
use std::time::Duration;

/// Largest package that is fetched.
const MOST_PACKAGE_BYTES: u64 = 4 << 30;
/// Largest amount of pay that is believed: the whole supply.
const MOST_CPT: u64 = 1_000_000_000_000;

fn bounded(message: &impl Bounded) -> Result<(), PoolError> {
    message.check().map_err(|error| protocol(format!("the pool's answer is refused: {error}")))
}

fn wrong(field: &str, why: impl std::fmt::Display) -> PoolError {
    protocol(format!("the pool's answer is refused: {field}: {why}"))
}

fn missing(field: &str) -> PoolError {
    wrong(field, "must be present")
}

/// A duration in the pool's words, clamped into a range that makes sense.
fn clamped(ms: u32, least: Duration, most: Duration) -> Duration {
    Duration::from_millis(u64::from(ms)).clamp(least, most)
}

pub(crate) fn lease(ms: u32) -> Duration {
    clamped(ms, Duration::from_secs(1), Duration::from_secs(300))
}

pub(crate) fn key(key: Option<v1::TaskKey>) -> Result<TaskKey, PoolError> {
    let key = key.ok_or_else(|| missing("key"))?;
    let task = TaskId::new(key.task_id).map_err(|e| wrong("key", e))?;
    if key.attempt == 0 {
        return Err(wrong("key.attempt", "must be 1 or more"));
    }
    Ok(TaskKey { task, attempt: key.attempt })
}

pub(crate) fn tokens(session: Option<v1::Session>) -> Result<Tokens, PoolError> {
    let session = session.ok_or_else(|| missing("session"))?;
    let visible = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    if !visible(&session.session_token) || !visible(&session.refresh_token) {
        return Err(wrong("session", "tokens must be printable"));
    }
    let length = session.session_expires_ms.saturating_sub(session.server_time_ms);
    let length = Duration::from_millis(u64::try_from(length).unwrap_or(0));
    Ok(Tokens {
        username: plain_line(&session.username, 64),
        session: session.session_token,
        session_for: length.clamp(Duration::from_secs(60), Duration::from_secs(86_400)),
        refresh: session.refresh_token,
    })
}

pub(crate) fn registered(answer: v1::RegisterNodeResponse) -> Result<Registered, PoolError> {
    bounded(&answer)?;
    let trust = match answer.trust_level() {
        v1::TrustLevel::High => TrustLevel::High,
        v1::TrustLevel::Medium => TrustLevel::Medium,
        v1::TrustLevel::Low | v1::TrustLevel::Unspecified => TrustLevel::Low,
    };
    Ok(Registered {
        trust,
        heartbeat_every: clamped(
            answer.heartbeat_interval_ms,
            Duration::from_millis(200),
            Duration::from_secs(5),
        ),
        lease: lease(answer.lease_ms),
        node: NodeId::new(answer.node_id).map_err(|e| wrong("node_id", e))?,
    })
}

pub(crate) fn heartbeat(answer: v1::HeartbeatResponse) -> Result<HeartbeatAnswer, PoolError> {
    bounded(&answer)?;
    let mut checked = HeartbeatAnswer { lease: lease(answer.lease_ms), ..HeartbeatAnswer::default() };
    for lease in answer.leases {
        if lease.state() == v1::LeaseState::Void {
            checked.void.push(key(lease.key)?);
        }
    }
    for cancellation in answer.cancellations {
        let by = match cancellation.reason() {
            v1::CancelReason::InsufficientFunds => CancelledBy::InsufficientFunds,
            v1::CancelReason::Requester | v1::CancelReason::Unspecified => CancelledBy::Requester,
        };
        checked.cancelled.push((key(cancellation.key)?, by));
    }
    checked.notices = answer.notices.iter().map(|text| plain_line(text, 256)).collect();
    Ok(checked)
}

pub(crate) fn assigned(answer: v1::AssignTaskResponse) -> Result<Option<Assigned>, PoolError> {
    bounded(&answer)?;
    let lease = lease(answer.lease_ms);
    answer.assignment.map(|a| Ok(Assigned { assignment: assignment(a)?, lease })).transpose()
}

fn assignment(sent: v1::Assignment) -> Result<Assignment, PoolError> {
    let formula = match sent.formula() {
        v1::Formula::V1 => Formula::V1,
        v1::Formula::V2 => Formula::V2,
        v1::Formula::Unspecified => return Err(wrong("formula", "must be v1 or v2")),
    };
    let limits = sent.limits.ok_or_else(|| missing("limits"))?;
    let need = limits.resources.ok_or_else(|| missing("limits.resources"))?;
    let limits = TaskLimits {
        resources: Resources {
            cpu_millis: need.cpu_millis,
            memory_bytes: need.memory_bytes,
            gpus: need.gpus,
        },
        pids: limits.pids,
        disk_bytes: limits.disk_bytes,
        timeout: Duration::from_millis(limits.timeout_ms),
    };
    limits.check().map_err(|e| wrong("limits", e))?;
    let network = if sent.network_hosts.is_empty() {
        NetworkNeed::None
    } else {
        NetworkNeed::Hosts(sent.network_hosts.iter().map(|host| plain_line(host, 253)).collect())
    };
    if sent.command.iter().any(|part| part.contains('\0')) {
        return Err(wrong("command", "must hold no NUL"));
    }
    Ok(Assignment {
        key: key(sent.key)?,
        name: plain_line(&sent.name, 128),
        image: (!sent.image.is_empty()).then_some(sent.image),
        command: sent.command,
        package: sent.package.map(package).transpose()?,
        limits,
        network,
        formula,
    })
}

fn package(sent: v1::Package) -> Result<PackageRef, PoolError> {
    if sent.size_bytes > MOST_PACKAGE_BYTES {
        return Err(wrong("package.size_bytes", "must be at most 4 GiB"));
    }
    if sent.sha256.len() != 64 || !sent.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(wrong("package.sha256", "must be 64 lower-case hexadecimal digits"));
    }
    Ok(PackageRef { id: sent.id, sha256: sent.sha256, size_bytes: sent.size_bytes })
}

pub(crate) fn credit(answer: &v1::SubmitTaskResultResponse) -> Result<Credit, PoolError> {
    if !answer.durable {
        return Err(wrong("durable", "the pool does not have the result for good"));
    }
    if answer.credited_cpt > MOST_CPT {
        return Err(wrong("credited_cpt", "is more than there is"));
    }
    Ok(Credit { cpt: answer.credited_cpt, settled: answer.settled })
}
