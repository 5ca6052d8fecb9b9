//! The AppImage: our tree as a squashfs behind the type-2 runtime.
//!
//! It brings the worker and the window, not the web engine: the window uses the system's WebKitGTK 4.1, and where that is
//! missing the monitor page opens in the browser. Bundling the engine would make ten times the size, and an engine whose
//! security fixes come from nobody.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::{Package, Workshop, bill, epoch, programs, sections, tree};
use crate::folders::Folders;
use crate::program::{capture, cargo, program, run};
use crate::{clock, console, system};

/// AppImageKit's release 13, as the crate `appimage` 0.4.0 carries it.
const RUNTIME_SHA256: &str = "328e0d745c5c6817048c27bc3e8314871703f8f47ffa81a37cb06cd95a94b323";
/// The section of the runtime that holds the update information.
const SECTION: &str = ".upd_info";

const APP_RUN: &str = include_str!("../../../installer/linux/AppRun");

/// # Errors
/// When a program does not compile, or a tool is not here.
pub fn make(workshop: &Workshop<'_>) -> Result<PathBuf> {
    if !system::on_path("mksquashfs") {
        bail!("an AppImage needs mksquashfs (Debian: squashfs-tools)");
    }
    let description = &workshop.description;
    let programs = programs::Programs::of(workshop, Package::Appimage)?;
    let find = |name: &str| programs.find(name);
    let scratch = tempfile::tempdir_in(&workshop.out)?;
    let tree = scratch.path().join("AppDir");
    tree::lay_out(&workshop.folders.root, description, Package::Appimage, &tree, &find)?;
    let licences = tree.join("usr/share/doc").join(&description.name).join("third-party.txt");
    fs::write(&licences, bill::licences(workshop.folders, Package::Appimage)?)?;
    tree::mode(&licences, 0o644)?;
    fs::write(tree.join("AppRun"), APP_RUN)?;
    tree::mode(&tree.join("AppRun"), 0o755)?;
    // What file managers look for at the top.
    let desktop = tree.join("usr/share/applications/network.hivemind.worker.desktop");
    fs::copy(desktop, tree.join("network.hivemind.worker.desktop"))?;
    let icon = tree.join("usr/share/icons/hicolor/256x256/apps/hivemind-worker.png");
    fs::copy(&icon, tree.join("hivemind-worker.png"))?;
    fs::copy(&icon, tree.join(".DirIcon"))?;
    tree::open_folders(&tree)?;

    let squash = scratch.path().join("squash");
    run(program("mksquashfs")
        .arg(&tree)
        .arg(&squash)
        // These and the variable exclude each other.
        .env_remove("SOURCE_DATE_EPOCH")
        .args(["-reproducible", "-mkfs-time", &workshop.epoch.to_string()])
        .args(["-all-time", &workshop.epoch.to_string()])
        .args([
            "-root-owned",
            "-noappend",
            "-no-xattrs",
            "-no-progress",
            "-quiet",
            "-comp",
            "gzip",
            "-b",
            "131072",
        ]))?;
    let mut image = runtime(workshop.folders)?;
    embed(&mut image, &description.update_information)?;
    image.extend(fs::read(&squash)?);
    let path = workshop.out.join(format!("{}-{}-x86_64.AppImage", description.name, description.version));
    let new = path.with_extension("new");
    fs::write(&new, image)?;
    tree::mode(&new, 0o755)?;
    // `zsyncmake` writes it down.
    epoch::give(&new, workshop.epoch)?;
    fs::rename(&new, &path)?;
    if system::on_path("zsyncmake") {
        let name = path.file_name().context("no name")?;
        // Otherwise it names the whole folder as the address.
        let mut make = program("zsyncmake");
        make.current_dir(&workshop.out).env("TZ", "UTC0").env("LC_ALL", "C");
        run(make.arg("-u").arg(name).arg("-o").arg(path.with_extension("AppImage.zsync")).arg(name))?;
    }
    started(&path, &description.version)?;
    Ok(path)
}

/// Starts it in both ways and prints how long each takes.
fn started(image: &Path, version: &str) -> Result<()> {
    let start = |how: &str, command: &mut Command| -> Result<()> {
        let begin = clock::now();
        let said = capture(command.arg("--version"))?;
        let took = clock::seconds_since(begin);
        if !said.contains(version) {
            bail!("{} says `{}`, not {version}", image.display(), said.trim());
        }
        console::note(&format!("started {how}: {took} to `{}`", said.trim()));
        Ok(())
    };
    start("extracted", program(image).env("APPIMAGE_EXTRACT_AND_RUN", "1"))?;
    // The runtime opens libfuse 2 itself.
    let library =
        ["/usr/lib", "/lib"].iter().any(|at| Path::new(at).join("x86_64-linux-gnu/libfuse.so.2").exists());
    if library && Path::new("/dev/fuse").exists() && system::on_path("fusermount") {
        return start("mounted", &mut program(image));
    }
    console::warning("not started mounted: no FUSE 2 here (Debian: libfuse2 fuse3)");
    Ok(())
}

/// The runtime, from the public crate registry; nothing binary lies in the checkout.
///
/// # Errors
/// When it cannot be fetched, or is not the one it must be.
pub fn runtime(folders: &Folders) -> Result<Vec<u8>> {
    let kept = folders.cache.join("appimage-runtime");
    if !kept.is_file() {
        let scratch = tempfile::tempdir_in(&folders.cache)?;
        fs::create_dir(scratch.path().join("src"))?;
        fs::write(scratch.path().join("src/lib.rs"), "")?;
        let manifest = scratch.path().join("Cargo.toml");
        fs::write(
            &manifest,
            "[package]\nname = \"fetch\"\nedition = \"2021\"\n[dependencies]\nappimage = \"=0.4.0\"\n[workspace]\n",
        )?;
        run(cargo().current_dir(scratch.path()).arg("fetch"))?;
        let metadata = cargo_metadata::MetadataCommand::new().manifest_path(&manifest).exec()?;
        let package = metadata.packages.iter().find(|package| package.name.as_str() == "appimage");
        let folder =
            package.and_then(|package| package.manifest_path.parent()).context("it was not fetched")?;
        fs::copy(folder.join("assets/runtime-x86_64"), &kept).context("the crate carries no runtime")?;
    }
    let bytes = fs::read(&kept)?;
    if hex::encode(Sha256::digest(&bytes)) != RUNTIME_SHA256 {
        fs::remove_file(&kept)?;
        bail!("the runtime is not the one it must be");
    }
    Ok(bytes)
}

/// Writes the update information into its section.
fn embed(image: &mut [u8], information: &str) -> Result<()> {
    let (at, size) = sections::of(image)
        .and_then(|all| all.into_iter().find(|section| section.name == SECTION))
        .map(|section| (section.at, section.bytes))
        .context("the runtime has no place for update information")?;
    if information.len() >= size {
        bail!("update information of {} bytes does not fit", information.len());
    }
    let place = image.get_mut(at..at + size).context("the runtime is cut short")?;
    place.fill(0);
    for (to, from) in place.iter_mut().zip(information.bytes()) {
        *to = from;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn information_that_does_not_fit_is_refused() {
        assert!(embed(&mut [0; 64], "x").is_err());
    }
}
