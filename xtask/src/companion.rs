//! `cargo xtask companion`: the small static program that travels into every container, put beside the worker.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::console;
use crate::folders::Folders;
use crate::program::run;
use crate::release::Place;

/// The name the worker looks for beside its own executable, on every system.
pub const NAME: &str = "hivemind-companion";
/// Containers are Linux on this kind of processor; others run tasks without the companion.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// Every task carries it: more than this is a mistake.
const MAX_BYTES: u64 = 2 << 20;

/// Builds it and puts it where programs and tests of both profiles find it. Fails on other systems than Linux on
/// x86-64; there the worker runs tasks with the engine's own init.
pub fn build(folders: &Folders) -> Result<PathBuf> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!("the companion is built on Linux on x86-64");
    }
    console::step("Companion: the program inside containers");
    let place = Place::of(folders)?;
    let built = built_in(&place)?;
    for profile in ["debug", "release"] {
        let folder = place.target.join(profile);
        fs::create_dir_all(&folder)?;
        copy(&built, &folder.join(NAME))?;
    }
    Ok(place.target.join("debug").join(NAME))
}

/// Builds it in a place of its own, and leaves it there.
///
/// # Errors
/// When it does not compile, or is too large.
pub fn built_in(place: &Place) -> Result<PathBuf> {
    // `cargo rustc`, so that the flag touches this one program and nothing else is built anew for it.
    run(place.cargo(&[])?.args([
        "rustc",
        "--locked",
        "--package",
        NAME,
        "--bin",
        "companion",
        "--profile",
        "companion",
        "--target",
        TARGET,
        "--",
        "-C",
        "target-feature=+crt-static",
    ]))?;
    let built = place.target.join(TARGET).join("companion/companion");
    let bytes = fs::metadata(&built).with_context(|| format!("{} was not built", built.display()))?.len();
    if bytes > MAX_BYTES {
        bail!("the companion has {bytes} bytes; at most {MAX_BYTES}");
    }
    console::note(&format!("{NAME}: {} KiB", bytes >> 10));
    Ok(built)
}

/// A worker may just read the one that is there: replaced whole, and only by another.
fn copy(built: &std::path::Path, at: &std::path::Path) -> Result<()> {
    if fs::read(at).is_ok_and(|there| fs::read(built).is_ok_and(|new| new == there)) {
        return Ok(());
    }
    let temporary = at.with_extension("new");
    fs::copy(built, &temporary)?;
    fs::rename(&temporary, at)?;
    Ok(())
}

/// Builds it where that is possible, and says so where it is not.
pub fn build_if_possible(folders: &Folders) {
    if let Err(error) = build(folders) {
        console::warning(&format!("{error:#}; tasks run without the companion"));
    }
}
