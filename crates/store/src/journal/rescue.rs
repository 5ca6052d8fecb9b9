//! Opening the journal, and what happens when its file is damaged.

use super::row;
use super::schema::{self, SchemaError};
use crate::damage::{Damage, aside};
use crate::{durable, own_file};
use hivemind_domain::text::plain_line;
use hivemind_worker_core::port::StoreError;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::io;
use std::path::{Path, PathBuf};

/// Files up to this size are checked whole at each start, larger ones only in structure and unfinished attempts.
const CHECKED_WHOLE_BYTES: u64 = 32 << 20;

enum Fault {
    /// The file's content is wrong: set it aside.
    Damaged(String),
    /// The file may be fine: leave it alone.
    Other(StoreError),
}

/// Opens the journal. A damaged file is set aside, and what can be read of it is taken over.
pub(super) fn open(path: &Path) -> Result<(Connection, Option<Damage>), StoreError> {
    let reason = match try_open(path) {
        Ok(connection) => return Ok((connection, None)),
        Err(Fault::Other(error)) => return Err(error),
        Err(Fault::Damaged(reason)) => plain_line(&reason, 200),
    };
    let kept_as = set_aside(path)?;
    let mut connection = match try_open(path) {
        Ok(connection) => connection,
        Err(Fault::Other(error)) => return Err(error),
        Err(Fault::Damaged(reason)) => return Err(StoreError { disk_full: false, message: reason }),
    };
    let (rescued, unreadable) = take_over(&kept_as, &mut connection)?;
    let damage = Damage { kept_as, reason, rescued, unreadable };
    tracing::error!(%damage, "the journal was damaged");
    Ok((connection, Some(damage)))
}

fn try_open(path: &Path) -> Result<Connection, Fault> {
    // SQLite opens these by their names, and takes what a planted one of them says for our own words.
    for name in
        [path.to_owned(), with_suffix(path, "-wal"), with_suffix(path, "-shm"), with_suffix(path, "-journal")]
    {
        own_file::look(&name).map_err(|e| Fault::Other(durable::failed("cannot open", &name, &e)))?;
    }
    create_private(path).map_err(|e| Fault::Other(durable::failed("cannot open", path, &e)))?;
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    if super::wal::torn(path).map_err(|e| Fault::Other(durable::failed("cannot read", path, &e)))? {
        return Err(Fault::Damaged("its write-ahead log has a broken place before its end".into()));
    }
    let mut connection = Connection::open_with_flags(path, flags).map_err(|e| fault(&e))?;
    // Until the file is known to be good, closing it must leave it as it was found.
    let keep_log = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection.set_db_config(keep_log, true).map_err(|e| fault(&e))?;
    match schema::prepare(&mut connection, schema::STEPS) {
        Ok(()) => {}
        Err(SchemaError::Newer(version)) => {
            let message = format!(
                "{} was written by a newer version of this program (tables version {version}); update it, or name another data folder",
                path.display()
            );
            return Err(Fault::Other(StoreError { disk_full: false, message: plain_line(&message, 500) }));
        }
        Err(SchemaError::Sqlite(error)) => return Err(fault(&error)),
    }
    verify(&connection, path)?;
    connection.set_db_config(keep_log, false).map_err(|e| fault(&e))?;
    Ok(connection)
}

fn create_private(path: &Path) -> io::Result<()> {
    match durable::private_new(path) {
        Ok(file) => {
            file.sync_all()?;
            path.parent().map_or(Ok(()), durable::sync_folder)
        }
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(e),
    }
}

fn verify(connection: &Connection, path: &Path) -> Result<(), Fault> {
    let whole = path.metadata().is_ok_and(|m| m.len() <= CHECKED_WHOLE_BYTES);
    let check = if whole { "PRAGMA integrity_check(1)" } else { "PRAGMA quick_check(1)" };
    let word: String = connection.query_row(check, [], |row| row.get(0)).map_err(|e| fault(&e))?;
    if word != "ok" {
        return Err(Fault::Damaged(word));
    }
    // A flipped letter in the stored definition of a table or index goes unseen by SQLite's own check.
    if !schema::is_newest(connection).map_err(|e| fault(&e))? {
        return Err(Fault::Damaged("its tables are not the ones of this version".into()));
    }
    let mut query = if whole { "ORDER BY id" } else { "WHERE final = 0 ORDER BY id" }.to_owned();
    query.insert_str(0, &format!("SELECT {} FROM task ", row::COLUMNS));
    let mut query = connection.prepare(&query).map_err(|e| fault(&e))?;
    let mut rows = query.query([]).map_err(|e| fault(&e))?;
    while let Some(row) = rows.next().map_err(|e| fault(&e))? {
        row::read(row).map_err(|e| match e {
            row::RowError::Sqlite(error) => fault(&error),
            row::RowError::Checksum(_) | row::RowError::Meaning(..) => Fault::Damaged(e.to_string()),
        })?;
    }
    match row::fact(connection, super::WISH).map_err(|e| Fault::Damaged(e.to_string()))?.as_deref() {
        None | Some("true" | "false") => Ok(()),
        Some(_) => Err(Fault::Damaged("a fact cannot be understood".into())),
    }
}

/// Moves the file with its write-ahead log; the shared-memory file holds nothing of its own.
fn set_aside(path: &Path) -> Result<PathBuf, StoreError> {
    let kept = aside(path);
    let failed = |e: io::Error| durable::failed("cannot set aside", path, &e);
    std::fs::rename(path, &kept).map_err(failed)?;
    for (suffix, keep) in [("-wal", true), ("-shm", false)] {
        let beside = with_suffix(path, suffix);
        let moved = if keep {
            std::fs::rename(&beside, with_suffix(&kept, suffix))
        } else {
            std::fs::remove_file(&beside)
        };
        match moved {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e)),
            _ => {}
        }
    }
    path.parent().map_or(Ok(()), durable::sync_folder).map_err(failed)?;
    Ok(kept)
}

/// `path` with `suffix` behind its name.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Copies the readable attempts of the damaged file. Works on a copy of it, so that it stays as it was found.
fn take_over(damaged: &Path, into: &mut Connection) -> Result<(u32, u32), StoreError> {
    let Some(folder) = damaged.parent() else { return Ok((0, 0)) };
    let failed = |e: io::Error| durable::failed("cannot read", damaged, &e);
    let copy = folder.join(format!(".{}.tmp", durable::unique().map_err(failed)?));
    let copied = std::fs::copy(damaged, &copy).and_then(|_| {
        match std::fs::copy(with_suffix(damaged, "-wal"), with_suffix(&copy, "-wal")) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => Ok(()),
        }
    });
    let counts = copied.map_err(failed).and_then(|()| copy_rows(&copy, into));
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let _ = std::fs::remove_file(with_suffix(&copy, suffix));
    }
    counts
}

fn copy_rows(from: &Path, into: &mut Connection) -> Result<(u32, u32), StoreError> {
    let (mut rescued, mut unreadable) = (0, 0);
    // Whatever goes wrong while reading the damaged file ends the reading, never the start.
    let Ok(source) = Connection::open(from) else { return Ok((0, 0)) };
    let all = into.transaction().map_err(|e| store_error(&e))?;
    // Indexes lead to rows that a broken table no longer shows, and the other way round: walk both ways.
    for order in ["NOT INDEXED ORDER BY id", "NOT INDEXED ORDER BY id DESC", "ORDER BY task_id, attempt"] {
        let Ok(mut query) = source.prepare(&format!("SELECT {} FROM task {order}", row::COLUMNS)) else {
            continue;
        };
        let Ok(mut rows) = query.query([]) else { continue };
        let mut bad = 0;
        while let Ok(Some(row)) = rows.next() {
            let Ok(task) = row::read(row) else {
                bad += 1;
                continue;
            };
            let key = task.key();
            let known =
                row::select(&all, "WHERE task_id = ?1 AND attempt = ?2", &[&key.task.as_str(), &key.attempt]);
            if known.is_ok_and(|known| known.is_empty()) {
                row::put(&all, &task).map_err(|e| row_error(&e))?;
                rescued += 1;
            }
        }
        unreadable = bad.max(unreadable);
    }
    if let Ok(Some(wish @ ("true" | "false"))) =
        row::fact(&source, super::WISH).as_ref().map(Option::as_deref)
    {
        row::put_fact(&all, super::WISH, wish).map_err(|e| row_error(&e))?;
    }
    all.commit().map_err(|e| store_error(&e))?;
    Ok((rescued, unreadable))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a foreign enum that grows")]
fn fault(error: &rusqlite::Error) -> Fault {
    let damaged = match error {
        rusqlite::Error::SqliteFailure(inner, _) => {
            matches!(
            inner.code,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::SchemaChanged | ErrorCode::TypeMismatch
        ) || (inner.code == ErrorCode::Unknown && inner.extended_code == rusqlite::ffi::SQLITE_ERROR)
            // A page number beyond the file reads as a short read.
            || inner.extended_code == rusqlite::ffi::SQLITE_IOERR_SHORT_READ
        }
        rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::Utf8Error(..) => true,
        // Everything else says something about the call or the system, not about the file.
        _ => false,
    };
    if damaged { Fault::Damaged(error.to_string()) } else { Fault::Other(store_error(error)) }
}

/// An error of SQLite as the core sees it.
pub(super) fn store_error(error: &rusqlite::Error) -> StoreError {
    StoreError {
        disk_full: error.sqlite_error_code() == Some(ErrorCode::DiskFull),
        message: plain_line(&format!("the journal: {error}"), 500),
    }
}

/// An error of a row as the core sees it.
pub(super) fn row_error(error: &row::RowError) -> StoreError {
    match error {
        row::RowError::Sqlite(error) => store_error(error),
        row::RowError::Checksum(_) | row::RowError::Meaning(..) => {
            StoreError { disk_full: false, message: plain_line(&format!("the journal: {error}"), 500) }
        }
    }
}
