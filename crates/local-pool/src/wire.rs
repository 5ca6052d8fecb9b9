//! Between the wire's messages and the domain's types.

use crate::error::PoolError;
use hivemind_domain::ids::{InstallId, NodeId, TaskId, TaskKey};
use hivemind_domain::report::{ExecutionReport, PhaseTimes};
use hivemind_domain::resources::{Capabilities, GpuInfo, Resources, TrustLevel};
use hivemind_domain::reward::Formula;
use hivemind_domain::task::{Assignment, CancelledBy, FailureClass, HandBack, NetworkNeed, Verdict};
use hivemind_domain::text::plain_line;
use hivemind_domain::usage::TaskUsage;
use hivemind_proto::limits;
use hivemind_proto::v1;

fn invalid(e: &hivemind_domain::ids::InvalidId) -> PoolError {
    PoolError::field(e.kind, "an identifier")
}

pub(crate) fn key(key: v1::TaskKey) -> Result<TaskKey, PoolError> {
    Ok(TaskKey { task: TaskId::new(key.task_id).map_err(|e| invalid(&e))?, attempt: key.attempt })
}

pub(crate) fn needed_key(value: Option<v1::TaskKey>) -> Result<TaskKey, PoolError> {
    key(value.ok_or_else(|| PoolError::field("key", "present"))?)
}

pub(crate) fn key_out(key: TaskKey) -> v1::TaskKey {
    v1::TaskKey { task_id: key.task.into(), attempt: key.attempt }
}

pub(crate) fn node(id: String) -> Result<NodeId, PoolError> {
    NodeId::new(id).map_err(|e| invalid(&e))
}

pub(crate) fn install(id: String) -> Result<InstallId, PoolError> {
    InstallId::new(id).map_err(|e| invalid(&e))
}

pub(crate) fn task(id: String) -> Result<TaskId, PoolError> {
    TaskId::new(id).map_err(|e| invalid(&e))
}

pub(crate) fn resources(r: v1::Resources) -> Resources {
    Resources { cpu_millis: r.cpu_millis, memory_bytes: r.memory_bytes, gpus: r.gpus }
}

/// Texts are made printable here, once.
pub(crate) fn capabilities(c: v1::Capabilities) -> Capabilities {
    let name = |text: &str| plain_line(text, limits::MAX_DEVICE_NAME_BYTES);
    let gpu = |g: &v1::Gpu| GpuInfo {
        uuid: plain_line(&g.uuid, limits::MAX_GPU_ID_BYTES),
        name: name(&g.name),
        memory_bytes: g.memory_bytes,
    };
    Capabilities {
        cpu_cores: c.cpu_cores,
        cpu_name: name(&c.cpu_name),
        memory_bytes: c.memory_bytes,
        disk_free_bytes: c.disk_free_bytes,
        gpus: c.gpus.iter().map(gpu).collect(),
        os: name(&c.os),
        engine: name(&c.engine),
        isolation: name(&c.isolation),
    }
}

pub(crate) fn trust(level: TrustLevel) -> v1::TrustLevel {
    match level {
        TrustLevel::Low => v1::TrustLevel::Low,
        TrustLevel::Medium => v1::TrustLevel::Medium,
        TrustLevel::High => v1::TrustLevel::High,
    }
}

pub(crate) fn usage(u: &v1::TaskUsage) -> TaskUsage {
    TaskUsage {
        active_ms: u.active_ms,
        cpu_total_ns: u.cpu_total_ns,
        memory_byte_ms: u.memory_byte_ms,
        gpu_percent_ms: u.gpu_percent_ms,
        peak_memory_bytes: u.peak_memory_bytes,
        disk_bytes: u.disk_bytes,
        network_bytes: u.network_bytes,
        // The protocol has no field for it: a contributor's electricity is nobody else's business.
        energy: hivemind_domain::energy::Energy::default(),
    }
}

pub(crate) fn cancel_reason(by: CancelledBy) -> v1::CancelReason {
    match by {
        CancelledBy::Requester => v1::CancelReason::Requester,
        CancelledBy::InsufficientFunds => v1::CancelReason::InsufficientFunds,
    }
}

pub(crate) fn hand_back(reason: v1::HandBackReason) -> Result<HandBack, PoolError> {
    match reason {
        v1::HandBackReason::OwnerStopped => Ok(HandBack::OwnerStopped),
        v1::HandBackReason::ShuttingDown => Ok(HandBack::ShuttingDown),
        v1::HandBackReason::EngineLost => Ok(HandBack::EngineLost),
        v1::HandBackReason::CannotRun => Ok(HandBack::CannotRun),
        v1::HandBackReason::GaveWay => Ok(HandBack::GaveWay),
        v1::HandBackReason::Unspecified => {
            Err(PoolError::field("hand_back.reason", "one of the named reasons"))
        }
    }
}

pub(crate) fn log_stream(stream: v1::LogStream) -> &'static str {
    match stream {
        v1::LogStream::Unspecified | v1::LogStream::Stdout => "stdout",
        v1::LogStream::Stderr => "stderr",
        v1::LogStream::Worker => "worker",
    }
}

/// What a result's header tells, as one report. The upload is not over yet.
pub(crate) fn report(header: &v1::ResultHeader, verdict: &Verdict, usage: &TaskUsage) -> ExecutionReport {
    let phases = header.phases.unwrap_or_default();
    ExecutionReport {
        exit_class: verdict.exit_class().to_owned(),
        exit_code: verdict.exit_code(),
        wall_ms: header.wall_ms,
        cpu_ms: usage.cpu_total_ns / 1_000_000,
        peak_memory_bytes: usage.peak_memory_bytes,
        bytes_in: header.input_bytes,
        bytes_out: header.size_bytes,
        disk_bytes: usage.disk_bytes,
        network_bytes: usage.network_bytes,
        gpu_ms: header.gpu_ms,
        frozen_ms: header.wall_ms.saturating_sub(header.active_ms),
        image_digest: plain_line(&header.image_digest, limits::MAX_IMAGE_BYTES),
        phases: PhaseTimes {
            queue_ms: phases.queue_ms,
            fetch_ms: phases.fetch_ms,
            pull_ms: phases.pull_ms,
            prepare_ms: phases.prepare_ms,
            run_ms: phases.run_ms,
            collect_ms: phases.collect_ms,
            upload_ms: 0,
            install_ms: phases.install_ms,
            saved_ms: phases.saved_ms,
        },
    }
}

fn failure(class: v1::FailureClass) -> Result<FailureClass, PoolError> {
    match class {
        v1::FailureClass::ExitCode => Ok(FailureClass::ExitCode),
        v1::FailureClass::OutOfMemory => Ok(FailureClass::OutOfMemory),
        v1::FailureClass::TimedOut => Ok(FailureClass::TimedOut),
        v1::FailureClass::DiskLimit => Ok(FailureClass::DiskLimit),
        v1::FailureClass::Package => Ok(FailureClass::Package),
        v1::FailureClass::Image => Ok(FailureClass::Image),
        v1::FailureClass::Engine => Ok(FailureClass::Engine),
        v1::FailureClass::Result => Ok(FailureClass::Result),
        v1::FailureClass::Unspecified => {
            Err(PoolError::field("header.verdict.failure", "one of the named kinds"))
        }
    }
}

pub(crate) fn verdict(verdict: &v1::Verdict) -> Result<Verdict, PoolError> {
    match verdict.kind() {
        v1::VerdictKind::Succeeded => Ok(Verdict::Succeeded),
        v1::VerdictKind::Failed => Ok(Verdict::Failed {
            class: failure(verdict.failure())?,
            exit_code: verdict.exit_code,
            message: plain_line(&verdict.message, limits::MAX_SENTENCE_BYTES),
        }),
        v1::VerdictKind::Cancelled => Ok(Verdict::Cancelled {
            by: match verdict.cancelled_by() {
                v1::CancelReason::InsufficientFunds => CancelledBy::InsufficientFunds,
                v1::CancelReason::Requester | v1::CancelReason::Unspecified => CancelledBy::Requester,
            },
        }),
        v1::VerdictKind::Unspecified => {
            Err(PoolError::field("header.verdict.kind", "one of the named kinds"))
        }
    }
}

pub(crate) fn assignment(a: Assignment) -> v1::Assignment {
    let r = a.limits.resources;
    v1::Assignment {
        key: Some(key_out(a.key)),
        name: a.name,
        image: a.image.unwrap_or_default(),
        command: a.command,
        package: a.package.map(|p| v1::Package { id: p.id, sha256: p.sha256, size_bytes: p.size_bytes }),
        limits: Some(v1::TaskLimits {
            resources: Some(v1::Resources {
                cpu_millis: r.cpu_millis,
                memory_bytes: r.memory_bytes,
                gpus: r.gpus,
            }),
            pids: a.limits.pids,
            disk_bytes: a.limits.disk_bytes,
            timeout_ms: u64::try_from(a.limits.timeout.as_millis()).unwrap_or(u64::MAX),
        }),
        network_hosts: match a.network {
            NetworkNeed::None => Vec::new(),
            NetworkNeed::Hosts(hosts) => hosts,
        },
        array: a.array.map(|place| v1::ArrayPlace { index: place.index, count: place.count }),
        formula: match a.formula {
            Formula::V1 => v1::Formula::V1,
            Formula::V2 => v1::Formula::V2,
        }
        .into(),
    }
}
