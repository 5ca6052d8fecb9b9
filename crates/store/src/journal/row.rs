//! One attempt as a row. The payload is the truth; the columns beside it are made from it and checked against it.

use hivemind_domain::task::{Phase, Task};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use sha2::{Digest, Sha256};

/// Why a row cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum RowError {
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("the row of {0} does not match its checksum")]
    Checksum(String),
    #[error("the row of {0} cannot be understood: {1}")]
    Meaning(String, String),
}

/// The columns of every query that reads attempts.
pub(super) const COLUMNS: &str =
    "task_id, attempt, phase, verdict, final, accepted_at, ended_at, search, payload, digest";

struct Columns {
    task_id: String,
    attempt: u32,
    phase: String,
    verdict: Option<&'static str>,
    is_final: bool,
    accepted_at: i64,
    ended_at: Option<i64>,
    search: String,
}

impl Columns {
    fn of(task: &Task) -> Self {
        let key = task.key();
        Self {
            task_id: key.task.as_str().to_owned(),
            attempt: key.attempt,
            phase: phase_word(task.phase).to_owned(),
            verdict: task.verdict.as_ref().map(hivemind_domain::task::Verdict::word),
            is_final: task.phase.is_final(),
            accepted_at: task.accepted_at.0,
            ended_at: task.ended_at.map(|at| at.0),
            search: format!("{} {}", task.assignment.name, key.task).to_lowercase(),
        }
    }
}

fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Accepted => "accepted",
        Phase::Preparing => "preparing",
        Phase::Running => "running",
        Phase::Collecting => "collecting",
        Phase::Uploading => "uploading",
        Phase::Reported => "reported",
        Phase::Settled => "settled",
        Phase::HandedBack => "handed_back",
        Phase::LeaseLost => "lease_lost",
    }
}

/// Writes an attempt in one commit.
pub(super) fn put(connection: &Connection, task: &Task) -> Result<(), RowError> {
    let meaning = |e: serde_json::Error| RowError::Meaning(task.key().to_string(), e.to_string());
    let payload = serde_json::to_string(task).map_err(meaning)?;
    // What could not be read again (a number that is none becomes null) must not be taken for kept.
    serde_json::from_str::<Task>(&payload).map_err(meaning)?;
    let digest = Sha256::digest(payload.as_bytes());
    let c = Columns::of(task);
    let mut insert = connection.prepare_cached(
        "INSERT INTO task (task_id, attempt, phase, verdict, final, accepted_at, ended_at, search, payload, digest)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (task_id, attempt) DO UPDATE SET phase = ?3, verdict = ?4, final = ?5, accepted_at = ?6,
            ended_at = ?7, search = ?8, payload = ?9, digest = ?10",
    )?;
    insert.execute(params![
        c.task_id,
        c.attempt,
        c.phase,
        c.verdict,
        c.is_final,
        c.accepted_at,
        c.ended_at,
        c.search,
        payload,
        digest.as_slice()
    ])?;
    Ok(())
}

/// Reads the row that a query over [`COLUMNS`] stands on.
pub(super) fn read(row: &Row<'_>) -> Result<Task, RowError> {
    let task_id: String = row.get(0)?;
    let name = hivemind_domain::text::plain_line(&task_id, 64);
    let payload: String = row.get(8)?;
    let digest: Vec<u8> = row.get(9)?;
    if Sha256::digest(payload.as_bytes()).as_slice() != digest {
        return Err(RowError::Checksum(name));
    }
    let task: Task =
        serde_json::from_str(&payload).map_err(|e| RowError::Meaning(name.clone(), e.to_string()))?;
    let c = Columns::of(&task);
    let same = c.task_id == task_id
        && c.attempt == row.get::<_, u32>(1)?
        && c.phase == row.get::<_, String>(2)?
        && c.verdict == row.get::<_, Option<String>>(3)?.as_deref()
        && c.is_final == row.get::<_, bool>(4)?
        && c.accepted_at == row.get::<_, i64>(5)?
        && c.ended_at == row.get::<_, Option<i64>>(6)?
        && c.search == row.get::<_, String>(7)?;
    if same { Ok(task) } else { Err(RowError::Checksum(name)) }
}

/// Reads every attempt that `rest` (from `WHERE` on) selects.
pub(super) fn select(
    connection: &Connection,
    rest: &str,
    values: &[&dyn ToSql],
) -> Result<Vec<Task>, RowError> {
    let mut query = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM task {rest}"))?;
    let mut rows = query.query(values)?;
    let mut tasks = Vec::new();
    while let Some(row) = rows.next()? {
        tasks.push(read(row)?);
    }
    Ok(tasks)
}

/// Keeps a named text.
pub(super) fn put_fact(connection: &Connection, name: &str, value: &str) -> Result<(), RowError> {
    let mut insert =
        connection.prepare_cached("INSERT OR REPLACE INTO fact (name, value) VALUES (?1, ?2)")?;
    insert.execute(params![name, value])?;
    Ok(())
}

/// The text kept under a name.
pub(super) fn fact(connection: &Connection, name: &str) -> Result<Option<String>, RowError> {
    let mut query = connection.prepare_cached("SELECT value FROM fact WHERE name = ?1")?;
    Ok(query.query_row([name], |row| row.get(0)).optional()?)
}
