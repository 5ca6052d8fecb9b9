//! The configuration on disk.

use crate::config::{LinkConfig, MAX_BYTES, Refusal};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Why a file is not a configuration.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It says what it may not say.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It cannot be read or written.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// A configuration as it lies on disk.
#[derive(Debug)]
pub struct KeptConfig {
    /// What it says.
    pub config: LinkConfig,
    /// Whether other users of this computer may read it.
    pub exposed: bool,
}

/// Reads a file; `None` when there is none.
///
/// # Errors
/// It is no regular file, cannot be read, or is refused.
pub fn read_file(path: &Path) -> Result<Option<KeptConfig>, FileError> {
    let failed = |error| FileError::Io { path: path.to_owned(), error };
    // Looked at before it is opened: opening a pipe would wait for its other end.
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_file() => {}
        Ok(_) => return Err(failed(io::Error::other("this is not a file"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    }
    let file = std::fs::File::open(path).map_err(failed)?;
    let exposed = exposed(&file).map_err(failed)?;
    let mut bytes = Zeroizing::new(Vec::new());
    // One byte more than allowed: the reader says what is too large.
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(Some(KeptConfig { config: LinkConfig::parse(&bytes)?, exposed }))
}

#[cfg(unix)]
fn exposed(file: &std::fs::File) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok(file.metadata()?.mode() & 0o077 != 0)
}

/// Access lists are inherited from the folder, which belongs to the user.
#[cfg(not(unix))]
fn exposed(_file: &std::fs::File) -> io::Result<bool> {
    Ok(false)
}

/// Writes a configuration so that only this user can read it: whole or not at all, and on disk for good.
///
/// # Errors
/// [`FileError::Io`].
pub fn write_file(path: &Path, config: &LinkConfig) -> Result<(), FileError> {
    write_text(path, &config.to_text()).map_err(|error| FileError::Io { path: path.to_owned(), error })
}

fn write_text(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut number = [0; 8];
    getrandom::fill(&mut number).map_err(|error| io::Error::other(error.to_string()))?;
    let beside = folder.join(format!(".wg-{:016x}.part", u64::from_ne_bytes(number)));
    let written = options.open(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    #[cfg(unix)]
    if written.is_ok() {
        std::fs::File::open(folder)?.sync_all()?;
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PrivateKey;

    fn text() -> String {
        let (ours, theirs) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        format!(
            "[Interface]\nPrivateKey = {}\nAddress = 10.8.0.2/32\n[Peer]\nPublicKey = {}\nEndpoint = pool.example:51820\nAllowedIPs = 10.8.0.0/24\n",
            *ours.reveal(),
            theirs.public()
        )
    }

    #[test]
    fn what_is_written_is_read_and_only_by_this_user() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wg0.conf");
        assert!(read_file(&path).unwrap().is_none());
        let config = LinkConfig::parse(text().as_bytes()).unwrap();
        write_file(&path, &config).unwrap();
        write_file(&path, &config).unwrap();
        let kept = read_file(&path).unwrap().unwrap();
        assert_eq!(kept.config, config);
        assert!(!kept.exposed);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&path), 0o600);
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
            assert!(read_file(&path).unwrap().unwrap().exposed);
            write_file(&path, &config).unwrap();
            assert_eq!(mode(&path), 0o600, "written anew, it is closed again");
        }
    }

    #[test]
    fn what_is_no_file_or_too_large_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read_file(folder.path()), Err(FileError::Io { .. })));
        let path = folder.path().join("large.conf");
        std::fs::write(&path, format!("{}{}", text(), "#".repeat(MAX_BYTES))).unwrap();
        assert!(matches!(read_file(&path), Err(FileError::Refused(_))));
    }
}
