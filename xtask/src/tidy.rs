//! `cargo xtask tidy`: the rules of the house, each a small function over plain data, so that each can be tested.

mod direction;
mod names;
mod seams;
mod sizes;
mod sources;
mod unsafety;

use anyhow::Result;

use self::sources::Source;
use crate::folders::Folders;
use crate::program::{cargo, run};
use crate::{codegen, console};

/// A broken rule: where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    place: String,
    advice: String,
}

impl Finding {
    fn new(place: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { place: place.into(), advice: advice.into() }
    }
}

/// Checks every rule. True when none is broken.
pub fn tidy(folders: &Folders) -> Result<bool> {
    let sources = sources::read(folders)?;
    let mut findings = direction::check(&direction::read(folders)?);
    findings.extend(sizes::check(&sources));
    findings.extend(names::check(&sources));
    findings.extend(seams::check(&sources));
    findings.extend(unsafety::check(&sources));
    findings.sort();
    for warning in sizes::warnings(&sources) {
        console::warning(&format!("{}: {}", warning.place, warning.advice));
    }
    for finding in &findings {
        console::error(&format!("{}: {}", finding.place, finding.advice));
    }
    console::note(&format!("{} files read, {} findings", sources.len(), findings.len()));
    let mut passed = findings.is_empty();
    for (name, result) in [
        ("generated files", codegen::codegen(folders, true)),
        ("format", run(cargo().current_dir(&folders.root).args(["fmt", "--all", "--check"]))),
    ] {
        if let Err(error) = result {
            console::error(&format!("{name}: {error:#}"));
            passed = false;
        }
    }
    Ok(passed)
}

/// Test data for the rules.
#[cfg(test)]
fn source(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}
