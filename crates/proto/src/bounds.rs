//! Checks of what comes in against the bounds that the proto files state.
//!
//! Both sides call [`Bounded::check`] on every message they receive, before anything else looks at it.

use crate::error::FieldError;
use crate::limits::*;
use crate::v1::{self, cancel_task_request, submit_task_result_request, task_report};

/// A message with bounds.
pub trait Bounded {
    /// Checks every field.
    ///
    /// # Errors
    /// The first field out of its bounds.
    fn check(&self) -> Result<(), FieldError>;
}

type Checked = Result<(), FieldError>;

fn refuse(field: &'static str, allowed: impl Into<String>) -> Checked {
    Err(FieldError { field, allowed: allowed.into() })
}

fn text(field: &'static str, value: &str, max: usize) -> Checked {
    if value.len() <= max { Ok(()) } else { refuse(field, format!("at most {max} bytes")) }
}

fn filled(field: &'static str, value: &str, max: usize) -> Checked {
    if (1..=max).contains(&value.len()) { Ok(()) } else { refuse(field, format!("1 to {max} bytes")) }
}

fn list<T>(field: &'static str, value: &[T], max: usize) -> Checked {
    if value.len() <= max { Ok(()) } else { refuse(field, format!("at most {max} entries")) }
}

fn finite(field: &'static str, value: f64) -> Checked {
    if value.is_finite() && value >= 0.0 { Ok(()) } else { refuse(field, "a finite number, zero or more") }
}

fn needed<'a, T>(field: &'static str, value: Option<&'a T>) -> Result<&'a T, FieldError> {
    value.ok_or_else(|| FieldError { field, allowed: "present".into() })
}

/// Checks an identifier.
///
/// # Errors
/// When `value` is none.
pub fn id(field: &'static str, value: &str) -> Result<(), FieldError> {
    let good = value.len() <= MAX_ID_BYTES
        && value.starts_with(|c: char| c.is_ascii_alphanumeric())
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        && !value.contains("..");
    if good {
        Ok(())
    } else {
        refuse(field, "1 to 64 of A-Z a-z 0-9 . _ -, begin with a letter or digit and hold no \"..\"")
    }
}

/// Checks a SHA-256 in lower-case hexadecimal digits.
///
/// # Errors
/// When `value` is none.
pub fn sha256(field: &'static str, value: &str) -> Result<(), FieldError> {
    if value.len() == 64 && value.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        Ok(())
    } else {
        refuse(field, "64 lower-case hexadecimal digits")
    }
}

fn key(field: &'static str, value: Option<&v1::TaskKey>) -> Checked {
    let value = needed(field, value)?;
    id(field, &value.task_id)?;
    if value.attempt >= 1 { Ok(()) } else { refuse(field, "an attempt counted from 1") }
}

macro_rules! unbounded {
    ($($name:ident),*) => {
        $(impl Bounded for v1::$name {
            fn check(&self) -> Checked {
                Ok(())
            }
        })*
    };
}

unbounded!(
    LogoutRequest,
    LogoutResponse,
    GetBalanceRequest,
    GetBalanceResponse,
    CancelTaskResponse,
    TaskReportAck
);
unbounded!(SubmitTaskResultResponse, ResultStatusResponse);

impl Bounded for v1::LoginRequest {
    fn check(&self) -> Checked {
        filled("username", &self.username, MAX_USERNAME_BYTES)?;
        filled("password", &self.password, MAX_PASSWORD_BYTES)?;
        id("install_id", &self.install_id)
    }
}

impl Bounded for v1::RefreshRequest {
    fn check(&self) -> Checked {
        filled("refresh_token", &self.refresh_token, MAX_TOKEN_BYTES)?;
        id("install_id", &self.install_id)
    }
}

impl Bounded for v1::Session {
    fn check(&self) -> Checked {
        for (field, token) in [("session_token", &self.session_token), ("refresh_token", &self.refresh_token)]
        {
            filled(field, token, MAX_TOKEN_BYTES)?;
            if !token.bytes().all(|b| b.is_ascii_graphic()) {
                return refuse(field, "printable ASCII");
            }
        }
        text("username", &self.username, MAX_USERNAME_BYTES)
    }
}

impl Bounded for v1::LoginResponse {
    fn check(&self) -> Checked {
        needed("session", self.session.as_ref())?.check()
    }
}

impl Bounded for v1::RefreshResponse {
    fn check(&self) -> Checked {
        needed("session", self.session.as_ref())?.check()
    }
}

impl Bounded for v1::ListEarningsRequest {
    fn check(&self) -> Checked {
        if self.limit <= MAX_EARNINGS { Ok(()) } else { refuse("limit", format!("at most {MAX_EARNINGS}")) }
    }
}

impl Bounded for v1::ListEarningsResponse {
    fn check(&self) -> Checked {
        list("earnings", &self.earnings, MAX_EARNINGS as usize)?;
        for earning in &self.earnings {
            key("earnings.key", earning.key.as_ref())?;
            text("earnings.task_name", &earning.task_name, MAX_TASK_NAME_BYTES)?;
        }
        Ok(())
    }
}

impl Bounded for v1::Capabilities {
    fn check(&self) -> Checked {
        if !(1..=MAX_CPU_CORES).contains(&self.cpu_cores) {
            return refuse("capabilities.cpu_cores", format!("1 to {MAX_CPU_CORES}"));
        }
        text("capabilities.cpu_name", &self.cpu_name, MAX_DEVICE_NAME_BYTES)?;
        list("capabilities.gpus", &self.gpus, MAX_GPUS)?;
        for gpu in &self.gpus {
            text("capabilities.gpus.uuid", &gpu.uuid, MAX_GPU_ID_BYTES)?;
            text("capabilities.gpus.name", &gpu.name, MAX_DEVICE_NAME_BYTES)?;
        }
        text("capabilities.os", &self.os, 32)?;
        text("capabilities.engine", &self.engine, MAX_DEVICE_NAME_BYTES)?;
        text("capabilities.isolation", &self.isolation, 32)
    }
}

impl Bounded for v1::RegisterNodeRequest {
    fn check(&self) -> Checked {
        id("install_id", &self.install_id)?;
        text("hostname", &self.hostname, MAX_HOSTNAME_BYTES)?;
        text("worker_version", &self.worker_version, MAX_VERSION_BYTES)?;
        needed("capabilities", self.capabilities.as_ref())?.check()
    }
}

impl Bounded for v1::RegisterNodeResponse {
    fn check(&self) -> Checked {
        id("node_id", &self.node_id)
    }
}

impl Bounded for v1::HeartbeatRequest {
    fn check(&self) -> Checked {
        id("node_id", &self.node_id)?;
        list("held", &self.held, MAX_HELD)?;
        self.held.iter().try_for_each(|k| key("held", Some(k)))
    }
}

impl Bounded for v1::HeartbeatResponse {
    fn check(&self) -> Checked {
        list("leases", &self.leases, MAX_HELD)?;
        self.leases.iter().try_for_each(|l| key("leases.key", l.key.as_ref()))?;
        list("cancellations", &self.cancellations, MAX_HELD)?;
        self.cancellations.iter().try_for_each(|c| key("cancellations.key", c.key.as_ref()))?;
        list("notices", &self.notices, MAX_NOTICES)?;
        self.notices.iter().try_for_each(|n| text("notices", n, MAX_NOTICE_BYTES))
    }
}

impl Bounded for v1::TaskUsage {
    fn check(&self) -> Checked {
        finite("usage.memory_byte_ms", self.memory_byte_ms)?;
        finite("usage.gpu_percent_ms", self.gpu_percent_ms)
    }
}

impl Bounded for v1::NodeUsage {
    fn check(&self) -> Checked {
        list("usage.gpus", &self.gpus, MAX_GPUS)?;
        self.gpus.iter().try_for_each(|g| text("usage.gpus.uuid", &g.uuid, MAX_GPU_ID_BYTES))
    }
}

impl Bounded for v1::ReportNodeStatusRequest {
    fn check(&self) -> Checked {
        id("node_id", &self.node_id)?;
        needed("usage", self.usage.as_ref())?.check()?;
        text("pause_reason", &self.pause_reason, MAX_WORD_BYTES)?;
        list("alerts", &self.alerts, MAX_ALERTS)?;
        self.alerts.iter().try_for_each(|alert| filled("alerts", alert, MAX_WORD_BYTES))?;
        list("tasks", &self.tasks, MAX_HELD)?;
        for task in &self.tasks {
            key("tasks.key", task.key.as_ref())?;
            needed("tasks.usage", task.usage.as_ref())?.check()?;
        }
        Ok(())
    }
}

impl Bounded for v1::ReportNodeStatusResponse {
    fn check(&self) -> Checked {
        list("charges", &self.charges, MAX_HELD)?;
        self.charges.iter().try_for_each(|c| key("charges.key", c.key.as_ref()))
    }
}

impl Bounded for v1::AssignTaskRequest {
    fn check(&self) -> Checked {
        id("node_id", &self.node_id)?;
        needed("free", self.free.as_ref()).map(|_| ())
    }
}

impl Bounded for v1::AssignTaskResponse {
    fn check(&self) -> Checked {
        self.assignment.as_ref().map_or(Ok(()), Bounded::check)
    }
}

impl Bounded for v1::Assignment {
    fn check(&self) -> Checked {
        key("assignment.key", self.key.as_ref())?;
        text("assignment.name", &self.name, MAX_TASK_NAME_BYTES)?;
        text("assignment.image", &self.image, MAX_IMAGE_BYTES)?;
        list("assignment.command", &self.command, MAX_COMMAND_PARTS)?;
        self.command.iter().try_for_each(|c| text("assignment.command", c, MAX_COMMAND_PART_BYTES))?;
        if self.command.iter().map(String::len).sum::<usize>() > MAX_COMMAND_BYTES {
            return refuse("assignment.command", format!("at most {MAX_COMMAND_BYTES} bytes together"));
        }
        if let Some(package) = &self.package {
            id("assignment.package.id", &package.id)?;
            sha256("assignment.package.sha256", &package.sha256)?;
        }
        needed(
            "assignment.limits.resources",
            needed("assignment.limits", self.limits.as_ref())?.resources.as_ref(),
        )?;
        list("assignment.network_hosts", &self.network_hosts, MAX_NETWORK_HOSTS)?;
        self.network_hosts.iter().try_for_each(|h| filled("assignment.network_hosts", h, MAX_HOST_BYTES))?;
        if let Some(place) = &self.array
            && (place.index >= place.count || place.count > MAX_ARRAY)
        {
            return refuse(
                "assignment.array",
                format!("an index below the count, and 1 to {MAX_ARRAY} in all"),
            );
        }
        match self.formula() {
            v1::Formula::V1 | v1::Formula::V2 => Ok(()),
            v1::Formula::Unspecified => refuse("assignment.formula", "V1 or V2"),
        }
    }
}

impl Bounded for v1::LogChunk {
    fn check(&self) -> Checked {
        if self.first_line < 1 || self.first_line > u64::MAX / 2 {
            return refuse("log.first_line", "a number counted from 1");
        }
        list("log.lines", &self.lines, MAX_LOG_LINES)?;
        self.lines.iter().try_for_each(|l| text("log.lines.text", &l.text, MAX_LOG_LINE_BYTES))?;
        if self.lines.iter().map(|l| l.text.len()).sum::<usize>() > MAX_LOG_CHUNK_BYTES {
            return refuse("log.lines", format!("at most {MAX_LOG_CHUNK_BYTES} bytes of text together"));
        }
        Ok(())
    }
}

impl Bounded for v1::StateChange {
    fn check(&self) -> Checked {
        const PHASES: [&str; 5] = ["accepted", "preparing", "running", "collecting", "uploading"];
        if !PHASES.contains(&self.phase.as_str()) {
            return refuse("state.phase", format!("one of {}", PHASES.join(", ")));
        }
        text("state.message", &self.message, MAX_SENTENCE_BYTES)
    }
}

impl Bounded for v1::Progress {
    fn check(&self) -> Checked {
        if !(0.0..=100.0).contains(&self.percent) {
            return refuse("progress.percent", "0 to 100");
        }
        text("progress.message", &self.message, MAX_PROGRESS_BYTES)
    }
}

impl Bounded for v1::TaskReport {
    fn check(&self) -> Checked {
        key("key", self.key.as_ref())?;
        if self.seq > u64::MAX / 2 {
            return refuse("seq", "a number counted from 1");
        }
        match needed("body", self.body.as_ref())? {
            task_report::Body::Hello(_) => Ok(()),
            task_report::Body::State(state) => state.check(),
            task_report::Body::Usage(usage) => usage.check(),
            task_report::Body::Log(log) => log.check(),
            task_report::Body::Progress(progress) => progress.check(),
        }
    }
}

impl Bounded for v1::Verdict {
    fn check(&self) -> Checked {
        text("header.verdict.message", &self.message, MAX_SENTENCE_BYTES)?;
        match self.kind() {
            v1::VerdictKind::Unspecified => refuse("header.verdict.kind", "SUCCEEDED, FAILED or CANCELLED"),
            v1::VerdictKind::Succeeded => Ok(()),
            v1::VerdictKind::Failed if self.failure() == v1::FailureClass::Unspecified => {
                refuse("header.verdict.failure", "named with the verdict FAILED")
            }
            v1::VerdictKind::Cancelled if self.cancelled_by() == v1::CancelReason::Unspecified => {
                refuse("header.verdict.cancelled_by", "named with the verdict CANCELLED")
            }
            v1::VerdictKind::Failed | v1::VerdictKind::Cancelled => Ok(()),
        }
    }
}

impl Bounded for v1::ResultHeader {
    fn check(&self) -> Checked {
        key("header.key", self.key.as_ref())?;
        needed("header.verdict", self.verdict.as_ref())?.check()?;
        needed("header.usage", self.usage.as_ref())?.check()?;
        text("header.image_digest", &self.image_digest, MAX_IMAGE_BYTES)?;
        if self.size_bytes == 0 {
            text("header.sha256", &self.sha256, 0)?;
        } else {
            sha256("header.sha256", &self.sha256)?;
        }
        if self.offset <= self.size_bytes { Ok(()) } else { refuse("header.offset", "at most the size") }
    }
}

impl Bounded for v1::ResultChunk {
    fn check(&self) -> Checked {
        if (1..=CHUNK_BYTES).contains(&self.data.len()) {
            Ok(())
        } else {
            refuse("chunk.data", format!("1 to {CHUNK_BYTES} bytes"))
        }
    }
}

impl Bounded for v1::SubmitTaskResultRequest {
    fn check(&self) -> Checked {
        match needed("body", self.body.as_ref())? {
            submit_task_result_request::Body::Header(header) => header.check(),
            submit_task_result_request::Body::Chunk(chunk) => chunk.check(),
        }
    }
}

impl Bounded for v1::ResultStatusRequest {
    fn check(&self) -> Checked {
        key("key", self.key.as_ref())?;
        if self.sha256.is_empty() { Ok(()) } else { sha256("sha256", &self.sha256) }
    }
}

impl Bounded for v1::CancelTaskRequest {
    fn check(&self) -> Checked {
        match needed("by", self.by.as_ref())? {
            cancel_task_request::By::HandBack(hand_back) => {
                key("hand_back.key", hand_back.key.as_ref())?;
                if hand_back.reason() == v1::HandBackReason::Unspecified {
                    return refuse("hand_back.reason", "one of the named reasons");
                }
                text("hand_back.message", &hand_back.message, MAX_SENTENCE_BYTES)
            }
            cancel_task_request::By::RequesterTaskId(task) => id("requester_task_id", task),
        }
    }
}

impl Bounded for v1::FetchRequest {
    fn check(&self) -> Checked {
        key("key", self.key.as_ref())?;
        id("artifact_id", &self.artifact_id)
    }
}

impl Bounded for v1::FetchChunk {
    fn check(&self) -> Checked {
        if self.data.len() > CHUNK_BYTES {
            return refuse("data", format!("at most {CHUNK_BYTES} bytes"));
        }
        let end = self.offset.checked_add(self.data.len() as u64);
        if end.is_some_and(|end| end <= self.total_size) {
            Ok(())
        } else {
            refuse("offset", "within the whole")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good_key() -> Option<v1::TaskKey> {
        Some(v1::TaskKey { task_id: "t1".into(), attempt: 1 })
    }

    fn field<T: Bounded>(message: &T) -> Option<&'static str> {
        message.check().err().map(|e| e.field)
    }

    #[test]
    fn register_names_the_field_over_its_bound() {
        let good = v1::RegisterNodeRequest {
            install_id: "i1".into(),
            hostname: "h".into(),
            capabilities: Some(v1::Capabilities { cpu_cores: 2, ..Default::default() }),
            ..Default::default()
        };
        assert_eq!(good.check(), Ok(()));
        assert_eq!(
            field(&v1::RegisterNodeRequest { install_id: "../x".into(), ..good.clone() }),
            Some("install_id")
        );
        assert_eq!(
            field(&v1::RegisterNodeRequest { hostname: "h".repeat(129), ..good.clone() }),
            Some("hostname")
        );
        assert_eq!(
            field(&v1::RegisterNodeRequest { capabilities: None, ..good.clone() }),
            Some("capabilities")
        );
        let gpus =
            v1::Capabilities { cpu_cores: 1, gpus: vec![v1::Gpu::default(); 65], ..Default::default() };
        assert_eq!(
            field(&v1::RegisterNodeRequest { capabilities: Some(gpus), ..good }),
            Some("capabilities.gpus")
        );
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        for value in [f64::NAN, f64::INFINITY, -1.0] {
            let usage = v1::TaskUsage { memory_byte_ms: value, ..Default::default() };
            assert_eq!(field(&usage), Some("usage.memory_byte_ms"));
        }
        assert_eq!(
            field(&v1::Progress { percent: f32::NAN, message: String::new() }),
            Some("progress.percent")
        );
    }

    #[test]
    fn a_verdict_needs_its_reason_and_a_result_its_hash() {
        let failed = v1::Verdict { kind: v1::VerdictKind::Failed.into(), ..Default::default() };
        assert_eq!(field(&failed), Some("header.verdict.failure"));
        let header = v1::ResultHeader {
            key: good_key(),
            verdict: Some(v1::Verdict { kind: v1::VerdictKind::Succeeded.into(), ..Default::default() }),
            usage: Some(v1::TaskUsage::default()),
            ..Default::default()
        };
        assert_eq!(header.check(), Ok(()));
        assert_eq!(field(&v1::ResultHeader { size_bytes: 1, ..header.clone() }), Some("header.sha256"));
        assert_eq!(field(&v1::ResultHeader { offset: 1, ..header }), Some("header.offset"));
    }

    #[test]
    fn logs_are_bounded_in_lines_and_in_sum() {
        let line = |n: usize| v1::LogLine { text: "x".repeat(n), ..Default::default() };
        let chunk = |first_line, lines| v1::LogChunk { first_line, lines };
        assert_eq!(chunk(1, vec![line(16_384); 16]).check(), Ok(()));
        assert_eq!(field(&chunk(1, vec![line(16_384); 17])), Some("log.lines"));
        assert_eq!(field(&chunk(1, vec![line(16_385)])), Some("log.lines.text"));
        assert_eq!(field(&chunk(1, vec![line(1); 513])), Some("log.lines"));
        assert_eq!(field(&chunk(0, vec![])), Some("log.first_line"));
        assert_eq!(field(&chunk(u64::MAX, vec![])), Some("log.first_line"));
    }

    #[test]
    fn secrets_are_not_printed() {
        let login =
            v1::LoginRequest { username: "ann".into(), password: "hunter2".into(), install_id: "i".into() };
        let session = v1::Session { session_token: "hunter2".into(), ..Default::default() };
        let refresh = v1::RefreshRequest { refresh_token: "hunter2".into(), install_id: "i".into() };
        for text in [format!("{login:?}"), format!("{session:?}"), format!("{refresh:?}")] {
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
