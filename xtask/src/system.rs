//! System packages: installed by root on Debian, otherwise named with the command that installs them.

use std::collections::BTreeSet;

use anyhow::Result;
use clap::Args;

use crate::console;
use crate::demand::Group;
use crate::program::{capture, program, run, succeeds};

#[derive(Args)]
pub struct Options {
    /// Only these kinds of work
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Group>,
    /// Install nothing, only name what is missing
    #[arg(long)]
    check: bool,
}

/// `cargo xtask system`. True when nothing is missing at the end.
pub fn system(options: &Options) -> Result<bool> {
    let groups = if options.only.is_empty() { Group::ALL.to_vec() } else { options.only.clone() };
    if options.check {
        return Ok(report(&groups));
    }
    let complete = ensure(&groups)?;
    if complete {
        console::note("the system has what it needs");
    }
    Ok(complete)
}

/// Installs what is missing where this may, else names it. True when nothing is missing at the end.
///
/// # Errors
/// When the package manager fails.
pub fn ensure(groups: &[Group]) -> Result<bool> {
    let missing = missing(groups);
    if missing.is_empty() {
        return Ok(true);
    }
    if !(is_root() && has_apt()) {
        return Ok(report(groups));
    }
    console::step(&format!("Installing {} system packages", missing.len()));
    run(apt().args(["update", "-qq"]))?;
    run(apt().args(["install", "-y", "-qq", "--no-install-recommends"]).args(&missing))?;
    Ok(report(groups))
}

/// Names what is missing. True when that is nothing.
fn report(groups: &[Group]) -> bool {
    let mut complete = true;
    for group in groups {
        let missing = missing(&[*group]);
        if missing.is_empty() {
            continue;
        }
        complete = false;
        console::warning(&format!("for {} install: {}", group.purpose(), missing.join(" ")));
        if has_apt() {
            console::note(&format!(
                "$ sudo apt-get update && sudo apt-get install -y --no-install-recommends {}",
                missing.join(" ")
            ));
        } else {
            console::note("these are Debian's names; your distribution has the same under similar ones");
        }
    }
    complete
}

fn missing(groups: &[Group]) -> Vec<&'static str> {
    let wanted: BTreeSet<&'static str> =
        groups.iter().flat_map(|group| group.packages()).copied().filter(|name| !provided(name)).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    // dpkg-query ends with 1 when any name is unknown, and still lists the others.
    let listed = program("dpkg-query")
        .args(["-W", "-f", "${Package} ${db:Status-Status}\n"])
        .args(&wanted)
        .output()
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default();
    absent(&wanted, &listed)
}

/// The names of `wanted` that `listed` (lines of `name state`) does not show as installed.
fn absent(wanted: &BTreeSet<&'static str>, listed: &str) -> Vec<&'static str> {
    let installed: BTreeSet<&str> =
        listed.lines().filter_map(|line| line.strip_suffix(" installed")).map(str::trim).collect();
    wanted.iter().copied().filter(|name| !installed.contains(name)).collect()
}

/// Whether a program that another source installed does what the package is wanted for.
fn provided(package: &str) -> bool {
    match package {
        "docker.io" => on_path("dockerd") && on_path("docker"),
        "nodejs" => on_path("node"),
        "npm" => on_path("npm"),
        _ => false,
    }
}

/// Whether a program of this name can be started.
pub fn on_path(name: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| {
        folder.join(name).is_file() || (cfg!(windows) && folder.join(format!("{name}.exe")).is_file())
    })
}

/// Whether this process may install packages and start an engine.
pub fn is_root() -> bool {
    cfg!(unix) && capture(program("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

fn has_apt() -> bool {
    cfg!(target_os = "linux") && succeeds(program("apt-get").arg("--version"))
}

fn apt() -> std::process::Command {
    let mut command = program("apt-get");
    // Another apt may be running: wait for it instead of failing.
    command.env("DEBIAN_FRONTEND", "noninteractive").args(["-o", "DPkg::Lock::Timeout=600"]);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_package_counts_as_absent() {
        let wanted = BTreeSet::from(["gone", "here", "unknown"]);
        assert_eq!(absent(&wanted, "here installed\ngone config-files\n"), ["gone", "unknown"]);
    }

    #[test]
    fn no_package_is_listed_twice() {
        let all: Vec<&str> = Group::ALL.iter().flat_map(|group| group.packages()).copied().collect();
        assert_eq!(all.len(), all.iter().collect::<BTreeSet<_>>().len());
    }
}
