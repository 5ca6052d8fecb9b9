//! The programs in the profile that is shipped.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::{Package, Workshop};
use crate::program::{cargo, run};
use crate::web::Web;
use crate::{companion, windows};

/// Where each program of a package lies, built where that was asked for.
pub struct Programs {
    folder: PathBuf,
    companion: PathBuf,
    ending: &'static str,
}

impl Programs {
    /// # Errors
    /// When something does not compile, or is not here.
    pub fn of(workshop: &Workshop<'_>, package: Package) -> Result<Self> {
        let folders = workshop.folders;
        if workshop.build {
            Web::find(folders)?.build()?;
            if for_windows(package) {
                windows::release(folders)?;
            } else {
                run(cargo().current_dir(&folders.root).args([
                    "build",
                    "--release",
                    "--locked",
                    "--package",
                    "hivemind-app",
                    "--package",
                    "hivemind-window",
                    "--package",
                    "hivemind-netd",
                ]))?;
            }
            companion::build(folders)?;
        }
        Self::built(workshop, package)
    }

    /// As they were built before.
    ///
    /// # Errors
    /// When Cargo cannot tell where.
    pub fn built(workshop: &Workshop<'_>, package: Package) -> Result<Self> {
        let folders = workshop.folders;
        let windows = for_windows(package);
        let target = folders.target()?;
        let companion = target.join("release").join(companion::NAME);
        let folder = if windows { windows::release_folder(folders) } else { target.join("release") };
        let ending = if windows { ".exe" } else { std::env::consts::EXE_SUFFIX };
        Ok(Self { folder, companion, ending })
    }

    /// The file of one program.
    ///
    /// # Errors
    /// When it was not built.
    pub fn find(&self, name: &str) -> Result<PathBuf> {
        let path = if name == companion::NAME {
            self.companion.clone()
        } else {
            self.folder.join(format!("{name}{}", self.ending))
        };
        if !path.is_file() {
            bail!("{} is not there; build it first", path.display());
        }
        Ok(path)
    }

    /// The folder the programs were built in.
    pub fn folder(&self) -> &std::path::Path {
        &self.folder
    }
}

/// Whether its programs are made by another compiler than this computer's own.
fn for_windows(package: Package) -> bool {
    matches!(package, Package::Msi | Package::MsiMachine) && !cfg!(windows)
}

/// The newest version of the C library that a program asks for, such as `2.34`: what it was linked with decides on which
/// systems it starts.
///
/// # Errors
/// When the program cannot be read, or names none.
pub fn newest_libc(program: &std::path::Path) -> Result<String> {
    let bytes = std::fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    newest_libc_in(&bytes).with_context(|| format!("{} names no version of the C library", program.display()))
}

fn newest_libc_in(bytes: &[u8]) -> Option<String> {
    const WORD: &[u8] = b"GLIBC_";
    let mut newest = None;
    for (at, window) in bytes.windows(WORD.len()).enumerate() {
        if window != WORD {
            continue;
        }
        let rest = bytes.get(at + WORD.len()..)?;
        let text: String = rest
            .iter()
            .take(8)
            .map(|b| char::from(*b))
            .take_while(|c| c.is_ascii_digit() || *c == '.')
            .collect();
        let mut numbers = text.split('.').map(str::parse::<u32>);
        if let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) {
            newest = newest.max(Some((major, minor)));
        }
    }
    newest.map(|(major, minor)| format!("{major}.{minor}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_counts_as_a_number() {
        let text = b"\0GLIBC_2.9\0GLIBC_2.34\0GLIBC_2.4\0GLIBC_PRIVATE\0GLIBC_2.3.4\0";
        assert_eq!(newest_libc_in(text).as_deref(), Some("2.34"));
        assert_eq!(newest_libc_in(b"nothing of the kind"), None);
    }
}
