//! On Windows: a service of LocalSystem with a named pipe, and interfaces through WireGuard's own driver.

mod driver;
mod library;
mod peer;
mod pipe;
mod service;

pub use driver::DriverNetwork;
pub use library::{DLL_SHA256, checked};
pub use pipe::{PipeWire, serve};

const USAGE: &str = "usage: hivemind-netd (--service | --foreground)\n\
    --service is for the service manager, --foreground for whoever looks after it.";

/// The program.
///
/// # Errors
/// In words, why it ends.
pub fn start(words: &[String]) -> Result<(), String> {
    match words {
        [word] if word == "--service" => service::dispatch(),
        [word] if word == "--foreground" => service::run(std::future::pending()),
        _ => Err(USAGE.into()),
    }
}
