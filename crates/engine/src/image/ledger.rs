//! Which images tasks brought here, and in which order they were used. Only what stands here is ever removed.

use super::lock;
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Bytes of the file at most; it has some 200 per image.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// Images that are remembered at most. One that finds no room is never removed by us.
const MOST_ENTRIES: usize = 2000;

/// An image that tasks brought here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// The engine's id.
    pub(crate) id: String,
    /// The name under which it was pulled; it is removed by this name only.
    pub(crate) reference: String,
    /// Size unpacked.
    pub(crate) bytes: u64,
    /// Rises with every use of any image; the smallest was used longest ago.
    pub(crate) used: u64,
}

/// The images that tasks brought here, kept in a file where there is one.
#[derive(Debug, Default, Clone)]
pub(crate) struct Ledger {
    path: Option<Arc<PathBuf>>,
    entries: Arc<Mutex<Vec<Entry>>>,
}

impl Ledger {
    /// Reads the file. A damaged one counts as empty: then images stay that could have been removed, and none is
    /// removed that should have stayed.
    pub(crate) fn open(path: &Path) -> Self {
        let entries = match read(path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "the record of images cannot be read");
                Vec::new()
            }
        };
        Self { path: Some(Arc::new(path.to_path_buf())), entries: Arc::new(Mutex::new(entries)) }
    }

    /// Bytes of all images together.
    pub(crate) fn bytes(&self) -> u64 {
        lock(&self.entries).iter().fold(0, |sum, entry| sum.saturating_add(entry.bytes))
    }

    /// Every image, the longest unused first.
    pub(crate) fn oldest_first(&self) -> Vec<Entry> {
        let mut entries = lock(&self.entries).clone();
        entries.sort_by_key(|entry| entry.used);
        entries
    }

    /// Notes an image that a task brought.
    pub(crate) async fn add(&self, id: &str, reference: &str, bytes: u64) {
        {
            let mut entries = lock(&self.entries);
            entries.retain(|entry| entry.reference != reference);
            if entries.len() >= MOST_ENTRIES {
                return;
            }
            let used = newest(&entries) + 1;
            entries.push(Entry { id: id.to_owned(), reference: reference.to_owned(), bytes, used });
        }
        self.save().await;
    }

    /// Notes a use. Written only when the order changes.
    pub(crate) async fn touch(&self, id: &str) {
        {
            let mut entries = lock(&self.entries);
            let newest = newest(&entries);
            match entries.iter_mut().find(|entry| entry.id == id) {
                Some(entry) if entry.used < newest => entry.used = newest + 1,
                Some(_) | None => return,
            }
        }
        self.save().await;
    }

    /// Forgets an image that is gone.
    pub(crate) async fn remove(&self, reference: &str) {
        let before = {
            let mut entries = lock(&self.entries);
            let before = entries.len();
            entries.retain(|entry| entry.reference != reference);
            before != entries.len()
        };
        if before {
            self.save().await;
        }
    }

    async fn save(&self) {
        let Some(path) = self.path.clone() else { return };
        let entries = Arc::clone(&self.entries);
        let written = tokio::task::spawn_blocking(move || {
            // Held while it is written, so that the newest state is what stays.
            let entries = lock(&entries);
            write(&path, &entries)
        });
        match written.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the record of images cannot be written"),
            Err(error) => tracing::warn!(%error, "the record of images cannot be written"),
        }
    }
}

fn newest(entries: &[Entry]) -> u64 {
    entries.iter().map(|entry| entry.used).max().unwrap_or(0)
}

fn read(path: &Path) -> io::Result<Vec<Entry>> {
    let found = std::fs::symlink_metadata(path)?;
    // Opening a pipe would wait for its other end.
    if !found.is_file() || found.len() > MAX_FILE_BYTES {
        return Err(io::Error::other("it is no file, or too large"));
    }
    let entries: Vec<Entry> = serde_json::from_slice(&std::fs::read(path)?).map_err(io::Error::other)?;
    let fine = entries.len() <= MOST_ENTRIES
        && entries.iter().all(|entry| !entry.reference.is_empty() && entry.used < u64::MAX / 2);
    if fine { Ok(entries) } else { Err(io::Error::other("it is damaged")) }
}

/// Beside it first, so that a crash leaves the old or the new one.
fn write(path: &Path, entries: &[Entry]) -> io::Result<()> {
    let text = serde_json::to_vec(entries).map_err(io::Error::other)?;
    let beside = path.with_extension("new");
    // What a crash left, or somebody planted, is not written to.
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = std::fs::File::create_new(&beside)?;
    file.write_all(&text)?;
    file.sync_all()?;
    drop(file);
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn references(ledger: &Ledger) -> Vec<String> {
        ledger.oldest_first().into_iter().map(|entry| entry.reference).collect()
    }

    #[tokio::test]
    async fn the_order_of_use_survives_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("images.json");
        let ledger = Ledger::open(&path);
        for (id, reference) in [("1", "a:1"), ("2", "b:1"), ("3", "c:1")] {
            ledger.add(id, reference, 10).await;
        }
        ledger.touch("1").await;
        ledger.touch("nobody").await;
        assert_eq!(
            (references(&ledger), ledger.bytes()),
            (vec!["b:1".into(), "c:1".into(), "a:1".into()], 30)
        );
        let again = Ledger::open(&path);
        assert_eq!(references(&again), references(&ledger));
        again.remove("b:1").await;
        again.add("4", "c:1", 5).await;
        assert_eq!((references(&Ledger::open(&path)), again.bytes()), (vec!["a:1".into(), "c:1".into()], 15));
    }

    #[tokio::test]
    async fn using_the_newest_again_writes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("images.json");
        let ledger = Ledger::open(&path);
        ledger.add("1", "a:1", 10).await;
        std::fs::remove_file(&path).expect("written");
        ledger.touch("1").await;
        assert!(!path.exists());
    }

    #[test]
    fn a_damaged_record_counts_as_empty() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("images.json");
        for text in ["", "{}", "[{\"id\":1}]", "[{\"id\":\"a\",\"reference\":\"\",\"bytes\":1,\"used\":1}]"] {
            std::fs::write(&path, text).expect("written");
            assert_eq!(Ledger::open(&path).bytes(), 0, "{text}");
        }
        let large = std::fs::File::create(&path).expect("created");
        large.set_len(MAX_FILE_BYTES + 1).expect("sparse");
        assert_eq!(Ledger::open(&path).bytes(), 0);
    }
}
