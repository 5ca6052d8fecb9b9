//! A journal in memory.

use crate::{FakeClock, Faults, lock};
use async_trait::async_trait;
use hivemind_domain::benchmark::Benchmark;
use hivemind_domain::ids::TaskKey;
use hivemind_domain::rules::{Snooze, TrafficMeter};
use hivemind_domain::task::Task;
use hivemind_domain::time::WallMs;
use hivemind_worker_core::port::{HistoryFilter, Journal, StoreError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// Calls of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JournalCall {
    /// Writing an attempt.
    Put,
    /// Any reading.
    Read,
    /// Keeping the wish, or a pause.
    SetWish,
}

/// Keeps attempts as long as it lives, whatever happens to the worker.
pub struct MemoryJournal {
    /// What goes wrong, and what was called.
    pub faults: Faults<JournalCall, StoreError>,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    rows: Vec<Task>,
    written: Vec<Task>,
    wish: Option<bool>,
    snooze: Option<Snooze>,
    gpu_snooze: Option<Snooze>,
    idle_power: BTreeMap<String, f32>,
    traffic: Option<TrafficMeter>,
    benchmark: Option<Benchmark>,
}

impl MemoryJournal {
    /// An empty one.
    #[must_use]
    pub fn new(clock: Arc<FakeClock>) -> Self {
        Self { faults: Faults::new(clock), kept: Mutex::default() }
    }

    /// How a disk that is full, or broken, answers.
    #[must_use]
    pub fn failure(disk_full: bool) -> StoreError {
        StoreError { disk_full, message: "the journal cannot be written".into() }
    }

    /// Everything that was written, in order.
    #[must_use]
    pub fn written(&self) -> Vec<Task> {
        lock(&self.kept).written.clone()
    }

    /// Puts a row there from before the test.
    pub fn put_now(&self, task: &Task) {
        lock(&self.kept).rows.push(task.clone());
    }

    /// The present row of an attempt.
    #[must_use]
    pub fn row(&self, key: &TaskKey) -> Option<Task> {
        lock(&self.kept).rows.iter().find(|task| task.key() == key).cloned()
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn put(&self, task: &Task) -> Result<(), StoreError> {
        self.faults.enter(JournalCall::Put).await?;
        {
            let mut kept = lock(&self.kept);
            kept.written.push(task.clone());
            match kept.rows.iter_mut().find(|row| row.key() == task.key()) {
                Some(row) => *row = task.clone(),
                None => kept.rows.push(task.clone()),
            }
        }
        self.faults.leave(JournalCall::Put).await
    }

    async fn unfinished(&self) -> Result<Vec<Task>, StoreError> {
        self.faults.enter(JournalCall::Read).await?;
        Ok(lock(&self.kept).rows.iter().filter(|task| !task.phase.is_final()).cloned().collect())
    }

    async fn page(&self, filter: &HistoryFilter) -> Result<(Vec<Task>, u32), StoreError> {
        self.faults.enter(JournalCall::Read).await?;
        let search = filter.search.as_deref().unwrap_or_default().to_lowercase();
        let word = |task: &Task| format!("{:?}", task.phase).to_lowercase();
        let mut found: Vec<_> = lock(&self.kept)
            .rows
            .iter()
            .rev()
            .filter(|task| {
                filter.state.as_ref().is_none_or(|state| {
                    task.verdict.as_ref().is_some_and(|v| v.word() == state)
                        || word(task) == state.replace('_', "")
                })
            })
            .filter(|task| {
                task.assignment.name.to_lowercase().contains(&search)
                    || task.key().task.as_str().to_lowercase().contains(&search)
            })
            .cloned()
            .collect();
        found.sort_by_key(|task| std::cmp::Reverse(task.accepted_at));
        let total = u32::try_from(found.len()).unwrap_or(u32::MAX);
        let page = found.into_iter().skip(filter.offset as usize).take(filter.limit as usize).collect();
        Ok((page, total))
    }

    async fn find(&self, task_id: &str, attempt: Option<u32>) -> Result<Option<Task>, StoreError> {
        self.faults.enter(JournalCall::Read).await?;
        let kept = lock(&self.kept);
        let same = kept.rows.iter().filter(|task| {
            task.key().task.as_str() == task_id && attempt.is_none_or(|wanted| wanted == task.key().attempt)
        });
        Ok(same.max_by_key(|task| task.key().attempt).cloned())
    }

    async fn ended_since(&self, since: WallMs) -> Result<Vec<Task>, StoreError> {
        self.faults.enter(JournalCall::Read).await?;
        let kept = lock(&self.kept);
        let mut ended: Vec<_> =
            kept.rows.iter().filter(|t| t.ended_at.is_some_and(|at| at >= since)).cloned().collect();
        ended.sort_by_key(|task| task.ended_at);
        Ok(ended)
    }

    async fn wish(&self) -> Result<Option<bool>, StoreError> {
        self.faults.enter(JournalCall::Read).await?;
        Ok(lock(&self.kept).wish)
    }

    async fn set_wish(&self, contribute: bool) -> Result<(), StoreError> {
        self.faults.enter(JournalCall::SetWish).await?;
        lock(&self.kept).wish = Some(contribute);
        Ok(())
    }

    async fn snooze(&self) -> Result<Option<Snooze>, StoreError> {
        self.faults.enter(JournalCall::Read).await?;
        Ok(lock(&self.kept).snooze)
    }

    async fn set_snooze(&self, snooze: Option<Snooze>) -> Result<(), StoreError> {
        self.faults.enter(JournalCall::SetWish).await?;
        lock(&self.kept).snooze = snooze;
        Ok(())
    }

    async fn gpu_snooze(&self) -> Result<Option<Snooze>, StoreError> {
        self.faults.enter(JournalCall::Read).await?;
        Ok(lock(&self.kept).gpu_snooze)
    }

    async fn set_gpu_snooze(&self, snooze: Option<Snooze>) -> Result<(), StoreError> {
        self.faults.enter(JournalCall::SetWish).await?;
        lock(&self.kept).gpu_snooze = snooze;
        Ok(())
    }

    async fn benchmark(&self) -> Result<Option<Benchmark>, StoreError> {
        self.faults.enter(JournalCall::Read).await?;
        Ok(lock(&self.kept).benchmark.clone())
    }

    async fn set_benchmark(&self, benchmark: &Benchmark) -> Result<(), StoreError> {
        self.faults.enter(JournalCall::SetWish).await?;
        lock(&self.kept).benchmark = Some(benchmark.clone());
        Ok(())
    }

    async fn idle_power(&self) -> Result<BTreeMap<String, f32>, StoreError> {
        self.faults.enter(JournalCall::Read).await?;
        Ok(lock(&self.kept).idle_power.clone())
    }

    async fn set_idle_power(&self, idle: &BTreeMap<String, f32>) -> Result<(), StoreError> {
        self.faults.enter(JournalCall::SetWish).await?;
        lock(&self.kept).idle_power.clone_from(idle);
        Ok(())
    }

    async fn traffic(&self) -> Result<Option<TrafficMeter>, StoreError> {
        self.faults.enter(JournalCall::Read).await?;
        Ok(lock(&self.kept).traffic)
    }

    async fn set_traffic(&self, meter: TrafficMeter) -> Result<(), StoreError> {
        self.faults.enter(JournalCall::SetWish).await?;
        lock(&self.kept).traffic = Some(meter);
        Ok(())
    }
}
