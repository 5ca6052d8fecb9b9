//! What is remembered beside the configuration: that we made it, and the proof that we are the same computer.

use hivemind_wireguard::LinkConfig;
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

impl Made {
    /// Whether a configuration is the one that we made.
    pub(crate) fn is_of(&self, config: &LinkConfig) -> bool {
        self.public_key == config.private_key.public().to_string()
    }
}

/// What was remembered; nothing when it is damaged or about another pool.
pub(crate) fn load(path: &Path, pool: &str) -> Option<Made> {
    // Looked at before it is opened: opening a pipe would wait for its other end.
    std::fs::symlink_metadata(path).ok().filter(|meta| meta.is_file() && meta.len() <= MOST_BYTES)?;
    let made: Made = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    (made.pool == pool).then_some(made)
}

/// Remembers, for this user alone.
pub(crate) fn save(path: &Path, made: &Made) -> std::io::Result<()> {
    let beside = path.with_extension("part");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // What a crash left, or somebody planted, is not written to.
    match std::fs::remove_file(&beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = options.open(&beside)?;
    file.write_all(&serde_json::to_vec(made).map_err(std::io::Error::other)?)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}
