//! `hivemind-companion`: the one program of ours that runs inside containers. Static, without threads or a runtime,
//! so that it starts in any image, also in an empty one.
//!
//! The first argument is its role:
//!
//! | role | runs as | does |
//! |---|---|---|
//! | `init` | process 1 of every task's container | starts the task, reaps, forwards SIGTERM, bounds the disk |
//! | `prove` | a task of its own | tries to break out, and tells what was denied |
//! | `relay` | a container in the network namespace of a task | carries connections to the worker over its standard streams |
//!
//! Architecture invariants: it trusts nothing in the container, keeps no secret, opens no connection by itself, and
//! speaks to the worker only through its exit code and its standard streams.

#[cfg(target_os = "linux")]
mod console;
#[cfg(target_os = "linux")]
mod disk;
#[cfg(target_os = "linux")]
mod init;
#[cfg(target_os = "linux")]
mod prove;
#[cfg(target_os = "linux")]
mod relay;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    let arguments: Vec<std::ffi::OsString> = std::env::args_os().collect();
    let mut arguments = arguments.into_iter();
    let own = arguments.next().unwrap_or_default();
    let role = arguments.next().unwrap_or_default();
    match role.to_str() {
        Some("init") => init::init(own.as_ref(), arguments.collect()),
        Some("prove") => prove::prove(arguments.collect()),
        Some("relay") => relay::relay(),
        _ => {
            console::error("usage: hivemind-companion init|prove|relay …");
            std::process::ExitCode::from(console::WRONG_USAGE)
        }
    }
}

/// Containers are Linux: elsewhere this program is data that the worker sends, and is not built to run.
#[cfg(not(target_os = "linux"))]
fn main() -> std::process::ExitCode {
    std::process::ExitCode::FAILURE
}
