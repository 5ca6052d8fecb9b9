//! Lets a build leave the times of files alone that it wrote again without changing them, so that Cargo does not
//! compile anew what carries them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Bytes of a file, nothing of a folder; and when it was changed.
type Entry = (Option<Vec<u8>>, SystemTime);

/// What lay in a folder.
pub struct Before {
    folder: PathBuf,
    entries: BTreeMap<PathBuf, Entry>,
}

impl Before {
    /// Remembers a folder, which may be missing.
    ///
    /// # Errors
    /// When something in it cannot be read.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let entries = if folder.is_dir() { entries(folder)? } else { BTreeMap::new() };
        Ok(Self { folder: folder.to_owned(), entries })
    }

    /// Gives what is as it was its time back. A folder is as it was when everything below it is.
    ///
    /// # Errors
    /// When the folder cannot be read, or a time cannot be set.
    pub fn restore(&self) -> io::Result<()> {
        let now = entries(&self.folder)?;
        for (path, (bytes, _)) in &now {
            let Some((before, time)) = self.entries.get(path) else { continue };
            let same = match bytes {
                Some(_) => bytes == before,
                None => below(&now, path).eq(below(&self.entries, path)),
            };
            if same {
                File::open(path)?.set_modified(*time)?;
            }
        }
        Ok(())
    }
}

/// Names and bytes of everything below a folder.
fn below<'a>(
    entries: &'a BTreeMap<PathBuf, Entry>,
    folder: &'a Path,
) -> impl Iterator<Item = (&'a PathBuf, &'a Option<Vec<u8>>)> {
    entries.iter().filter(move |(path, _)| path.starts_with(folder)).map(|(path, (bytes, _))| (path, bytes))
}

fn entries(folder: &Path) -> io::Result<BTreeMap<PathBuf, Entry>> {
    let mut found = BTreeMap::from([(folder.to_owned(), (None, fs::metadata(folder)?.modified()?))]);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let about = entry.metadata()?;
        if about.is_dir() {
            found.extend(entries(&entry.path())?);
        } else {
            found.insert(entry.path(), (Some(fs::read(entry.path())?), about.modified()?));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn time(path: &Path) -> SystemTime {
        fs::metadata(path).unwrap().modified().unwrap()
    }

    #[test]
    fn only_what_differs_looks_new() {
        let folder = tempfile::tempdir().unwrap();
        let (same, deep) = (folder.path().join("same"), folder.path().join("deep"));
        let (other, inside) = (deep.join("other"), folder.path().join("still"));
        fs::create_dir(&deep).unwrap();
        fs::create_dir(&inside).unwrap();
        for path in [&same, &other, &inside.join("file")] {
            fs::write(path, "one").unwrap();
        }
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        for path in [&same, &other, &inside.join("file"), &deep, &inside, &folder.path().to_owned()] {
            File::open(path).unwrap().set_modified(old).unwrap();
        }
        let before = Before::of(folder.path()).unwrap();
        fs::remove_dir_all(&inside).unwrap();
        fs::create_dir(&inside).unwrap();
        fs::write(inside.join("file"), "one").unwrap();
        fs::write(&same, "one").unwrap();
        fs::write(&other, "two").unwrap();
        before.restore().unwrap();
        assert_eq!((time(&same), time(&inside), time(&inside.join("file"))), (old, old, old));
        // The folder had one of its entries exchanged, and something below it differs.
        assert!(time(&other) > old && time(folder.path()) > old);
        let missing = Before::of(&folder.path().join("missing")).unwrap();
        assert!(missing.entries.is_empty());
    }
}
