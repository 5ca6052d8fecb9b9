//! The small base image for tests: busybox and nothing else.

use anyhow::{Context, Result, bail};

use super::Engine;
use crate::console;
use crate::image::archive::Archive;
use crate::program::{capture, feed, program};

/// Name of the image.
pub const NAME: &str = "busybox:test";
const PROGRAM: &str = "/bin/busybox";

/// Loads it unless it is there.
pub fn load(engine: &Engine) -> Result<()> {
    if capture(engine.docker().args(["image", "inspect", NAME])).is_ok() {
        return Ok(());
    }
    let Ok(bytes) = std::fs::read(PROGRAM) else {
        // Other people's engines on other systems: tests that need the image say so and count as skipped.
        console::warning(&format!(
            "no {PROGRAM} here, so {NAME} is not loaded; the package is busybox-static"
        ));
        return Ok(());
    };
    let applets = applets()?;
    feed(engine.docker().args(["import", "-", NAME]), |pipe| {
        let mut archive = Archive::new(pipe);
        archive.folder("tmp", 0o1777, 0)?;
        archive.file("bin/busybox", 0o755, 0, &bytes)?;
        for applet in &applets {
            archive.link(&format!("bin/{applet}"), "busybox")?;
        }
        archive.finish()
    })
    .context("the base image could not be loaded")?;
    Ok(())
}

/// The commands busybox can be, itself excepted.
pub fn applets() -> Result<Vec<String>> {
    let listed = capture(program(PROGRAM).arg("--list"))?;
    let applets: Vec<String> = listed
        .lines()
        .map(str::trim)
        .filter(|name| !name.is_empty() && *name != "busybox")
        .map(str::to_owned)
        .collect();
    if applets.is_empty() {
        bail!("{PROGRAM} lists no commands");
    }
    Ok(applets)
}
