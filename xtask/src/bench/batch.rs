//! P11 and N50: tasks side by side.

use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::cycle::{before, recorded};
use super::footprint::{memory, tree};
use super::measurement::{Bench, Measured};
use super::raw::Raw;
use super::stand::{Stand, package, small_package};
use super::statistics::{Random, median, percentile, ratio};
use crate::clock;

const ROUNDS: usize = 9;
/// Tasks of a batch for each that runs at once.
const PER_PLACE: usize = 6;
/// Little enough for eight at once on a small computer.
const WISHES: &[(&str, &str)] = &[("cpu_cores", "0.25"), ("memory_gb", "0.125")];

/// Time of a batch as a ratio to the same batch on the bare engine, at 1, 2, 4 and 8 at once.
pub fn throughput(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    [1, 2, 4, 8].into_iter().map(|places| at_once(bench, places)).collect()
}

fn at_once(bench: &Bench<'_>, places: usize) -> Result<Measured> {
    let mut stand = bench.stand()?;
    let socket = bench.socket()?;
    let package = small_package()?;
    stand.set(&format!("max_concurrent_tasks = {places}"))?;
    let proxy = before(&mut stand, &socket)?;
    stand.start_worker(false, &[])?;
    stand.sign_in()?;
    recorded(&stand, &proxy, &package)?;
    let small = stand.submit_with(&package, WISHES)?;
    proxy.take();
    stand.finished(&small)?;
    let raw = Raw::from_calls(&recorded_small(&stand, &proxy, &package)?, &socket)?;
    stand.end_worker()?;
    stand.set_engine(&format!("unix://{}", socket.display()));
    stand.start_worker(false, &[])?;
    stand.wait_registered()?;
    let count = places * PER_PLACE;
    let mut random = Random::new(bench.seed);
    let mut pairs = Vec::new();
    for _ in 0..ROUNDS {
        stand.new_requester()?;
        pairs.push(if random.coin() {
            let left = batch(&stand, &package, count)?;
            (left, raw_batch(&raw, places, count)?)
        } else {
            let right = raw_batch(&raw, places, count)?;
            (batch(&stand, &package, count)?, right)
        });
    }
    let ratio = ratio(&pairs, 0.5, &mut random);
    let (ours, bare): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
    Ok(Measured {
        value: ratio.value,
        note: format!(
            "{places} at once, {ROUNDS} interleaved batches of {count}: {:.0} ({:.0} to {:.0}) against {:.0} \
             ({:.0} to {:.0}) ms, 95 % interval {:.2} to {:.2}; {:.0} tasks per minute",
            median(&ours),
            percentile(&ours, 0.0),
            percentile(&ours, 1.0),
            median(&bare),
            percentile(&bare, 0.0),
            percentile(&bare, 1.0),
            ratio.interval.start,
            ratio.interval.end,
            60_000.0 * count as f64 / median(&ours)
        ),
    })
}

const MANY: usize = 50;
/// A slow engine takes a second for each of them to start.
const SLEEP: Duration = Duration::from_secs(120);
/// Each sleeps: its processor share hardly matters, and fifty of them fit on two cores.
const IDLE_WISHES: &[(&str, &str)] = &[("cpu_cores", "0.03"), ("memory_gb", "0.03125")];

/// What each of fifty running tasks costs the worker, in KiB, and how many processes it has beside itself then.
pub fn fifty(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let mut stand = bench.stand()?;
    stand.set(&format!("max_concurrent_tasks = {MANY}"))?;
    stand.start_worker(false, &[])?;
    stand.sign_in()?;
    stand.finished(&stand.submit(&small_package()?)?)?;
    std::thread::sleep(Duration::from_secs(10));
    let pid = stand.worker()?;
    let idle = memory(pid)?;
    let sleeping = package(&format!("sleep {}\n", SLEEP.as_secs()))?;
    stand.new_requester()?;
    let ids: Vec<String> =
        (0..MANY).map(|_| stand.submit_with(&sleeping, IDLE_WISHES)).collect::<Result<_>>()?;
    let mut running = 0;
    let until = clock::now() + SLEEP;
    while running < MANY && clock::now() < until {
        running = 0;
        for id in &ids {
            running += usize::from(stand.view(id)?["phase"] == serde_json::json!("running"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    if running < MANY {
        bail!("{running} of {MANY} tasks ran at once");
    }
    let (busy, processes) = (memory(pid)?, tree(pid)?.len());
    for id in &ids {
        stand.finished_within(id, 2 * SLEEP, || Ok(()))?;
    }
    Ok(vec![
        Measured {
            value: (busy - idle) * 1024.0 / MANY as f64,
            note: format!("{idle:.1} MiB idle, {busy:.1} MiB with {MANY} running; all of them succeeded"),
        },
        Measured { value: processes as f64 - 1.0, note: "of the worker, beside itself".into() },
    ])
}

fn recorded_small(
    stand: &Stand,
    proxy: &super::proxy::Proxy,
    package: &[u8],
) -> Result<Vec<super::proxy::Call>> {
    std::thread::sleep(Duration::from_millis(500));
    proxy.take();
    stand.finished(&stand.submit_with(package, WISHES)?)?;
    std::thread::sleep(Duration::from_millis(500));
    Ok(proxy.take())
}

/// Milliseconds from the first assignment to the last acknowledgement, on the pool's clock.
fn batch(stand: &Stand, package: &[u8], count: usize) -> Result<f64> {
    let ids: Vec<String> = (0..count).map(|_| stand.submit_with(package, WISHES)).collect::<Result<_>>()?;
    let (mut first, mut last) = (i64::MAX, i64::MIN);
    for id in &ids {
        let view = stand.finished(id)?;
        let at = |name: &str| view[name].as_i64().with_context(|| format!("no {name}"));
        first = first.min(at("assigned_ms")?);
        last = last.max(at("ended_ms")?);
    }
    Ok((last - first) as f64)
}

/// The same without a worker: so many threads, each making one container after the other.
fn raw_batch(raw: &Raw, places: usize, count: usize) -> Result<f64> {
    let start = clock::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..places)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..count / places {
                        raw.cycle()?;
                    }
                    Ok::<(), anyhow::Error>(())
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(outcome) => outcome,
            Err(_) => bail!("a thread of the bare engine's batch panicked"),
        })
    })?;
    Ok(clock::now().duration_since(start).as_secs_f64() * 1000.0)
}
