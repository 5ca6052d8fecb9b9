//! One value in a small file of its own.

use crate::{durable, own_file};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::Read;
use std::path::PathBuf;

/// No more than this is read.
const MOST: u64 = 64 * 1024;

/// The file. Without it, or with one that cannot be read, it holds what there is at first.
#[derive(Debug)]
pub struct SmallFile(PathBuf);

impl SmallFile {
    /// This file, which may not be there yet.
    #[must_use]
    pub fn new(file: PathBuf) -> Self {
        Self(file)
    }

    /// As kept last.
    #[must_use]
    pub fn load<T: DeserializeOwned + Default>(&self) -> T {
        let mut bytes = Vec::new();
        let read = own_file::read(&self.0).and_then(|file| file.take(MOST).read_to_end(&mut bytes));
        read.ok().and_then(|_| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Keeps it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save<T: Serialize>(&self, value: &T) -> std::io::Result<()> {
        let text = serde_json::to_vec(value).map_err(std::io::Error::other)?;
        durable::replace(&self.0, &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_again_and_rubbish_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("value.json");
        let file = SmallFile::new(place.clone());
        assert_eq!(file.load::<Vec<u32>>(), Vec::<u32>::new());
        file.save(&vec![1, 2]).unwrap();
        assert_eq!(file.load::<Vec<u32>>(), [1, 2]);
        std::fs::write(&place, "[1,").unwrap();
        assert_eq!(file.load::<Vec<u32>>(), Vec::<u32>::new());
    }
}
