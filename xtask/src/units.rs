//! `cargo xtask units`: how exposed the services are that we install, by systemd's own measure.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, bail};

use crate::console;
use crate::demand::Group;
use crate::folders::Folders;
use crate::program::{capture, program};
use crate::system;

/// Where the units lie in the checkout.
const FOLDER: &str = "installer/linux";
/// Each unit with the highest exposure it may have, in tenths: from 0 for none to 100 for a service without any bound.
/// A service manager of a user has no right to most bounds, so its services cannot be better by much.
const LIMITS: [(&str, u32); 3] = [
    ("hivemind-netd@.service", 20),
    ("hivemind-worker.system.service", 20),
    ("hivemind-worker.user.service", 90),
];

/// Judges every unit and prints its exposure. True when none is above its limit.
///
/// # Errors
/// When systemd is not here, cannot read a unit, or there is a unit without a limit or a limit without a unit.
pub fn check(folders: &Folders) -> Result<bool> {
    if !available() && !system::ensure(&[Group::Units])? {
        bail!("units are judged by systemd, which is not here");
    }
    let folder = folders.root.join(FOLDER);
    let mut there = BTreeSet::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".service") {
            there.insert(name);
        }
    }
    matched(&there)?;
    let mut all = true;
    for (name, limit) in LIMITS {
        let mut judge = program("systemd-analyze");
        judge.args(["security", "--no-pager", "--offline=true"]).arg(folder.join(name)).env("LC_ALL", "C");
        let said = capture(&mut judge)?;
        let exposure = exposure(&said).with_context(|| format!("systemd says no exposure of {name}"))?;
        let within = exposure <= limit;
        let verdict = if within { "passed" } else { "ABOVE" };
        console::answer(&format!(
            "{name:<32} {:>4} of at most {:>4}  {verdict}",
            shown(exposure),
            shown(limit)
        ));
        if !within {
            // In the language of no country a bound that is missing is marked so.
            for line in said.lines().filter(|line| line.starts_with("- ")) {
                console::note(line.split("  ").next().unwrap_or(line));
            }
        }
        all &= within;
    }
    Ok(all)
}

/// Whether what judges is here.
pub fn available() -> bool {
    system::on_path("systemd-analyze")
}

/// Refuses units that nobody set a limit for, and limits of units that are gone.
fn matched(there: &BTreeSet<String>) -> Result<()> {
    let limited: BTreeSet<String> = LIMITS.iter().map(|(name, _)| (*name).to_owned()).collect();
    if let Some(odd) = there.symmetric_difference(&limited).next() {
        bail!("{odd} is in one of {FOLDER} and the list of limits, and not in the other");
    }
    Ok(())
}

/// The exposure in tenths.
fn exposure(said: &str) -> Option<u32> {
    let (_, rest) = said.split_once("Overall exposure level for ")?;
    let (_, figure) = rest.lines().next()?.rsplit_once(".service: ")?;
    let (whole, tenth) = figure.split_whitespace().next()?.split_once('.')?;
    let (whole, tenth): (u32, u32) = (whole.parse().ok()?, tenth.parse().ok()?);
    (tenth < 10).then_some(whole * 10 + tenth)
}

fn shown(tenths: u32) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exposure_is_read() {
        let said =
            "- PrivateNetwork=  0.5\n\n-> Overall exposure level for hivemind-netd@i.service: 1.6 OK :-)\n";
        assert_eq!(exposure(said), Some(16));
        assert_eq!(exposure("-> Overall exposure level for a.service: 10.0 UNSAFE\n"), Some(100));
        for none in ["", "-> Overall exposure level for a.service: well\n", "1.6 OK"] {
            assert_eq!(exposure(none), None, "{none}");
        }
        assert_eq!(shown(89), "8.9");
    }

    #[test]
    fn a_unit_without_a_limit_is_noticed() {
        let mut there: BTreeSet<String> = LIMITS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert!(matched(&there).is_ok());
        there.insert("new.service".to_owned());
        assert!(matched(&there).unwrap_err().to_string().contains("new.service"));
        there.remove("new.service");
        there.remove(LIMITS[0].0);
        assert!(matched(&there).is_err());
    }
}
