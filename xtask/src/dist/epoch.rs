//! The time that packages carry, in one place: never the clock's, so that the same sources give the same packages.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};

use crate::folders::set;
use crate::program::{capture, program};

/// Sources without a history, such as an archive of them: 14 November 2023.
const WITHOUT_HISTORY: u64 = 1_700_000_000;

/// Seconds since 1970: what `SOURCE_DATE_EPOCH` says, else the last commit's time.
///
/// # Errors
/// When the variable is no number.
pub fn of(root: &Path) -> Result<u64> {
    if let Some(said) = set("SOURCE_DATE_EPOCH") {
        return said
            .parse()
            .with_context(|| format!("SOURCE_DATE_EPOCH is `{said}`, not a number of seconds"));
    }
    // An archive of the sources inside somebody else's repository has no history of its own.
    if !root.join(".git").exists() {
        return Ok(WITHOUT_HISTORY);
    }
    let said = capture(program("git").current_dir(root).args(["log", "-1", "--format=%ct"]))?;
    said.trim().parse().with_context(|| format!("git names `{}` as the last commit's time", said.trim()))
}

/// Gives files and everything below folders this time.
///
/// # Errors
/// When one cannot be changed.
pub fn give(at: &Path, epoch: u64) -> Result<()> {
    if at.is_dir() {
        for entry in fs::read_dir(at)? {
            give(&entry?.path(), epoch)?;
        }
    }
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(epoch);
    File::open(at)?.set_modified(time).with_context(|| format!("the time of {}", at.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_without_a_history_have_one_time() {
        let folder = tempfile::tempdir().unwrap();
        if set("SOURCE_DATE_EPOCH").is_none() {
            assert_eq!(of(folder.path()).unwrap(), WITHOUT_HISTORY);
        }
    }

    #[test]
    fn everything_below_has_the_time() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("file"), "x").unwrap();
        give(folder.path(), 1_000_000_000).unwrap();
        for at in [folder.path(), &folder.path().join("a"), &deep, &deep.join("file")] {
            let time = fs::metadata(at).unwrap().modified().unwrap();
            assert_eq!(time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs(), 1_000_000_000);
        }
    }
}
