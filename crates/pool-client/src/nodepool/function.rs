//! The end of a managed function. Only the answer to the pool's call completes one: it carries the receipt from which
//! the pool bills.

use super::complete::{NOTHING, credit};
use super::{NodePool, complete, ledger};
use crate::failure::disk;
use hivemind_domain::ids::TaskKey;
use hivemind_domain::task::{Credit, FailureClass, Verdict};
use hivemind_proto::nodepool::ExecuteTaskResponse;
use hivemind_worker_core::port::{PoolError, PoolErrorKind, ResultHeader};
use serde::Deserialize;
use std::path::Path;
use tokio::io::AsyncReadExt;
use tokio::time::Instant;
use tonic::Status;

/// Largest receipt.
const MOST_RECEIPT: u64 = 64 << 10;

#[derive(Deserialize)]
struct Counts {
    executed_ops: i64,
    output_bytes: i64,
    #[serde(default)]
    failure_message: Option<String>,
}

pub(super) async fn submit(
    pool: &NodePool,
    header: &ResultHeader,
    file: Option<&Path>,
) -> Result<Credit, PoolError> {
    let key = &header.key;
    let task = key.task.as_str();
    match &header.verdict {
        Verdict::Succeeded | Verdict::Failed { class: FailureClass::ExitCode, .. } => {}
        Verdict::Failed { message, .. } | Verdict::HandedBack { message, .. } => {
            complete::leave(pool, key, message);
            return Ok(NOTHING);
        }
        Verdict::Cancelled { .. } => {
            let mut state = pool.state();
            state.tasks.remove(key);
            state.pushed.end(task, &Err(Status::cancelled("the task was stopped")));
            return Ok(NOTHING);
        }
    }
    let good = header.verdict == Verdict::Succeeded;
    let Some(file) = file else {
        complete::leave(pool, key, "its receipt is missing");
        return Ok(NOTHING);
    };
    let receipt = read(file).await?;
    let answer = answer(pool, key, receipt, good)?;
    let heard = {
        let mut state = pool.state();
        let held = state.held(key);
        held.completing = true;
        let before = held.completed.is_some();
        let heard = (state.pushed.is_awaited(task) && state.pushed.end(task, &Ok(answer.clone()))) || before;
        state.pushed.keep(task, answer);
        if heard {
            state.held(key).completed.get_or_insert_with(Instant::now);
        }
        heard
    };
    if heard && !good {
        let mut state = pool.state();
        state.tasks.remove(key);
        state.failed_here += 1;
        return Ok(NOTHING);
    }
    let paid = ledger::earned(pool, key).await?;
    if heard || paid.is_some() {
        return credit(pool, key).await;
    }
    if expired(pool, key) {
        let mut state = pool.state();
        state.tasks.remove(key);
        state.pushed.end(task, &Err(Status::unavailable("its result was given up")));
        let text = "the pool did not ask again for the task's result";
        return Err(PoolError::new(PoolErrorKind::StaleAttempt, text));
    }
    Err(PoolError::new(PoolErrorKind::Unreachable, "the pool has to ask again for the task's result"))
}

/// Nothing more is told of it: a pool whose call broke off takes it back within 40 s and pushes it again 5 s later, unless
/// somebody else has it then.
fn expired(pool: &NodePool, key: &TaskKey) -> bool {
    let mut state = pool.state();
    let since = *state.held(key).refused.get_or_insert_with(Instant::now);
    since.elapsed() >= super::LEASE * 4
}

async fn read(file: &Path) -> Result<String, PoolError> {
    let opened = tokio::fs::File::open(file).await.map_err(|error| disk(&error))?;
    let mut text = String::new();
    let read = opened.take(MOST_RECEIPT).read_to_string(&mut text).await;
    read.map_err(|error| disk(&error))?;
    Ok(text)
}

fn answer(
    pool: &NodePool,
    key: &TaskKey,
    receipt: String,
    good: bool,
) -> Result<ExecuteTaskResponse, PoolError> {
    let unreadable = |_| PoolError::new(PoolErrorKind::ResultLost, "the task's receipt cannot be read");
    let counts: Counts = serde_json::from_str(&receipt).map_err(unreadable)?;
    let text = {
        let state = pool.state();
        let output = state.tasks.get(key).and_then(|held| held.output.as_ref());
        let output = output.filter(|output| output.whole).ok_or_else(|| {
            PoolError::new(PoolErrorKind::Unreachable, "the output was not told to its end yet")
        })?;
        output.text()
    };
    Ok(ExecuteTaskResponse {
        success: good,
        status_message: if good { text } else { counts.failure_message.unwrap_or(text) },
        managed_executed_ops: counts.executed_ops,
        managed_output_bytes: counts.output_bytes,
        managed_receipt_json: receipt,
    })
}
