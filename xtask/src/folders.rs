//! Where things lie: the checkout, and the cache outside it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Folders every command needs.
#[derive(Debug, Clone)]
pub struct Folders {
    /// Top of the checkout.
    pub root: PathBuf,
    /// What may be deleted at any time and is costly to make again.
    pub cache: PathBuf,
}

impl Folders {
    /// Finds the checkout around the current folder, and the cache (`HIVEMIND_CACHE`, else the user's cache folder).
    ///
    /// # Errors
    /// When no workspace is around, or no home folder is known.
    pub fn find() -> Result<Self> {
        let here = std::env::current_dir().context("the current folder cannot be read")?;
        let root = here
            .ancestors()
            .find(|folder| folder.join("xtask/Cargo.toml").is_file() && folder.join("crates").is_dir())
            .context("run this inside a checkout of the project")?
            .to_path_buf();
        let cache = set("HIVEMIND_CACHE")
            .map(PathBuf::from)
            .or_else(|| set("XDG_CACHE_HOME").map(|cache| Path::new(&cache).join("hivemind-worker")))
            .or_else(|| set("HOME").map(|home| Path::new(&home).join(".cache/hivemind-worker")))
            .or_else(|| set("LOCALAPPDATA").map(|local| Path::new(&local).join("hivemind-worker/cache")))
            .context("set HIVEMIND_CACHE or HOME: there is no folder for the cache")?;
        std::fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
        Ok(Self { root, cache })
    }

    /// Cargo's target folder.
    ///
    /// # Errors
    /// When `cargo metadata` fails.
    pub fn target(&self) -> Result<PathBuf> {
        let metadata = cargo_metadata::MetadataCommand::new().current_dir(&self.root).no_deps().exec()?;
        Ok(metadata.target_directory.into())
    }
}

/// A variable that is set and not empty.
pub fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
