//! Type-checking the whole workspace for Windows, and linking its programs, on Debian.

mod library;
pub mod wine;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use self::library::{Library, sysroot};
use crate::demand::Group;
use crate::folders::Folders;
use crate::program::{capture, cargo, program, run};
use crate::release::Place;
use crate::system;

const TARGET: &str = "x86_64-pc-windows-gnu";
/// Programs without a manifest get its old version, which lacks functions; Wine has one version with all of them, and
/// would not show it.
const PARTED: &str = "comctl32.dll";
/// Not the `rustc` of PATH: that may be another version, whose sources are not here.
const RUSTC: &str = "/usr/bin/rustc";
/// Without it the linker writes the time into every program.
const NO_TIME: &str = "-Clink-arg=-Wl,--no-insert-timestamp";

/// Checks every package and every target kind that a Windows build has.
///
/// # Errors
/// When something does not compile, or the compiler is not here.
pub fn check(folders: &Folders) -> Result<()> {
    if !available() && !system::ensure(&[Group::Build, Group::Windows])? {
        bail!("the check for Windows needs the packages named above");
    }
    let flags = format!("--sysroot={} -Dwarnings", sysroot(folders, Library::Checked)?.display());
    // The sensors' and the private link's tests and examples have code of their own for Windows; other packages' tests
    // have none.
    for what in [
        &["--workspace"][..],
        &["--package", "hivemind-host", "--all-targets"][..],
        &["--package", "hivemind-netd", "--all-targets"][..],
    ] {
        let mut check = cargo();
        check
            .current_dir(&folders.root)
            .args(["check", "--locked", "--keep-going", "--target", TARGET])
            .args(what)
            .env("CARGO_TARGET_DIR", folders.cache.join("windows-target"));
        run(for_windows(&mut check, &flags))?;
    }
    Ok(())
}

/// What speaks with the private link's service, where [`link`] made it.
pub fn linked_client(folders: &Folders) -> PathBuf {
    link_folder(folders).join("examples/netd_client.exe")
}

fn link_folder(folders: &Folders) -> PathBuf {
    folders.cache.join("windows-link").join(TARGET).join("debug")
}

/// What is linked to be run under Wine.
pub struct Linked {
    /// Watches the sensors.
    pub senses: PathBuf,
    /// The private link's service.
    pub netd: PathBuf,
    /// Speaks with it, as the worker does and as the worker never would.
    pub client: PathBuf,
}

/// Links the program that watches the sensors, the private link's service and what speaks with it.
///
/// # Errors
/// When something does not compile or link, or the compiler is not here.
pub fn link(folders: &Folders) -> Result<Linked> {
    if !available() && !system::ensure(&[Group::Build, Group::Windows])? {
        bail!("programs for Windows need the packages named above");
    }
    let flags = format!("--sysroot={}", sysroot(folders, Library::Linked)?.display());
    let target = folders.cache.join("windows-link");
    for what in [
        &["--package", "hivemind-host", "--example", "senses"][..],
        &["--package", "hivemind-netd", "--bin", "hivemind-netd", "--example", "netd_client"][..],
    ] {
        let mut build = cargo();
        build
            .current_dir(&folders.root)
            .args(["build", "--locked", "--target", TARGET])
            .args(what)
            .env("CARGO_TARGET_DIR", &target)
            // It is kept in the cache, and nobody steps through it.
            .env("CARGO_PROFILE_DEV_DEBUG", "none")
            .env("CARGO_INCREMENTAL", "0");
        run(for_windows(&mut build, &flags))?;
    }
    let made = link_folder(folders);
    let linked = Linked {
        senses: made.join("examples/senses.exe"),
        netd: made.join("hivemind-netd.exe"),
        client: linked_client(folders),
    };
    for program_made in [&linked.senses, &linked.netd, &linked.client] {
        let headers = capture(program("x86_64-w64-mingw32-objdump").arg("-p").arg(program_made))?;
        if loads(&headers, PARTED) {
            let name = program_made.display();
            bail!(
                "{name} loads {PARTED}, which Windows has in two versions: without a manifest it may not start"
            );
        }
    }
    Ok(linked)
}

/// Whether a program's headers name a library that is loaded at its start.
fn loads(headers: &str, library: &str) -> bool {
    headers
        .lines()
        .filter_map(|line| line.trim().strip_prefix("DLL Name: "))
        .any(|name| name.trim().eq_ignore_ascii_case(library))
}

/// Where the programs that are shipped are built.
pub fn release_place(folders: &Folders) -> Place {
    Place { root: folders.root.clone(), target: folders.cache.join("windows-dist") }
}

/// Where [`release`] puts the programs.
pub fn release_folder(place: &Place) -> PathBuf {
    place.target.join(TARGET).join("release")
}

/// Compiles and links worker, window and network service, in the profile that is shipped.
///
/// # Errors
/// When something does not compile or link, or the compiler is not here.
pub fn release(folders: &Folders, place: &Place) -> Result<()> {
    if !available() && !system::ensure(&[Group::Build, Group::Windows])? {
        bail!("programs for Windows need the packages named above");
    }
    let library = format!("--sysroot={}", sysroot(folders, Library::Ending)?.display());
    let mut build = place.cargo(&[library, NO_TIME.to_owned()])?;
    build.args(["build", "--release", "--locked", "--target", TARGET]).args([
        "--package",
        "hivemind-app",
        "--package",
        "hivemind-window",
        "--package",
        "hivemind-netd",
    ]);
    run(with_tools(&mut build))
}

fn for_windows<'a>(command: &'a mut Command, flags: &str) -> &'a mut Command {
    with_tools(command)
        .env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_RUSTFLAGS", flags)
        // Either would silence the flags above.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
}

fn with_tools(command: &mut Command) -> &mut Command {
    command.env("RUSTC", RUSTC).env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER", "x86_64-w64-mingw32-gcc")
}

/// Whether compiler, sources and the C compiler are here.
pub fn available() -> bool {
    Path::new(RUSTC).exists()
        && Path::new("/usr/lib/rustlib/src/rust").exists()
        && system::on_path("x86_64-w64-mingw32-gcc")
        && system::on_path("x86_64-w64-mingw32-windres")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_of_two_versions_is_seen() {
        let headers = "\tDLL Name: USER32.dll\n\tvma: Ordinal\n\tDLL Name: COMCTL32.dll\n";
        assert!(loads(headers, PARTED));
        assert!(!loads("\tDLL Name: USER32.dll\n\t1a2b 34 comctl32.dll\n", PARTED));
    }
}
