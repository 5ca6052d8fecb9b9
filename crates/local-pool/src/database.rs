//! The pool's SQLite database on a thread of its own.
//!
//! One connection does everything in order, so every rule that reads and then writes is free of races.

use crate::error::PoolError;
use crate::guarded::Guarded;
use crate::ledger;
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use std::path::Path;
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// Steps to the newest schema; how many are done is kept in SQLite's `user_version`. A released step never changes.
const STEPS: [&str; 3] =
    [include_str!("schema.sql"), include_str!("schema_2.sql"), include_str!("schema_3.sql")];
/// Calls that may wait for the thread before callers wait for room.
const WAITING_JOBS: usize = 1024;

/// A handle to the thread that owns the connection.
#[derive(Debug)]
pub(crate) struct Database {
    jobs: Guarded<Option<mpsc::Sender<Job>>>,
    thread: Guarded<Option<JoinHandle<()>>>,
}

impl Database {
    /// Opens or makes the database. Fails when another pool has it open.
    pub(crate) fn open(path: &Path) -> Result<Self, PoolError> {
        let mut connection = prepare(path)?;
        let (jobs, mut waiting) = mpsc::channel::<Job>(WAITING_JOBS);
        let thread = std::thread::Builder::new().name("pool-database".into()).spawn(move || {
            while let Some(job) = waiting.blocking_recv() {
                job(&mut connection);
            }
        })?;
        Ok(Self { jobs: Guarded::new(Some(jobs)), thread: Guarded::new(Some(thread)) })
    }

    /// Runs `f` in a transaction: committed and on disk when it answers, rolled back when `f` fails.
    pub(crate) async fn call<T, F>(&self, f: F) -> Result<T, PoolError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, PoolError> + Send + 'static,
    {
        let jobs = self.jobs.with(|jobs| jobs.clone()).ok_or(PoolError::Closing)?;
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // A caller that went away before its turn wants nothing done any more; one that goes away later
            // finds it done.
            if !answer.is_closed() {
                let _ = answer.send(transact(connection, f));
            }
        });
        jobs.send(job).await.map_err(|_| PoolError::Closing)?;
        answered.await.map_err(|_| PoolError::Closing)?
    }

    /// Ends the thread after the calls that wait already.
    pub(crate) async fn close(&self) {
        self.jobs.with(Option::take);
        if let Some(thread) = self.thread.with(Option::take) {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the database thread ended badly");
            }
        }
    }
}

fn transact<T>(
    connection: &mut Connection,
    f: impl FnOnce(&Transaction<'_>) -> Result<T, PoolError>,
) -> Result<T, PoolError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = f(&transaction)?;
    transaction.commit()?;
    Ok(value)
}

fn prepare(path: &Path) -> Result<Connection, PoolError> {
    let in_use = |e: rusqlite::Error| match e.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            PoolError::FolderInUse(path.parent().unwrap_or(path).display().to_string())
        }
        _ => PoolError::Database(e),
    };
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(std::time::Duration::from_secs(2))?;
    // The lock lives as long as the connection: a second pool on the same folder must not come up.
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(in_use)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(in_use)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |r| r.get(0)).map_err(in_use)?;
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done > STEPS.len() {
        return Err(PoolError::Internal(format!(
            "the database has schema {version}, this program knows {}",
            STEPS.len()
        )));
    }
    if done < STEPS.len() {
        transact(&mut connection, |t| step_up(t, done))?;
    }
    Ok(connection)
}

/// Takes the steps that are not done yet.
fn step_up(t: &Transaction<'_>, done: usize) -> Result<(), PoolError> {
    for (number, step) in STEPS.iter().enumerate().skip(done) {
        t.execute_batch(step)?;
        if number == 0 {
            ledger::found(t)?;
        }
    }
    t.pragma_update(None, "user_version", i64::try_from(STEPS.len()).unwrap_or(i64::MAX))?;
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A database in memory with the schema, for tests of single rules.
    pub(crate) fn blank() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "foreign_keys", true).unwrap();
        transact(&mut connection, |t| step_up(t, 0)).unwrap();
        connection
    }

    #[tokio::test]
    async fn a_database_of_the_first_version_is_brought_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pool.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(STEPS[0]).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        old.execute_batch("INSERT INTO accounts (name, balance) VALUES ('x', 7)").unwrap();
        drop(old);
        for _ in 0..2 {
            let db = Database::open(&path).unwrap();
            let kept = "SELECT balance + (SELECT count(*) FROM arrays) FROM accounts WHERE name = 'x'";
            let n: i64 = db.call(move |t| Ok(t.query_row(kept, [], |r| r.get(0))?)).await.unwrap();
            assert_eq!(n, 7);
            db.close().await;
        }
    }

    #[tokio::test]
    async fn a_failed_call_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let db = Database::open(&dir.path().join("pool.db")).unwrap();
        let insert = "INSERT INTO accounts (name, balance) VALUES ('x', 1)";
        let failed: Result<(), _> = db
            .call(move |t| {
                t.execute(insert, [])?;
                Err(PoolError::TaskUnknown)
            })
            .await;
        assert!(matches!(failed, Err(PoolError::TaskUnknown)));
        let count = "SELECT count(*) FROM accounts WHERE name = 'x'";
        let n: i64 = db.call(move |t| Ok(t.query_row(count, [], |r| r.get(0))?)).await.unwrap();
        assert_eq!(n, 0);
        db.close().await;
        assert!(matches!(db.call(|_| Ok(())).await, Err(PoolError::Closing)));
    }

    #[tokio::test]
    async fn a_second_pool_on_the_same_folder_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pool.db");
        let first = Database::open(&path).unwrap();
        assert!(matches!(Database::open(&path), Err(PoolError::FolderInUse(_))));
        first.close().await;
        Database::open(&path).unwrap().close().await;
    }
}
