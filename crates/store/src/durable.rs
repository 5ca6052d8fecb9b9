//! Writing a small file so that after any crash either the old or the new one is there, whole.

use hivemind_domain::text::plain_line;
use hivemind_worker_core::failpoint;
use hivemind_worker_core::port::StoreError;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Replaces `path`: temporary file beside it (mode 0600), fsync, rename, fsync of the folder.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("the path has no folder"))?;
    // Whatever happens, what was to be written (it may be a secret) lies nowhere else afterwards.
    let temporary = Temporary(folder.join(format!(".{}.tmp", unique()?)));
    private_new(&temporary.0).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()?;
        drop(file);
        failpoint::reach("replace.written");
        std::fs::rename(&temporary.0, path)?;
        failpoint::reach("replace.renamed");
        sync_folder(folder)
    })
}

/// A file that is ours alone and goes when it is not needed any more; the old file still stands.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Removes what a process that died left half written in `folder`. Only for who alone writes there.
pub(crate) fn sweep(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(is_half_written) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Files of [`replace`], and those of the private link's configuration.
fn is_half_written(name: &str) -> bool {
    let between = |start, end, length| {
        let made = name.strip_prefix(start).and_then(|name| name.strip_suffix(end));
        made.is_some_and(|made: &str| made.len() == length && made.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    between(".", ".tmp", 32) || between(".wg-", ".part", 16)
}

/// Creates a file that did not exist, readable by this user only.
pub(crate) fn private_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes renames and creations in `folder` durable.
#[cfg(unix)]
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Windows has no such call; NTFS journals its folders itself.
#[cfg(not(unix))]
pub(crate) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// 128 random bits as hexadecimal digits.
pub(crate) fn unique() -> io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| io::Error::other(e.to_string()))?;
    Ok(hex::encode(bytes))
}

/// Says what failed, with the file's name.
pub(crate) fn failed(what: &str, path: &Path, error: &io::Error) -> StoreError {
    StoreError {
        disk_full: matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded),
        message: plain_line(&format!("{what} {}: {error}", path.display()), 500),
    }
}

/// Runs `work` where waiting for the disk stalls nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| {
        Err(StoreError { disk_full: false, message: format!("work on the disk broke off: {e}") })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_whole_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        replace(&path, b"one").unwrap();
        replace(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn only_what_was_half_written_here_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let kept = [".tmp", ".0123.tmp", "journal.sqlite", ".zzzz456789abcdef0123456789abcdef.tmp"];
        for name in kept.into_iter().chain([".0123456789abcdef0123456789abcdef.tmp"]) {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        sweep(folder.path());
        sweep(&folder.path().join("missing"));
        assert!(kept.iter().all(|name| folder.path().join(name).exists()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), kept.len());
    }

    #[test]
    fn a_failed_replacement_keeps_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        // The target is a folder with something in it, so the rename fails after the temporary file was written.
        let path = folder.path().join("a");
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("inside"), b"x").unwrap();
        assert!(replace(&path, b"two").is_err());
        assert!(path.join("inside").exists());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
