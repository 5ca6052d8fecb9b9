//! A package's files in a folder, as they will lie on the computer.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::description::{Description, Item, Origin};
use super::{Package, generated};
use crate::brought;

/// What stands where programs come from; a test has stand-ins.
pub type Find<'a> = &'a dyn Fn(&str) -> Result<PathBuf>;

/// Lays out one package below `top`, which is emptied first.
///
/// # Errors
/// When a file is missing.
pub fn lay_out(
    root: &Path,
    description: &Description,
    package: Package,
    top: &Path,
    find: Find<'_>,
) -> Result<()> {
    if top.exists() {
        fs::remove_dir_all(top)?;
    }
    fs::create_dir_all(top)?;
    let scratch = tempfile::tempdir()?;
    generated::write(scratch.path())?;
    for (item, place) in description.of(package) {
        put(root, item, &top.join(place), scratch.path(), find).with_context(|| format!("for {place}"))?;
    }
    Ok(())
}

fn put(root: &Path, item: &Item, at: &Path, made: &Path, find: Find<'_>) -> Result<()> {
    let folder = at.parent().context("no folder")?;
    fs::create_dir_all(folder)?;
    match item.origin()? {
        Origin::Program(name) => {
            fs::copy(find(name)?, at)?;
            mode(at, 0o755)
        }
        Origin::File(name) => {
            fs::copy(root.join(name), at).with_context(|| format!("from {name}"))?;
            mode(at, 0o644)
        }
        Origin::Text(text) => {
            fs::write(at, text)?;
            mode(at, 0o644)
        }
        Origin::Brought { file, sha256 } => {
            fs::write(at, brought::bytes(root, file, sha256)?)?;
            mode(at, 0o644)
        }
        Origin::Link(to) => link(to, at),
        Origin::Made(name) => {
            let from = made.join(name);
            if from.is_dir() {
                // Manual pages lie compressed, as Debian wants them.
                fs::create_dir_all(at)?;
                for page in generated::files(&from)? {
                    let name = page.file_name().context("no name")?.to_string_lossy().into_owned();
                    let to = at.join(format!("{name}.gz"));
                    compress(&fs::read(&page)?, &to)?;
                    mode(&to, 0o644)?;
                }
                return Ok(());
            }
            fs::copy(from, at)?;
            mode(at, 0o644)
        }
    }
}

/// Without a name or time inside: the same page gives the same bytes.
fn compress(bytes: &[u8], at: &Path) -> Result<()> {
    let mut encoder = flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    Ok(fs::write(at, encoder.finish()?)?)
}

#[cfg(unix)]
pub fn mode(at: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::set_permissions(at, fs::Permissions::from_mode(mode))?)
}

#[cfg(not(unix))]
pub fn mode(_: &Path, _: u32) -> Result<()> {
    Ok(())
}

#[cfg(unix)]
fn link(to: &str, at: &Path) -> Result<()> {
    Ok(std::os::unix::fs::symlink(to, at)?)
}

#[cfg(not(unix))]
fn link(_: &str, at: &Path) -> Result<()> {
    anyhow::bail!("{} would be a symbolic link", at.display())
}

/// Folders readable for all, whatever the mask of who builds.
///
/// # Errors
/// When the tree cannot be read.
pub fn open_folders(top: &Path) -> Result<u64> {
    let mut bytes = 0;
    mode(top, 0o755)?;
    for entry in fs::read_dir(top)? {
        let entry = entry?;
        let about = entry.metadata()?;
        bytes += if about.is_dir() { open_folders(&entry.path())? } else { about.len() };
    }
    Ok(bytes)
}
