//! `cargo xtask faults`: the table of faults, row by row, with its counts.
//!
//! Each row is a test of the room it concerns. Among the ordinary tests it makes a few runs; here it makes all.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::Value;

use crate::engine::Engine;
use crate::folders::Folders;
use crate::program::{cargo, run, watch};
use crate::{console, image};

/// The line in which a row says what it found begins with this.
const MARK: &str = "FAULTS ";

#[derive(Args)]
pub struct Options {
    /// Only these rows, by name
    #[arg(long, value_delimiter = ',', ignore_case = true)]
    only: Vec<String>,
    /// So many runs of each row instead of the table's number
    #[arg(long)]
    runs: Option<u32>,
    /// Minutes of the soak
    #[arg(long, default_value_t = 20)]
    minutes: u32,
    /// Repeat with this seed
    #[arg(long)]
    seed: Option<u64>,
    /// One JSON line for each row instead of text
    #[arg(long)]
    json: bool,
    /// Write one JSON line for each row to this file
    #[arg(long)]
    report: Option<PathBuf>,
    /// Name the rows and end
    #[arg(long)]
    list: bool,
}

struct Row {
    name: &'static str,
    about: &'static str,
    /// Runs that the goals ask for.
    runs: u32,
    package: &'static str,
    /// `--test NAME` or `--lib`.
    target: &'static str,
    test: &'static str,
}

const PRODUCT: &str = "hivemind-product-tests";

const ROWS: &[Row] = &[
    Row {
        name: "KILL",
        about: "SIGKILL of the worker at random, every second time again while it recovers",
        runs: 200,
        package: PRODUCT,
        target: "faults",
        test: "kill::a_worker_killed_at_random_loses_nothing",
    },
    Row {
        name: "FAILPOINT",
        about: "the worker dies at every named place, five tasks each",
        runs: 49,
        package: PRODUCT,
        target: "faults",
        test: "failpoints::a_worker_that_dies_at_any_named_place_loses_nothing",
    },
    Row {
        name: "LOST",
        about: "the power goes: what was not synced may be lost, sector by sector",
        runs: 10_000,
        package: "hivemind-store",
        target: "power",
        test: "no_loss_of_power_loses_what_was_kept",
    },
    Row {
        name: "CLOCK",
        about: "clocks jump by hours and years, computers sleep",
        runs: 60,
        package: "hivemind-worker-core",
        target: "event_loop",
        test: "clocks::clocks_that_jump_and_computers_that_sleep_change_no_lease",
    },
    Row {
        name: "CODES",
        about: "every kind of failure at every call of the pool, and acknowledgements that are lost",
        runs: 121,
        package: "hivemind-worker-core",
        target: "event_loop",
        test: "persistence::no_failure_of_any_call_is_answered_with_a_hot_loop",
    },
    Row {
        name: "CORRUPT",
        about: "damaged database, write-ahead log and settings",
        runs: 500,
        package: "hivemind-store",
        target: "lib",
        test: "journal::tests::damage_of_records_and_settings_is_never_silent",
    },
    Row {
        name: "DISK",
        about: "disk full, no inodes, read-only, no descriptors",
        runs: 90,
        package: PRODUCT,
        target: "faults",
        test: "disk::a_disk_that_takes_nothing_loses_nothing",
    },
    Row {
        name: "ENGINE",
        about: "a private engine is killed, hangs, is restarted with and without its containers",
        runs: 100,
        package: PRODUCT,
        target: "faults",
        test: "engine_down::an_engine_that_dies_hangs_or_restarts_leaves_nothing_behind",
    },
    Row {
        name: "CUT",
        about: "the engine's answers are cut off after their effect",
        runs: 160,
        package: PRODUCT,
        target: "faults",
        test: "engine_down::an_answer_cut_off_after_its_effect_makes_no_second_container",
    },
    Row {
        name: "PARTITION",
        about: "the wire to the pool is silent, half-open, slow, refuses, is reset",
        runs: 100,
        package: PRODUCT,
        target: "faults",
        test: "partitions::a_wire_that_fails_in_any_way_loses_nothing",
    },
    Row {
        name: "ANSWERS",
        about: "every gRPC code at every call of the worker, on the wire",
        runs: 192,
        package: PRODUCT,
        target: "faults",
        test: "answers::no_code_at_any_call_loses_anything",
    },
    Row {
        name: "SOAK",
        about: "small tasks among small faults for --minutes; memory, descriptors and threads stay",
        runs: 20,
        package: PRODUCT,
        target: "faults",
        test: "soak::nothing_grows",
    },
];

/// What a row found.
#[derive(Debug, Deserialize)]
struct Found {
    row: String,
    runs: u32,
    violations: u32,
    seed: u64,
    seconds: f64,
    counts: serde_json::Map<String, Value>,
}

/// Runs the rows. True when none found a violation.
///
/// # Errors
/// When a row does not exist, or the programs cannot be built.
pub fn faults(folders: &Folders, options: &Options) -> Result<ExitCode> {
    if options.list {
        for row in ROWS {
            console::answer(&format!("{:<10} {:>6}  {}", row.name, row.runs, row.about));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let wanted: Vec<&Row> = ROWS.iter().filter(|row| options.wants(row)).collect();
    if let Some(unknown) = options.only.iter().find(|name| !ROWS.iter().any(|row| is(row, name))) {
        bail!("there is no row {unknown}; `cargo xtask faults --list` names them");
    }
    let engine = Engine::start(folders)?;
    image::load(folders, &engine)?;
    console::step("The worker");
    run(cargo().current_dir(&folders.root).args([
        "build",
        "--package",
        "hivemind-app",
        "--bins",
        "--locked",
    ]))?;
    let mut report = options.report.as_ref().map(File::create).transpose().context("no report")?;
    let mut table = Vec::new();
    let mut passed = true;
    for row in wanted {
        console::step(&format!("{}: {}", row.name, row.about));
        let (ended_well, line) = perform(folders, options, row, &engine)?;
        let found: Option<Found> = line.as_deref().and_then(|line| serde_json::from_str(line).ok());
        if let (Some(file), Some(line)) = (&mut report, &line) {
            writeln!(file, "{line}")?;
        }
        if let (true, Some(line)) = (options.json, &line) {
            console::answer(line);
        }
        passed &= ended_well && found.as_ref().is_some_and(|found| found.violations == 0);
        table.push(shown(row, ended_well, found.as_ref()));
    }
    console::step("The table of faults");
    for line in table {
        if options.json { console::note(&line) } else { console::answer(&line) }
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Options {
    /// The soak takes its time and is only run by name.
    fn wants(&self, row: &Row) -> bool {
        if self.only.is_empty() { row.name != "SOAK" } else { self.only.iter().any(|name| is(row, name)) }
    }
}

fn is(row: &Row, name: &str) -> bool {
    row.name.eq_ignore_ascii_case(name)
}

fn perform(
    folders: &Folders,
    options: &Options,
    row: &Row,
    engine: &Engine,
) -> Result<(bool, Option<String>)> {
    let mut command = cargo();
    command.current_dir(&folders.root).args(["test", "--locked", "--package", row.package]);
    if row.target == "lib" {
        command.arg("--lib");
    } else {
        command.args(["--test", row.target]);
    }
    command.args(["--", "--exact", "--nocapture", "--include-ignored", row.test]);
    let runs = if row.name == "SOAK" { options.minutes } else { options.runs.unwrap_or(row.runs) };
    command.env("HIVEMIND_FAULTS_RUNS", runs.to_string());
    if let Some(seed) = options.seed {
        command.env("HIVEMIND_FAULTS_SEED", seed.to_string());
    }
    command.env("HIVEMIND_TEST_DOCKER_HOST", engine.host()).env("HIVEMIND_REQUIRE_ENGINE", "1");
    let (passed, output) = watch(&mut command)?;
    let line = output.lines().find_map(|line| line.trim_start().strip_prefix(MARK)).map(str::to_owned);
    Ok((passed, line))
}

fn shown(row: &Row, ended_well: bool, found: Option<&Found>) -> String {
    let Some(found) = found else {
        let why = if ended_well { "skipped" } else { "FAILED before its counts" };
        return format!("{:<10} {why}", row.name);
    };
    let mut text = format!(
        "{:<10} {:<6} {:>6} runs, {} violations, seed {}, {:.0} s",
        found.row,
        if ended_well && found.violations == 0 { "passed" } else { "FAILED" },
        found.runs,
        found.violations,
        found.seed,
        found.seconds
    );
    for (name, many) in &found.counts {
        let _ = write!(text, ", {name} {many}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_names_of_their_own_and_what_they_found_is_read() {
        let mut names: Vec<_> = ROWS.iter().map(|row| row.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ROWS.len());
        let line = r#"{"row":"KILL","runs":2,"violations":1,"seed":7,"seconds":1.5,"counts":{"lost":1}}"#;
        let found: Found = serde_json::from_str(line).unwrap();
        let text = shown(&ROWS[0], false, Some(&found));
        assert!(text.contains("FAILED") && text.contains("seed 7") && text.contains("lost 1"), "{text}");
        assert!(shown(&ROWS[0], true, None).contains("skipped"));
    }
}
