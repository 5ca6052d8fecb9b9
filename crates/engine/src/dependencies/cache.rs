//! What was installed once, kept under a quota; the least recently used goes first.
//!
//! ```text
//! FOLDER/index.json          [{key, bytes, sha256, install_ms}], the least recently used first
//! FOLDER/KEY.tar             entries of a tar stream without its end
//! ```
//! Nothing here is needed for good: whatever is damaged is removed and made anew.

use hivemind_domain::text::plain_line;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

const INDEX: &str = "index.json";
/// Archives kept at most, whatever their size.
const MAX_ENTRIES: usize = 1000;
const MAX_INDEX_BYTES: u64 = 1 << 20;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    key: String,
    bytes: u64,
    sha256: String,
    install_ms: u64,
}

/// An archive that was found.
#[derive(Debug)]
pub(crate) struct Found {
    /// At its beginning.
    pub(crate) file: File,
    pub(crate) bytes: u64,
    /// How long it took to make.
    pub(crate) install: Duration,
}

/// The cache. All calls block.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    /// One at a time: the index is read, changed and written. Whether what a crash left was swept.
    turn: Mutex<bool>,
}

impl Cache {
    /// The archive of this key, checked, and noted as used.
    pub(crate) fn find(&self, folder: &Path, key: &str) -> Option<Found> {
        let mut swept = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if !std::mem::replace(&mut *swept, true) {
            // Nothing is made before it was looked for: whatever is half made now, nobody makes any more.
            sweep_unfinished(folder);
        }
        let mut index = read_index(folder);
        let at = index.iter().position(|entry| entry.key == key)?;
        let entry = index.remove(at);
        let found = open(&archive(folder, key), &entry);
        match &found {
            Ok(_) => index.push(entry),
            Err(error) => {
                let why = plain_line(&error.to_string(), 200);
                tracing::warn!(key, why, "kept dependencies are damaged and made anew");
                let _ = fs::remove_file(archive(folder, key));
            }
        }
        write_index(folder, &index);
        found.ok()
    }

    /// Keeps a finished archive by moving it in; gives it back opened. What is larger than the quota is only given
    /// back.
    pub(crate) fn keep(
        &self,
        folder: &Path,
        key: &str,
        made: &Path,
        install: Duration,
        limit: u64,
    ) -> io::Result<Found> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let (sha256, bytes) = hash(&mut File::open(made)?)?;
        let file = File::open(made)?;
        let found = Found { file, bytes, install };
        if bytes > limit {
            fs::remove_file(made)?;
            return Ok(found);
        }
        fs::rename(made, archive(folder, key))?;
        let mut index = read_index(folder);
        index.retain(|entry| entry.key != key);
        let install_ms = u64::try_from(install.as_millis()).unwrap_or(u64::MAX);
        index.push(Entry { key: key.to_owned(), bytes, sha256, install_ms });
        let mut sum: u64 = index.iter().map(|entry| entry.bytes).sum();
        while sum > limit || index.len() > MAX_ENTRIES {
            let oldest = index.remove(0);
            sum -= oldest.bytes;
            let _ = fs::remove_file(archive(folder, &oldest.key));
        }
        write_index(folder, &index);
        sweep(folder, &index);
        Ok(found)
    }
}

fn archive(folder: &Path, key: &str) -> PathBuf {
    folder.join(format!("{key}.tar"))
}

/// Where the archive of this key is made, to be moved in when it is whole.
pub(crate) fn unfinished(folder: &Path, key: &str) -> PathBuf {
    folder.join(format!("{key}.part"))
}

fn sweep_unfinished(folder: &Path) {
    let Ok(files) = fs::read_dir(folder) else { return };
    for path in files.flatten().map(|file| file.path()) {
        if path.extension().is_some_and(|ending| ending == "part") {
            let _ = fs::remove_file(path);
        }
    }
}

fn open(path: &Path, entry: &Entry) -> io::Result<Found> {
    let mut file = File::open(path)?;
    let (sha256, bytes) = hash(&mut file)?;
    if (&sha256, bytes) != (&entry.sha256, entry.bytes) {
        return Err(io::Error::other("its hash is another one"));
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(Found { file, bytes, install: Duration::from_millis(entry.install_ms) })
}

fn hash(file: &mut File) -> io::Result<(String, u64)> {
    let mut hash = Sha256::new();
    let bytes = io::copy(file, &mut hash)?;
    Ok((hex::encode(hash.finalize()), bytes))
}

/// The index; an absent or damaged one is an empty one.
fn read_index(folder: &Path) -> Vec<Entry> {
    let mut text = Vec::new();
    let read =
        File::open(folder.join(INDEX)).and_then(|file| file.take(MAX_INDEX_BYTES).read_to_end(&mut text));
    let index: Vec<Entry> = read.ok().and_then(|_| serde_json::from_slice(&text).ok()).unwrap_or_default();
    let plain = |key: &str| key.len() == 64 && key.bytes().all(|b| b.is_ascii_hexdigit());
    index.into_iter().filter(|entry| plain(&entry.key)).collect()
}

/// A failure costs a later hit, nothing else.
fn write_index(folder: &Path, index: &[Entry]) {
    let written = serde_json::to_vec(index).map_err(io::Error::other).and_then(|text| {
        let new = folder.join("index.new");
        fs::write(&new, text)?;
        fs::rename(new, folder.join(INDEX))
    });
    if let Err(error) = written {
        tracing::warn!(%error, "the index of kept dependencies cannot be written");
    }
}

/// Removes archives that the index does not know.
fn sweep(folder: &Path, index: &[Entry]) {
    let Ok(files) = fs::read_dir(folder) else { return };
    for file in files.flatten() {
        let name = file.file_name();
        let key = name.to_str().and_then(|name| name.strip_suffix(".tar"));
        if key.is_some_and(|key| !index.iter().any(|entry| entry.key == key)) {
            let _ = fs::remove_file(file.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    const LIMIT: u64 = 250;

    fn key(number: u8) -> String {
        hex::encode([number; 32])
    }

    fn keep(cache: &Cache, folder: &TempDir, number: u8, bytes: usize) {
        let made = folder.path().join("made");
        fs::write(&made, vec![number; bytes]).expect("written");
        let found = cache.keep(folder.path(), &key(number), &made, Duration::from_millis(1234), LIMIT);
        assert_eq!(found.expect("kept").bytes, bytes as u64);
        assert!(!made.exists(), "it was moved");
    }

    fn has(cache: &Cache, folder: &TempDir, number: u8) -> bool {
        cache.find(folder.path(), &key(number)).is_some()
    }

    #[test]
    fn what_is_kept_is_found_and_the_least_recently_used_goes() {
        let (cache, folder) = (Cache::default(), tempfile::tempdir().expect("a folder"));
        assert!(!has(&cache, &folder, 1));
        keep(&cache, &folder, 1, 100);
        keep(&cache, &folder, 2, 100);
        let mut found = cache.find(folder.path(), &key(1)).expect("kept");
        let mut content = Vec::new();
        found.file.read_to_end(&mut content).expect("read");
        assert_eq!((content, found.install), (vec![1; 100], Duration::from_millis(1234)));
        // 1 was used after 2.
        keep(&cache, &folder, 3, 100);
        assert!(has(&cache, &folder, 1) && !has(&cache, &folder, 2) && has(&cache, &folder, 3));
        assert!(!archive(folder.path(), &key(2)).exists());
        // Also for a worker that was started anew.
        assert!(has(&Cache::default(), &folder, 1));
        // What is larger than the quota drives nobody out.
        keep(&cache, &folder, 4, 251);
        assert!(has(&cache, &folder, 1) && has(&cache, &folder, 3) && !has(&cache, &folder, 4));
    }

    #[test]
    fn what_a_crash_left_half_made_is_swept_once() {
        let (cache, folder) = (Cache::default(), tempfile::tempdir().expect("a folder"));
        let part = unfinished(folder.path(), &key(1));
        fs::write(&part, "half").expect("written");
        assert!(!has(&cache, &folder, 2) && !part.exists());
        fs::write(&part, "being made").expect("written");
        assert!(!has(&cache, &folder, 2) && part.exists(), "another task makes it now");
    }

    #[test]
    fn damage_is_noticed_and_cleared_away() {
        let (cache, folder) = (Cache::default(), tempfile::tempdir().expect("a folder"));
        keep(&cache, &folder, 1, 100);
        fs::write(archive(folder.path(), &key(1)), vec![9; 100]).expect("damaged");
        assert!(!has(&cache, &folder, 1) && !archive(folder.path(), &key(1)).exists());
        keep(&cache, &folder, 1, 100);
        assert!(has(&cache, &folder, 1));
        for index in ["", "[", "{}", "[{\"key\":\"../../x\",\"bytes\":1,\"sha256\":\"\",\"install_ms\":0}]"] {
            fs::write(folder.path().join(INDEX), index).expect("damaged");
            assert!(!has(&cache, &folder, 1), "{index}");
        }
        keep(&cache, &folder, 2, 10);
        assert!(!archive(folder.path(), &key(1)).exists(), "what the index does not know is swept");
    }
}
