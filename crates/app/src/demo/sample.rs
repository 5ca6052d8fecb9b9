//! The sample tasks.

use super::answer;
use crate::cli::DemoOptions;
use crate::words::words;
use anyhow::Context;
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::resources::{MIB, Resources};
use std::io::{Cursor, Write};
use std::path::Path;
use std::time::Duration;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const LICENCE: &[u8] = include_bytes!("../../../../LICENSE");

/// Reads the answer out of a result zip and compares it with our own calculation.
pub(super) type Check = Box<dyn Fn(&Path) -> anyhow::Result<String>>;

/// How a sample should end.
pub(super) enum Wanted {
    /// Exit code 0 and this answer.
    Answer(Check),
    /// This exit code.
    ExitCode(i64),
    /// Cancelled by its requester.
    Cancelled,
}

impl PartialEq for Wanted {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Cancelled, Self::Cancelled) => true,
            (Self::ExitCode(a), Self::ExitCode(b)) => a == b,
            (Self::Answer(_) | Self::ExitCode(_) | Self::Cancelled, _) => false,
        }
    }
}

/// One sample.
pub(crate) struct Sample {
    pub(super) name: &'static str,
    pub(crate) package: Vec<u8>,
    pub(crate) limits: TaskLimits,
    pub(super) wanted: Wanted,
}

fn package(files: &[(&str, &[u8])]) -> anyhow::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        zip.start_file(*name, SimpleFileOptions::default())?;
        zip.write_all(bytes)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// Counts the primes below `n`.
pub(crate) fn primes(n: u64) -> anyhow::Result<Sample> {
    sample(
        "primes",
        &[
            ("main.py", include_bytes!("../../../../tests/fixtures/tasks/primes/main.py")),
            ("n.txt", n.to_string().as_bytes()),
        ],
        Wanted::Answer(Box::new(move |zip| answer::primes(zip, n))),
    )
}

/// All samples, or those that were asked for.
pub(super) fn all(options: &DemoOptions) -> anyhow::Result<Vec<Sample>> {
    let text = match &options.text {
        Some(path) => std::fs::read(path).with_context(|| words().unreadable(path.display()))?,
        None => LICENCE.to_vec(),
    };
    let n = options.primes_below;
    let own = text.clone();
    let mut samples = vec![
        primes(n)?,
        sample(
            "wordfreq",
            &[
                ("main.py", include_bytes!("../../../../tests/fixtures/tasks/wordfreq/main.py")),
                ("text.txt", &text),
            ],
            Wanted::Answer(Box::new(move |zip| answer::word_frequencies(zip, &own))),
        )?,
        sample(
            "mandelbrot",
            &[("main.py", include_bytes!("../../../../tests/fixtures/tasks/mandelbrot/main.py"))],
            Wanted::Answer(Box::new(answer::mandelbrot)),
        )?,
        sample(
            "fails",
            &[("main.py", include_bytes!("../../../../tests/fixtures/tasks/fails/main.py"))],
            Wanted::ExitCode(3),
        )?,
        sample(
            "endless",
            &[("main.py", include_bytes!("../../../../tests/fixtures/tasks/endless/main.py"))],
            Wanted::Cancelled,
        )?,
    ];
    if !options.only.is_empty() {
        for name in &options.only {
            anyhow::ensure!(samples.iter().any(|s| s.name == name), words().no_sample(name));
        }
        samples.retain(|s| options.only.iter().any(|name| name == s.name));
    }
    Ok(samples)
}

fn sample(name: &'static str, files: &[(&str, &[u8])], wanted: Wanted) -> anyhow::Result<Sample> {
    let limits = TaskLimits {
        resources: Resources { cpu_millis: 500, memory_bytes: 512 * MIB, gpus: 0 },
        timeout: Duration::from_secs(600),
        ..TaskLimits::default()
    };
    Ok(Sample { name, package: package(files)?, limits, wanted })
}
