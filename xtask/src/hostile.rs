//! `cargo xtask hostile`: every hostile input, each with the outcome it must have. They live in `tests/hostile`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::console;
use crate::engine::Engine;
use crate::folders::Folders;
use crate::image;
use crate::program::cargo;

#[derive(Args, Default)]
pub struct Options {
    /// Only these groups
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Name every input with its making and its expected outcome; run none
    #[arg(long)]
    list: bool,
    /// One JSON line instead of text
    #[arg(long)]
    json: bool,
    /// Write one line per input to this file
    #[arg(long)]
    report: Option<PathBuf>,
    /// Put a worker that takes everything in ours' place; each refusal must then be missed
    #[arg(long)]
    self_check: bool,
}

/// Groups that need no container engine.
const WITHOUT_ENGINE: [&str; 10] =
    ["archives", "results", "messages", "live", "pushes", "wireguard", "netd", "text", "page", "locals"];

/// Runs the groups. True when every outcome was the expected one.
pub fn hostile(folders: &Folders, options: &Options) -> Result<bool> {
    let asked = |group: &str| options.only.is_empty() || options.only.iter().any(|only| only == group);
    if asked("text") && !options.list {
        // One of the ways by which text comes to people is the program itself.
        let mut program = cargo();
        program.current_dir(&folders.root).args([
            "build",
            "--quiet",
            "--locked",
            "--package",
            "hivemind-app",
        ]);
        if !program.status()?.success() {
            return Ok(false);
        }
    }
    let mut command = cargo();
    command.current_dir(&folders.root).args([
        "run",
        "--quiet",
        "--locked",
        "--package",
        "hivemind-hostile",
        "--",
    ]);
    if !options.only.is_empty() {
        command.args(["--only", &options.only.join(",")]);
    }
    for (flag, set) in
        [("--list", options.list), ("--json", options.json), ("--self-check", options.self_check)]
    {
        if set {
            command.arg(flag);
        }
    }
    if let Some(report) = &options.report {
        command.arg("--report").arg(std::path::absolute(report)?);
    }
    let alone = options.only.iter().all(|group| WITHOUT_ENGINE.contains(&group.as_str()));
    if options.only.is_empty() || !alone {
        let engine = Engine::start(folders)?;
        image::load(folders, &engine)?;
        command.env("DOCKER_HOST", engine.host()).env("HIVEMIND_TEST_DOCKER_HOST", engine.host());
    }
    console::step("Hostile inputs");
    Ok(command.status()?.success())
}
