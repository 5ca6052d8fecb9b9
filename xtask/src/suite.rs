//! `cargo xtask test`: every test there is, closing with the counts.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use crate::console;
use crate::counts::Counts;
use crate::demand::Group;
use crate::engine::Engine;
use crate::folders::Folders;
use crate::program::{cargo, run, succeeds, watch};
use crate::web::Web;
use crate::{companion, dist, image, system, windows};

/// A test that cannot run here prints a line that begins with this word, tells the reason, and returns. It then
/// counts as skipped, not as passed.
const SKIPPED: &str = "SKIPPED";

#[derive(Args, Default)]
pub struct Options {
    /// Only these parts
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Types, lint and unit tests of the UI
    Ui,
    /// All Rust tests: units, adapters against a real engine, product tests
    Rust,
    /// The UI in a real browser
    E2e,
}

/// Runs the tests and prints the counts as the last line. True when nothing failed.
pub fn test(folders: &Folders, options: &Options) -> Result<bool> {
    let wants = |part| options.only.is_empty() || options.only.contains(&part);
    let complete = system::ensure(&[Group::Build, Group::Engine, Group::E2e, Group::Packages])?;
    if !complete {
        console::warning("going on without them: tests that need them will be counted as skipped");
    }
    let web = Web::find(folders)?;
    // The worker and the window carry the built UI inside: without it nothing below compiles.
    web.build()?;
    let mut table: Vec<(&str, Counts)> = Vec::new();
    if wants(Part::Ui) {
        table.push(("ui checks", ui_checks(&web)?));
        table.push(("ui units", ui_units(&web)?));
    }
    if wants(Part::Rust) || wants(Part::E2e) {
        let environment = environment(folders, complete)?;
        companion::build_if_possible(folders);
        if wants(Part::Rust) {
            let mut environment = environment.clone();
            environment.extend(wine(folders)?);
            table.extend(rust(folders, &environment)?);
        }
        if wants(Part::E2e) {
            table.push(("ui in a browser", browser(folders, &web, &environment)?));
        }
    }
    let mut total = Counts::default();
    console::step("Tests");
    for (name, counts) in &table {
        console::note(&format!("{name:<20} {counts}"));
        total += *counts;
    }
    if total.passed + total.failed == 0 {
        bail!("no test ran");
    }
    console::answer(&total.to_string());
    Ok(total.failed == 0)
}

fn ui_checks(web: &Web) -> Result<Counts> {
    console::step("Types and lint of the UI");
    let mut counts = Counts::default();
    for script in ["check", "lint"] {
        if !web.has(script) {
            bail!("ui/package.json has no script `{script}`");
        }
        match web.check(script) {
            Ok(()) => counts.passed += 1,
            Err(error) => {
                console::error(&format!("{error:#}"));
                counts.failed += 1;
            }
        }
    }
    Ok(counts)
}

fn ui_units(web: &Web) -> Result<Counts> {
    console::step("Unit tests of the UI");
    for script in ["test:unit", "test"] {
        if web.has(script) {
            return web.counted(script, &[]);
        }
    }
    bail!("ui/package.json has no script `test:unit` or `test`");
}

/// The same where nothing may be missing.
///
/// # Errors
/// When something is.
pub fn environment_with_everything(folders: &Folders) -> Result<Vec<(&'static str, String)>> {
    if !system::ensure(&[Group::Build, Group::Engine, Group::E2e])? {
        bail!("something is missing here; see above");
    }
    let environment = environment(folders, true)?;
    if environment.iter().all(|(name, _)| *name != "HIVEMIND_REQUIRE_ENGINE") {
        bail!("there is no engine here");
    }
    companion::build_if_possible(folders);
    Ok(environment)
}

/// What tests are told about this machine.
fn environment(folders: &Folders, desktop: bool) -> Result<Vec<(&'static str, String)>> {
    let mut environment = Vec::new();
    if desktop {
        environment.push(("HIVEMIND_REQUIRE_DESKTOP", "1".to_owned()));
    }
    match Engine::start(folders).and_then(|engine| {
        image::load(folders, &engine)?;
        Ok(engine)
    }) {
        Ok(engine) => {
            environment.push(("DOCKER_HOST", engine.host().to_owned()));
            environment.push(("HIVEMIND_TEST_DOCKER_HOST", engine.host().to_owned()));
            // It is here, so a test that does not find it has failed.
            environment.push(("HIVEMIND_REQUIRE_ENGINE", "1".to_owned()));
        }
        Err(error) if crate::folders::set("CI").is_some() => return Err(error.context("CI needs an engine")),
        Err(error) => console::warning(&format!("{error:#}; tests that need an engine count as skipped")),
    }
    Ok(environment)
}

/// What the tests under Wine are told.
fn wine(folders: &Folders) -> Result<Option<(&'static str, String)>> {
    if !(windows::available() && windows::wine::available()) {
        return Ok(None);
    }
    match windows::wine::prepare(folders) {
        Ok(ready) => Ok(Some((windows::wine::VARIABLE, ready.display().to_string()))),
        Err(error) if crate::folders::set("CI").is_some() => Err(error.context("CI needs Wine")),
        Err(error) => {
            console::warning(&format!("{error:#}; tests under Wine count as skipped"));
            Ok(None)
        }
    }
}

fn rust(folders: &Folders, environment: &[(&'static str, String)]) -> Result<Vec<(&'static str, Counts)>> {
    console::step("Rust: programs");
    // Product tests start the programs themselves.
    run(cargo().current_dir(&folders.root).args(["build", "--workspace", "--bins", "--locked"]))?;
    // For the test of an AppImage that updates itself.
    if let Err(error) = dist::image_runtime(folders) {
        console::warning(&format!("{error:#}; tests of a real AppImage count as skipped"));
    }
    // nextest hides what passing tests print, and keeps it in this report.
    let report = folders.target()?.join("nextest/default/junit.xml");
    if report.exists() {
        fs::remove_file(&report)?;
    }
    let nextest = succeeds(cargo().args(["nextest", "--version"]));
    console::step(if nextest {
        "Rust: tests"
    } else {
        "Rust: tests (nextest is not installed; cargo test serves)"
    });
    let mut command = cargo();
    command.current_dir(&folders.root);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    if nextest {
        command.args(["nextest", "run", "--workspace", "--locked", "--no-fail-fast"]);
    } else {
        command.args(["test", "--workspace", "--locked", "--no-fail-fast", "--lib", "--bins", "--tests"]);
        command.args(["--", "--show-output"]);
    }
    let (passed, output) = watch(&mut command)?;
    let said = if nextest { fs::read_to_string(&report).unwrap_or_default() } else { output.clone() };
    let mut tests = counted((passed, output)).context("the Rust tests did not run")?;
    for (test, reason) in skips(&said) {
        console::warning(&format!("skipped {test}: {reason}"));
        tests.skip(1);
    }
    console::step("Rust: examples in the documentation");
    let mut docs = cargo();
    docs.current_dir(&folders.root).args(["test", "--doc", "--workspace", "--locked", "--quiet"]);
    let docs = counted(watch(&mut docs)?).context("the documentation's examples did not run")?;
    Ok(vec![("rust", tests), ("rust documentation", docs)])
}

/// The counts of a run; a run that failed without a failed test (it did not compile) is an error.
fn counted((passed, output): (bool, String)) -> Result<Counts> {
    match Counts::read(&output) {
        Some(counts) if passed || counts.failed > 0 => Ok(counts),
        Some(_) | None => bail!("it ended before its counts; see above"),
    }
}

/// The tests that said they could not run here, with their reasons. Reads nextest's report and what `cargo test`
/// shows alike.
fn skips(said: &str) -> BTreeMap<&str, &str> {
    let mut found = BTreeMap::new();
    let mut test = "";
    for line in said.lines() {
        if let Some((_, rest)) = line.split_once("<testcase name=\"") {
            test = rest.split('"').next().unwrap_or(rest);
        } else if let Some(name) =
            line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----"))
        {
            test = name;
        }
        // In the report the first line of an output follows its tag.
        let Some((before, reason)) = line.split_once(SKIPPED) else { continue };
        if before.trim().is_empty() || before.ends_with('>') {
            let reason = reason.split("</").next().unwrap_or(reason);
            found.entry(test).or_insert(reason.trim_start_matches([':', ' ']).trim_end());
        }
    }
    found
}

fn browser(folders: &Folders, web: &Web, environment: &[(&'static str, String)]) -> Result<Counts> {
    console::step("The UI in a browser");
    if !web.has("test:e2e") {
        console::warning("skipped: ui/package.json has no script `test:e2e` yet");
        return Ok(Counts { skipped: 1, ..Counts::default() });
    }
    if !system::on_path("chromium") {
        console::warning("skipped: no chromium here");
        return Ok(Counts { skipped: 1, ..Counts::default() });
    }
    let mut environment = environment.to_vec();
    environment.push(("HIVEMIND_WORKER_BIN", worker(folders)?));
    web.counted("test:e2e", &environment)
}

/// The worker that browser tests start; it is built where it is missing.
///
/// # Errors
/// When it does not build.
pub fn worker(folders: &Folders) -> Result<String> {
    let worker =
        folders.target()?.join("debug").join(format!("hivemind-worker{}", std::env::consts::EXE_SUFFIX));
    if !worker.is_file() {
        run(cargo().current_dir(&folders.root).args([
            "build",
            "--package",
            "hivemind-app",
            "--bins",
            "--locked",
        ]))?;
    }
    Ok(worker.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_did_not_compile_is_no_success() {
        assert!(counted((false, "error: could not compile".into())).is_err());
        assert!(counted((false, "3 passed, 0 failed".into())).is_err());
        assert_eq!(counted((false, "3 passed, 1 failed".into())).unwrap().failed, 1);
    }

    #[test]
    fn every_skipped_test_counts_once() {
        let report = "<testcase name=\"one\" time=\"1\">\n<system-out>SKIPPED: no engine\nSKIPPED again</system-out>\n\
                      <testcase name=\"two\">\n<system-err>noise\nSKIPPED two: no display</system-err>\n\
                      <testcase name=\"three\">\n<system-out>the word SKIPPED inside a line</system-out>\n";
        assert_eq!(skips(report), BTreeMap::from([("one", "no engine"), ("two", "two: no display")]));
        let shown = "---- a::one stdout ----\nSKIPPED: no engine\n\n---- a::two stdout ----\nfine\n";
        assert_eq!(skips(shown), BTreeMap::from([("a::one", "no engine")]));
    }
}
