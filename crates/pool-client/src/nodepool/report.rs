//! Tells a running task's output: the whole text each time, because the network replaces what it has.

use super::output::Output;
use super::words::{call, taken};
use super::{NodePool, UNARY, attempts};
use hivemind_domain::ids::TaskKey;
use hivemind_proto::nodepool::TaskOutputUploadRequest;
use hivemind_worker_core::port::{Durable, PoolError, PoolErrorKind, Report};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Between two uploads of a text that grows; a large one costs a megabyte each time.
const EVERY: Duration = Duration::from_secs(3);
const EVERY_LARGE: Duration = Duration::from_secs(10);
const LARGE: usize = 64 << 10;

pub(super) async fn run(
    pool: &NodePool,
    key: &TaskKey,
    reports: mpsc::Receiver<Report>,
    durable: mpsc::Sender<Durable>,
) -> Result<(), PoolError> {
    let told = tell(pool, key, reports, durable).await;
    if told.as_ref().is_err_and(|error| error.kind == PoolErrorKind::StaleAttempt)
        && let Some(output) = pool.state().output(key)
    {
        output.refused = true;
    }
    told
}

async fn tell(
    pool: &NodePool,
    key: &TaskKey,
    mut reports: mpsc::Receiver<Report>,
    durable: mpsc::Sender<Durable>,
) -> Result<(), PoolError> {
    let function = attempts::is_function(pool, key).await;
    // The text is put together anew each time: what was there before may have come from a stream that broke.
    {
        let mut state = pool.state();
        let held = state.held(key);
        (held.output, held.function) = (Some(Output::default()), function);
    }
    if durable.send(Durable::default()).await.is_err() {
        return Ok(());
    }
    let mut next = Instant::now();
    let mut open = true;
    while open {
        let waiting = !function && is_behind(pool, key);
        tokio::select! {
            report = reports.recv() => match report {
                Some(Report::Lines { first, lines }) => {
                    take(pool, key, first, &lines);
                    // Of a function nothing is uploaded: the answer to the pool's call carries all of it.
                    if function && durable.send(taken_so_far(pool, key)).await.is_err() {
                        return Ok(());
                    }
                }
                Some(Report::Phase(_) | Report::Usage(_)) => {}
                None => open = false,
            },
            () = tokio::time::sleep_until(next), if waiting => {
                let (told, length) = upload(pool, key).await?;
                next = Instant::now() + if length > LARGE { EVERY_LARGE } else { EVERY };
                if durable.send(told).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
    if let Some(output) = pool.state().output(key) {
        output.whole = true;
    }
    if !function && is_behind(pool, key) {
        let (told, _) = upload(pool, key).await?;
        let _ = durable.send(told).await;
    }
    Ok(())
}

fn is_behind(pool: &NodePool, key: &TaskKey) -> bool {
    let state = pool.state();
    let output = state.tasks.get(key).and_then(|held| held.output.as_ref());
    output.is_some_and(|output| output.lines > output.uploaded.unwrap_or(0))
}

fn taken_so_far(pool: &NodePool, key: &TaskKey) -> Durable {
    let mut state = pool.state();
    let output = state.output(key);
    output.map_or(Durable::default(), |output| Durable {
        lines: output.lines,
        last_time_ns: output.last_time_ns,
    })
}

fn take(pool: &NodePool, key: &TaskKey, first: u64, lines: &[hivemind_worker_core::port::OutputLine]) {
    let mut state = pool.state();
    let Some(held) = state.tasks.get_mut(key) else { return };
    let function = held.function;
    let Some(output) = held.output.as_mut() else { return };
    for (number, line) in (first..).zip(lines) {
        // None twice; what is missing in between is not here any more either.
        if number >= output.lines {
            output.lines = number;
            match (function, line.stderr) {
                (false, _) => output.push(&line.text),
                (true, false) => output.append(&line.text),
                // Why it failed stands in its receipt.
                (true, true) => output.lines += 1,
            }
            output.last_time_ns = line.time_ns;
        }
    }
}

/// Sends the text as it is now. Gives how far the pool has it, and its length.
pub(super) async fn upload(pool: &NodePool, key: &TaskKey) -> Result<(Durable, usize), PoolError> {
    let (session, worker_id) = pool.caller()?;
    let (text, told) = {
        let mut state = pool.state();
        let untold = || PoolError::new(PoolErrorKind::Unreachable, "the output was not told yet");
        let held = state.tasks.get_mut(key).ok_or_else(untold)?;
        let output = held.output.as_ref().ok_or_else(untold)?;
        let told = Durable { lines: output.lines, last_time_ns: output.last_time_ns };
        let (text, cut) = (output.text(), output.is_cut());
        if cut && !std::mem::replace(&mut held.cut_told, true) {
            let text = format!(
                "the output of task {} is longer than the 1 MiB that this pool takes: its end is sent",
                key.task
            );
            state.notice(&text);
        }
        (text, told)
    };
    let length = text.len();
    let request = TaskOutputUploadRequest {
        task_id: key.task.to_string(),
        output: text,
        token: session.token,
        worker_id,
    };
    let mut client = pool.nodes()?;
    let answer = call(UNARY, client.task_output_upload(request)).await?;
    taken(answer.success, &answer.status_message)?;
    if let Some(output) = pool.state().output(key) {
        output.uploaded = output.uploaded.max(Some(told.lines));
    }
    Ok((told, length))
}
