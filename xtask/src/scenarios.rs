//! `cargo xtask scenarios`: what a person does, played again and again on the real window and in a browser. One run that
//! fails is a flake; nothing is tried twice.

use std::time::Duration;

use anyhow::{Result, anyhow};
use clap::Args;

use crate::clock;
use crate::console;
use crate::folders::Folders;
use crate::program::{cargo, run, watch};
use crate::suite;
use crate::web::Web;

#[derive(Args)]
pub struct Options {
    /// How often each is played
    #[arg(long, default_value_t = 20)]
    runs: u32,
}

/// The test that plays the list on the real window, and the file that plays it in a browser.
const WINDOW: &str = "the_window_plays_every_scenario";
const BROWSER: &str = "e2e/scenarios.test.ts";

/// Plays them. True when no run failed.
///
/// # Errors
/// When something is missing, or does not build.
pub fn scenarios(folders: &Folders, options: &Options) -> Result<bool> {
    let web = Web::find(folders)?;
    web.build()?;
    let environment = suite::environment_with_everything(folders)?;
    console::step("Programs");
    run(cargo().current_dir(&folders.root).args(["build", "--workspace", "--bins", "--locked"]))?;
    let worker = ("HIVEMIND_WORKER_BIN", suite::worker(folders)?);
    let (mut window, mut browser) = (Played::default(), Played::default());
    for number in 1..=options.runs {
        console::step(&format!("Run {number} of {}", options.runs));
        let mut nextest = cargo();
        nextest.current_dir(&folders.root).envs(environment.iter().map(|(name, value)| (name, value)));
        // The whole workspace is named, because one package alone would be built with other features, anew.
        nextest.args(["nextest", "run", "--workspace", "--locked", "--retries", "0", "--no-tests", "fail"]);
        nextest.args(["-E", &format!("package(hivemind-product-tests) and test({WINDOW})")]);
        // Both at once: a computer that is busy with the other is the harder trial.
        let (in_window, in_browser) = std::thread::scope(|scope| {
            let in_window = scope.spawn(|| timed(|| Ok(watch(&mut nextest)?.0)));
            let in_browser = timed(|| web.plays(BROWSER, environment.iter().chain([&worker])));
            (in_window.join(), in_browser)
        });
        window.note(in_window.map_err(|_| anyhow!("the window's run panicked"))??);
        browser.note(in_browser?);
    }
    console::step("Scenarios");
    console::note(&window.told("in the window"));
    console::note(&browser.told("in a browser"));
    Ok(window.failed + browser.failed == 0)
}

/// Whether it passed, and how long it took.
fn timed(play: impl FnOnce() -> Result<bool>) -> Result<(bool, Duration)> {
    let began = clock::now();
    Ok((play()?, clock::now().duration_since(began)))
}

#[derive(Default)]
struct Played {
    passed: u32,
    failed: u32,
    took: Vec<Duration>,
}

impl Played {
    fn note(&mut self, (passed, took): (bool, Duration)) {
        if passed {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
        self.took.push(took);
    }

    fn told(&self, place: &str) -> String {
        let seconds = |took: Option<&Duration>| took.map_or(0, Duration::as_secs);
        let (least, most) = (seconds(self.took.iter().min()), seconds(self.took.iter().max()));
        format!("{place:<14} {} passed, {} failed, {least} to {most} s each", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failed_run_is_told() {
        let mut played = Played::default();
        played.note((true, Duration::from_secs(30)));
        played.note((false, Duration::from_secs(90)));
        assert_eq!(played.told("here"), "here           1 passed, 1 failed, 30 to 90 s each");
    }
}
