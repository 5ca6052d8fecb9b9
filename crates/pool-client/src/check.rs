//! What a pool sends is hostile until checked: every message becomes a type of the domain here, or an error that
//! names the field.

use crate::failure::protocol;
use hivemind_domain::ids::{NodeId, TaskId, TaskKey};
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::resources::{Resources, TrustLevel};
use hivemind_domain::reward::Formula;
use hivemind_domain::task::{ArrayPlace, Assignment, CancelledBy, Credit, NetworkNeed, PackageRef};
use hivemind_domain::text::plain_line;
use hivemind_proto::bounds::Bounded;
use hivemind_proto::v1;
use hivemind_worker_core::port::{
    Assigned, Durable, HeartbeatAnswer, PoolError, Registered, StatusAnswer, Tokens,
};
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
    bounded(&session)?;
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
            Duration::from_millis(500),
            Duration::from_secs(5),
        ),
        lease: lease(answer.lease_ms),
        node: NodeId::new(answer.node_id).map_err(|e| wrong("node_id", e))?,
        earner: String::new(),
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
        v1::Formula::Unspecified => return Err(wrong("assignment.formula", "must be v1 or v2")),
    };
    let limits = sent.limits.ok_or_else(|| missing("assignment.limits"))?;
    let need = limits.resources.ok_or_else(|| missing("assignment.limits.resources"))?;
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
    limits.check().map_err(|e| wrong(&format!("assignment.limits.{}", e.field), e))?;
    let network = if sent.network_hosts.is_empty() {
        NetworkNeed::None
    } else {
        // Their letters only: what they mean is judged where the owner's policy is.
        let good = |host: &String| {
            let name = host.strip_prefix("*.").unwrap_or(host);
            let name = match name.rsplit_once(':') {
                Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
                _ => name,
            };
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
                && !name.starts_with('-')
        };
        if !sent.network_hosts.iter().all(good) {
            return Err(wrong("assignment.network_hosts", "must be names of hosts"));
        }
        NetworkNeed::Hosts(sent.network_hosts)
    };
    if sent.command.iter().any(|part| part.contains('\0')) {
        return Err(wrong("assignment.command", "must hold no NUL"));
    }
    if !sent.image.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/:@".contains(&b))
        || sent.image.starts_with('-')
    {
        return Err(wrong("assignment.image", "must be an image reference"));
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
        array: sent.array.map(array).transpose()?,
        function: None,
    })
}

fn array(sent: v1::ArrayPlace) -> Result<ArrayPlace, PoolError> {
    ArrayPlace::new(sent.index, sent.count)
        .ok_or_else(|| wrong("assignment.array", "must be an index below a count of at most 1000"))
}

fn package(sent: v1::Package) -> Result<PackageRef, PoolError> {
    if sent.size_bytes > MOST_PACKAGE_BYTES {
        return Err(wrong("assignment.package.size_bytes", "must be at most 4 GiB"));
    }
    if sent.size_bytes == 0 {
        return Err(wrong("assignment.package.size_bytes", "must be 1 or more"));
    }
    if sent.sha256.len() != 64 || !sent.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(wrong("assignment.package.sha256", "must be 64 lower-case hexadecimal digits"));
    }
    Ok(PackageRef { id: sent.id, sha256: sent.sha256, size_bytes: sent.size_bytes })
}

pub(crate) fn status(answer: v1::ReportNodeStatusResponse) -> Result<StatusAnswer, PoolError> {
    bounded(&answer)?;
    let mut charged = Vec::with_capacity(answer.charges.len());
    for charge in answer.charges {
        charged.push((key(charge.key)?, cpt("charges.charged_cpt", charge.charged_cpt)?));
    }
    Ok(StatusAnswer { charged, balance_cpt: Some(balance(answer.balance_cpt)?) })
}

pub(crate) fn balance(sent: u64) -> Result<i64, PoolError> {
    let balance = cpt("balance_cpt", sent)?;
    i64::try_from(balance).map_err(|_| wrong("balance_cpt", "is more than there is"))
}

pub(crate) fn durable(ack: &v1::TaskReportAck) -> Result<(u64, Durable), PoolError> {
    // Both are counted up by us; what is near the end of the range was never sent.
    if ack.durable_seq > u64::MAX / 2 || ack.durable_log_line > u64::MAX / 2 {
        return Err(wrong("durable_log_line", "is more than was sent"));
    }
    let durable = Durable { lines: ack.durable_log_line, last_time_ns: ack.last_log_time_ns.max(0) };
    Ok((ack.durable_seq, durable))
}

/// A piece of a package that was asked for from `offset` on; gives where the next one begins.
pub(crate) fn piece(chunk: &v1::FetchChunk, offset: u64, size: u64) -> Result<u64, PoolError> {
    bounded(chunk)?;
    if chunk.offset != offset {
        return Err(wrong("offset", "the package's pieces do not follow each other"));
    }
    let end = offset.checked_add(chunk.data.len() as u64).filter(|end| *end <= size);
    match end {
        Some(end) if chunk.total_size == size => Ok(end),
        _ => Err(wrong("total_size", "the package is not as large as the pool said")),
    }
}

/// Where an upload of `size` bytes goes on.
pub(crate) fn upload_offset(offset: u64, size: u64) -> Result<u64, PoolError> {
    if offset <= size { Ok(offset) } else { Err(wrong("offset", "is beyond the end of the result")) }
}

fn cpt(field: &str, amount: u64) -> Result<u64, PoolError> {
    if amount <= MOST_CPT { Ok(amount) } else { Err(wrong(field, "is more than there is")) }
}

pub(crate) fn credit(answer: &v1::SubmitTaskResultResponse) -> Result<Credit, PoolError> {
    if !answer.durable {
        return Err(wrong("durable", "the pool does not have the result for good"));
    }
    cpt("credited_cpt", answer.credited_cpt)?;
    Ok(Credit { cpt: answer.credited_cpt, settled: answer.settled })
}

#[cfg(test)]
mod tests;
