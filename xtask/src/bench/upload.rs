//! P13: what the worker's own way of sending a result costs beside a bare stream.

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::measurement::{Bench, Measured};
use super::statistics::{Random, ratio};
use crate::program::{capture, program};

const MEBIBYTES: &str = "256";
const PAIRS: &str = "15";

#[derive(Deserialize)]
struct Said {
    /// Seconds of the worker's client and of the bare one.
    pairs: Vec<(f64, f64)>,
}

/// The worker's time over the bare client's, to the same pool, in turns.
pub fn overhead(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let example = bench.worker.with_file_name("examples").join("upload");
    let shown = capture(program(example.display().to_string()).args([MEBIBYTES, PAIRS]))?;
    let said: Said = serde_json::from_str(shown.trim()).with_context(|| format!("it said {shown:?}"))?;
    if said.pairs.is_empty() {
        bail!("nothing was sent");
    }
    let found = ratio(&said.pairs, 0.5, &mut Random::new(bench.seed));
    let bare: f64 = said.pairs.iter().map(|pair| pair.1).sum::<f64>() / said.pairs.len() as f64;
    Ok(vec![Measured {
        value: found.value,
        note: format!(
            "median of {} pairs of {MEBIBYTES} MiB, 95 % interval {:.3} to {:.3}; the bare client sends {:.0} MiB/s",
            said.pairs.len(),
            found.interval.start,
            found.interval.end,
            MEBIBYTES.parse::<f64>().unwrap_or_default() / bare
        ),
    }])
}
