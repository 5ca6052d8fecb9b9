//! The exact count of a folder's tree. Links are never followed, file systems never left.

use super::{Bound, Count, Limits};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, openat, statat};
use rustix::io::Errno;
use std::os::fd::OwnedFd;

/// Folders inside folders; each level costs a file descriptor while it is counted.
pub const MAX_DEPTH: usize = 256;

/// Counts everything below `folder`, at most until a limit is passed. What vanishes meanwhile does not count.
pub fn count(folder: &OwnedFd, device: u64, limits: &Limits) -> Result<Count, Bound> {
    let mut count = Count::default();
    let mut open = match Dir::read_from(folder) {
        Ok(dir) => vec![dir],
        Err(_) => return Ok(Count { opaque: true, ..count }),
    };
    while let (depth, Some(dir)) = (open.len(), open.last_mut()) {
        let entry = match dir.read() {
            Some(Ok(entry)) => entry,
            Some(Err(Errno::INTR)) => continue,
            // A folder that was removed while it is read ends here, too.
            Some(Err(error)) => {
                count.opaque |= error != Errno::NOENT;
                open.pop();
                continue;
            }
            None => {
                open.pop();
                continue;
            }
        };
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let Ok(parent) = dir.fd() else {
            count.opaque = true;
            open.pop();
            continue;
        };
        let status = match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(status) => status,
            Err(error) => {
                // A folder that may be listed but not entered hides what it holds.
                count.opaque |= error != Errno::NOENT;
                continue;
            }
        };
        if status.st_dev != device {
            // A volume inside the volume: what it takes is not known.
            count.opaque = true;
            continue;
        }
        count.files += 1;
        count.bytes = count.bytes.saturating_add(bytes_of(&status));
        if count.bytes > limits.bytes {
            return Err(Bound::Bytes(count.bytes));
        }
        if count.files > limits.files {
            return Err(Bound::Files);
        }
        if FileType::from_raw_mode(status.st_mode) == FileType::Directory {
            if depth >= MAX_DEPTH {
                return Err(Bound::Depth);
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            match openat(parent, name, flags, Mode::empty()).and_then(Dir::new) {
                Ok(inner) => open.push(inner),
                // Gone, or something else by now.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
                Err(_) => count.opaque = true,
            }
        }
    }
    Ok(count)
}

/// What a file takes, each of its names counting an equal part: all of them lie in this tree.
fn bytes_of(status: &Stat) -> u64 {
    let bytes = u64::try_from(status.st_blocks).unwrap_or(0).saturating_mul(512);
    // A folder's own count is that of the folders inside it.
    let is_folder = FileType::from_raw_mode(status.st_mode) == FileType::Directory;
    bytes / if is_folder { 1 } else { status.st_nlink.max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::{Seek, Write};
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::path::Path;

    const ROOMY: Limits = Limits { bytes: 1 << 40, files: 1000 };

    fn count_of(path: &Path, limits: &Limits) -> Result<Count, Bound> {
        let folder = OwnedFd::from(fs::File::open(path).expect("a folder"));
        count(&folder, fs::metadata(path).expect("a folder").dev(), limits)
    }

    fn write(path: &Path, bytes: usize) {
        fs::write(path, vec![1; bytes]).expect("written");
    }

    #[test]
    fn blocks_count_once_whatever_names_they_have() {
        let outside = tempfile::tempdir().expect("a folder");
        write(&outside.path().join("large"), 8 << 20);
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("a/b/c")).expect("folders");
        write(&at("a/b/one"), 1 << 20);
        fs::hard_link(at("a/b/one"), at("a/two")).expect("a link");
        fs::hard_link(at("a/b/one"), at("three")).expect("a link");
        symlink(outside.path(), at("link")).expect("a link");
        symlink(outside.path().join("large"), at("a/large")).expect("a link");
        let mut sparse = fs::File::create(at("sparse")).expect("a file");
        sparse.seek(std::io::SeekFrom::Start(1 << 30)).expect("moved");
        sparse.write_all(b"x").expect("written");
        let found = count_of(folder.path(), &ROOMY).expect("within");
        assert_eq!((found.files, found.opaque), (9, false));
        assert!((1 << 20..(1 << 20) + 65_536).contains(&found.bytes), "{found:?}");
    }

    #[test]
    fn limits_end_the_count() {
        let folder = tempfile::tempdir().expect("a folder");
        for number in 0..20 {
            write(&folder.path().join(number.to_string()), 8192);
        }
        assert_eq!(count_of(folder.path(), &Limits { files: 19, ..ROOMY }), Err(Bound::Files));
        assert!(matches!(
            count_of(folder.path(), &Limits { bytes: 100_000, ..ROOMY }),
            Err(Bound::Bytes(bytes)) if bytes > 100_000 && bytes < 160_000
        ));
        let mut deep = folder.path().to_owned();
        for _ in 0..MAX_DEPTH + 1 {
            deep.push("d");
        }
        fs::create_dir_all(&deep).expect("folders");
        assert_eq!(count_of(folder.path(), &ROOMY), Err(Bound::Depth));
    }

    #[test]
    fn what_cannot_be_entered_is_told() {
        if rustix::process::getuid().is_root() {
            // Nothing is closed to root.
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let closed = folder.path().join("closed");
        fs::create_dir(&closed).expect("a folder");
        let mode = |mode| fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(mode));
        mode(0).expect("closed");
        let found = count_of(folder.path(), &ROOMY).expect("within");
        mode(0o700).expect("opened");
        assert!(found.opaque);
    }
}
