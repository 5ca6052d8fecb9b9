//! P8 and P12: what the worker adds to an engine's own cycle, and how often it asks the engine.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::measurement::{Bench, Measured};
use super::proxy::{Call, Proxy};
use super::raw::Raw;
use super::stand::{Stand, small_package};
use super::statistics::{Random, percentile, ratio};

/// Pairs of one cycle each; the goals ask for at least 50.
const PAIRS: usize = 60;
/// Pairs of two raw cycles, whose ratio must not differ from 1.
const CONTROL_PAIRS: usize = 20;
/// Tasks after which a requester's first CPT may be spent.
const PER_REQUESTER: usize = 20;
const COUNTED: usize = 5;

/// P12: requests to the engine per task, counted between worker and engine.
pub fn calls(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let mut stand = bench.stand()?;
    let proxy = before(&mut stand, &bench.socket()?)?;
    stand.start_worker(false, &[])?;
    stand.sign_in()?;
    let package = small_package()?;
    // The first task may teach the worker things that it then keeps, such as the image's digest.
    let first = recorded(&stand, &proxy, &package)?;
    let mut later = Vec::new();
    for _ in 0..COUNTED {
        later.push(recorded(&stand, &proxy, &package)?);
    }
    for calls in &mut later {
        calls.retain(is_counted);
    }
    let most = later.iter().max_by_key(|calls| calls.len()).context("no calls")?;
    Ok(vec![Measured {
        value: most.len() as f64,
        note: format!(
            "the most of {COUNTED} tasks: {}; the first task after a start: {}",
            spoken_all(most),
            spoken_all(&first)
        ),
    }])
}

/// What follows the owner's load and rules is not the task's doing: new shares, freezes and thaws.
fn is_counted(call: &Call) -> bool {
    let path = call.path.split('?').next().unwrap_or_default();
    !["/update", "/pause", "/unpause"].iter().any(|end| path.ends_with(end))
}

fn spoken_all(calls: &[Call]) -> String {
    calls.iter().map(spoken).collect::<Vec<_>>().join(", ")
}

/// P8: a task's time at the pool against the same container made by hand.
pub fn overhead(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let mut stand = bench.stand()?;
    let socket = bench.socket()?;
    let package = small_package()?;
    let proxy = before(&mut stand, &socket)?;
    stand.start_worker(false, &[])?;
    stand.sign_in()?;
    recorded(&stand, &proxy, &package)?;
    let raw = Raw::from_calls(&recorded(&stand, &proxy, &package)?, &socket)?;
    // Measured without the proxy between.
    stand.end_worker()?;
    stand.set_engine(&format!("unix://{}", socket.display()));
    stand.start_worker(false, &[])?;
    stand.wait_registered()?;
    let mut random = Random::new(bench.seed);
    ours(&stand, &package)?;
    raw.cycle()?;
    let mut pairs = Vec::new();
    for number in 0..PAIRS {
        if number % PER_REQUESTER == 0 {
            stand.new_requester()?;
        }
        pairs.push(if random.coin() {
            let left = ours(&stand, &package)?;
            (left, raw.cycle()?)
        } else {
            let right = raw.cycle()?;
            (ours(&stand, &package)?, right)
        });
    }
    let mut control = Vec::new();
    for _ in 0..CONTROL_PAIRS {
        control.push((raw.cycle()?, raw.cycle()?));
    }
    let same = ratio(&control, 0.5, &mut random);
    if !same.interval.contains(&1.0) {
        bail!(
            "two equal halves differ by {:.3} ({:?}): the machine is too restless",
            same.value,
            same.interval
        );
    }
    let (left, right): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let share = |share: f64, random: &mut Random| {
        let ratio = ratio(&pairs, share, random);
        Measured {
            value: ratio.value,
            note: format!(
                "{PAIRS} interleaved pairs, {:.0} against {:.0} ms, 95 % interval {:.2} to {:.2}; equal halves {:.2} \
                 ({:.2} to {:.2})",
                percentile(&left, share),
                percentile(&right, share),
                ratio.interval.start,
                ratio.interval.end,
                same.value,
                same.interval.start,
                same.interval.end
            ),
        }
    };
    Ok(vec![share(0.5, &mut random), share(0.95, &mut random)])
}

pub fn before(stand: &mut Stand, engine: &Path) -> Result<Proxy> {
    let proxy = Proxy::start(&stand.scratch().join("engine.sock"), engine)?;
    stand.set_engine(&proxy.host());
    Ok(proxy)
}

/// Runs one task and returns the calls that were made for it.
pub fn recorded(stand: &Stand, proxy: &Proxy, package: &[u8]) -> Result<Vec<Call>> {
    proxy.take();
    stand.finished(&stand.submit(package)?)?;
    // What is removed after the result was acknowledged counts too.
    let mut calls = Vec::new();
    for _ in 0..40 {
        std::thread::sleep(std::time::Duration::from_millis(50));
        calls.extend(proxy.take());
        if calls.iter().any(|call| call.method == "DELETE") {
            break;
        }
    }
    std::thread::sleep(std::time::Duration::from_millis(300));
    calls.extend(proxy.take());
    Ok(calls)
}

/// Milliseconds from assignment to acknowledgement, on the pool's clock.
pub fn assigned_until_acknowledged(view: &serde_json::Value) -> Result<f64> {
    let at = |name: &str| view[name].as_i64().with_context(|| format!("no {name}"));
    Ok((at("ended_ms")? - at("assigned_ms")?) as f64)
}

fn ours(stand: &Stand, package: &[u8]) -> Result<f64> {
    assigned_until_acknowledged(&stand.finished(&stand.submit(package)?)?)
}

/// `POST containers/create`
fn spoken(call: &Call) -> String {
    let path = call.path.split('?').next().unwrap_or(&call.path);
    let words: Vec<&str> = path
        .split('/')
        .filter(|word| !(word.is_empty() || word.starts_with('v') && word.contains('.')))
        .map(|word| if word.len() > 24 { "ID" } else { word })
        .collect();
    format!("{} {}", call.method, words.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_named_without_their_ids() {
        let path = "/v1.41/containers/0123456789abcdef0123456789abcdef/archive?path=%2Fwork";
        let call = Call { method: "GET".into(), path: path.into(), body: vec![] };
        assert_eq!(spoken(&call), "GET containers/ID/archive");
    }
}
