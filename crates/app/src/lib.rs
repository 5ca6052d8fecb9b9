//! The composition root: puts the rooms together into the one program `hivemind-worker`.

mod autostart;
pub mod cli;
mod client;
mod demo;
mod desktop;
mod doctor;
mod earned;
mod exit;
mod falls;
mod footprint;
mod help;
mod invite;
mod lan;
mod logging;
mod output;
mod panics;
mod pool;
mod practice;
mod process;
mod proof;
mod receipts;
mod redact;
mod requester;
mod status;
mod support;
mod system_service;
mod tasks;
mod timeline;
mod tongue;
mod uninstall;
mod updates;
mod window;
mod words;

use std::process::ExitCode;

/// The program: reads the command line, does what it says, gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    panics::watch();
    let arguments: Vec<_> = std::env::args_os().collect();
    words::speak(tongue::of(&arguments));
    let cli = match help::read(&arguments) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    if cli.system {
        return system_service::hand_over(&cli, &arguments);
    }
    // Only the first call of a process can install a provider, and this is it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            return output::failure(cli.json, &anyhow::anyhow!(words::words().no_event_loop(&error)));
        }
    };
    let began = tokio::time::Instant::now();
    let code = match runtime.block_on(run(&cli, began)) {
        Ok(code) => code,
        Err(error) => output::failure(cli.json, &error),
    };
    // A blocking call that hangs must not keep the program alive.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    code
}

async fn run(cli: &cli::Cli, began: tokio::time::Instant) -> anyhow::Result<ExitCode> {
    use cli::Command;
    match &cli.command {
        Command::VerifyLedger(options) => receipts::verify_ledger(cli, options.file.as_deref()),
        Command::Receipts(options) => receipts::export(cli, options),
        Command::Run(options) => process::run(cli, options.tray, began).await,
        Command::Desktop => desktop::open(cli, began).await,
        Command::Demo(options) => demo::run(cli, options).await,
        Command::Pool(command) => pool::run(cli, command).await,
        Command::Uninstall(options) => uninstall::run(cli, options).await,
        Command::Support(options) => support::run(cli, options).await,
        Command::Update(options) => updates::run(cli, options).await,
        Command::Status
        | Command::Start
        | Command::Stop
        | Command::Finish
        | Command::Snooze(_)
        | Command::IgnoreRules(_)
        | Command::Preset(_)
        | Command::Timeline(_)
        | Command::WhatIf(_)
        | Command::Tasks(_)
        | Command::Logs(_)
        | Command::StopTask(_)
        | Command::Hosts(_)
        | Command::Earnings(_)
        | Command::Login(_)
        | Command::Logout
        | Command::Settings(_)
        | Command::Images(_)
        | Command::Metrics(_)
        | Command::Doctor(_)
        | Command::Prove
        | Command::RenewLink
        | Command::NarrowLink
        | Command::Open(_)
        | Command::Quit => client::run(cli).await,
    }
}
