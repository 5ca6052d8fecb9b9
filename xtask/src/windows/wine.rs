//! What the tests of Windows code under Wine need: a prefix of their own, and the programs that run in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::brought;
use crate::console;
use crate::folders::Folders;
use crate::program::{capture, program, run};

/// Debian's package puts it where no PATH leads.
const WINE: &str = "/usr/lib/wine/wine64";
const SERVER: &str = "/usr/lib/wine/wineserver64";
const COMPILER: &str = "x86_64-w64-mingw32-gcc";
/// Where the tests look for all of it.
pub const VARIABLE: &str = "HIVEMIND_WINE";
/// What Wine 8 lacks and every Rust program asks for.
const RANDOM: &str = "xtask/wine/bcryptprimitives.c";
/// A program that does what the owner of a computer and Windows itself do.
const DESK: &str = "crates/host/tests/wine/desk.c";
/// A library that tells when it is loaded, put where the private link's service looks for another.
const PLANTED: &str = "crates/netd/tests/wine/planted.c";
/// The driver's library, as the crate that speaks with it brings it along.
const DRIVER: &str = "wireguard-nt/examples/wireguard_nt/bin/amd64/wireguard.dll";
/// Seconds that a program of Wine may take while the prefix is made.
const PATIENCE: &str = "120";

/// What a prefix is filled with.
const LIBRARIES: &str = "/usr/lib/x86_64-linux-gnu/wine/x86_64-windows";

/// Whether Wine is here.
pub fn available() -> bool {
    Path::new(WINE).exists() && Path::new(SERVER).exists()
}

/// A folder with a prefix and the programs for it; made where it is missing, and the programs anew where they changed.
///
/// # Errors
/// When something does not link, or Wine cannot make its prefix.
pub fn prepare(folders: &Folders) -> Result<PathBuf> {
    let linked = super::link(folders)?;
    let random = folders.root.join(RANDOM);
    let mut key = Sha256::new();
    key.update(capture(program(WINE).arg("--version"))?);
    key.update(fs::read(&random).with_context(|| format!("cannot read {}", random.display()))?);
    let parent = folders.cache.join("wine");
    let wanted = parent.join(hex::encode(&key.finalize()[..8]));
    if !wanted.is_dir() {
        console::step("Making a prefix for Wine (half a minute, once)");
        fs::create_dir_all(&parent)?;
        let scratch = tempfile::tempdir_in(&parent)?;
        let folder = scratch.path().join("made");
        make(&folder, &random)?;
        // Last, and in one step: a folder that is there is complete.
        fs::rename(&folder, &wanted)?;
    }
    let desk = wanted.join("desk.exe");
    run(program(COMPILER).args(["-O2", "-Wall", "-Werror", "-o"]).arg(desk).arg(folders.root.join(DESK)))?;
    put(&linked.senses, &wanted.join("senses.exe"))?;
    // As they are installed: the service looks for the worker beside itself. Another copy is a stranger.
    let service = wanted.join("netd");
    fs::create_dir_all(&service)?;
    put(&linked.netd, &service.join("hivemind-netd.exe"))?;
    put(&linked.client, &service.join("hivemind-worker.exe"))?;
    put(&linked.client, &service.join("stranger.exe"))?;
    put(&brought::path(&folders.root, DRIVER)?, &service.join("driver.dll"))?;
    let planted = service.join("planted.dll");
    let mut compile = program(COMPILER);
    compile.args(["-O2", "-Wall", "-Werror", "-shared", "-o"]).arg(planted);
    run(compile.arg(folders.root.join(PLANTED)))?;
    Ok(wanted)
}

/// Copies a program where it is missing or another one.
fn put(from: &Path, to: &Path) -> Result<()> {
    if !fs::read(to).is_ok_and(|there| fs::read(from).is_ok_and(|new| new == there)) {
        fs::copy(from, to)?;
    }
    Ok(())
}

fn make(folder: &Path, random: &Path) -> Result<()> {
    for inside in ["home", "prefix"] {
        fs::create_dir_all(folder.join(inside))?;
    }
    let made = boot(folder);
    // Whatever came of it: nothing stays behind that would hold on to a folder which is about to be moved.
    let _ = wine(SERVER, folder).arg("-k").status();
    made?;
    let saved = point_to_the_same(&folder.join("prefix/drive_c/windows"))?;
    console::note(&format!("{} MiB of copies left out", saved >> 20));
    let library = folder.join("prefix/drive_c/windows/system32/bcryptprimitives.dll");
    run(program(COMPILER).args(["-O2", "-shared", "-o"]).arg(&library).arg(random).arg("-ladvapi32"))
}

fn boot(folder: &Path) -> Result<()> {
    for words in [
        &["wineboot", "--init"][..],
        // No screen is needed: Wine keeps account of windows and input by itself.
        &["reg", "add", r"HKCU\Software\Wine\Drivers", "/v", "Graphics", "/d", "null", "/f"],
        &["winecfg", "-v", "win10"],
    ] {
        run(wine("timeout", folder).args([PATIENCE, WINE]).args(words))?;
    }
    run(wine("timeout", folder).args([PATIENCE, SERVER, "-w"]))
}

/// Puts a link where a prefix has its own copy of one of Wine's files: they are most of it. Returns the bytes saved.
fn point_to_the_same(folder: &Path) -> Result<u64> {
    let mut saved = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            saved += point_to_the_same(&path)?;
            continue;
        }
        let original = Path::new(LIBRARIES).join(entry.file_name());
        if kind.is_file() && original.is_file() && fs::read(&original)? == fs::read(&path)? {
            saved += entry.metadata()?.len();
            fs::remove_file(&path)?;
            link(&original, &path)?;
        }
    }
    Ok(saved)
}

#[cfg(unix)]
fn link(original: &Path, at: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(original, at)
}

#[cfg(not(unix))]
fn link(original: &Path, at: &Path) -> std::io::Result<()> {
    fs::copy(original, at).map(|_| ())
}

/// One of Wine's programs, with nothing of its owner's within reach.
fn wine(name: &str, folder: &Path) -> Command {
    let mut command = program(name);
    command
        .env("WINEARCH", "win64")
        .env("WINEPREFIX", folder.join("prefix"))
        .env("WINEDEBUG", "-all")
        // Neither .NET nor a browser is wanted, nor entries in the owner's menu.
        .env("WINEDLLOVERRIDES", "mscoree,mshtml,winemenubuilder.exe=")
        .env("HOME", folder.join("home"))
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY");
    command
}
