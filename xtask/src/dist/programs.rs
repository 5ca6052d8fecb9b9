//! The programs in the profile that is shipped.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use super::{Package, Workshop};
use crate::folders::Folders;
use crate::program::run;
use crate::release::Place;
use crate::web::Web;
use crate::{companion, console, windows};

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
            build(folders, &place(folders, package)?, package)?;
            companion::build(folders)?;
        }
        let programs = Self::built(workshop, package)?;
        programs.tell_nothing(workshop, package)?;
        Ok(programs)
    }

    /// As they were built before.
    ///
    /// # Errors
    /// When Cargo cannot tell where.
    pub fn built(workshop: &Workshop<'_>, package: Package) -> Result<Self> {
        let folders = workshop.folders;
        let companion = folders.target()?.join("release").join(companion::NAME);
        Ok(Self { companion, ..Self::in_place(&place(folders, package)?, package) })
    }

    /// As they were built in a place of their own, but for the companion, which is where it was made.
    pub fn in_place(place: &Place, package: Package) -> Self {
        let windows = for_windows(package);
        let folder = if windows { windows::release_folder(place) } else { place.target.join("release") };
        let ending = if windows { ".exe" } else { std::env::consts::EXE_SUFFIX };
        Self { companion: folder.join(companion::NAME), folder, ending }
    }

    /// Refuses programs that name folders of this computer; those that were built before are warned of.
    fn tell_nothing(&self, workshop: &Workshop<'_>, package: Package) -> Result<()> {
        let place = place(workshop.folders, package)?;
        for name in workshop.description.programs(package) {
            let file = self.find(name)?;
            let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            let Some(told) = place.told_by(&bytes)? else { continue };
            let words = format!("{name} names a folder of this computer: {told}");
            if workshop.build {
                bail!("{words}");
            }
            console::warning(&words);
        }
        Ok(())
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

/// Where the programs of a package are built.
fn place(folders: &Folders, package: Package) -> Result<Place> {
    if for_windows(package) { Ok(windows::release_place(folders)) } else { Place::of(folders) }
}

/// Compiles and links worker, window and network service.
///
/// # Errors
/// When something does not compile or link.
pub fn build(folders: &Folders, place: &Place, package: Package) -> Result<()> {
    if for_windows(package) {
        return windows::release(folders, place);
    }
    let packages =
        ["--package", "hivemind-app", "--package", "hivemind-window", "--package", "hivemind-netd"];
    run(place.cargo(&[])?.args(["build", "--release", "--locked"]).args(packages))
}

/// Whether its programs are made by another compiler than this computer's own.
pub fn for_windows(package: Package) -> bool {
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
