//! P17, P18, P21 and P22: what one reading, a month of them, a long list and the UI's first load cost.

use anyhow::{Context, Result};
use serde_json::Value;

use super::measurement::{Bench, Measured};
use crate::program::{capture, program};

fn example(bench: &Bench<'_>, name: &str) -> Result<Value> {
    let example = bench.worker.with_file_name("examples").join(name);
    read(&capture(&mut program(example))?)
}

/// A script of the UI that prints JSON as its last line.
fn script(bench: &Bench<'_>, words: &[&str]) -> Result<Value> {
    read(&capture(program("node").current_dir(&bench.ui).args(words))?)
}

fn read(shown: &str) -> Result<Value> {
    let last = shown.trim().lines().last().unwrap_or_default();
    serde_json::from_str(last).with_context(|| format!("it said {shown:?}"))
}

fn number(said: &Value, name: &str) -> Result<f64> {
    said[name].as_f64().with_context(|| format!("no {name} in {said}"))
}

/// P17: one reading.
pub fn reading(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let said = example(bench, "sample")?;
    let readings = number(&said, "readings")?;
    Ok(vec![
        Measured {
            value: number(&said, "cpu_ms")?,
            note: format!("the scheduler's time of the thread, mean of {readings} readings"),
        },
        Measured { value: number(&said, "children_ticks")?, note: "of all readings together".to_owned() },
    ])
}

/// P18: a month of readings.
pub fn month(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let said = example(bench, "month")?;
    Ok(vec![
        Measured {
            value: number(&said, "bytes")? / 1e6,
            note: "31 days, a reading each 30 s, at falling resolution in one file".to_owned(),
        },
        Measured {
            value: number(&said, "writes_per_minute")?,
            note: "each a few places of that file; nothing is synced for them".to_owned(),
        },
    ])
}

/// P21: long lists, without a limit of frames per second, so that a frame takes as long as its work.
pub fn frames(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let said = script(bench, &["scripts/frames.mjs"])?;
    let measured = |name: &str, note: &str| {
        Ok::<_, anyhow::Error>(Measured { value: number(&said, name)?, note: note.to_owned() })
    };
    Ok(vec![
        measured(
            "history_ms",
            "240 steps over the whole list, Chromium without a GPU and without a limit of frames",
        )?,
        measured("log_ms", "the same over the lines")?,
        measured("nodes", "the most in either")?,
    ])
}

/// P22: what a browser loads before the first screen.
pub fn size(bench: &Bench<'_>) -> Result<Vec<Measured>> {
    let said = script(bench, &["scripts/size.mjs", "--json"])?;
    Ok(vec![Measured {
        value: number(&said, "first")? / 1000.0,
        note: format!(
            "JavaScript and CSS, gzip; every screen together {:.0} kB",
            number(&said, "all")? / 1000.0
        ),
    }])
}
