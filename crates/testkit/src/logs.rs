//! Output of tasks in memory.

use crate::lock;
use async_trait::async_trait;
use hivemind_control::{LogLine, LogPage};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::text::plain_line;
use hivemind_worker_core::port::{LogArchive, OutputLine, StoreError, Told};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;

/// An archive that forgets its oldest lines above a number of them.
pub struct MemoryLogs {
    kept: Mutex<BTreeMap<TaskKey, Kept>>,
    most: usize,
}

#[derive(Default)]
struct Kept {
    first: u64,
    lines: Vec<OutputLine>,
}

impl Kept {
    fn total(&self) -> u64 {
        self.first + self.lines.len() as u64
    }

    fn from(&self, first: u64, limit: u32) -> impl Iterator<Item = (u64, &OutputLine)> {
        let skip = usize::try_from(first.saturating_sub(self.first)).unwrap_or(usize::MAX);
        (self.first..).zip(&self.lines).skip(skip).take(limit as usize)
    }
}

impl Default for MemoryLogs {
    fn default() -> Self {
        Self::keeping(usize::MAX)
    }
}

impl MemoryLogs {
    /// Keeps at most `most` lines of each attempt.
    #[must_use]
    pub fn keeping(most: usize) -> Self {
        Self { kept: Mutex::default(), most }
    }

    /// Texts of all kept lines.
    #[must_use]
    pub fn texts(&self, key: &TaskKey) -> Vec<String> {
        let kept = lock(&self.kept);
        kept.get(key).map(|k| k.lines.iter().map(|l| l.text.clone()).collect()).unwrap_or_default()
    }
}

#[async_trait]
impl LogArchive for MemoryLogs {
    async fn append(&self, key: &TaskKey, lines: &[OutputLine]) -> Result<Range<u64>, StoreError> {
        let mut all = lock(&self.kept);
        let kept = all.entry(key.clone()).or_default();
        let first = kept.total();
        for line in lines {
            if kept.lines.last().is_none_or(|last| line.time_ns > last.time_ns) {
                kept.lines.push(line.clone());
            }
        }
        let end = kept.total();
        let surplus = kept.lines.len().saturating_sub(self.most);
        kept.lines.drain(..surplus);
        kept.first += surplus as u64;
        Ok(first..end)
    }

    async fn page(&self, key: &TaskKey, from: Option<u64>, limit: u32) -> Result<LogPage, StoreError> {
        let all = lock(&self.kept);
        let Some(kept) = all.get(key) else { return Ok(LogPage::default()) };
        let from = from.unwrap_or_else(|| kept.total().saturating_sub(u64::from(limit)));
        let lines = kept.from(from, limit).map(|(number, line)| LogLine {
            number,
            stderr: line.stderr,
            at_ms: line.time_ns / 1_000_000,
            text: plain_line(&line.text, 16 * 1024),
        });
        Ok(LogPage { lines: lines.collect(), total: kept.total(), first_kept: kept.first })
    }

    async fn read(&self, key: &TaskKey, first: u64, limit: u32) -> Result<Vec<OutputLine>, StoreError> {
        let all = lock(&self.kept);
        let Some(kept) = all.get(key) else { return Ok(Vec::new()) };
        if first < kept.first {
            return Err(StoreError {
                disk_full: false,
                message: "lines before those kept were asked for".into(),
            });
        }
        Ok(kept.from(first, limit).map(|(_, line)| line.clone()).collect())
    }

    async fn told(&self, key: &TaskKey) -> Result<Told, StoreError> {
        let all = lock(&self.kept);
        Ok(all.get(key).map_or_else(Told::default, |kept| Told::of(&kept.lines, kept.first == 0)))
    }

    async fn sweep(&self, _keep: &[TaskKey]) -> Result<(), StoreError> {
        // Nothing here is ever 30 days old.
        Ok(())
    }
}
