//! One row of the table of faults: how often, with which seed, and what came of it.

use std::time::{Duration, Instant};

/// Number of runs; without it a row makes its share of the ordinary tests.
const RUNS: &str = "HIVEMIND_FAULTS_RUNS";
/// Seed to repeat.
const SEED: &str = "HIVEMIND_FAULTS_SEED";
/// Begins the line that `cargo xtask faults` reads.
const MARK: &str = "FAULTS ";

/// A row under way.
pub struct Row {
    name: &'static str,
    /// How many runs are wanted.
    pub runs: u32,
    /// What all chance follows from.
    pub seed: u64,
    started: Instant,
    /// What was counted beside the runs, by name.
    counts: Vec<(&'static str, u64)>,
    /// What must not have happened.
    violations: Vec<String>,
    /// Runs done.
    pub done: u32,
}

impl Row {
    /// Opens a row that makes `usual` runs where nobody says how many.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the duration of a test run is real time")]
    pub fn open(name: &'static str, usual: u32) -> Self {
        let number = |variable: &str| std::env::var(variable).ok()?.parse::<u64>().ok();
        let runs = number(RUNS).and_then(|runs| u32::try_from(runs).ok()).unwrap_or(usual);
        let seed = number(SEED).unwrap_or_else(|| u64::from(rand::random::<u32>()));
        let row = Self {
            name,
            runs,
            seed,
            started: Instant::now(),
            counts: Vec::new(),
            violations: Vec::new(),
            done: 0,
        };
        row.say(&format!("{runs} runs, seed {seed}"));
        row
    }

    /// Whether more than the share of the ordinary tests was asked for.
    #[must_use]
    pub fn asked(&self) -> bool {
        std::env::var_os(RUNS).is_some()
    }

    /// Adds to a count.
    pub fn count(&mut self, name: &'static str, many: u64) {
        match self.counts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += many,
            None => self.counts.push((name, many)),
        }
    }

    /// Sets a figure.
    pub fn set(&mut self, name: &'static str, value: u64) {
        self.counts.retain(|(known, _)| *known != name);
        self.counts.push((name, value));
    }

    /// One run is done.
    pub fn ran(&mut self) {
        self.done += 1;
        let step = (self.runs / 20).max(1);
        if self.done.is_multiple_of(step) {
            self.say(&format!("{} of {}, {} violations", self.done, self.runs, self.violations.len()));
        }
    }

    /// Something that must not happen has happened.
    pub fn violation(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.say(&format!("VIOLATION: {what}"));
        self.violations.push(what);
    }

    /// Takes over what a part of this row, run at the same time, has found.
    pub fn take(&mut self, part: Part) {
        for (name, many) in part.counts {
            self.count(name, many);
        }
        for what in part.violations {
            self.violation(what);
        }
        for _ in 0..part.runs {
            self.ran();
        }
    }

    #[expect(clippy::print_stdout, reason = "a test says how far it is")]
    fn say(&self, text: &str) {
        println!("{:<9} {:>6.1} s  {text}", self.name, self.started.elapsed().as_secs_f64());
    }

    /// Prints the figures and fails when anything was wrong.
    ///
    /// # Panics
    /// When there was a violation, or fewer runs than wanted.
    #[expect(clippy::print_stdout, reason = "this is the row's answer")]
    pub fn close(self) {
        let counts: Vec<_> = self.counts.iter().map(|(name, many)| format!("\"{name}\":{many}")).collect();
        println!(
            "{MARK}{{\"row\":\"{}\",\"runs\":{},\"violations\":{},\"seed\":{},\"seconds\":{:.1},\"counts\":{{{}}}}}",
            self.name,
            self.done,
            self.violations.len(),
            self.seed,
            self.started.elapsed().as_secs_f64(),
            counts.join(",")
        );
        let (name, seed) = (self.name, self.seed);
        assert!(
            self.violations.is_empty(),
            "{name}: {} violations; repeat with seed {seed}:\n{}",
            self.violations.len(),
            self.violations.join("\n")
        );
        assert!(self.done >= self.runs, "{name}: only {} of {} runs", self.done, self.runs);
    }
}

/// What a part of a row has found.
#[derive(Debug, Default)]
pub struct Part {
    /// Runs.
    pub runs: u32,
    /// Counts by name.
    pub counts: Vec<(&'static str, u64)>,
    /// What must not have happened.
    pub violations: Vec<String>,
}

impl Part {
    /// Adds to a count.
    pub fn count(&mut self, name: &'static str, many: u64) {
        self.counts.push((name, many));
    }

    /// Something that must not happen has happened.
    pub fn violation(&mut self, what: impl Into<String>) {
        self.violations.push(what.into());
    }
}

/// The given share of the sorted durations is at most this, in milliseconds.
#[must_use]
pub fn percentile(durations: &[Duration], percent: usize) -> u64 {
    let mut sorted = durations.to_vec();
    sorted.sort();
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}
