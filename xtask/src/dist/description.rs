//! `installer/package.toml`, read and checked.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::Package;

/// What is installed, where, by which package.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Description {
    pub name: String,
    pub title: String,
    pub summary: String,
    pub description: String,
    pub maintainer: String,
    pub section: String,
    pub update_information: String,
    pub upgrade_code: String,
    pub upgrade_code_machine: String,
    pub deb: Relations,
    #[serde(rename = "item")]
    pub items: Vec<Item>,
    /// From the workspace's manifest.
    #[serde(skip)]
    pub version: String,
}

/// What the .deb says about other packages.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relations {
    pub depends: Vec<String>,
    pub recommends: Vec<String>,
}

/// One thing that is installed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Item {
    pub program: Option<String>,
    pub file: Option<String>,
    pub made: Option<String>,
    pub text: Option<String>,
    pub link: Option<String>,
    pub brought: Option<String>,
    pub sha256: Option<String>,
    pub deb: Option<String>,
    pub appimage: Option<String>,
    pub msi: Option<String>,
    pub msi_user: Option<String>,
    pub msi_machine: Option<String>,
}

/// Where an item comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin<'a> {
    Program(&'a str),
    File(&'a str),
    Made(&'a str),
    Text(&'a str),
    Link(&'a str),
    Brought { file: &'a str, sha256: &'a str },
}

impl Item {
    /// Where it comes from.
    ///
    /// # Errors
    /// When that is not exactly one place.
    pub fn origin(&self) -> Result<Origin<'_>> {
        let brought = match (self.brought.as_deref(), self.sha256.as_deref()) {
            (Some(file), Some(sha256)) => Some(Origin::Brought { file, sha256 }),
            (None, None) => None,
            _ => bail!("what a crate brings has its SHA-256 beside it, and nothing else has: {self:?}"),
        };
        let all = [
            self.program.as_deref().map(Origin::Program),
            self.file.as_deref().map(Origin::File),
            self.made.as_deref().map(Origin::Made),
            self.text.as_deref().map(Origin::Text),
            self.link.as_deref().map(Origin::Link),
            brought,
        ];
        let mut named = all.into_iter().flatten();
        match (named.next(), named.next()) {
            (Some(origin), None) => Ok(origin),
            _ => {
                bail!("an item comes from exactly one of program, file, made, text, link, brought: {self:?}")
            }
        }
    }

    /// Where it goes in a package, if it is in there.
    pub fn place(&self, package: Package) -> Option<&str> {
        match package {
            Package::Deb => self.deb.as_deref(),
            Package::Appimage => self.appimage.as_deref(),
            Package::Msi => self.msi.as_deref().or(self.msi_user.as_deref()),
            Package::MsiMachine => self.msi.as_deref().or(self.msi_machine.as_deref()),
        }
    }
}

impl Description {
    /// Reads it and the version.
    ///
    /// # Errors
    /// When it cannot be read, or says something that no package can do.
    pub fn read(root: &Path) -> Result<Self> {
        let path = root.join("installer/package.toml");
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let metadata = cargo_metadata::MetadataCommand::new().current_dir(root).no_deps().exec()?;
        let version = metadata
            .packages
            .iter()
            .find(|package| package.name.as_str() == "hivemind-app")
            .context("there is no package hivemind-app")?
            .version
            .to_string();
        Self::parse(&text, version)
    }

    pub fn parse(text: &str, version: String) -> Result<Self> {
        let mut description: Self = toml::from_str(text).context("installer/package.toml")?;
        description.version = version;
        for package in Package::ALL {
            let mut places = BTreeSet::new();
            for item in &description.items {
                item.origin()?;
                if item.msi.is_some() && (item.msi_user.is_some() || item.msi_machine.is_some()) {
                    bail!("`msi` means both installers for Windows: {item:?}");
                }
                let Some(place) = item.place(package) else { continue };
                let inside = Path::new(place).components().all(|part| matches!(part, Component::Normal(_)));
                if !inside || place.is_empty() {
                    bail!("{place} is no place inside a package");
                }
                if !places.insert(place) {
                    bail!("two items go to {place}");
                }
            }
        }
        Ok(description)
    }

    /// The items of one package with their places.
    pub fn of(&self, package: Package) -> impl Iterator<Item = (&Item, &str)> {
        self.items.iter().filter_map(move |item| item.place(package).map(|place| (item, place)))
    }

    /// The programs of one package.
    pub fn programs(&self, package: Package) -> impl Iterator<Item = &str> {
        self.of(package).filter_map(|(item, _)| item.program.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folders::Folders;

    fn ours() -> Description {
        Description::read(&Folders::find().unwrap().root).unwrap()
    }

    #[test]
    fn every_package_has_worker_window_and_companion() {
        let ours = ours();
        for package in Package::ALL {
            let mut expected = vec!["hivemind-worker", "hivemind-worker-window", "hivemind-companion"];
            // A unit of the system names it by its place, and an image has none; a service of Windows needs an administrator.
            let served = matches!(package, Package::Deb | Package::MsiMachine);
            expected.extend(served.then_some("hivemind-netd"));
            let programs: Vec<_> = ours.programs(package).collect();
            assert_eq!(programs, expected, "{package:?}");
        }
    }

    #[test]
    fn the_worker_finds_window_companion_and_marker_beside_itself() {
        let ours = ours();
        for package in Package::ALL {
            let folder = |name: &str| {
                ours.of(package)
                    .find(|(item, _)| item.program.as_deref() == Some(name))
                    .map(|(_, place)| Path::new(place).parent().unwrap().to_owned())
            };
            assert_eq!(folder("hivemind-worker"), folder("hivemind-worker-window"), "{package:?}");
            assert_eq!(folder("hivemind-worker"), folder("hivemind-companion"), "{package:?}");
        }
    }

    #[test]
    fn the_driver_is_the_one_that_the_service_takes_and_only_its_installer_brings_it() {
        let ours = ours();
        let root = Folders::find().unwrap().root;
        let source = std::fs::read_to_string(root.join("crates/netd/src/windows/library.rs")).unwrap();
        for package in Package::ALL {
            let driver = ours.of(package).find(|(_, place)| place.ends_with("wireguard.dll"));
            assert_eq!(driver.is_some(), package == Package::MsiMachine, "{package:?}");
            let Some((item, place)) = driver else { continue };
            assert_eq!(place, "wireguard.dll", "it is looked for beside the service");
            let sha256 = item.sha256.as_deref().unwrap();
            assert!(source.contains(&format!("DLL_SHA256: &str = \"{sha256}\"")), "{sha256}");
        }
    }

    #[test]
    fn units_start_what_is_installed() {
        let ours = ours();
        let root = Folders::find().unwrap().root;
        let places: Vec<String> = ours.of(Package::Deb).map(|(_, place)| format!("/{place}")).collect();
        let units = ours.of(Package::Deb).filter(|(_, place)| place.ends_with(".service"));
        let mut started = 0;
        for (item, _) in units {
            let text = std::fs::read_to_string(root.join(item.file.as_deref().unwrap())).unwrap();
            let line = text.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
            for word in line.split(' ').filter(|word| word.starts_with("/usr/")) {
                assert!(places.iter().any(|place| place == word), "{word} is in no package");
                started += 1;
            }
        }
        assert_eq!(started, 4, "the worker for a user and for a server; the network service names two");
    }

    #[test]
    fn what_no_package_can_do_is_refused() {
        let whole =
            std::fs::read_to_string(Folders::find().unwrap().root.join("installer/package.toml")).unwrap();
        for wrong in [
            "[[item]]\nfile = \"LICENSE\"\ntext = \"two origins\"\ndeb = \"x\"\n",
            "[[item]]\ndeb = \"no/origin\"\n",
            "[[item]]\nfile = \"LICENSE\"\ndeb = \"/etc/absolute\"\n",
            "[[item]]\nfile = \"LICENSE\"\ndeb = \"usr/../etc/passwd\"\n",
            "[[item]]\nfile = \"LICENSE\"\ndeb = \"usr/bin/hivemind-worker\"\n",
            "[[item]]\nfile = \"LICENSE\"\nrpm = \"x\"\n",
            "[[item]]\nbrought = \"wireguard-nt/LICENSE\"\nmsi = \"x\"\n",
            "[[item]]\nfile = \"LICENSE\"\nsha256 = \"00\"\nmsi = \"x\"\n",
            "[[item]]\nfile = \"LICENSE\"\nmsi = \"x\"\nmsi-machine = \"y\"\n",
            "[[item]]\nfile = \"LICENSE\"\nmsi-machine = \"wireguard.dll\"\n",
        ] {
            assert!(Description::parse(&format!("{whole}\n{wrong}"), "1.0.0".into()).is_err(), "{wrong}");
        }
        assert!(Description::parse(&whole, "1.0.0".into()).is_ok());
    }
}
