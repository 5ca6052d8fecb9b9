//! What is kept of failed attempts, so that a person can find out why.

use crate::port::StoreError;
use async_trait::async_trait;
use hivemind_domain::ids::TaskKey;
use hivemind_domain::time::WallMs;
use std::path::PathBuf;

/// What is known of a failed attempt. Whatever was not to be had is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DebugParts {
    /// The execution report and the assignment, as JSON.
    pub report: String,
    /// What the engine knew of the container, as JSON.
    pub container: Option<String>,
    /// What the package held, a line for each entry.
    pub package: Option<String>,
    /// A file with the output lines; it is taken away.
    pub log: Option<PathBuf>,
    /// The outputs' zip; it stays where it is.
    pub outputs: Option<PathBuf>,
}

/// How much is kept, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DebugLimits {
    /// Bytes altogether; the oldest attempts go first.
    pub quota_bytes: u64,
    /// Days; with 0 nothing is kept.
    pub days: u64,
}

/// What is kept of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DebugFolder {
    /// The folder, on this computer.
    pub folder: PathBuf,
    /// Kept at.
    pub kept_at: WallMs,
    /// Name and size in bytes of each file in it, by name.
    pub files: Vec<(String, u64)>,
}

/// The folder of debugging data. Nothing in it is ever reached through a symbolic link.
#[async_trait]
pub trait DebugArchive: Send + Sync + 'static {
    /// Keeps an attempt, whole or not at all, and removes what is too old or too much then. Outputs beyond the quota
    /// are left out.
    async fn keep(&self, key: &TaskKey, parts: DebugParts, limits: DebugLimits) -> Result<(), StoreError>;

    /// What is kept of an attempt.
    async fn find(&self, key: &TaskKey) -> Result<Option<DebugFolder>, StoreError>;

    /// Removes what is too old or too much, and what a crash left half-written.
    async fn sweep(&self, limits: DebugLimits) -> Result<(), StoreError>;
}
