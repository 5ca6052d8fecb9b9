//! Type-checking the whole workspace for Windows, on Debian.
//!
//! Debian's `rustc-web` comes with its sources but without a standard library for Windows. One that is enough for
//! type-checking is made from them once, and kept by the compiler's version.

use std::fs;
use std::path::{Path, PathBuf};

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
    let sysroot = sysroot(folders)?;
    let mut check = cargo();
    check
        .current_dir(&folders.root)
        .args(["check", "--workspace", "--locked", "--keep-going", "--target", TARGET])
        .env("RUSTC", RUSTC)
        .env("CARGO_TARGET_DIR", folders.cache.join("windows-target"))
        .env(
            "CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUSTFLAGS",
            format!("--sysroot={} -Dwarnings", sysroot.display()),
        )
        .env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER", "x86_64-w64-mingw32-gcc")
        // Either would silence the flags above.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    run(&mut check)
}

/// Whether compiler, sources and the C compiler are here.
pub fn available() -> bool {
    Path::new(RUSTC).exists()
        && Path::new("/usr/lib/rustlib/src/rust").exists()
        && system::on_path("x86_64-w64-mingw32-gcc")
        && system::on_path("x86_64-w64-mingw32-windres")
}

fn sysroot(folders: &Folders) -> Result<PathBuf> {
    let version = capture(program(RUSTC).arg("-vV"))?;
    let key = hex::encode(&Sha256::digest(&version)[..8]);
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
        .args(["check", "--release", "--target", TARGET])
        .arg("-Zbuild-std=std,panic_abort,panic_unwind,test,proc_macro")
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC", RUSTC)
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("RUSTFLAGS")
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
        if path.extension().is_some_and(|ending| ending == "rmeta") {
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
