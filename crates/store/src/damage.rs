//! A file that was found damaged.

use std::path::{Path, PathBuf};

/// A file that was found damaged and set aside. To be shown to the owner; nothing was thrown away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// Where the damaged file lies now.
    pub kept_as: PathBuf,
    /// What was wrong with it.
    pub reason: String,
    /// Attempts that could still be read from it and were taken over.
    pub rescued: u32,
    /// Rows that could be seen in it but not read. More may be lost where its structure is broken.
    pub unreadable: u32,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "the journal was damaged ({}); {} tasks were taken over, {} could not be read; the damaged file is kept as {}",
            self.reason,
            self.rescued,
            self.unreadable,
            self.kept_as.display()
        )
    }
}

/// A free name beside `path` under which it can be set aside.
pub(crate) fn aside(path: &Path) -> PathBuf {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    // Numbers instead of a date: they need no clock, and no two are the same.
    for n in 1..u32::MAX {
        let kept = path.with_file_name(format!("{name}.damaged-{n}"));
        if kept.symlink_metadata().is_err() {
            return kept;
        }
    }
    path.with_file_name(format!("{name}.damaged"))
}
