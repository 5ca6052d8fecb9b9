//! Small secrets that are made once: thirty-two bytes, or a text.

use crate::durable::{private_new, replace, sync_folder};
use crate::own_file;
use std::io::{self, Read, Write};
use std::path::Path;

/// Reads the secret bytes at `path`, or makes them; readable by this user only.
///
/// # Errors
/// When the file cannot be read or written, or holds something else.
pub fn secret_seed(path: &Path) -> io::Result<[u8; 32]> {
    match private_new(path) {
        Ok(mut file) => {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(|error| io::Error::other(error.to_string()))?;
            file.write_all(&seed)?;
            file.sync_all()?;
            if let Some(folder) = path.parent() {
                sync_folder(folder)?;
            }
            Ok(seed)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let mut bytes = Vec::new();
            own_file::read(path)?.take(33).read_to_end(&mut bytes)?;
            let damaged = |_| io::Error::other(format!("{} does not hold 32 bytes", path.display()));
            bytes.try_into().map_err(damaged)
        }
        Err(error) => Err(error),
    }
}

/// Longest secret text, in bytes.
const MOST: u64 = 64 << 10;

/// Reads the secret text at `path`, or has it made; readable by this user only, and whole or not there at all.
///
/// # Errors
/// When the file cannot be read or written, is no ordinary file of ours, or is too long.
pub fn secret_text(path: &Path, make: impl FnOnce() -> io::Result<String>) -> io::Result<String> {
    match own_file::read(path) {
        Ok(file) => {
            let mut text = String::new();
            file.take(MOST + 1).read_to_string(&mut text)?;
            if text.len() as u64 > MOST {
                return Err(io::Error::other(format!("{} is too long", path.display())));
            }
            Ok(text)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let text = make()?;
            replace(path, text.as_bytes())?;
            Ok(text)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_text_is_made_once_and_is_this_users_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret.pem");
        assert!(secret_text(&path, || Err(io::Error::other("none"))).is_err());
        assert!(!path.exists());
        assert_eq!(secret_text(&path, || Ok("first".into())).unwrap(), "first");
        assert_eq!(secret_text(&path, || Ok("second".into())).unwrap(), "first");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            let link = folder.path().join("link.pem");
            std::os::unix::fs::symlink(&path, &link).unwrap();
            assert!(secret_text(&link, || Ok("third".into())).is_err(), "planted");
        }
        std::fs::write(&path, "x".repeat((64 << 10) + 1)).unwrap();
        assert!(secret_text(&path, || Ok("fourth".into())).is_err());
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(secret_text(&path, || Ok("fifth".into())).is_err());
    }
}
