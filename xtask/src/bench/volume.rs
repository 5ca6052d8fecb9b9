//! P14 and P16: large results and long logs in constant memory.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::cycle::assigned_until_acknowledged;
use super::footprint::memory;
use super::http::{Request, Server};
use super::measurement::{Bench, Measured};
use super::stand::{Stand, package, small_package};
use super::statistics::median;
use crate::clock;
use crate::program::{capture, program};

const MIB: u64 = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(540);
const LOOK_EVERY: Duration = Duration::from_millis(100);
const SETTLE: Duration = Duration::from_secs(10);
/// The container's volume, two copies here, and the pool's.
const COPIES: u64 = 4;
const LOG_LINES: u32 = 300_000;
const LOG_PAIRS: usize = 5;

/// P14: memory above idle while a result of 10 MB, 1 GB and 10 GB is taken and handed in.
pub fn results(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let mut stand = bench.stand()?;
    let free = free_bytes()?;
    stand.start_worker(false, &[])?;
    stand.sign_in()?;
    let mut extras = Vec::new();
    let mut measured = Vec::new();
    for mebibytes in [10, 1024, 10 * 1024] {
        if free < (COPIES * mebibytes + 4096) * MIB {
            bail!("{mebibytes} MiB need {COPIES} times as much room, and {} MiB are free", free / MIB);
        }
        let script = format!(
            "mkdir -p \"$HIVEMIND_OUTPUT\"\ndd if=/dev/zero of=\"$HIVEMIND_OUTPUT/large\" bs=1048576 count={mebibytes} 2>/dev/null\n"
        );
        let disk = (mebibytes * 5 / 4 / 1024 + 1).to_string();
        stand.new_requester()?;
        let (extra, view) = extra_memory(&stand, &package(&script)?, &[("disk_gb", &disk)])?;
        let size = view["result"]["size_bytes"].as_u64().unwrap_or_default();
        if size < mebibytes * MIB {
            bail!("the result has {size} bytes: {view}");
        }
        extras.push(extra);
        measured.push(Measured { value: extra, note: format!("most above idle, a result of {size} bytes") });
    }
    let spread =
        extras.iter().copied().fold(f64::MIN, f64::max) - extras.iter().copied().fold(f64::MAX, f64::min);
    measured.push(Measured { value: spread, note: "largest less smallest of the three".into() });
    Ok(measured)
}

/// P16: log lines against a bare reader, and memory above idle with 1 GB of them, or with one line of 1 GB.
pub fn logs(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let mut stand = bench.stand()?;
    stand.start_worker(false, &[])?;
    stand.sign_in()?;
    let ratio = log_ratio(bench, &mut stand)?;
    let mut extras = Vec::new();
    for script in [
        "yes 'a line of the length that lines of programs have, more or less' | head -c 1073741824\n",
        "head -c 1073741824 /dev/zero | tr '\\0' x\necho\n",
    ] {
        stand.new_requester()?;
        extras.push(extra_memory(&stand, &package(script)?, &[])?.0);
    }
    let most = extras.iter().copied().fold(f64::MIN, f64::max);
    Ok(vec![
        ratio,
        Measured {
            value: most,
            note: format!("1 GiB in lines {:.1}, in one line {:.1} MiB", extras[0], extras[1]),
        },
    ])
}

/// The time a task with many lines takes, as a ratio to a container whose log is read by nobody but us.
fn log_ratio(bench: &Bench<'_>, stand: &mut Stand) -> Result<Measured> {
    let script = format!(
        "i=0; while [ $i -lt {LOG_LINES} ]; do echo \"line $i of the log of a task\"; i=$((i+1)); done\n"
    );
    let bytes = package(&script)?;
    let engine = Server::engine(&bench.socket()?);
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..LOG_PAIRS {
        stand.new_requester()?;
        let view = stand.finished_within(&stand.submit(&bytes)?, PATIENCE, || Ok(()))?;
        ours.push(assigned_until_acknowledged(&view)?);
        let last = stand.last_line(view["task_id"].as_str().unwrap_or_default())?;
        if !last.contains(&format!("line {} of", LOG_LINES - 1)) {
            bail!("the last line is {last:?}");
        }
        bare.push(bare_log(&engine, &script)?);
    }
    Ok(Measured {
        value: median(&ours) / median(&bare),
        note: format!(
            "{LOG_PAIRS} pairs of {LOG_LINES} lines, the last one arrived each time: {:.0} against {:.0} ms, {:.0} lines per second",
            median(&ours),
            median(&bare),
            1000.0 * f64::from(LOG_LINES) / median(&ours)
        ),
    })
}

fn bare_log(engine: &Server, script: &str) -> Result<f64> {
    let start = clock::now();
    let body = serde_json::json!({
        "Image": "justin308/hivemind-worker:latest", "Entrypoint": ["sh", "-c", script],
        "HostConfig": { "NetworkMode": "none", "NanoCpus": 1_000_000_000_i64,
                        "LogConfig": { "Type": "json-file", "Config": { "max-size": "32m", "max-file": "2" } } }
    });
    let body = serde_json::to_vec(&body)?;
    let made = engine.json(&Request::with("POST", "/containers/create", "application/json", &body))?;
    let id = made["Id"].as_str().context("no container id")?.to_owned();
    engine.send(&Request::with("POST", &format!("/containers/{id}/start"), "application/json", b""))?;
    let log = engine.send(&Request::new(
        "GET",
        &format!("/containers/{id}/logs?follow=1&stdout=1&stderr=1&timestamps=1"),
    ))?;
    let passed = clock::now().duration_since(start).as_secs_f64() * 1000.0;
    engine.send(&Request::new("DELETE", &format!("/containers/{id}?force=true")))?;
    if log.is_empty() {
        bail!("the bare container's log is empty");
    }
    Ok(passed)
}

/// The worker's largest memory above idle while one task runs, in MiB, and the task's view.
fn extra_memory(stand: &Stand, bytes: &[u8], wishes: &[(&str, &str)]) -> Result<(f64, serde_json::Value)> {
    let pid = stand.worker()?;
    // What a first task teaches the worker is no cost of a large one.
    stand.finished(&stand.submit(&small_package()?)?)?;
    std::thread::sleep(SETTLE);
    let idle = memory(pid)?;
    let (mut most, mut looked) = (idle, clock::now());
    let mut wishes = wishes.to_vec();
    wishes.extend([("cpu_cores", "1"), ("memory_gb", "1")]);
    let view = stand.finished_within(&stand.submit_with(bytes, &wishes)?, PATIENCE, || {
        if clock::now().duration_since(looked) >= LOOK_EVERY {
            most = most.max(memory(pid)?);
            looked = clock::now();
        }
        Ok(())
    })?;
    Ok((most - idle, view))
}

/// Free room where stands and, usually, the engine keep their files.
fn free_bytes() -> Result<u64> {
    let shown = capture(program("df").args(["--output=avail", "-B1", "/tmp"]))?;
    shown.lines().last().and_then(|line| line.trim().parse().ok()).context("df told no free room")
}
