//! The installers for Windows, for one user and for all users, by msitools' `wixl`; their tables are checked afterwards.
//!
//! `wixl` understands a part of WiX 3 and leaves out in silence what it does not; so every line on its standard error is
//! a failure, and the finished tables are read back.

pub mod codes;
mod source;
mod tables;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::description::Description;
use super::sign::{self, Signer};
use super::{Package, Workshop, bill, epoch, programs, tree};
use crate::console;
use crate::program::{program, run, shown};
use crate::{system, windows};

const WEBVIEW_LOADER: &str = "WebView2Loader.dll";
const ICON: &str = "hivemind-worker.ico";
/// The libraries inside, with their licences.
const LICENCES: &str = "third-party.txt";
/// Lies beside the programs where nobody signed them.
const UNSIGNED: &str = "UNSIGNED.txt";
const UNSIGNED_WORDS: &str =
    "This is a developer's build. Nobody signed its programs, and Windows will say so.\r\n";

/// Whom an installer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Whoever installs it, without an administrator and without a service.
    User,
    /// All users of a computer, by an administrator.
    Machine,
}

impl Scope {
    fn package(self) -> Package {
        match self {
            Self::User => Package::Msi,
            Self::Machine => Package::MsiMachine,
        }
    }

    fn ending(self) -> &'static str {
        match self {
            Self::User => "x64.msi",
            Self::Machine => "x64-all-users.msi",
        }
    }

    fn root(self) -> &'static str {
        match self {
            Self::User => "HKCU",
            Self::Machine => "HKLM",
        }
    }

    /// Its name says whether somebody else than the installer may choose it: what is in capitals is public. A service of
    /// the system lies where nobody but an administrator writes.
    fn folder(self) -> &'static str {
        match self {
            Self::User => "INSTALLDIR",
            Self::Machine => "InstallFolder",
        }
    }

    fn upgrade_code(self, description: &Description) -> &str {
        match self {
            Self::User => &description.upgrade_code,
            Self::Machine => &description.upgrade_code_machine,
        }
    }
}

/// # Errors
/// When a program does not compile, or `wixl` is not here or refuses.
pub fn make(workshop: &Workshop<'_>, scope: Scope) -> Result<PathBuf> {
    if !["wixl", "msiinfo", "msibuild"].into_iter().all(system::on_path) {
        bail!("an MSI needs wixl and msitools (Debian: wixl msitools)");
    }
    let programs = programs::Programs::of(workshop, scope.package())?;
    let signer = Signer::from_environment();
    if signer.is_none() {
        console::warning(&format!(
            "{} is not set: a developer's build that nobody signed, and it says so where it is installed",
            sign::VARIABLE
        ));
    }
    assemble(workshop, scope, &workshop.description, &programs, signer.as_ref(), &workshop.out)
}

fn assemble(
    workshop: &Workshop<'_>,
    scope: Scope,
    description: &Description,
    programs: &programs::Programs,
    signer: Option<&Signer>,
    out: &Path,
) -> Result<PathBuf> {
    let scratch = tempfile::tempdir_in(out)?;
    let payload = scratch.path().join("payload");
    let root = &workshop.folders.root;
    tree::lay_out(root, description, scope.package(), &payload, &|name| programs.find(name))?;
    let mut names: Vec<String> = description.of(scope.package()).map(|(_, place)| place.to_owned()).collect();
    match signer {
        // Libraries bear the signatures of those who made them.
        Some(signer) => names
            .iter()
            .filter(|name| name.ends_with(".exe"))
            .try_for_each(|name| signer.program(&payload.join(name)))?,
        None => {
            fs::write(payload.join(UNSIGNED), UNSIGNED_WORDS)?;
            names.push(UNSIGNED.to_owned());
        }
    }
    let licences = bill::licences(workshop.folders, scope.package())?.replace('\n', "\r\n");
    fs::write(payload.join(LICENCES), licences)?;
    names.push(LICENCES.to_owned());
    // Linked at load time by the window where it was made with the GNU tools.
    let loader = programs.folder().join(WEBVIEW_LOADER);
    if loader.is_file() {
        if !sign::is_signed(&loader)? {
            bail!("{} does not bear its maker's signature", loader.display());
        }
        fs::copy(&loader, payload.join(WEBVIEW_LOADER))?;
        names.push(WEBVIEW_LOADER.to_owned());
    }
    fs::copy(root.join("icons/icon.ico"), payload.join(ICON))?;
    let path = out.join(format!("{}-{}-{}", description.name, description.version, scope.ending()));
    let signed = signer.is_some();
    let source = source::Source { description, scope, names: &names, signed }.text();
    let inside: Vec<String> = names.iter().cloned().chain([ICON.to_owned()]).collect();
    pack(&codes::with_product(&source, &payload, &inside)?, &payload, &path, workshop.epoch)?;
    tables::Wanted { description, scope, names: &names, signed }.check(&path)?;
    if let Some(signer) = signer {
        signer.installer(&path)?;
    }
    Ok(path)
}

/// Makes an installer of its source and the files in a folder.
fn pack(source: &str, payload: &Path, to: &Path, epoch: u64) -> Result<()> {
    fs::write(payload.join("main.wxs"), source)?;
    epoch::give(payload, epoch)?;
    let mut wixl = program("wixl");
    wixl.current_dir(payload).env("TZ", "UTC0").args(["-a", "x64", "-o"]).arg(to).arg("main.wxs");
    let output = wixl.output().context("wixl does not start")?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || !said.trim().is_empty() {
        bail!("`{}` said: {}", shown(&wixl), said.trim());
    }
    // `wixl` writes this property itself, and knows no others that belong to it.
    let secure =
        format!("UPDATE Property SET Value='{}' WHERE Property='SecureCustomProperties'", source::SECURE);
    run(program("msibuild").arg(to).arg("-q").arg(secure))?;
    codes::settle(to, epoch)
}

/// The installers under Wine: refused, installed, repaired, upgraded to a newer version made for that, removed.
///
/// # Errors
/// When something is not as it must be, or Wine is not here.
pub fn try_out(workshop: &Workshop<'_>, scopes: &[Scope]) -> Result<()> {
    if !windows::wine::available() {
        bail!("the installers are tried under Wine (Debian: wine64)");
    }
    let scratch = tempfile::tempdir_in(&workshop.out)?;
    let mut newer = workshop.description.clone();
    newer.version = next(&newer.version)?;
    let signer = Signer::from_environment();
    for &scope in scopes {
        let description = &workshop.description;
        let older =
            workshop.out.join(format!("{}-{}-{}", description.name, description.version, scope.ending()));
        let programs = programs::Programs::built(workshop, scope.package())?;
        let newer = assemble(workshop, scope, &newer, &programs, signer.as_ref(), scratch.path())?;
        let mut trial = program("bash");
        trial.arg(workshop.folders.root.join("installer/windows/try-msi.sh")).args([&older, &newer]);
        let client = windows::linked_client(workshop.folders);
        run(trial.args(Some(client).filter(|client| scope == Scope::Machine && client.is_file())))?;
    }
    Ok(())
}

/// The version after this one. Windows Installer compares three numbers.
fn next(version: &str) -> Result<String> {
    let (front, last) = version.rsplit_once('.').context("a version has dots")?;
    let last: u16 = last.parse().with_context(|| format!("Windows Installer knows no version {version}"))?;
    Ok(format!("{front}.{}", last.checked_add(1).context("the last number is as large as it may be")?))
}

#[cfg(test)]
mod tests;
