//! From the domain to the wire.

use hivemind_domain::ids::TaskKey;
use hivemind_domain::resources::{Capabilities, Resources};
use hivemind_domain::task::{CancelledBy, FailureClass, HandBack, Verdict};
use hivemind_domain::text::plain_line;
use hivemind_domain::usage::{AverageUse, TaskUsage};
use hivemind_proto::limits;
use hivemind_proto::v1;
use hivemind_worker_core::port::{ResultHeader, StatusReport};

pub(super) fn key(key: &TaskKey) -> v1::TaskKey {
    v1::TaskKey { task_id: key.task.to_string(), attempt: key.attempt }
}

pub(super) fn resources(r: Resources) -> v1::Resources {
    v1::Resources { cpu_millis: r.cpu_millis, memory_bytes: r.memory_bytes, gpus: r.gpus }
}

pub(super) fn capabilities(c: &Capabilities) -> v1::Capabilities {
    let gpu = |g: &hivemind_domain::resources::GpuInfo| v1::Gpu {
        uuid: plain_line(&g.uuid, limits::MAX_GPU_ID_BYTES),
        name: plain_line(&g.name, limits::MAX_DEVICE_NAME_BYTES),
        memory_bytes: g.memory_bytes,
    };
    v1::Capabilities {
        cpu_cores: c.cpu_cores,
        cpu_name: plain_line(&c.cpu_name, limits::MAX_DEVICE_NAME_BYTES),
        memory_bytes: c.memory_bytes,
        disk_free_bytes: c.disk_free_bytes,
        gpus: c.gpus.iter().take(limits::MAX_GPUS).map(gpu).collect(),
        os: c.os.clone(),
        engine: plain_line(&c.engine, limits::MAX_WORD_BYTES),
        isolation: plain_line(&c.isolation, limits::MAX_WORD_BYTES),
    }
}

fn usage(u: &TaskUsage) -> v1::TaskUsage {
    v1::TaskUsage {
        active_ms: u.active_ms,
        cpu_total_ns: u.cpu_total_ns,
        memory_byte_ms: u.memory_byte_ms,
        gpu_percent_ms: u.gpu_percent_ms,
        peak_memory_bytes: u.peak_memory_bytes,
        disk_bytes: u.disk_bytes,
        network_bytes: u.network_bytes,
    }
}

pub(super) fn task_usage(u: &TaskUsage) -> v1::TaskUsage {
    usage(u)
}

fn average(a: AverageUse) -> v1::AverageUse {
    v1::AverageUse {
        cpu_percent: a.cpu_percent,
        memory_percent: a.memory_percent,
        gpu_percent: a.gpu_percent,
    }
}

fn percent(part: u64, whole: u64) -> f32 {
    if whole == 0 { 0.0 } else { (100.0 * part as f64 / whole as f64).clamp(0.0, 100.0) as f32 }
}

pub(super) fn status(node_id: String, report: &StatusReport) -> v1::ReportNodeStatusRequest {
    let m = &report.metrics;
    let gpus = m.gpus.iter().take(limits::MAX_GPUS).map(|g| v1::GpuUsage {
        uuid: plain_line(&g.uuid, limits::MAX_GPU_ID_BYTES),
        percent: g.percent.unwrap_or_default().clamp(0.0, 100.0),
        memory_used_bytes: g.memory_used_bytes.unwrap_or_default(),
        temperature_celsius: g.temperature_c,
    });
    let tasks = report.tasks.iter().take(limits::MAX_HELD).map(|task| v1::TaskUsageReport {
        key: Some(key(&task.key)),
        usage: Some(usage(&task.usage)),
        average: Some(average(task.average)),
    });
    v1::ReportNodeStatusRequest {
        node_id,
        usage: Some(v1::NodeUsage {
            cpu_percent: m.cpu_percent.clamp(0.0, 100.0),
            memory_percent: percent(m.memory_used_bytes, m.memory_total_bytes),
            memory_used_bytes: m.memory_used_bytes,
            disk_free_bytes: m.disk_total_bytes.saturating_sub(m.disk_used_bytes),
            network_rx_bytes_per_s: m.received_bytes_per_s,
            network_tx_bytes_per_s: m.sent_bytes_per_s,
            load_1m: m.load.map_or(0.0, |load| load[0].max(0.0)),
            gpus: gpus.collect(),
        }),
        tasks: tasks.collect(),
        pause_reason: report.paused.clone(),
        alerts: report.alerts.iter().take(limits::MAX_ALERTS).cloned().collect(),
    }
}

fn failure(class: FailureClass) -> v1::FailureClass {
    match class {
        FailureClass::ExitCode => v1::FailureClass::ExitCode,
        FailureClass::OutOfMemory => v1::FailureClass::OutOfMemory,
        FailureClass::TimedOut => v1::FailureClass::TimedOut,
        FailureClass::DiskLimit => v1::FailureClass::DiskLimit,
        FailureClass::Package => v1::FailureClass::Package,
        FailureClass::Image => v1::FailureClass::Image,
        FailureClass::Engine => v1::FailureClass::Engine,
        FailureClass::Result => v1::FailureClass::Result,
    }
}

/// A verdict on the wire; `None` for a hand-back, which is no verdict of the pool.
pub(super) fn verdict(verdict: &Verdict) -> Option<v1::Verdict> {
    let mut sent = v1::Verdict::default();
    match verdict {
        Verdict::Succeeded => {
            sent.set_kind(v1::VerdictKind::Succeeded);
            sent.exit_code = Some(0);
        }
        Verdict::Failed { class, exit_code, message } => {
            sent.set_kind(v1::VerdictKind::Failed);
            sent.set_failure(failure(*class));
            sent.exit_code = *exit_code;
            sent.message = plain_line(message, limits::MAX_SENTENCE_BYTES);
        }
        Verdict::Cancelled { by } => {
            sent.set_kind(v1::VerdictKind::Cancelled);
            sent.set_cancelled_by(match by {
                CancelledBy::Requester => v1::CancelReason::Requester,
                CancelledBy::InsufficientFunds => v1::CancelReason::InsufficientFunds,
            });
        }
        Verdict::HandedBack { .. } => return None,
    }
    Some(sent)
}

pub(super) fn result_header(header: &ResultHeader, offset: u64) -> v1::ResultHeader {
    let file = header.file.as_ref();
    v1::ResultHeader {
        key: Some(key(&header.key)),
        verdict: verdict(&header.verdict),
        usage: Some(usage(&header.usage)),
        wall_ms: u64::try_from(header.wall.as_millis()).unwrap_or(u64::MAX),
        active_ms: header.usage.active_ms,
        image_digest: header.image_digest.clone(),
        sha256: file.map(|f| f.sha256.clone()).unwrap_or_default(),
        size_bytes: file.map_or(0, |f| f.size_bytes),
        offset,
        phases: Some(v1::PhaseDurations {
            queue_ms: header.times.queue_ms,
            fetch_ms: header.times.fetch_ms,
            pull_ms: header.times.pull_ms,
            prepare_ms: header.times.prepare_ms,
            run_ms: header.times.run_ms,
            collect_ms: header.times.collect_ms,
            install_ms: header.times.install_ms,
            saved_ms: header.times.saved_ms,
        }),
        input_bytes: header.input_bytes,
        gpu_ms: header.gpu_ms,
    }
}

pub(super) fn hand_back(task: &TaskKey, reason: HandBack, message: &str) -> v1::HandBack {
    let reason = match reason {
        HandBack::OwnerStopped => v1::HandBackReason::OwnerStopped,
        HandBack::ShuttingDown => v1::HandBackReason::ShuttingDown,
        HandBack::EngineLost => v1::HandBackReason::EngineLost,
        HandBack::CannotRun => v1::HandBackReason::CannotRun,
        HandBack::GaveWay => v1::HandBackReason::GaveWay,
    };
    v1::HandBack {
        key: Some(key(task)),
        reason: reason.into(),
        message: plain_line(message, limits::MAX_SENTENCE_BYTES),
    }
}
