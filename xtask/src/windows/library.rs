//! The standard library for Windows.
//!
//! Debian's `rustc-web` comes with its sources but without a standard library for Windows. One that is enough for
//! type-checking, and a whole one for linking, are made from them once, and kept by the compiler's version.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::{RUSTC, TARGET};
use crate::console;
use crate::folders::Folders;
use crate::program::{capture, program, run};
use crate::release::Place;

/// What the standard library is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    /// Its types only.
    Checked,
    /// All of it.
    Linked,
    /// All of it, for programs that end at a panic.
    Ending,
}

impl Library {
    /// Cargo's verb, the ending of the files to keep, and what is added to the kept folder's name.
    fn how(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Checked => ("check", "rmeta", ""),
            Self::Linked => ("build", "rlib", "-shipped"),
            Self::Ending => ("build", "rlib", "-shipped-abort"),
        }
    }
}

/// The folder to give the compiler; made where it is missing.
///
/// # Errors
/// When it does not build.
pub fn sysroot(folders: &Folders, library: Library) -> Result<PathBuf> {
    let (verb, kept, suffix) = library.how();
    let version = capture(program(RUSTC).arg("-vV"))?;
    let key = format!("{}{suffix}", hex::encode(&Sha256::digest(&version)[..8]));
    let wanted = folders.cache.join("windows-sysroot").join(key);
    if wanted.is_dir() {
        return Ok(wanted);
    }
    console::step("Making a standard library for Windows (a minute or two, once per compiler)");
    let parent = folders.cache.join("windows-sysroot");
    fs::create_dir_all(&parent)?;
    let scratch = tempfile::tempdir_in(&parent)?;
    let package = scratch.path().join("empty");
    fs::create_dir_all(package.join("src"))?;
    let panic = if library == Library::Ending { "abort" } else { "unwind" };
    let manifest = "[package]\nname = \"empty\"\nedition = \"2021\"\n[workspace]\n[profile.release]\n";
    fs::write(package.join("Cargo.toml"), format!("{manifest}panic = \"{panic}\"\n"))?;
    fs::write(package.join("src/lib.rs"), "")?;
    let target = scratch.path().join("target");
    // Its own crates come from Cargo's folder, which no program of ours may name. Without its bitcode no program could
    // ever be linked with link-time optimization.
    let place = Place { root: package, target: target.clone() };
    run(place
        .cargo(&["-Cembed-bitcode=yes".to_owned()])?
        .args([verb, "--release", "--target", TARGET])
        .arg("-Zbuild-std=std,panic_abort,panic_unwind,test,proc_macro")
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC", RUSTC))?;
    let made = scratch.path().join("sysroot");
    let libraries = made.join("lib/rustlib").join(TARGET).join("lib");
    fs::create_dir_all(&libraries)?;
    let mut copied = 0;
    for entry in
        fs::read_dir(target.join(TARGET).join("release/deps")).context("the library was not built")?
    {
        let path = entry?.path();
        let Some(name) = path.file_name() else { continue };
        if path.extension().is_some_and(|ending| ending == kept) {
            fs::copy(&path, libraries.join(name))?;
            copied += 1;
        }
    }
    if copied < 10 {
        bail!("only {copied} parts of the standard library were built");
    }
    // Last, and in one step: a folder that is there is complete.
    fs::rename(&made, &wanted)?;
    Ok(wanted)
}
