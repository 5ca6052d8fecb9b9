//! The configuration on disk.

use crate::config::{LinkConfig, MAX_BYTES, Narrowed, Refusal};
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

/// Most files that [`keep_before`] leaves beside one.
const MOST_KEPT: usize = 20;

/// Reads a file; `None` when there is none.
///
/// # Errors
/// It is no regular file, cannot be read, or is refused.
pub fn read_file(path: &Path) -> Result<Option<KeptConfig>, FileError> {
    let Some((bytes, exposed)) =
        read(path).map_err(|error| FileError::Io { path: path.to_owned(), error })?
    else {
        return Ok(None);
    };
    Ok(Some(KeptConfig { config: LinkConfig::parse(&bytes)?, exposed }))
}

/// What a refused file would be without what is refused; `None` when that is not enough, or nothing is refused.
///
/// # Errors
/// [`FileError::Io`].
pub fn narrowed_file(path: &Path) -> Result<Option<Narrowed>, FileError> {
    let read = read(path).map_err(|error| FileError::Io { path: path.to_owned(), error })?;
    Ok(read
        .filter(|(bytes, _)| LinkConfig::parse(bytes).is_err())
        .and_then(|(bytes, _)| LinkConfig::narrowed(&bytes)))
}

/// Copies a file to beside it, for this user alone, before another is written in its place: `wg0.conf.before`, or
/// `.before-2` and so on. The copy; `None` when there is no file.
///
/// # Errors
/// It cannot be read or written, is larger than any configuration, or there are twenty copies.
pub fn keep_before(path: &Path) -> Result<Option<PathBuf>, FileError> {
    copied(path).map_err(|error| FileError::Io { path: path.to_owned(), error })
}

fn copied(path: &Path) -> io::Result<Option<PathBuf>> {
    let Some((bytes, _)) = read(path)? else { return Ok(None) };
    if bytes.len() > MAX_BYTES {
        return Err(io::Error::other("it is larger than any configuration of this kind"));
    }
    for number in 1..=MOST_KEPT {
        let mut name = path.as_os_str().to_owned();
        name.push(if number == 1 { ".before".into() } else { format!(".before-{number}") });
        match ours_alone().open(&name) {
            Ok(mut file) => {
                let written = file.write_all(&bytes).and_then(|()| file.sync_all());
                return match written {
                    Ok(()) => Ok(Some(name.into())),
                    Err(error) => {
                        let _ = std::fs::remove_file(&name);
                        Err(error)
                    }
                };
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("there are too many copies of it already"))
}

/// A new file that this user alone can read.
fn ours_alone() -> std::fs::OpenOptions {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// The bytes of a file, one more than is allowed at most, and whether other users may read it.
fn read(path: &Path) -> io::Result<Option<(Zeroizing<Vec<u8>>, bool)>> {
    // Looked at before it is opened: opening a pipe would wait for its other end.
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_file() => {}
        Ok(_) => return Err(io::Error::other("this is not a file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let file = std::fs::File::open(path)?;
    let exposed = exposed(&file)?;
    let mut bytes = Zeroizing::new(Vec::new());
    // One byte more than allowed: the reader says what is too large.
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Some((bytes, exposed)))
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
    let mut number = [0; 8];
    getrandom::fill(&mut number).map_err(|error| io::Error::other(error.to_string()))?;
    let beside = folder.join(format!(".wg-{:016x}.part", u64::from_ne_bytes(number)));
    let written = ours_alone().open(&beside).and_then(|mut file| {
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
    fn a_file_of_another_program_is_kept_and_told_narrowed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wg0.conf");
        assert!(narrowed_file(&path).unwrap().is_none() && keep_before(&path).unwrap().is_none());
        std::fs::write(&path, text()).unwrap();
        assert!(narrowed_file(&path).unwrap().is_none(), "nothing is refused");
        let full =
            text().replace("10.8.0.0/24", "0.0.0.0/0, ::/0").replace("[Peer]", "DNS = 8.8.8.8\n[Peer]");
        std::fs::write(&path, &full).unwrap();
        let narrowed = narrowed_file(&path).unwrap().unwrap();
        assert_eq!(
            (narrowed.allowed().as_str(), narrowed.left_out.as_slice()),
            ("10.8.0.0/24", &["DNS".to_owned()][..])
        );
        let copy = |number: &str| {
            let copy = keep_before(&path).unwrap().unwrap();
            assert_eq!(std::fs::read_to_string(&copy).unwrap(), full);
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
            }
            assert!(copy.to_string_lossy().ends_with(number), "{copy:?}");
        };
        copy("wg0.conf.before");
        for number in 2..=MOST_KEPT {
            copy(&format!("wg0.conf.before-{number}"));
        }
        assert!(matches!(keep_before(&path), Err(FileError::Io { .. })));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), full);
    }

    #[test]
    fn what_is_no_file_or_too_large_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read_file(folder.path()), Err(FileError::Io { .. })));
        let path = folder.path().join("large.conf");
        std::fs::write(&path, format!("{}{}", text(), "#".repeat(MAX_BYTES))).unwrap();
        assert!(matches!(read_file(&path), Err(FileError::Refused(_))));
        // A part of it would be no copy.
        assert!(matches!(keep_before(&path), Err(FileError::Io { .. })));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
