//! `cargo xtask run`: from a checkout to a running app with sample tasks.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use crate::demand::Group;
use crate::engine::Engine;
use crate::folders::{Folders, set};
use crate::program::{cargo, program, run as perform, shown};
use crate::release::Place;
use crate::web::Web;
use crate::{companion, console, image, system};

#[derive(Args)]
pub struct Options {
    /// Build optimized programs (takes minutes longer)
    #[arg(long)]
    release: bool,
    /// No window, even where there is a display
    #[arg(long)]
    headless: bool,
    /// End when the samples are settled, instead of staying up
    #[arg(long)]
    once: bool,
    /// More words for `hivemind-worker demo`, such as `--primes-below 1000000`
    #[arg(last = true)]
    rest: Vec<String>,
}

/// Builds and starts everything. The exit code is the app's own.
pub fn run(folders: &Folders, options: &Options) -> Result<ExitCode> {
    if !system::ensure(&[Group::Build, Group::Engine])? {
        console::warning("going on without them; a step below may fail");
    }
    Web::find(folders)?.build()?;
    console::step("Building worker and window (the first time takes some minutes)");
    let mut build = if options.release { Place::of(folders)?.cargo(&[])? } else { cargo() };
    build.current_dir(&folders.root).args([
        "build",
        "--locked",
        "-p",
        "hivemind-app",
        "-p",
        "hivemind-window",
    ]);
    if options.release {
        build.arg("--release");
    }
    perform(&mut build)?;
    companion::build_if_possible(folders);
    let engine = Engine::start(folders)?;
    image::load(folders, &engine)?;
    let profile = if options.release { "release" } else { "debug" };
    let binary = format!("hivemind-worker{}", std::env::consts::EXE_SUFFIX);
    let worker = folders.target()?.join(profile).join(binary);
    let mut demo = program(worker);
    demo.current_dir(&folders.root).arg("demo").env("DOCKER_HOST", engine.host());
    if !options.once {
        demo.arg("--keep-running");
        if display() && !options.headless {
            demo.arg("--open");
        }
    }
    demo.args(&options.rest);
    console::step("Local pool, worker and sample tasks");
    console::note(&format!("$ DOCKER_HOST={} {}", engine.host(), shown(&demo)));
    let status = demo.status().context("the worker could not be started")?;
    Ok(match status.code() {
        Some(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        None => ExitCode::FAILURE,
    })
}

/// Whether a window could be shown.
fn display() -> bool {
    cfg!(windows) || set("DISPLAY").is_some() || set("WAYLAND_DISPLAY").is_some()
}
