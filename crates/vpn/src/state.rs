//! What is remembered beside the configuration: that we made it, and the proof that we are the same computer.

use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::Path;

const MOST_BYTES: u64 = 4096;

/// A link that this program made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Made {
    /// The pool's address.
    pub(crate) pool: String,
    /// Our public key.
    pub(crate) public_key: String,
    /// What the pool wants to see when the key changes.
    pub(crate) token: Option<String>,
}

/// What was remembered; nothing when it is damaged or about another pool.
pub(crate) fn load(path: &Path, pool: &str) -> Option<Made> {
    let meta = std::fs::metadata(path).ok().filter(|meta| meta.is_file() && meta.len() <= MOST_BYTES)?;
    let _ = meta;
    let made: Made = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    (made.pool == pool).then_some(made)
}

/// Remembers, for this user alone.
pub(crate) fn save(path: &Path, made: &Made) -> std::io::Result<()> {
    let beside = path.with_extension("part");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(&serde_json::to_vec(made).map_err(std::io::Error::other)?)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}
