//! A tar archive that depends on contents alone: no times, no names of this machine's users.

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use tar::{Builder, EntryType, Header};

/// Writes a reproducible tar stream.
pub struct Archive<'a> {
    tar: Builder<&'a mut dyn Write>,
}

impl<'a> Archive<'a> {
    /// Starts an archive.
    pub fn new(pipe: &'a mut dyn Write) -> Self {
        Self { tar: Builder::new(pipe) }
    }

    /// A folder. `owner` is both user and group.
    pub fn folder(&mut self, path: &str, mode: u32, owner: u64) -> Result<()> {
        self.tar.append_data(&mut header(EntryType::Directory, mode, owner, 0), path, std::io::empty())?;
        Ok(())
    }

    /// A regular file. `owner` is both user and group.
    pub fn file(&mut self, path: &str, mode: u32, owner: u64, bytes: &[u8]) -> Result<()> {
        self.tar.append_data(
            &mut header(EntryType::Regular, mode, owner, bytes.len() as u64),
            path,
            bytes,
        )?;
        Ok(())
    }

    /// A symbolic link.
    pub fn link(&mut self, path: &str, target: &str) -> Result<()> {
        self.tar.append_link(&mut header(EntryType::Symlink, 0o777, 0, 0), path, target)?;
        Ok(())
    }

    /// Everything under `from`, sorted, as root's, below `to`.
    pub fn tree(&mut self, from: &Path, to: &Path) -> Result<()> {
        let mut entries = fs::read_dir(from)?.collect::<std::io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (path, inside) = (entry.path(), to.join(entry.file_name()));
            let name = inside.to_str().context("a file name that is not text")?;
            let metadata = path.symlink_metadata()?;
            if metadata.is_symlink() {
                let target = fs::read_link(&path)?;
                self.link(name, target.to_str().context("a link that is not text")?)?;
            } else if metadata.is_dir() {
                self.folder(name, mode(&metadata), 0)?;
                self.tree(&path, &inside)?;
            } else {
                self.file(name, mode(&metadata), 0, &fs::read(&path)?)?;
            }
        }
        Ok(())
    }

    /// Ends the archive.
    pub fn finish(mut self) -> Result<()> {
        self.tar.finish()?;
        Ok(())
    }
}

fn header(kind: EntryType, mode: u32, owner: u64, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(owner);
    header.set_gid(owner);
    header.set_size(size);
    header.set_mtime(0);
    header
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    // No set-user-ID in a task image.
    metadata.permissions().mode() & 0o1777
}

#[cfg(not(unix))]
fn mode(metadata: &fs::Metadata) -> u32 {
    if metadata.is_dir() { 0o755 } else { 0o644 }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut archive = Archive::new(&mut bytes);
        archive.tree(folder, Path::new("")).unwrap();
        archive.folder("work", 0o755, 7).unwrap();
        archive.finish().unwrap();
        bytes
    }

    #[test]
    fn the_same_tree_gives_the_same_bytes() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (folder, order) in [(&one, ["a", "b"]), (&two, ["b", "a"])] {
            for name in order {
                fs::write(folder.path().join(name), name).unwrap();
            }
            std::os::unix::fs::symlink("a", folder.path().join("z")).unwrap();
        }
        let bytes = write(one.path());
        assert_eq!(bytes, write(two.path()));
        let mut read = tar::Archive::new(bytes.as_slice());
        let names: Vec<String> = read
            .entries()
            .unwrap()
            .map(|entry| entry.unwrap().path().unwrap().display().to_string())
            .collect();
        assert_eq!(names, ["a", "b", "z", "work"]);
    }
}
