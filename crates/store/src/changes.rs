//! What the worker changed on this computer outside its own folders: noted before it is done, so that it can be taken
//! back in the opposite order.

use crate::{durable, own_file};
use serde::{Deserialize, Serialize};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A line has some hundred bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// A keyring gets an entry for each pool; nobody has a thousand.
const MOST_CHANGES: usize = 1000;

/// One thing that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The worker starts when this user signs in.
    Autostart {
        /// The file, or the value in the registry.
        place: String,
    },
    /// An entry in the system's keyring.
    Keyring {
        /// Its name there.
        user: String,
    },
    /// An entry that was to be removed from the system's keyring while that was away.
    KeyringLeft {
        /// Its name there.
        user: String,
    },
    /// Objects of this installation at a container engine: containers, volumes, images.
    Engine {
        /// The engine's address; empty for the usual one.
        address: String,
    },
}

/// The list of changes, in the order they were made.
#[derive(Debug, Clone)]
pub struct ChangeJournal {
    path: Arc<PathBuf>,
    changes: Arc<Mutex<Vec<Change>>>,
}

impl ChangeJournal {
    /// Reads the list below a data folder. One that cannot be read is set aside and said: what it named must then be
    /// looked for by hand.
    #[must_use]
    pub fn open(data: &Path) -> Self {
        let path = data.join("changes.jsonl");
        let changes = read(&path).unwrap_or_else(|error| {
            let aside = data.join("changes.damaged");
            let kept = std::fs::rename(&path, &aside);
            tracing::error!(%error, aside = %aside.display(), set_aside = kept.is_ok(), "the list of changes is damaged");
            Vec::new()
        });
        Self { path: Arc::new(path), changes: Arc::new(Mutex::new(changes)) }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Change>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a change that is about to be made. One that is noted already stays where it is.
    ///
    /// # Errors
    /// When it cannot be written: then the change must not be made.
    pub fn note(&self, change: Change) -> io::Result<()> {
        let mut changes = self.lock();
        if changes.contains(&change) {
            return Ok(());
        }
        if changes.len() >= MOST_CHANGES {
            return Err(io::Error::other("the list of changes is full"));
        }
        changes.push(change);
        let written = write(&self.path, &changes);
        if written.is_err() {
            changes.pop();
        }
        written
    }

    /// Strikes a change out that was taken back.
    ///
    /// # Errors
    /// When it cannot be written; taking it back a second time does no harm.
    pub fn strike(&self, change: &Change) -> io::Result<()> {
        let mut changes = self.lock();
        let before = changes.len();
        changes.retain(|there| there != change);
        if changes.len() == before { Ok(()) } else { write(&self.path, &changes) }
    }

    /// Whether a change is on the list.
    #[must_use]
    pub fn names(&self, change: &Change) -> bool {
        self.lock().contains(change)
    }

    /// The changes, the newest first.
    #[must_use]
    pub fn newest_first(&self) -> Vec<Change> {
        self.lock().iter().rev().cloned().collect()
    }
}

fn read(path: &Path) -> io::Result<Vec<Change>> {
    let file = match own_file::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        opened => opened?,
    };
    let mut text = String::new();
    file.take(MAX_FILE_BYTES).read_to_string(&mut text)?;
    text.lines().map(|line| serde_json::from_str(line).map_err(io::Error::other)).collect()
}

fn write(path: &Path, changes: &[Change]) -> io::Result<()> {
    let mut text = String::new();
    for change in changes {
        text.push_str(&serde_json::to_string(change).map_err(io::Error::other)?);
        text.push('\n');
    }
    durable::replace(path, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring(user: &str) -> Change {
        Change::Keyring { user: user.into() }
    }

    #[test]
    fn changes_come_back_newest_first_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let journal = ChangeJournal::open(folder.path());
        for user in ["a", "b", "a", "c"] {
            journal.note(keyring(user)).unwrap();
        }
        journal.strike(&keyring("b")).unwrap();
        let again = ChangeJournal::open(folder.path());
        assert_eq!(again.newest_first(), [keyring("c"), keyring("a")]);
    }

    #[test]
    fn what_cannot_be_noted_is_told_and_not_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let journal = ChangeJournal::open(&folder.path().join("missing"));
        assert!(journal.note(keyring("a")).is_err());
        assert_eq!(journal.newest_first(), []);
    }

    #[test]
    fn a_damaged_list_is_kept_aside() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("changes.jsonl"), "{\"keyring\":{\"user\":\"a\"}}\nnonsense\n")
            .unwrap();
        assert_eq!(ChangeJournal::open(folder.path()).newest_first(), []);
        assert!(folder.path().join("changes.damaged").is_file());
    }
}
