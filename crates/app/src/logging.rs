//! Where log lines go: to standard error or a file, and to the worker's own log, which its hosts show. Tokens, keys and
//! task arguments are never logged.

use anyhow::Context;
use hivemind_domain::settings::Settings;
use hivemind_store::OwnLog;
use std::fs::OpenOptions;
use std::sync::Mutex;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging as the settings say: standard error, or a file; and to `own`, where there is one.
///
/// # Errors
/// When the file cannot be opened.
pub(crate) fn start(settings: &Settings, own: Option<OwnLog>) -> anyhow::Result<()> {
    let level = match settings.text("log_level") {
        "error" => LevelFilter::ERROR,
        "warn" | "warning" => LevelFilter::WARN,
        "debug" => LevelFilter::DEBUG,
        "trace" => LevelFilter::TRACE,
        _ => LevelFilter::INFO,
    };
    // Libraries speak only when something is wrong: their debug lines can hold what tasks and pools send.
    let filter = Targets::new().with_default(LevelFilter::WARN).with_targets(ROOMS.map(|room| (room, level)));
    let file = settings.text("log_file");
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_target(false);
    let own = own.map(|own| {
        tracing_subscriber::fmt::layer().with_ansi(false).with_target(false).with_writer(move || own.event())
    });
    let log = tracing_subscriber::registry().with(filter).with(own);
    let started = if file.is_empty() {
        log.with(lines.with_writer(std::io::stderr)).try_init()
    } else {
        let mut options = OpenOptions::new();
        options.create(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(file).with_context(|| format!("the log file {file} cannot be opened"))?;
        log.with(lines.with_writer(Mutex::new(file))).try_init()
    };
    started.map_err(|error| anyhow::anyhow!("logging cannot be started: {error}"))
}

/// Our own crates.
const ROOMS: [&str; 11] = [
    "hivemind_app",
    "hivemind_engine",
    "hivemind_host",
    "hivemind_local_api",
    "hivemind_local_pool",
    "hivemind_pool_client",
    "hivemind_store",
    "hivemind_tray",
    "hivemind_vpn",
    "hivemind_wireguard",
    "hivemind_worker_core",
];
