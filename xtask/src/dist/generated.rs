//! Manual pages and shell completions, from the command line's own description.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::{Shell, generate};

/// The worker's command line itself: it knows nothing but `clap`, so nothing else has to be built for its manual.
#[path = "../../../crates/app/src/cli.rs"]
#[cfg_attr(not(test), expect(dead_code, reason = "only its description is read here"))]
mod cli;

const NAME: &str = "hivemind-worker";

/// Files below `folder`: `man/*.1` and `completions/{bash,zsh,fish}`.
///
/// # Errors
/// When they cannot be written.
pub fn write(folder: &Path) -> Result<()> {
    let man = folder.join("man");
    fs::create_dir_all(&man)?;
    clap_mangen::generate_to(cli::Cli::command(), &man).context("the manual pages")?;
    let completions = folder.join("completions");
    fs::create_dir_all(&completions)?;
    for (shell, name) in [(Shell::Bash, "bash"), (Shell::Zsh, "zsh"), (Shell::Fish, "fish")] {
        let mut text = Vec::new();
        generate(shell, &mut cli::Cli::command(), NAME, &mut text);
        fs::write(completions.join(name), text)?;
    }
    Ok(())
}

/// All files of a generated thing, sorted: itself, or what lies in it.
///
/// # Errors
/// When it is not there.
pub fn files(at: &Path) -> Result<Vec<PathBuf>> {
    if at.is_file() {
        return Ok(vec![at.to_owned()]);
    }
    let mut files: Vec<PathBuf> = fs::read_dir(at)
        .with_context(|| format!("{} is not generated", at.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_page_and_completes() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let bash = fs::read_to_string(folder.path().join("completions/bash")).unwrap();
        for command in cli::Cli::command().get_subcommands() {
            let name = command.get_name();
            let page = folder.path().join(format!("man/{NAME}-{name}.1"));
            assert!(page.is_file(), "{name} has no manual page");
            assert!(bash.contains(name), "{name} does not complete");
        }
        let page = fs::read_to_string(folder.path().join("man/hivemind-worker.1")).unwrap();
        assert!(page.contains("Exit codes"), "{page}");
    }
}
