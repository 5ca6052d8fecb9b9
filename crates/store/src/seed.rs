//! Thirty-two secret bytes, made once.

use crate::durable::{private_new, sync_folder};
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
