//! The journal and history of attempts, in SQLite.
//!
//! One thread owns the one connection; commands reach it through a channel, so nothing waits for the disk on the
//! event loop and commits keep the order in which they were asked for.

mod rescue;
mod row;
mod schema;
mod wal;

use crate::damage::Damage;
use async_trait::async_trait;
use hivemind_domain::benchmark::Benchmark;
use hivemind_domain::rules::{Snooze, TrafficMeter};
use hivemind_domain::task::Task;
use hivemind_domain::time::WallMs;
use hivemind_worker_core::port::{HistoryFilter, Journal, StoreError};
use rusqlite::{Connection, ToSql};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc;
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Name of the fact that says whether the owner wants to contribute.
const WISH: &str = "wish";
/// Name of the fact that says until when the owner wants a pause; empty for none.
const SNOOZE: &str = "snooze";
const GPU_SNOOZE: &str = "gpu_snooze";
/// Name of the fact that says what work has moved over the network.
const TRAFFIC: &str = "traffic";
/// Name of the fact that says how fast this computer is.
const BENCHMARK: &str = "benchmark";
const IDLE_POWER: &str = "idle_power";
const MOST_ENDED: u32 = 100_000;

type Command = Box<dyn FnOnce(&mut Connection) + Send>;

/// The journal. Dropping it waits until the commands already given are done and the file is closed.
#[derive(Debug)]
pub struct SqliteJournal {
    commands: Option<mpsc::Sender<Command>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for SqliteJournal {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was reported where it happened.
            let _ = thread.join();
        }
    }
}

impl SqliteJournal {
    /// Opens or creates the journal; `Damage` says that the file was damaged and set aside, for the owner to see.
    /// Waits for the disk.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be opened, or was written by a newer version.
    pub fn open(path: &Path) -> Result<(Self, Option<Damage>), StoreError> {
        let (mut connection, damage) = rescue::open(path)?;
        let (commands, next) = mpsc::channel::<Command>();
        let thread = std::thread::Builder::new().name("journal".into()).spawn(move || {
            while let Ok(command) = next.recv() {
                command(&mut connection);
            }
        });
        let failed = |e| StoreError { disk_full: false, message: format!("no thread for the journal: {e}") };
        let thread = Some(thread.map_err(failed)?);
        Ok((Self { commands: Some(commands), thread }, damage))
    }

    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, row::RowError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let command: Command = Box::new(move |connection| {
            // The asker may be gone; what it asked for is done all the same.
            let _ = answer.send(work(connection).map_err(|e| rescue::row_error(&e)));
        });
        let gone = || StoreError { disk_full: false, message: "the journal has ended".into() };
        self.commands.as_ref().ok_or_else(gone)?.send(command).map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn put(&self, task: &Task) -> Result<(), StoreError> {
        let task = task.clone();
        self.ask(move |connection| row::put(connection, &task)).await
    }

    async fn unfinished(&self) -> Result<Vec<Task>, StoreError> {
        self.ask(|connection| row::select(connection, "WHERE final = 0 ORDER BY id", &[])).await
    }

    async fn page(&self, filter: &HistoryFilter) -> Result<(Vec<Task>, u32), StoreError> {
        let filter = filter.clone();
        self.ask(move |connection| {
            let search = filter.search.as_deref().unwrap_or_default().to_lowercase();
            let state = filter.state.as_deref();
            let matching =
                "WHERE (?1 IS NULL OR verdict = ?1 OR phase = ?1) AND (?2 = '' OR instr(search, ?2) > 0)";
            let values: [&dyn ToSql; 4] = [&state, &search, &filter.limit, &filter.offset];
            let page = format!("{matching} ORDER BY accepted_at DESC, id DESC LIMIT ?3 OFFSET ?4");
            let tasks = row::select(connection, &page, &values)?;
            let mut count = connection.prepare_cached(&format!("SELECT count(*) FROM task {matching}"))?;
            let total = count.query_row(&values[..2], |row| row.get(0))?;
            Ok((tasks, total))
        })
        .await
    }

    async fn find(&self, task_id: &str, attempt: Option<u32>) -> Result<Option<Task>, StoreError> {
        let task_id = task_id.to_owned();
        self.ask(move |connection| {
            let one = "WHERE task_id = ?1 AND (?2 IS NULL OR attempt = ?2) ORDER BY attempt DESC LIMIT 1";
            Ok(row::select(connection, one, &[&task_id, &attempt])?.pop())
        })
        .await
    }

    async fn ended_since(&self, since: WallMs) -> Result<Vec<Task>, StoreError> {
        self.ask(move |connection| {
            let ended = "WHERE ended_at IS NOT NULL AND ended_at >= ?1 ORDER BY ended_at, id LIMIT ?2";
            row::select(connection, ended, &[&since.0, &MOST_ENDED])
        })
        .await
    }

    async fn wish(&self) -> Result<Option<bool>, StoreError> {
        self.ask(|connection| Ok(row::fact(connection, WISH)?.map(|word| word == "true"))).await
    }

    async fn set_wish(&self, contribute: bool) -> Result<(), StoreError> {
        self.ask(move |connection| row::put_fact(connection, WISH, if contribute { "true" } else { "false" }))
            .await
    }

    async fn snooze(&self) -> Result<Option<Snooze>, StoreError> {
        let word = self.ask(|connection| row::fact(connection, SNOOZE)).await?;
        Ok(word.and_then(|word| Snooze::from_word(&word)))
    }

    async fn set_snooze(&self, snooze: Option<Snooze>) -> Result<(), StoreError> {
        let word = snooze.map(Snooze::word).unwrap_or_default();
        self.ask(move |connection| row::put_fact(connection, SNOOZE, &word)).await
    }

    async fn gpu_snooze(&self) -> Result<Option<Snooze>, StoreError> {
        let word = self.ask(|connection| row::fact(connection, GPU_SNOOZE)).await?;
        Ok(word.and_then(|word| Snooze::from_word(&word)))
    }

    async fn set_gpu_snooze(&self, snooze: Option<Snooze>) -> Result<(), StoreError> {
        let word = snooze.map(Snooze::word).unwrap_or_default();
        self.ask(move |connection| row::put_fact(connection, GPU_SNOOZE, &word)).await
    }

    async fn benchmark(&self) -> Result<Option<Benchmark>, StoreError> {
        let word = self.ask(|connection| row::fact(connection, BENCHMARK)).await?;
        // What is no measurement is measured again.
        Ok(word.and_then(|word| serde_json::from_str(&word).ok()))
    }

    async fn set_benchmark(&self, benchmark: &Benchmark) -> Result<(), StoreError> {
        let word = serde_json::to_string(benchmark).unwrap_or_default();
        self.ask(move |connection| row::put_fact(connection, BENCHMARK, &word)).await
    }

    async fn idle_power(&self) -> Result<BTreeMap<String, f32>, StoreError> {
        let word = self.ask(|connection| row::fact(connection, IDLE_POWER)).await?;
        // What is no reading is learnt again.
        Ok(word.and_then(|word| serde_json::from_str(&word).ok()).unwrap_or_default())
    }

    async fn set_idle_power(&self, idle: &BTreeMap<String, f32>) -> Result<(), StoreError> {
        let word = serde_json::to_string(idle).unwrap_or_default();
        self.ask(move |connection| row::put_fact(connection, IDLE_POWER, &word)).await
    }

    async fn traffic(&self) -> Result<Option<TrafficMeter>, StoreError> {
        let word = self.ask(|connection| row::fact(connection, TRAFFIC)).await?;
        Ok(word.and_then(|word| TrafficMeter::from_word(&word)))
    }

    async fn set_traffic(&self, meter: TrafficMeter) -> Result<(), StoreError> {
        self.ask(move |connection| row::put_fact(connection, TRAFFIC, &meter.word())).await
    }
}

#[cfg(test)]
mod tests;
