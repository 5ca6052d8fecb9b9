//! P9 and P10: the worker's own time in a task, beside the engine's.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::cycle::{assigned_until_acknowledged, before};
use super::measurement::{Bench, Measured};
use super::proxy::{Call, Proxy, Times};
use super::stand::{Stand, small_package};
use super::statistics::percentile;

const TASKS: usize = 40;
/// Tasks after which a requester's first CPT may be spent.
const PER_REQUESTER: usize = 20;

/// One task as seen from outside.
struct Observed {
    /// Milliseconds from assignment to acknowledgement, on the pool's clock.
    total: f64,
    calls: Vec<(Call, Times)>,
    /// When the engine told the end of the container.
    death: Option<Instant>,
}

/// P9: time in which no call to the engine was under way and the task did not run.
pub fn own_time(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let observed = observed(bench)?;
    let own: Vec<f64> = observed.iter().map(|task| own_milliseconds(task.total, task.foreign())).collect();
    // What is left is before the first call and behind the last.
    let between: Vec<f64> = observed
        .iter()
        .map(|task| {
            let foreign = task.foreign();
            let (first, last) = (foreign.iter().map(|s| s.0).min(), foreign.iter().map(|s| s.1).max());
            let whole = first.zip(last).map_or(0.0, |(first, last)| milliseconds(last - first));
            own_milliseconds(whole, foreign)
        })
        .collect();
    Ok(vec![Measured {
        value: percentile(&own, 0.5),
        note: format!(
            "{TASKS} tasks: time from assignment to acknowledgement in which no call to the engine was open and \
             the task did not run, the pool's own work in between included; p95 {:.1} ms; {:.1} ms of it between the calls",
            percentile(&own, 0.95),
            percentile(&between, 0.5)
        ),
    }])
}

impl Observed {
    /// When the engine was at work, or the task.
    fn foreign(&self) -> Vec<(Instant, Instant)> {
        // The shared event stream is always open; the removal comes after the acknowledgement.
        let calls =
            self.calls.iter().filter(|(call, _)| !call.path.contains("/events") && call.method != "DELETE");
        let started =
            self.calls.iter().find(|(call, _)| call.path.ends_with("/start")).map(|(_, times)| times.end);
        let ran = started.zip(self.death).filter(|(started, death)| started < death);
        calls.map(|(_, times)| (times.start, times.end)).chain(ran).collect()
    }
}

fn own_milliseconds(whole: f64, foreign: Vec<(Instant, Instant)>) -> f64 {
    (whole - milliseconds(covered(foreign))).max(0.0)
}

fn milliseconds(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

/// P10: from the engine's word that a container has ended to the request for its outputs.
pub fn exit_to_archive(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let mut times = Vec::new();
    for task in observed(bench)? {
        let death = task.death.context("the engine told no end")?;
        let archive = task
            .calls
            .iter()
            .find(|(call, _)| call.method == "GET" && call.path.contains("/archive"))
            .context("no outputs were asked for")?;
        times.push(archive.1.start.saturating_duration_since(death).as_secs_f64() * 1000.0);
    }
    Ok(vec![Measured {
        value: percentile(&times, 0.5),
        note: format!("{TASKS} tasks, p95 {:.1} ms", percentile(&times, 0.95)),
    }])
}

fn observed(bench: &Bench<'_>) -> Result<Vec<Observed>> {
    let mut stand = bench.stand()?;
    let proxy = before(&mut stand, &bench.socket()?)?;
    stand.start_worker(false, &[])?;
    stand.sign_in()?;
    let package = small_package()?;
    one(&stand, &proxy, &package)?;
    let mut all = Vec::new();
    for number in 0..TASKS {
        if number % PER_REQUESTER == 0 {
            stand.new_requester()?;
        }
        all.push(one(&stand, &proxy, &package)?);
    }
    Ok(all)
}

fn one(stand: &Stand, proxy: &Proxy, package: &[u8]) -> Result<Observed> {
    let _ = (proxy.take(), proxy.take_deaths());
    let view = stand.finished(&stand.submit(package)?)?;
    let total = assigned_until_acknowledged(&view)?;
    // Its removal and what follows belong to no other task.
    std::thread::sleep(Duration::from_millis(400));
    Ok(Observed { total, calls: proxy.take_timed(), death: proxy.take_deaths().first().copied() })
}

/// How long at least one of these spans lasted.
fn covered(mut spans: Vec<(Instant, Instant)>) -> Duration {
    spans.sort_by_key(|(start, _)| *start);
    let mut sum = Duration::ZERO;
    let mut until: Option<Instant> = None;
    for (start, end) in spans {
        let start = until.map_or(start, |until| until.max(start));
        sum += end.saturating_duration_since(start);
        until = Some(until.map_or(end, |until| until.max(end)));
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn overlapping_spans_count_once() {
        let zero = clock::now();
        let at = |ms: u64| zero + Duration::from_millis(ms);
        let spans = vec![(at(50), at(60)), (at(0), at(10)), (at(5), at(20)), (at(6), at(7))];
        assert_eq!(covered(spans), Duration::from_millis(30));
        assert_eq!(covered(vec![]), Duration::ZERO);
    }
}
