//! `cargo deny`: banned crates, licences, sources. Works without a network once it is installed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::console;
use crate::folders::Folders;
use crate::program::{cargo, program, run, succeeds};

/// The version whose configuration format `deny.toml` uses.
const VERSION: &str = "0.20.2";

/// Runs the three checks that need no advisory database.
///
/// # Errors
/// When a check fails, or the tool cannot be installed.
pub fn check(folders: &Folders) -> Result<()> {
    let deny = installed(folders)?;
    run(program(deny).current_dir(&folders.root).args(["--locked", "check", "bans", "licenses", "sources"]))
}

fn installed(folders: &Folders) -> Result<PathBuf> {
    if succeeds(program("cargo-deny").arg("--version")) {
        return Ok("cargo-deny".into());
    }
    let tools = folders.cache.join("tools");
    let deny = tools.join("bin").join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    if succeeds(program(&deny).arg("--version")) {
        return Ok(deny);
    }
    console::step("Installing cargo-deny (about a minute, once)");
    let scratch = folders.cache.join("tools-target");
    // Unoptimized: it reads one lock file, and compiles in a third of the time.
    let mut install: Command = cargo();
    install
        .args(["install", "cargo-deny", "--version", VERSION, "--locked", "--debug", "--root"])
        .arg(&tools)
        .env("CARGO_TARGET_DIR", &scratch)
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        // Outside the checkout, so that its configuration has no say.
        .current_dir(&folders.cache);
    run(&mut install).context("cargo-deny could not be installed")?;
    if scratch.is_dir() {
        fs::remove_dir_all(scratch)?;
    }
    Ok(deny)
}
