//! The same again under other circumstances: packages and programs must be the same, byte for byte.

mod difference;
mod parts;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use sha2::{Digest, Sha256};

use self::difference::difference;
use self::parts::Kind;
use super::sign::Signer;
use super::{Package, Workshop, programs};
use crate::companion;
use crate::console;
use crate::program::{capture, program, run};
use crate::release::Place;
use crate::system;

/// How far the other clock is ahead: over a leap day, at another hour.
const LATER: &str = "+1500d";

/// What was made beside what was made again.
struct Pair {
    name: String,
    kind: Kind,
    first: PathBuf,
    again: PathBuf,
}

/// Compares all of them, says what each is, and fails after the last when any differs.
fn judge(pairs: &[Pair]) -> Result<()> {
    let mut differing = Vec::new();
    for Pair { name, kind, first, again } in pairs {
        if let Some(words) = difference(*kind, first, again).with_context(|| format!("comparing {name}"))? {
            console::error(&format!("{name} differs: {words}"));
            differing.push(name.as_str());
        } else {
            let bytes = fs::read(again)?;
            let sha256 = hex::encode(Sha256::digest(&bytes));
            console::note(&format!("{name}: the same {} bytes, SHA-256 {sha256}", bytes.len()));
        }
    }
    if !differing.is_empty() {
        bail!("made twice and not the same: {}", differing.join(", "));
    }
    Ok(())
}

/// Makes packages again from the programs that are there: by a later clock, in another time zone, with a mask that hides
/// everything, with temporary files elsewhere, on one thread.
///
/// # Errors
/// When one cannot be made again, or differs.
pub fn packages(workshop: &Workshop<'_>, made: &[(Package, PathBuf)]) -> Result<()> {
    console::step("Packages, made again under other circumstances");
    let signed = Signer::from_environment().is_some();
    let (made, left): (Vec<_>, Vec<_>) =
        made.iter().partition(|(package, _)| !(signed && package.scope().is_some()));
    if !left.is_empty() {
        console::warning("the installers for Windows were not compared: a signature has its own time");
    }
    if made.is_empty() {
        bail!("there is no package to compare");
    }
    let scratch = tempfile::tempdir_in(&workshop.out)?;
    let (out, temporary) = (scratch.path().join("made again"), scratch.path().join("temporary"));
    fs::create_dir(&temporary)?;
    let mut dist = Command::new(std::env::current_exe()?);
    dist.args(["dist", "--no-build", "--out"]).arg(&out);
    for (package, _) in &made {
        // The installer for all users comes with the other.
        dist.args(package.to_possible_value().map(|value| value.get_name().to_owned()));
    }
    let mut changed = changed(&dist);
    changed.current_dir(&workshop.folders.root).env("SOURCE_DATE_EPOCH", workshop.epoch.to_string());
    run(changed.env("TMPDIR", temporary))?;
    let mut pairs: Vec<Pair> = made
        .iter()
        .map(|(package, path)| Pair {
            name: package.name().to_owned(),
            kind: Kind::of(*package),
            first: path.clone(),
            again: out.join(path.file_name().unwrap_or_default()),
        })
        .collect();
    // What lies beside them: the bill of materials, and what an AppImage is updated by.
    for file in fs::read_dir(&out)? {
        let again = file?.path();
        let name = again.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let first = workshop.out.join(&name);
        if !pairs.iter().any(|pair| pair.again == again) && again.is_file() {
            pairs.push(Pair { name, kind: Kind::Bytes, first, again });
        }
    }
    judge(&pairs)
}

/// A command under other circumstances.
fn changed(command: &Command) -> Command {
    let mut changed = program("sh");
    changed.args(["-c", "umask 077; exec \"$@\"", "sh"]);
    if system::on_path("faketime") {
        // The times of files are the system's, which faketime would shift as they are read.
        changed.env("NO_FAKE_STAT", "1").args(["faketime", "-f", LATER]);
    } else {
        console::warning(
            "the clock is only some seconds later: there is no faketime here (Debian: faketime)",
        );
    }
    changed.arg(command.get_program()).args(command.get_args());
    changed.env("TZ", "Pacific/Kiritimati").env("DPKG_DEB_THREADS_MAX", "1").env("LC_ALL", "C");
    changed
}

/// Builds programs again, from a copy of the sources in another folder.
///
/// # Errors
/// When one does not compile, or differs.
pub fn programs(workshop: &Workshop<'_>, made: &[(Package, PathBuf)]) -> Result<()> {
    let folders = workshop.folders;
    let one_of = |windows: bool| {
        made.iter().map(|(package, _)| *package).filter(move |it| programs::for_windows(*it) == windows)
    };
    // The one for all users has the service as well.
    let (linux, windows) = (one_of(false).next(), one_of(true).next_back());
    let mut pairs = 0;
    for package in [linux, windows].into_iter().flatten() {
        console::step(&format!("Programs of {}, built again in another folder", package.name()));
        let scratch = tempfile::tempdir_in(&workshop.out)?;
        let place =
            Place { root: scratch.path().join("the same/sources"), target: scratch.path().join("built") };
        copy_sources(&folders.root, &place.root)?;
        programs::build(folders, &place, package)?;
        let companion = companion::built_in(&place)?;
        let (first, again) =
            (programs::Programs::built(workshop, package)?, programs::Programs::in_place(&place, package));
        let names = workshop.description.programs(package);
        let compared = names
            .map(|name| {
                let again = if name == companion::NAME { companion.clone() } else { again.find(name)? };
                Ok(Pair { name: name.to_owned(), kind: Kind::Bytes, first: first.find(name)?, again })
            })
            .collect::<Result<Vec<_>>>()?;
        judge(&compared)?;
        pairs += compared.len();
    }
    if pairs == 0 {
        bail!("there is no package whose programs could be compared");
    }
    Ok(())
}

/// The files that belong to the project, as they are, and the built screens, which are inside the programs.
fn copy_sources(from: &Path, to: &Path) -> Result<()> {
    let listed = capture(program("git").current_dir(from).args(["ls-files", "-z", "--cached"]))
        .context("what belongs to the sources is git's to say")?;
    let built = capture(program("git").current_dir(from).args([
        "ls-files",
        "-z",
        "--others",
        "--ignored",
        "--exclude-standard",
        "--",
        "ui/dist",
    ]))?;
    let names = listed.split('\0').chain(built.split('\0')).filter(|name| !name.is_empty());
    let mut copied = 0;
    for name in names.filter(|name| from.join(name).is_file()) {
        let at = to.join(name);
        fs::create_dir_all(at.parent().context("a file lies in a folder")?)?;
        fs::copy(from.join(name), at).with_context(|| format!("{name} cannot be copied"))?;
        copied += 1;
    }
    console::note(&format!("{copied} files copied"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folders::Folders;

    #[test]
    fn one_byte_more_is_told_after_all_were_compared() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let at = folder.path().join(name);
            fs::write(&at, text).unwrap();
            at
        };
        let pair = |name: &str, first: &str, again: &str| Pair {
            name: name.to_owned(),
            kind: Kind::Bytes,
            first: file(&format!("{name}-1"), first),
            again: file(&format!("{name}-2"), again),
        };
        judge(&[pair("same", "abc", "abc")]).unwrap();
        let error =
            judge(&[pair("longer", "abc", "abcd"), pair("same", "x", "x"), pair("other", "abc", "abd")]);
        assert_eq!(error.unwrap_err().to_string(), "made twice and not the same: longer, other");
        let gone = Pair { again: folder.path().join("gone"), ..pair("gone", "x", "") };
        assert!(judge(&[gone]).is_err());
    }

    #[test]
    fn the_other_circumstances_are_other() {
        if !["sh", "faketime"].into_iter().all(system::on_path) {
            println!("SKIPPED the_other_circumstances_are_other: no faketime here");
            return;
        }
        let mut asks = program("sh");
        asks.args(["-c", "umask; date +%Y; date +%z"]);
        let now: u32 = capture(program("date").arg("+%Y")).unwrap().trim().parse().unwrap();
        let said = capture(&mut changed(&asks)).unwrap();
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!((lines[0], lines[2]), ("0077", "+1400"), "{said}");
        assert!(lines[1].parse::<u32>().unwrap() >= now + 4, "{said}");
    }

    #[test]
    fn the_copy_has_the_sources_and_nothing_that_was_built_beside_them() {
        let root = Folders::find().unwrap().root;
        let folder = tempfile::tempdir().unwrap();
        copy_sources(&root, folder.path()).unwrap();
        for name in ["Cargo.lock", "crates/app/src/main.rs", "xtask/src/dist/twice.rs"] {
            assert!(
                fs::read(folder.path().join(name)).unwrap() == fs::read(root.join(name)).unwrap(),
                "{name}"
            );
        }
        for name in [".git", "target", "ui/node_modules"] {
            assert!(!folder.path().join(name).exists(), "{name}");
        }
    }
}
