//! Building what is shipped: nothing in a program tells the folders it was built in.
//!
//! Messages of a panic name source files. With the folders of this computer in them a program would tell where it was
//! made, and the same sources in another folder would give another program. So the compiler is told other names, here
//! and nowhere else. Builds for work (`cargo build`) are left as they are.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::folders::{Folders, set};
use crate::program::cargo;

/// What stands for the sources, for Cargo's folder of crates, and for the folder of what is built.
const SOURCES: &str = "/hivemind-worker";
const CRATES: &str = "/cargo";
const BUILT: &str = "/target";
/// Cargo parts the flags in its variable by this.
const PARTED: &str = "\u{1f}";

/// The folders of a build.
#[derive(Debug, Clone)]
pub struct Place {
    /// Top of the sources.
    pub root: PathBuf,
    /// Cargo's target folder.
    pub target: PathBuf,
}

impl Place {
    /// Where this checkout builds.
    ///
    /// # Errors
    /// When Cargo cannot tell.
    pub fn of(folders: &Folders) -> Result<Self> {
        Ok(Self { root: folders.root.clone(), target: folders.target()? })
    }

    /// Cargo in this place. Flags of whoever builds are left out: what is shipped has its own.
    ///
    /// # Errors
    /// When no home folder is known.
    pub fn cargo(&self, more: &[String]) -> Result<Command> {
        let mut flags = self.flags()?;
        flags.extend(more.iter().cloned());
        let mut command = cargo();
        command
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target)
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join(PARTED))
            .env_remove("RUSTFLAGS");
        Ok(command)
    }

    fn flags(&self) -> Result<Vec<String>> {
        let flag = |(from, to): (PathBuf, &str)| format!("--remap-path-prefix={}={to}", from.display());
        Ok(self.names()?.into_iter().map(flag).collect())
    }

    /// The folders and what stands for them. Of two that fit the compiler takes the later one, so that the inner folder
    /// stands behind the outer one.
    fn names(&self) -> Result<Vec<(PathBuf, &'static str)>> {
        let mut names = vec![(self.root.clone(), SOURCES), (crates()?, CRATES), (self.target.clone(), BUILT)];
        names.sort_by_key(|(folder, _)| folder.components().count());
        Ok(names)
    }

    /// The first folder of this computer that a program names, with the place in the file.
    ///
    /// # Errors
    /// When no home folder is known.
    pub fn told_by(&self, program: &[u8]) -> Result<Option<String>> {
        for (folder, _) in self.names()? {
            let word = folder.to_string_lossy();
            // A folder at the top, such as /src, is a word of its own in many programs.
            if folder.components().count() < 3 {
                continue;
            }
            if let Some(at) = program.windows(word.len()).position(|bytes| bytes == word.as_bytes()) {
                return Ok(Some(format!("{word} at byte {at}")));
            }
        }
        Ok(None)
    }
}

/// Cargo's own folder.
fn crates() -> Result<PathBuf> {
    set("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| set("HOME").map(|home| Path::new(&home).join(".cargo")))
        .or_else(|| set("USERPROFILE").map(|home| Path::new(&home).join(".cargo")))
        .context("set CARGO_HOME or HOME: Cargo's folder is not known")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::{program, run};

    fn place(top: &Path) -> Place {
        Place { root: top.join("sources"), target: top.join("sources/built") }
    }

    /// A program that names a source file of its own and one that was made while it was built.
    fn build(top: &Path) -> Vec<u8> {
        let place = place(top);
        std::fs::create_dir_all(place.root.join("src")).unwrap();
        let write = |name: &str, text: &str| std::fs::write(place.root.join(name), text).unwrap();
        write(
            "Cargo.toml",
            "[package]\nname = \"told\"\nedition = \"2021\"\n[workspace]\n[profile.release]\nstrip = true\n",
        );
        write(
            "build.rs",
            "fn main() { let out = std::env::var(\"OUT_DIR\").unwrap(); \
             std::fs::write(out + \"/made.rs\", \"pub const MADE: &str = file!();\").unwrap(); }",
        );
        write(
            "src/main.rs",
            "include!(concat!(env!(\"OUT_DIR\"), \"/made.rs\"));\n\
             fn main() { println!(\"{MADE} {}\", file!()); }",
        );
        run(place.cargo(&[]).unwrap().args(["build", "--release", "--offline", "--quiet"])).unwrap();
        std::fs::read(place.target.join(format!("release/told{}", std::env::consts::EXE_SUFFIX))).unwrap()
    }

    #[test]
    fn two_folders_give_one_program_that_names_neither() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let deep = other.path().join("deeper/than the first");
        let (first, second) = (build(one.path()), build(&deep));
        assert_eq!(place(one.path()).told_by(&first).unwrap(), None);
        assert_eq!(place(&deep).told_by(&second).unwrap(), None);
        assert!(first == second, "the folder shows in the program");
        let built = place(one.path()).target.join(format!("release/told{}", std::env::consts::EXE_SUFFIX));
        let said = crate::program::capture(&mut program(built)).unwrap();
        assert!(said.starts_with("/target/release/build/told-"), "{said}");
    }

    #[test]
    fn a_folder_that_is_told_is_named_with_its_place() {
        let place = place(Path::new("/somebody/at/work"));
        let told = place.told_by(b"....panicked at /somebody/at/work/sources/x.rs").unwrap().unwrap();
        assert_eq!(told, "/somebody/at/work/sources at byte 16");
        assert_eq!(place.told_by(b"/hivemind-worker/x.rs /cargo/registry").unwrap(), None);
    }

    #[test]
    fn the_inner_folder_has_its_own_name() {
        let names = place(Path::new("/somebody/at/work")).names().unwrap();
        let at = |name: &str| names.iter().position(|(_, to)| *to == name).unwrap();
        assert!(at(SOURCES) < at(BUILT), "{names:?}");
    }
}
