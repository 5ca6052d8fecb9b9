//! Versions of the journal's tables. Forward only: a step, once released, is never changed, and knows no Rust type.

use rusqlite::Connection;

/// Step `n` brings version `n` to version `n + 1`.
pub(super) const STEPS: &[&str] = &[
    // `payload` is the truth, `digest` its SHA-256; the other columns repeat what is searched for.
    // `id` grows in the order of acceptance.
    "CREATE TABLE task (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        task_id TEXT NOT NULL,
        attempt INTEGER NOT NULL,
        phase TEXT NOT NULL,
        verdict TEXT,
        final INTEGER NOT NULL,
        accepted_at INTEGER NOT NULL,
        ended_at INTEGER,
        search TEXT NOT NULL,
        payload TEXT NOT NULL,
        digest BLOB NOT NULL,
        UNIQUE (task_id, attempt)
     ) STRICT;
     CREATE INDEX task_unfinished ON task (id) WHERE final = 0;
     CREATE INDEX task_accepted ON task (accepted_at DESC, id DESC);
     CREATE INDEX task_ended ON task (ended_at) WHERE ended_at IS NOT NULL;
     CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;",
];

/// Why the tables cannot be brought to the present version.
#[derive(Debug)]
pub(super) enum SchemaError {
    /// Made by a newer program; the file is fine and must not be touched.
    Newer(i64),
    /// SQLite said no.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for SchemaError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Sets how the file is written and brings its tables to the version of `steps`.
pub(super) fn prepare(connection: &mut Connection, steps: &[&str]) -> Result<(), SchemaError> {
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    let present = version(connection)?;
    let wanted = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    if present > wanted {
        return Err(SchemaError::Newer(present));
    }
    // A commit is on the disk when it returns: in write-ahead mode only FULL syncs the log at every commit.
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 256)?;
    connection.pragma_update(None, "cache_size", -512)?;
    // A database is data from a disk: no function or view in it may run anything.
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    for (next, step) in (1_i64..).zip(steps).skip(usize::try_from(present).unwrap_or(0)) {
        let step_up = connection.transaction()?;
        step_up.execute_batch(step)?;
        step_up.pragma_update(None, "user_version", next)?;
        step_up.commit()?;
    }
    Ok(())
}

/// Whether tables and indexes are exactly those that the steps make.
pub(super) fn is_newest(connection: &Connection) -> rusqlite::Result<bool> {
    let made = Connection::open_in_memory()?;
    for step in STEPS {
        made.execute_batch(step)?;
    }
    Ok(definitions(connection)? == definitions(&made)?)
}

/// Type, name, table and text.
type Definition = (String, String, String, Option<String>);

fn definitions(connection: &Connection) -> rusqlite::Result<Vec<Definition>> {
    let mut query =
        connection.prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    rows.collect()
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(connection: &Connection) -> Vec<String> {
        let mut names = connection.prepare("SELECT name FROM sqlite_schema ORDER BY name").unwrap();
        names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn every_version_reaches_the_newest_with_its_rows() {
        for from in 0..=STEPS.len() {
            let mut connection = Connection::open_in_memory().unwrap();
            prepare(&mut connection, &STEPS[..from]).unwrap();
            if from >= 1 {
                let row =
                    "INSERT INTO task (task_id, attempt, phase, final, accepted_at, search, payload, digest)
                           VALUES ('t', 1, 'running', 0, 5, 't', '{}', x'00')";
                connection.execute_batch(row).unwrap();
            }
            prepare(&mut connection, STEPS).unwrap();
            assert_eq!(version(&connection).unwrap(), i64::try_from(STEPS.len()).unwrap());
            let rows: i64 = connection.query_row("SELECT count(*) FROM task", [], |r| r.get(0)).unwrap();
            assert_eq!(rows, i64::from(from >= 1), "from version {from}");
            let expected = ["fact", "sqlite_autoindex_fact_1", "sqlite_autoindex_task_1", "sqlite_sequence"];
            let rest = ["task", "task_accepted", "task_ended", "task_unfinished"];
            assert_eq!(tables(&connection), [&expected[..], &rest].concat());
        }
    }

    #[test]
    fn a_later_step_runs_once_and_keeps_rows() {
        let mut connection = Connection::open_in_memory().unwrap();
        let two = [STEPS[0], "ALTER TABLE fact ADD COLUMN at INTEGER NOT NULL DEFAULT 7"];
        prepare(&mut connection, &two[..1]).unwrap();
        connection.execute("INSERT INTO fact VALUES ('wish', 'true')", []).unwrap();
        prepare(&mut connection, &two).unwrap();
        prepare(&mut connection, &two).unwrap();
        let at: i64 = connection.query_row("SELECT at FROM fact", [], |r| r.get(0)).unwrap();
        assert_eq!((at, version(&connection).unwrap()), (7, 2));
    }

    #[test]
    fn a_failing_step_changes_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        let broken = [STEPS[0], "CREATE TABLE later (a); CREATE TABLE task (b);"];
        assert!(prepare(&mut connection, &broken).is_err());
        assert_eq!(version(&connection).unwrap(), 1);
        assert!(!tables(&connection).contains(&"later".to_owned()));
    }

    #[test]
    fn a_newer_file_is_left_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(prepare(&mut connection, STEPS), Err(SchemaError::Newer(99))));
        assert!(tables(&connection).is_empty());
    }
}
