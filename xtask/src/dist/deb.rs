//! The Debian package, by `dpkg-deb` from our own tree. There are no maintainer scripts: nothing is run as root, nobody
//! is added to a group, no unit is enabled.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::description::Description;
use super::{Package, Workshop, bill, programs, tree};
use crate::program::{capture, program, run};
use crate::system;

impl Workshop<'_> {
    /// Where the .deb is made.
    pub fn deb_path(&self) -> PathBuf {
        self.out.join(format!("{}_{}_amd64.deb", self.description.name, self.description.version))
    }
}

/// # Errors
/// When a program does not compile, or `dpkg-deb` is not here.
pub fn make(workshop: &Workshop<'_>) -> Result<PathBuf> {
    if !system::on_path("dpkg-deb") {
        bail!("a .deb is made by dpkg-deb, on Debian and its relatives");
    }
    let programs = programs::Programs::of(workshop, Package::Deb)?;
    let find = |name: &str| programs.find(name);
    let top = tempfile::tempdir_in(&workshop.out)?;
    let tree = top.path().join("tree");
    let description = &workshop.description;
    tree::lay_out(&workshop.folders.root, description, Package::Deb, &tree, &find)?;
    let licences = tree.join("usr/share/doc").join(&description.name).join("third-party.txt");
    fs::write(&licences, bill::licences(workshop.folders, Package::Deb)?)?;
    tree::mode(&licences, 0o644)?;
    let libc = description
        .programs(Package::Deb)
        .filter(|name| *name != crate::companion::NAME)
        .map(|name| programs::newest_libc(&programs.find(name)?))
        .collect::<Result<Vec<_>>>()?;
    let libc = libc.into_iter().max_by_key(|version| numbers(version)).context("no program")?;
    pack(description, &libc, &tree, &workshop.deb_path(), workshop.epoch)?;
    Ok(workshop.deb_path())
}

fn numbers(version: &str) -> Vec<u32> {
    version.split('.').filter_map(|part| part.parse().ok()).collect()
}

/// Makes the package of a tree.
///
/// # Errors
/// When `dpkg-deb` refuses.
pub fn pack(description: &Description, libc: &str, tree: &Path, to: &Path, epoch: u64) -> Result<()> {
    let bytes = tree::open_folders(tree)?;
    let control = tree.join("DEBIAN");
    fs::create_dir_all(&control)?;
    tree::mode(&control, 0o755)?;
    fs::write(control.join("control"), control_text(description, libc, bytes))?;
    fs::write(control.join("md5sums"), sums(tree)?)?;
    for name in ["control", "md5sums"] {
        tree::mode(&control.join(name), 0o644)?;
    }
    run(program("dpkg-deb")
        .env("SOURCE_DATE_EPOCH", epoch.to_string())
        .args(["--root-owner-group", "-Zxz", "--build"])
        .arg(tree)
        .arg(to))
}

fn control_text(description: &Description, libc: &str, bytes: u64) -> String {
    let mut depends = vec![format!("libc6 (>= {libc})"), "libgcc-s1".to_owned()];
    depends.extend(description.deb.depends.iter().cloned());
    let long: Vec<String> = description
        .description
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| format!(" {line}"))
        .collect();
    format!(
        "Package: {}\nVersion: {}\nArchitecture: amd64\nMaintainer: {}\nInstalled-Size: {}\nDepends: {}\n\
         Recommends: {}\nSection: {}\nPriority: optional\nDescription: {}\n{}\n",
        description.name,
        description.version,
        description.maintainer,
        bytes.div_ceil(1024),
        depends.join(", "),
        description.deb.recommends.join(", "),
        description.section,
        description.summary,
        long.join("\n"),
    )
}

/// What `dpkg --verify` compares with.
fn sums(tree: &Path) -> Result<String> {
    let listed = capture(
        program("sh")
            .current_dir(tree)
            .args(["-c", "find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 -r md5sum"]),
    )?;
    Ok(listed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folders::Folders;

    /// The whole package around stand-ins for the programs: what it holds, how, and what it does not.
    #[test]
    fn the_package_holds_what_is_described_and_runs_nothing() {
        if !system::on_path("dpkg-deb") {
            println!("SKIPPED: no dpkg-deb here");
            return;
        }
        let folders = Folders::find().unwrap();
        let description = Description::read(&folders.root).unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let stand_in = scratch.path().join("program");
        fs::write(&stand_in, "#!/bin/sh\n").unwrap();
        let tree = scratch.path().join("tree");
        let find = |_: &str| Ok(stand_in.clone());
        let build = |to: &Path| {
            tree::lay_out(&folders.root, &description, Package::Deb, &tree, &find).unwrap();
            pack(&description, "2.34", &tree, to, 1_700_000_000).unwrap();
        };
        let (first, second) = (scratch.path().join("1.deb"), scratch.path().join("2.deb"));
        build(&first);
        build(&second);
        assert!(fs::read(&first).unwrap() == fs::read(&second).unwrap(), "two builds differ");

        let control = scratch.path().join("control");
        run(program("dpkg-deb").arg("--control").arg(&first).arg(&control)).unwrap();
        let mut names: Vec<_> = fs::read_dir(&control).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["control", "md5sums"], "no maintainer scripts");
        let field = |name: &str| capture(program("dpkg-deb").arg("--field").arg(&first).arg(name)).unwrap();
        assert_eq!(field("Version").trim(), description.version);
        assert!(field("Depends").starts_with("libc6 (>= 2.34), "));
        assert!(!field("Depends").contains("docker"), "an engine may be elsewhere");

        let listed = capture(program("dpkg-deb").arg("--contents").arg(&first)).unwrap();
        for (item, place) in description.of(Package::Deb) {
            let line = listed
                .lines()
                .find(|line| line.contains(&format!(" ./{place}")))
                .unwrap_or_else(|| panic!("{place}"));
            let mode = if item.program.is_some() { "-rwxr-xr-x" } else { "" };
            assert!(line.starts_with(mode) && line.contains("root/root"), "{line}");
        }
        assert!(listed.contains("hivemind-worker-status.1.gz"), "{listed}");
        for line in listed.lines() {
            let mode = line.split(' ').next().unwrap_or_default();
            assert!(!mode.contains('s') && !mode.contains('t'), "a right of its own: {line}");
            assert!(!line.starts_with("-rwxrwx") && !line.contains("./etc/"), "{line}");
        }
    }

    #[test]
    fn the_services_are_hardened_and_restart() {
        let root = Folders::find().unwrap().root;
        let system = fs::read_to_string(root.join("installer/linux/hivemind-worker.system.service")).unwrap();
        for line in [
            "After=network.target docker.service",
            "User=hivemind",
            "Restart=always",
            "RestartSec=10",
            "NoNewPrivileges=yes",
            "CapabilityBoundingSet=",
            "ProtectSystem=strict",
        ] {
            assert!(system.lines().any(|there| there == line), "{line}");
        }
        let user = fs::read_to_string(root.join("installer/linux/hivemind-worker.user.service")).unwrap();
        assert!(user.contains("Restart=always") && user.contains("NoNewPrivileges=yes"));
    }
}
