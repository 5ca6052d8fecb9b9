//! Debugging data in memory.

use crate::{FakeClock, lock};
use async_trait::async_trait;
use hivemind_domain::ids::TaskKey;
use hivemind_domain::time::WallMs;
use hivemind_worker_core::port::{Clock, DebugArchive, DebugFolder, DebugLimits, DebugParts, StoreError};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// What was kept of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptDebug {
    /// As it was given, files by what stood in them.
    pub report: String,
    /// What the engine knew.
    pub container: Option<String>,
    /// What the package held.
    pub package: Option<String>,
    /// The output lines.
    pub log: String,
    /// Bytes of the outputs.
    pub outputs: Option<Vec<u8>>,
    /// Kept at.
    pub at: WallMs,
}

/// Keeps everything for ever.
pub struct MemoryDebug {
    clock: Arc<FakeClock>,
    kept: Mutex<BTreeMap<TaskKey, KeptDebug>>,
    sweeps: Mutex<Vec<DebugLimits>>,
}

impl MemoryDebug {
    /// Nothing kept yet.
    #[must_use]
    pub fn new(clock: Arc<FakeClock>) -> Self {
        Self { clock, kept: Mutex::default(), sweeps: Mutex::default() }
    }

    /// What was kept of an attempt.
    #[must_use]
    pub fn kept(&self, key: &TaskKey) -> Option<KeptDebug> {
        lock(&self.kept).get(key).cloned()
    }

    /// The limits of every sweep, in order.
    #[must_use]
    pub fn sweeps(&self) -> Vec<DebugLimits> {
        lock(&self.sweeps).clone()
    }
}

#[async_trait]
impl DebugArchive for MemoryDebug {
    async fn keep(&self, key: &TaskKey, parts: DebugParts, _limits: DebugLimits) -> Result<(), StoreError> {
        let log = parts.log.as_ref().and_then(|log| std::fs::read_to_string(log).ok()).unwrap_or_default();
        if let Some(log) = &parts.log {
            let _ = std::fs::remove_file(log);
        }
        let kept = KeptDebug {
            report: parts.report,
            container: parts.container,
            package: parts.package,
            log,
            outputs: parts.outputs.and_then(|outputs| std::fs::read(outputs).ok()),
            at: self.clock.now().wall,
        };
        lock(&self.kept).insert(key.clone(), kept);
        Ok(())
    }

    async fn find(&self, key: &TaskKey) -> Result<Option<DebugFolder>, StoreError> {
        let found = self.kept(key);
        Ok(found.map(|kept| DebugFolder {
            folder: PathBuf::from(format!("/debug/{}.{}", key.task, key.attempt)),
            kept_at: kept.at,
            files: vec![("report.json".to_owned(), kept.report.len() as u64)],
        }))
    }

    async fn sweep(&self, limits: DebugLimits) -> Result<(), StoreError> {
        lock(&self.sweeps).push(limits);
        Ok(())
    }
}
