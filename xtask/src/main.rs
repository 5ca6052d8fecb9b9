//! The one developer tool of this project: `cargo xtask --help`.
//!
//! Exit codes: 0 all passed, 1 something failed, 2 a wrong command line.

mod bench;
mod brought;
mod ci;
mod clock;
mod codegen;
mod companion;
mod console;
mod counts;
mod demand;
mod dist;
mod engine;
mod faults;
mod folders;
mod fuzz;
mod hostile;
mod image;
mod licences;
mod program;
mod release;
mod run;
mod scenarios;
mod suite;
mod system;
mod tidy;
mod unchanged;
mod units;
mod web;
mod windows;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::folders::Folders;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Build, run, test and measure HiveMind Worker")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what is missing, build, and start pool, worker and app with sample tasks
    Run(run::Options),
    /// Run every test and close with the counts
    Test(suite::Options),
    /// Run everything a change must pass
    Ci,
    /// Check the rules of the house: directions, sizes, names, unsafe, generated files, format
    Tidy,
    /// Write the TypeScript types of the control API
    Codegen {
        /// Change nothing; fail when the files are not up to date
        #[arg(long)]
        check: bool,
    },
    /// Build the program that travels into every container, and put it beside the worker
    Companion,
    /// Build the standard task image from Debian packages and load it into the engine
    Image,
    /// Start the test engine and print its DOCKER_HOST
    Engine {
        #[command(subcommand)]
        verb: Option<EngineVerb>,
    },
    /// Install, or name, the system packages that are missing
    System(system::Options),
    /// Type-check the whole workspace for Windows
    Windows {
        /// Link what is run under Wine as well, make Wine ready where it is here, and print where
        #[arg(long)]
        link: bool,
    },
    /// Judge how exposed the installed services are, by systemd's measure; fails above their limits
    Units,
    /// Measure against the goals
    Bench(bench::Options),
    /// Break things on purpose: the table of faults with its counts
    Faults(faults::Options),
    /// Run what reads bytes from outside under libFuzzer
    Fuzz(fuzz::Options),
    /// Hostile inputs, each with the outcome it must have
    Hostile(hostile::Options),
    /// What a person does, played again and again in the window and in a browser; nothing is tried twice
    Scenarios(scenarios::Options),
    /// Pictures of every screen: two themes, two languages, three sizes
    Screens {
        /// Folder for the pictures
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Installable packages: all that can be made here
    Dist(dist::Options),
}

#[derive(Subcommand)]
enum EngineVerb {
    /// Start it if it does not answer (the default)
    Start,
    /// Remove its containers and end it
    Stop,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match perform(cli.task) {
        Ok(code) => code,
        Err(error) => {
            console::error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<ExitCode> {
    let folders = Folders::find()?;
    match task {
        Task::Run(options) => return run::run(&folders, &options),
        Task::Test(options) => return Ok(code(suite::test(&folders, &options)?)),
        Task::Ci => return Ok(code(ci::ci(&folders)?)),
        Task::Tidy => return Ok(code(tidy::tidy(&folders)?)),
        Task::Codegen { check } => codegen::codegen(&folders, check)?,
        Task::Companion => {
            let at = companion::build(&folders)?;
            console::answer(&at.display().to_string());
        }
        Task::Image => {
            let engine = engine::Engine::start(&folders)?;
            image::load(&folders, &engine)?;
        }
        Task::Engine { verb } => match verb {
            Some(EngineVerb::Stop) => engine::stop()?,
            Some(EngineVerb::Start) | None => {
                let engine = engine::Engine::start(&folders)?;
                image::load(&folders, &engine)?;
                console::answer(&format!("DOCKER_HOST={}", engine.host()));
            }
        },
        Task::System(options) => return Ok(code(system::system(&options)?)),
        Task::Windows { link: false } => windows::check(&folders)?,
        Task::Windows { link: true } => {
            let made = if windows::wine::available() {
                windows::wine::prepare(&folders)?
            } else {
                windows::link(&folders)?.senses
            };
            console::answer(&made.display().to_string());
        }
        Task::Units => return Ok(code(units::check(&folders)?)),
        Task::Bench(options) => return Ok(code(bench::bench(&folders, &options)?)),
        Task::Faults(options) => return faults::faults(&folders, &options),
        Task::Fuzz(options) => return Ok(code(fuzz::fuzz(&folders, &options)?)),
        Task::Hostile(options) => return Ok(code(hostile::hostile(&folders, &options)?)),
        Task::Scenarios(options) => return Ok(code(scenarios::scenarios(&folders, &options)?)),
        Task::Screens { out } => {
            let out = out.unwrap_or_else(|| folders.cache.join("screens"));
            web::Web::find(&folders)?.screens(&std::path::absolute(out)?)?;
        }
        Task::Dist(options) => return dist::dist(&folders, &options),
    }
    Ok(ExitCode::SUCCESS)
}

fn code(passed: bool) -> ExitCode {
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn commands_take_their_documented_flags() {
        for line in [
            "xtask faults --only KILL,FAILPOINT --json --report r.txt --seed 7 --runs 3",
            "xtask hostile --only archives,results --json --self-check --report r.txt",
            "xtask screens --out pictures",
            "xtask scenarios --runs 3",
            "xtask dist deb msi --json --no-build --out packages",
            "xtask dist --twice",
            "xtask dist --twice=packages appimage --no-build",
            "xtask dist deb --twice=programs",
            "xtask bench --only P1,P2 --json",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
    }
}
