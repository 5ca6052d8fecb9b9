//! Type-checking the whole workspace for Windows, and linking its programs, on Debian.
//!
//! Debian's `rustc-web` comes with its sources but without a standard library for Windows. One that is enough for
//! type-checking, and a whole one for linking, are made from them once, and kept by the compiler's version.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::console;
use crate::demand::Group;
use crate::folders::Folders;
use crate::program::{capture, cargo, program, run};
use crate::system;

const TARGET: &str = "x86_64-pc-windows-gnu";
/// Not the `rustc` of PATH: that may be another version, whose sources are not here.
const RUSTC: &str = "/usr/bin/rustc";

/// Checks every package and every target kind that a Windows build has.
///
/// # Errors
/// When something does not compile, or the compiler is not here.
pub fn check(folders: &Folders) -> Result<()> {
    if !available() && !system::ensure(&[Group::Build, Group::Windows])? {
        bail!("the check for Windows needs the packages named above");
    }
    let flags = format!("--sysroot={} -Dwarnings", sysroot(folders, Library::Checked)?.display());
    let mut check = cargo();
    check
        .current_dir(&folders.root)
        .args(["check", "--workspace", "--locked", "--keep-going", "--target", TARGET])
        .env("CARGO_TARGET_DIR", folders.cache.join("windows-target"));
    run(for_windows(&mut check, &flags))
}

/// Where [`release`] puts the programs.
pub fn release_folder(folders: &Folders) -> PathBuf {
    folders.cache.join("windows-dist").join(TARGET).join("release")
}

/// Compiles and links worker and window. Without link-time optimization, which would take a small machine an hour.
///
/// # Errors
/// When something does not compile or link, or the compiler is not here.
pub fn release(folders: &Folders) -> Result<()> {
    if !available() && !system::ensure(&[Group::Build, Group::Windows])? {
        bail!("programs for Windows need the packages named above");
    }
    let flags = format!("--sysroot={}", sysroot(folders, Library::Linked)?.display());
    for package in ["hivemind-app", "hivemind-window"] {
        let mut build = cargo();
        build
            .current_dir(&folders.root)
            .args(["build", "--release", "--locked", "--target", TARGET, "--package", package])
            .env("CARGO_TARGET_DIR", folders.cache.join("windows-dist"))
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "s");
        run(for_windows(&mut build, &flags))?;
    }
    Ok(())
}

fn for_windows<'a>(command: &'a mut Command, flags: &str) -> &'a mut Command {
    command
        .env("RUSTC", RUSTC)
        .env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUSTFLAGS", flags)
        .env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER", "x86_64-w64-mingw32-gcc")
        // Either would silence the flags above.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
}

/// Whether compiler, sources and the C compiler are here.
pub fn available() -> bool {
    Path::new(RUSTC).exists()
        && Path::new("/usr/lib/rustlib/src/rust").exists()
        && system::on_path("x86_64-w64-mingw32-gcc")
        && system::on_path("x86_64-w64-mingw32-windres")
}

/// What the standard library is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Library {
    /// Its types only.
    Checked,
    /// All of it.
    Linked,
}

impl Library {
    /// Cargo's verb, the ending of the files to keep, and what is added to the kept folder's name.
    fn how(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Checked => ("check", "rmeta", ""),
            Self::Linked => ("build", "rlib", "-link"),
        }
    }
}

fn sysroot(folders: &Folders, library: Library) -> Result<PathBuf> {
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
    fs::write(package.join("Cargo.toml"), "[package]\nname = \"empty\"\nedition = \"2021\"\n[workspace]\n")?;
    fs::write(package.join("src/lib.rs"), "")?;
    let target = scratch.path().join("target");
    run(cargo()
        .current_dir(&package)
        .args([verb, "--release", "--target", TARGET])
        .arg("-Zbuild-std=std,panic_abort,panic_unwind,test,proc_macro")
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC", RUSTC)
        .env("CARGO_TARGET_DIR", &target)
        // Without its bitcode no program could ever be linked with link-time optimization.
        .env("RUSTFLAGS", "-Cembed-bitcode=yes")
        .env_remove("CARGO_ENCODED_RUSTFLAGS"))?;
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
