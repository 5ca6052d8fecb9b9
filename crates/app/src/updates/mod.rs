//! Updates of an installation that looks after itself: which is believed and how it is put in place is
//! `hivemind-update`'s; here is where it comes from, when it is looked for, and who starts whom.
//!
//! * [`source`]: the server; [`look`]: one look and the file; [`keeper`]: when that is done, and the wait for a moment in
//!   which no task would be lost.
//! * [`succession`]: the worker has ended, and its process starts the version that follows.
//! * [`record`] and [`show`]: what is told about it.

mod keeper;
mod look;
mod record;
mod show;
mod source;
mod start;
mod succession;

#[cfg(test)]
pub(crate) use record::Tried;
pub(crate) use record::{Why, trial_word};
pub(crate) use show::{Next, Shown, run};
pub(crate) use start::{AtStart, Updates, accompanied};
pub(crate) use succession::Succession;

use hivemind_update::{Origin, Swap, SwapError, SystemDisk};
use semver::Version;
use std::path::PathBuf;
use std::sync::OnceLock;

/// Public keys that releases are signed with, as minisign writes them, with commas between.
const KEYS: &str = "HIVEMIND_UPDATE_KEY";
/// Where the newest manifest is.
const ADDRESS: &str = "HIVEMIND_UPDATE_URL";

/// The version that runs. Builds for developers may be told to be another one: otherwise no test could have two.
pub(crate) fn version() -> &'static str {
    static SAID: OnceLock<Option<String>> = OnceLock::new();
    let said = SAID.get_or_init(|| for_developers("HIVEMIND_UPDATE_VERSION"));
    said.as_deref().unwrap_or(env!("CARGO_PKG_VERSION"))
}

/// A variable of the surroundings, which released programs do not look at.
fn for_developers(name: &str) -> Option<String> {
    if cfg!(debug_assertions) { std::env::var(name).ok().filter(|said| !said.is_empty()) } else { None }
}

/// Removes what updates keep beside the program; its path where there was anything.
pub(crate) fn forget() -> Result<Option<PathBuf>, SwapError> {
    let Some(program) = Here::look().exchanged() else { return Ok(None) };
    let was = Swap::new(program.clone(), &SystemDisk).forget()?;
    Ok(was.then(|| program.with_added_extension("update")))
}

/// What this build and this installation are.
#[derive(Debug, Clone)]
pub(crate) struct Here {
    pub(crate) keys: Vec<String>,
    pub(crate) address: Option<String>,
    pub(crate) version: Version,
    pub(crate) origin: Origin,
}

/// Whether this installation takes updates by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It does.
    Takes {
        /// The file that is exchanged.
        program: PathBuf,
        /// What a manifest calls it.
        target: String,
        /// Where the manifest is.
        address: String,
    },
    /// A package manager looks after it.
    Package(String),
    /// Windows Installer brought it.
    Msi,
    /// A build without a key or an address.
    NoKey,
    /// Files that somebody copied.
    Unknown,
}

impl Here {
    /// Looks at this build and where it lies.
    pub(crate) fn look() -> Self {
        let keys = for_developers(KEYS).or_else(|| option_env!("HIVEMIND_UPDATE_KEY").map(str::to_owned));
        let keys = keys.unwrap_or_default();
        let keys = keys.split(',').map(str::trim).filter(|key| !key.is_empty()).map(str::to_owned);
        let address =
            for_developers(ADDRESS).or_else(|| option_env!("HIVEMIND_UPDATE_URL").map(str::to_owned));
        let place = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let image = place("APPIMAGE").zip(place("APPDIR"));
        let origin = std::env::current_exe().map_or(Origin::Unknown, |own| Origin::find(&own, image));
        let version = Version::parse(version()).unwrap_or(Version::new(0, 0, 0));
        Self {
            keys: keys.collect(),
            address: address.filter(|said| !said.trim().is_empty()),
            version,
            origin,
        }
    }

    /// Whether it takes updates by itself.
    pub(crate) fn standing(&self) -> Standing {
        let image = match &self.origin {
            Origin::Package(by) => return Standing::Package(by.clone()),
            Origin::Msi => return Standing::Msi,
            Origin::AppImage(image) => Some(image),
            Origin::Unknown => None,
        };
        match (&self.address, image, self.origin.target()) {
            _ if self.keys.is_empty() => Standing::NoKey,
            (None, _, _) => Standing::NoKey,
            (Some(address), Some(image), Some(target)) => {
                Standing::Takes { program: image.clone(), target, address: address.trim().to_owned() }
            }
            (Some(_), _, _) => Standing::Unknown,
        }
    }

    /// The file that is exchanged for another, whether this build has a key or not: one that had may have begun.
    pub(crate) fn exchanged(&self) -> Option<PathBuf> {
        match &self.origin {
            Origin::AppImage(image) => Some(image.clone()),
            Origin::Package(_) | Origin::Msi | Origin::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests;
