//! The Docker engine that tests use.
//!
//! As root on Linux it is a private one, in its own network namespace, with its own data: it leaves the host's
//! firewall, images and containers alone, and has no route out, so that a pull fails at once. Anyone else brings an
//! engine of their own: `DOCKER_HOST`, or the usual socket.

mod base;
#[cfg(unix)]
mod private;

pub use base::applets;

use std::process::Command;

use anyhow::{Result, bail};

use crate::console;
use crate::folders::{Folders, set};
use crate::program::{capture, program};
use crate::system;

/// A running engine that answers.
#[derive(Debug, Clone)]
pub struct Engine {
    host: String,
}

impl Engine {
    /// Finds or starts the engine, with the small base image loaded.
    ///
    /// # Errors
    /// When there is none and none may be started; the message says what to do.
    pub fn start(folders: &Folders) -> Result<Self> {
        let engine = Self::find(folders)?;
        base::load(&engine)?;
        Ok(engine)
    }

    fn find(folders: &Folders) -> Result<Self> {
        if let Some(host) = set("DOCKER_HOST") {
            let engine = Self { host };
            return match engine.version() {
                Ok(_) => Ok(engine),
                Err(error) => bail!("DOCKER_HOST is {} and does not answer: {error:#}", engine.host),
            };
        }
        if let Some(host) = private(folders)? {
            return Ok(Self { host });
        }
        let host =
            if cfg!(windows) { "npipe:////./pipe/docker_engine" } else { "unix:///var/run/docker.sock" };
        let engine = Self { host: host.to_owned() };
        match engine.version() {
            Ok(version) => {
                console::note(&format!("using the engine at {host}, version {}", version.trim()));
                Ok(engine)
            }
            Err(error) => bail!(
                "no Docker engine: {error:#}. Start one, set DOCKER_HOST, or run this as root on Linux \
                 so that a private one can be started"
            ),
        }
    }

    /// Its address, as `DOCKER_HOST` wants it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The Docker command line, speaking to this engine.
    pub fn docker(&self) -> Command {
        let mut command = program("docker");
        command.env("DOCKER_HOST", &self.host).env_remove("DOCKER_CONTEXT");
        command
    }

    fn version(&self) -> Result<String> {
        capture(self.docker().args(["version", "--format", "{{.Server.Version}}"]))
    }

    /// The label `name` of an image, when the image is here and has it.
    pub fn image_label(&self, image: &str, name: &str) -> Option<String> {
        let format = format!("{{{{index .Config.Labels \"{name}\"}}}}");
        capture(self.docker().args(["image", "inspect", "--format", &format, image]))
            .ok()
            .map(|label| label.trim().to_owned())
            .filter(|label| !label.is_empty() && label != "<no value>")
    }
}

/// Starts the private engine where this process may. `None` where it may not.
#[cfg(unix)]
fn private(folders: &Folders) -> Result<Option<String>> {
    if !(cfg!(target_os = "linux") && system::is_root()) {
        return Ok(None);
    }
    if !system::on_path("dockerd") {
        bail!("no `dockerd` here: `cargo xtask system --only engine` installs it");
    }
    private::start(folders).map(Some)
}

#[cfg(not(unix))]
fn private(_folders: &Folders) -> Result<Option<String>> {
    let _ = system::is_root();
    Ok(None)
}

/// Ends the private engine, with every container in it.
///
/// # Errors
/// When it does not end.
pub fn stop() -> Result<()> {
    #[cfg(unix)]
    private::stop()?;
    #[cfg(not(unix))]
    console::note("there is no private engine on this system");
    Ok(())
}
