//! `cargo xtask dist`: the installable packages, as many as can be made on this machine, from `installer/package.toml`.

mod appimage;
pub mod bill;
mod deb;
mod description;
mod epoch;
mod generated;
mod msi;
mod programs;
mod sections;
mod sign;
mod tree;
mod trial;
mod twice;
mod words;

pub use appimage::runtime as image_runtime;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use sha2::{Digest, Sha256};

use crate::console;
use crate::demand::Group;
use crate::folders::Folders;
use crate::{system, units};
use description::Description;
use msi::Scope;

#[derive(Args)]
pub struct Options {
    /// Only these packages; all that can be made here when absent
    #[arg(value_enum)]
    only: Vec<Package>,
    /// Folder for the packages; `dist` in the cache when absent
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Take the programs that were built before instead of building them (for work on the packages themselves)
    #[arg(long)]
    no_build: bool,
    /// Afterwards use what was made as a person would, and compare before and after: packages for Linux in clean roots
    /// (Debian, root), the installers for Windows under Wine
    #[arg(long = "try")]
    try_out: bool,
    /// Afterwards make everything again, and fail where a byte differs: the packages from the same programs, by another
    /// clock, time zone, mask and folder; the programs from a copy of the sources in another folder (a whole build)
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "all", value_name = "WHAT")]
    twice: Option<Twice>,
    /// One JSON line instead of text
    #[arg(long)]
    json: bool,
}

/// One kind of package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Package {
    /// For Debian and its relatives
    Deb,
    /// One file for any Linux
    Appimage,
    /// For Windows: one for one user, one for all users
    Msi,
    /// The one for all users, which comes with the other
    #[value(skip)]
    MsiMachine,
}

/// What is made twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Twice {
    /// From the same programs
    Packages,
    /// The programs themselves
    Programs,
    /// Both
    All,
}

impl Package {
    const ALL: [Self; 4] = [Self::Deb, Self::Appimage, Self::Msi, Self::MsiMachine];

    fn name(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Appimage => "AppImage",
            Self::Msi => "msi",
            Self::MsiMachine => "msi (all users)",
        }
    }

    /// Whom it is for, where it is an installer for Windows.
    fn scope(self) -> Option<Scope> {
        match self {
            Self::Deb | Self::Appimage => None,
            Self::Msi => Some(Scope::User),
            Self::MsiMachine => Some(Scope::Machine),
        }
    }
}

/// Everything a package is made from, and where it goes.
pub struct Workshop<'a> {
    folders: &'a Folders,
    description: Description,
    out: PathBuf,
    build: bool,
    /// Seconds since 1970 that packages carry.
    epoch: u64,
}

/// Makes what can be made and says what could not. Fails when a package that was named could not be made.
pub fn dist(folders: &Folders, options: &Options) -> Result<ExitCode> {
    let description = Description::read(&folders.root)?;
    let out = options.out.clone().unwrap_or_else(|| folders.cache.join("dist"));
    let out = std::path::absolute(out)?;
    fs::create_dir_all(&out).with_context(|| format!("cannot make {}", out.display()))?;
    let epoch = epoch::of(&folders.root)?;
    let workshop = Workshop { folders, description, out, build: !options.no_build, epoch };
    if !system::ensure(&[Group::Build, Group::Packages])? {
        console::warning("going on without them: what needs them is not made");
    }
    let named = |package: Package| options.only.contains(&package);
    let mut wanted = Package::ALL.to_vec();
    wanted.retain(|package| {
        options.only.is_empty() || named(*package) || *package == Package::MsiMachine && named(Package::Msi)
    });
    if units::available() {
        console::step("Units");
        if !units::check(folders)? {
            bail!("a service would be more exposed than it may be");
        }
    } else {
        console::warning("there is no systemd here: how exposed the services are was not judged");
    }
    let mut rows = Vec::new();
    let (mut made_here, mut scopes) = (Vec::new(), Vec::new());
    let mut failed = false;
    for package in wanted {
        console::step(&format!("Package: {}", package.name()));
        let made = match package {
            Package::Deb => deb::make(&workshop),
            Package::Appimage => appimage::make(&workshop),
            Package::Msi => msi::make(&workshop, Scope::User),
            Package::MsiMachine => msi::make(&workshop, Scope::Machine),
        };
        match made {
            Ok(path) => {
                let bytes = fs::read(&path)?;
                let sha256 = hex::encode(Sha256::digest(&bytes));
                let mut row = serde_json::json!({"package": package.name(), "path": path, "bytes": bytes.len(), "sha256": sha256});
                let mut text =
                    format!("{:<15} {:>6.2} MB  {}", package.name(), megabytes(bytes.len()), path.display());
                if let Some(scope) = package.scope() {
                    let signed = sign::Signer::from_environment().is_some();
                    row["signed"] = signed.into();
                    text.push_str(if signed { "" } else { "  (unsigned)" });
                    scopes.push(scope);
                }
                rows.push((text, row));
                made_here.push((package, path));
            }
            Err(error) => {
                failed = true;
                let why = format!("{error:#}");
                let row = serde_json::json!({"package": package.name(), "error": why});
                rows.push((format!("{:<15} not made: {why}", package.name()), row));
            }
        }
    }
    let bill = bill::write(&workshop)?;
    console::note(&format!("bill of materials: {}", bill.display()));
    if let Some(Twice::Packages | Twice::All) = options.twice {
        twice::packages(&workshop, &made_here)?;
    }
    if let Some(Twice::Programs | Twice::All) = options.twice {
        twice::programs(&workshop, &made_here)?;
    }
    if options.try_out {
        trial::packages(&workshop, &made_here)?;
    }
    if options.try_out && !scopes.is_empty() {
        msi::try_out(&workshop, &scopes)?;
    }
    console::step("Packages");
    for (text, row) in rows {
        console::answer(&if options.json { row.to_string() } else { text });
    }
    // Asked for everything, what this machine cannot make is said, and is no failure.
    Ok(if failed && !options.only.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

#[expect(clippy::cast_precision_loss, reason = "a size for people")]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}
