//! M1: what a managed function may cost.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;

use super::measurement::{Bench, Measured};
use crate::program::{capture, program};

/// The dearest of the programs that are made to be dear, each at its best of several runs.
pub fn million(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let example = bench.worker.with_file_name("examples").join("million");
    let shown = capture(&mut program(example))?;
    let seconds: BTreeMap<String, f64> =
        serde_json::from_str(shown.trim()).with_context(|| format!("it said {shown:?}"))?;
    ensure!(
        seconds.values().all(|value| *value > 0.0),
        "a program that cost nothing was not measured: {shown}"
    );
    let (worst, value) =
        seconds.iter().max_by(|a, b| a.1.total_cmp(b.1)).context("no program was measured")?;
    let of = |name: &str| seconds.get(name).map_or_else(|| "?".to_owned(), |value| format!("{value:.3} s"));
    let note = format!(
        "best of 7 runs each; the worst of them is \"{worst}\"; loops {}, calls {}, strings {}",
        of("loops"),
        of("calls"),
        of("strings")
    );
    Ok(vec![Measured { value: *value, note }])
}
