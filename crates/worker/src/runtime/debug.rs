//! Keeps what is known of failed attempts, and counts what was done.

use super::handle::store_problem;
use super::{Shared, lock};
use crate::core::{Input, task_view};
use crate::port::{DebugLimits, DebugParts};
use hivemind_control::{ApiError, DebugFile, DebugView, ErrorCode};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::report::PhaseTimes;
use hivemind_domain::task::{Phase, Task, Verdict};
use hivemind_domain::time::Mono;
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

const DAY: Duration = Duration::from_secs(86_400);
/// The result waits for its debugging data; it does not wait for an engine that hangs.
const PATIENCE: Duration = Duration::from_secs(10);
/// Output lines read at once.
const LINES: u32 = 1000;

fn limits(shared: &Shared) -> DebugLimits {
    let settings = shared.ports.settings.current();
    DebugLimits { quota_bytes: settings.bytes("debug_data_quota"), days: settings.integer("debug_data_days") }
}

/// Keeps what is known, when `input` is about to make the attempt a failure or it is one already. To be called
/// before the loop is told: what is kept must not be removed meanwhile.
pub(super) async fn keep_failed(shared: &Shared, task: &Task, input: &Input, times: PhaseTimes) {
    let mut after = task.clone();
    after.times = after.times.plus(times);
    if let Input::Task(_, input) = input {
        after.step(input.clone(), shared.ports.clock.now().wall);
    }
    let limits = limits(shared);
    if !matches!(after.verdict, Some(Verdict::Failed { .. })) || limits.days == 0 {
        return;
    }
    match tokio::time::timeout(PATIENCE, keep(shared, &after, limits)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(task_id = %task.key(), %error, "debugging data is not kept"),
        Err(_) => {
            tracing::warn!(task_id = %task.key(), "debugging data is not kept: the engine does not answer")
        }
    }
}

async fn keep(shared: &Shared, task: &Task, limits: DebugLimits) -> Result<(), crate::port::StoreError> {
    let key = task.key();
    let container = match &task.container {
        Some(container) => shared.ports.engine.describe(container).await.ok(),
        None => None,
    };
    let report = json!({
        "task": task_view(task),
        "assignment": task.assignment,
        "worker_version": shared.ports.version,
    });
    let package = lock(&shared.listings).get(key).cloned();
    // Of a function the engine tells the receipt already; it has no outputs beside what it printed.
    let result = task.result.as_ref().filter(|_| task.assignment.function.is_none());
    let outputs = result.map(|_| shared.ports.spool.result(key));
    let parts = DebugParts {
        report: serde_json::to_string_pretty(&report).unwrap_or_default(),
        container,
        package,
        log: write_log(shared, key).await,
        outputs,
    };
    shared.ports.debug.keep(key, parts, limits).await
}

/// The output lines as a file of text, a page at a time.
async fn write_log(shared: &Shared, key: &TaskKey) -> Option<PathBuf> {
    let path = shared.ports.spool.debug_log(key);
    let written = async {
        let mut file = tokio::io::BufWriter::new(tokio::fs::File::create(&path).await?);
        let (mut next, mut total) = (0, 1);
        while next < total {
            let Ok(page) = shared.ports.logs.page(key, Some(next), LINES).await else { break };
            let Some(last) = page.lines.last() else { break };
            (next, total) = (last.number + 1, page.total);
            for line in &page.lines {
                let stream = if line.stderr { "err" } else { "out" };
                file.write_all(format!("{} {stream} {}\n", line.at_ms, line.text).as_bytes()).await?;
            }
        }
        file.flush().await
    };
    match written.await {
        Ok(()) => Some(path),
        Err(error) => {
            let error: std::io::Error = error;
            tracing::warn!(task_id = %key, %error, "the output cannot be copied");
            None
        }
    }
}

/// What is kept of an attempt, for people.
pub(super) async fn view(shared: &Shared, key: &TaskKey) -> Result<DebugView, ApiError> {
    let found = shared.ports.debug.find(key).await.map_err(store_problem)?;
    let found = found.ok_or_else(|| {
        ApiError::new(
            ErrorCode::DebugDataGone,
            "nothing is kept of this task; failed ones are, for some days",
        )
        .with("task", key.task.as_str())
    })?;
    let days = i64::try_from(limits(shared).days).unwrap_or(0);
    let day_ms = i64::try_from(DAY.as_millis()).unwrap_or(0);
    Ok(DebugView {
        folder: found.folder.display().to_string(),
        kept_at_ms: found.kept_at.0,
        until_ms: found.kept_at.0.saturating_add(days.saturating_mul(day_ms)),
        files: found.files.into_iter().map(|(name, size_bytes)| DebugFile { name, size_bytes }).collect(),
    })
}

/// When what is kept was looked through last. Needs no timer: whoever looks at the computer anyway asks.
#[derive(Default)]
pub(super) struct Daily {
    last: Option<Mono>,
}

impl Daily {
    /// Sweeps at the first call, and once a day from then on.
    pub(super) async fn sweep_when_due(&mut self, shared: &Shared) {
        let now = shared.ports.clock.now().mono;
        if self.last.is_some_and(|last| now.since(last) < DAY) {
            return;
        }
        self.last = Some(now);
        if let Err(error) = shared.ports.debug.sweep(limits(shared)).await {
            tracing::warn!(%error, "old debugging data cannot be removed");
        }
    }
}

/// Adds an attempt that is over to what was done.
pub(super) fn count(shared: &Shared, task: &Task) {
    let totals = &mut *lock(&shared.totals);
    let counter = match (&task.verdict, task.phase) {
        (_, Phase::LeaseLost) | (None, _) => &mut totals.lost,
        (Some(verdict), _) => match verdict.word() {
            "succeeded" => &mut totals.succeeded,
            "timed_out" => &mut totals.timed_out,
            "cancelled" => &mut totals.cancelled,
            "handed_back" => &mut totals.handed_back,
            _ => &mut totals.failed,
        },
    };
    *counter += 1;
    totals.run_ms = totals.run_ms.saturating_add(task.usage.active_ms);
    totals.cpu_ms = totals.cpu_ms.saturating_add(task.usage.cpu_total_ns / 1_000_000);
    if task.started_at.is_some() {
        let package = task.assignment.package.as_ref().map_or(0, |package| package.size_bytes);
        totals.bytes_in = totals.bytes_in.saturating_add(package);
    }
    let outputs = task.result.as_ref().map_or(0, |result| result.size_bytes);
    totals.bytes_out = totals.bytes_out.saturating_add(outputs);
}
