//! What the owner was told, in a small file of its own.

use crate::{durable, own_file};
use hivemind_domain::notify::Told;
use std::io::Read;
use std::path::PathBuf;

/// No more than this is read.
const MOST: u64 = 16 * 1024;

/// The file. Without it, or with one that cannot be read, nothing was told before.
#[derive(Debug)]
pub struct FileTold(PathBuf);

impl FileTold {
    /// In this file, which may not be there yet.
    #[must_use]
    pub fn new(file: PathBuf) -> Self {
        Self(file)
    }

    /// As kept last.
    #[must_use]
    pub fn load(&self) -> Told {
        let mut bytes = Vec::new();
        let read = own_file::read(&self.0).and_then(|file| file.take(MOST).read_to_end(&mut bytes));
        read.ok().and_then(|_| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Keeps it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, told: &Told) -> std::io::Result<()> {
        let text = serde_json::to_vec(told).map_err(std::io::Error::other)?;
        durable::replace(&self.0, &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_and_a_spoilt_file_is_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileTold::new(folder.path().join("notices.json"));
        assert_eq!(store.load(), Told::default());
        let told = Told {
            times: vec![5],
            milestone: Some(100),
            problem: Some(("DISK_LOW".into(), 5)),
            ..Told::default()
        };
        store.save(&told).unwrap();
        assert_eq!(store.load(), told);
        std::fs::write(folder.path().join("notices.json"), "{\"times\":[1").unwrap();
        assert_eq!(store.load(), Told::default());
    }
}
