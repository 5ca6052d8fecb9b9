//! `cargo xtask fuzz`: what reads bytes from outside, under libFuzzer.
//!
//! The compiler's own coverage pass is used, which the stable compiler has too; libFuzzer comes as C++ source with the
//! crate `libfuzzer-sys`, so a C++ compiler is needed. What was found worth keeping stays in the cache between runs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::console;
use crate::folders::Folders;
use crate::program::{capture, cargo, program, run, watch};
use crate::system::on_path;

/// Coverage counters, their table, and the operands of comparisons.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

#[derive(Args)]
pub struct Options {
    /// Only these targets
    targets: Vec<String>,
    /// Seconds for each target
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Largest input in bytes
    #[arg(long, default_value_t = 65_536)]
    bytes: u32,
}

/// Builds and runs the targets. True when none crashed.
pub fn fuzz(folders: &Folders, options: &Options) -> Result<bool> {
    if !cfg!(target_os = "linux") {
        bail!("fuzzing needs Linux");
    }
    if !on_path("c++") {
        bail!("fuzzing needs a C++ compiler (Debian: g++)");
    }
    let corpus = folders.cache.join("fuzz");
    console::step("Seeds");
    let mut seeds = cargo();
    seeds.current_dir(&folders.root).args([
        "run",
        "--quiet",
        "--locked",
        "--package",
        "hivemind-hostile",
        "--",
    ]);
    let known = capture(seeds.arg("--seeds").arg(&corpus))?;
    let known: Vec<&str> = known.split_whitespace().collect();
    if let Some(unknown) = options.targets.iter().find(|target| !known.contains(&target.as_str())) {
        bail!("no target {unknown}; there are {}", known.join(", "));
    }
    let program = build(folders)?;
    let mut good = true;
    let mut rows = Vec::new();
    for target in known.iter().filter(|target| wants(options, target)) {
        console::step(&format!("Fuzz {target} for {} s", options.seconds));
        let (passed, runs) = one(&program, &corpus, target, options)?;
        good &= passed && runs > 0;
        let kept = fs::read_dir(corpus.join(target))?.count();
        rows.push(format!(
            "{target:<16} {runs:>12} runs {kept:>6} inputs kept {}",
            if passed { "" } else { "CRASHED" }
        ));
    }
    for row in rows {
        console::answer(&row);
    }
    Ok(good)
}

fn wants(options: &Options, target: &str) -> bool {
    options.targets.is_empty() || options.targets.iter().any(|wanted| wanted == target)
}

/// The one program with all targets.
fn build(folders: &Folders) -> Result<PathBuf> {
    console::step("Building with coverage counters (minutes, the first time)");
    let version = capture(program("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc tells no host")?;
    let target = folders.cache.join("fuzz-target");
    // The very versions that are shipped; cargo adds what only fuzzing needs.
    fs::copy(folders.root.join("Cargo.lock"), folders.root.join("fuzz/Cargo.lock"))?;
    let mut command = cargo();
    command.current_dir(folders.root.join("fuzz")).env("RUSTFLAGS", FLAGS).env("CARGO_TARGET_DIR", &target);
    // A target that is named gets the flags alone; build scripts are spared them.
    run(command.args(["build", "--release", "--target", host]))?;
    Ok(target.join(host).join("release/fuzz"))
}

/// Runs one target; tells whether it passed, and how many inputs it tried.
fn one(fuzz: &Path, corpus: &Path, target: &str, options: &Options) -> Result<(bool, u64)> {
    let found = corpus.join("found");
    fs::create_dir_all(&found)?;
    let mut command = program(fuzz);
    command.env("HIVEMIND_FUZZ_TARGET", target).env("RUST_BACKTRACE", "0").arg(corpus.join(target)).args([
        format!("-max_total_time={}", options.seconds),
        format!("-max_len={}", options.bytes),
        "-timeout=20".to_owned(),
        "-rss_limit_mb=2048".to_owned(),
        "-print_final_stats=1".to_owned(),
        "-verbosity=1".to_owned(),
        format!("-artifact_prefix={}/{target}-", found.display()),
    ]);
    let (passed, said) = watch(&mut command)?;
    let runs = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    if !passed {
        console::error(&format!("{target} crashed; the input lies in {}", found.display()));
    }
    Ok((passed, runs.and_then(|runs| runs.trim().parse().ok()).unwrap_or_default()))
}
