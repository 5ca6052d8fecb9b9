//! P23: how many workers the local pool holds.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::measurement::{Bench, Measured};
use crate::program::{capture, program};

const WORKERS: &str = "1000";
const SECONDS: &str = "30";

/// The slowest hundredth of the heartbeats of 1,000 simulated workers, one per second each.
pub fn heartbeats(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let example = bench.worker.with_file_name("examples").join("crowd");
    // A thousand connections, both ends of them here.
    let shown = capture(
        program("sh")
            .args(["-c", "ulimit -n 8192; exec \"$0\" \"$@\""])
            .arg(example)
            .args([WORKERS, SECONDS]),
    )?;
    let said: Value = serde_json::from_str(shown.trim()).with_context(|| format!("it said {shown:?}"))?;
    let number = |name: &str| said[name].as_f64().with_context(|| format!("no {name} in {said}"));
    if number("failed")? > 0.0 {
        bail!("heartbeats failed: {said}");
    }
    Ok(vec![Measured {
        value: number("p99_ms")?,
        note: format!(
            "{:.0} heartbeats per second of {WORKERS} workers over {SECONDS} s, pool and workers on the same processors, median {:.2} ms",
            number("per_second")?,
            number("p50_ms")?
        ),
    }])
}
