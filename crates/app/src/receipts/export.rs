//! The ledger of receipts given away: `hivemind-worker receipts FILE`, and part by part to a page.

use crate::cli::{Cli, ReceiptsOptions};
use crate::words::words;
use crate::{output, process};
use anyhow::Context;
use hivemind_control::{ApiError, ErrorCode, ReceiptsPart, ReceiptsQuery};
use hivemind_store::export;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// So many bytes are enough for one part. An answer of the worker may have thirty times as many, and JSON needs more of
/// them than the text.
const PART: usize = 1024 * 1024;

/// A part of the ledger below a data folder.
pub(crate) fn part(data: &Path, query: ReceiptsQuery) -> Result<ReceiptsPart, ApiError> {
    let path = super::file(data);
    let part = export(&path, query.from, PART).map_err(|error| {
        if error.kind() == io::ErrorKind::InvalidInput {
            return ApiError::new(ErrorCode::InvalidRequest, error.to_string());
        }
        let text = format!("{} cannot be read: {error}", path.display());
        ApiError::new(ErrorCode::ReceiptsUnreadable, text)
    })?;
    Ok(ReceiptsPart { text: part.text, next: part.next, rows: part.rows })
}

/// `hivemind-worker receipts FILE`: needs no worker and no network.
pub(crate) fn run(cli: &Cli, options: &ReceiptsOptions) -> anyhow::Result<ExitCode> {
    let folder = process::folder(cli)?;
    let data = folder.data();
    // Before a file is made: without receipts there is nothing to be written.
    let first = part(data, ReceiptsQuery::default())?;
    let path = &options.file;
    if path.as_os_str() == "-" {
        // Whoever reads from a pipe may have had enough.
        if let Err(error) = write(&mut io::stdout().lock(), data, first)?
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            return Err(error).with_context(|| words().unwritable("-"));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let rows = write_new(path, data, first)?;
    if cli.json {
        output::json(&serde_json::json!({ "path": path.display().to_string(), "rows": rows }));
    } else {
        output::line(words().receipts_written(rows, path.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// A file that is there already is somebody's: it is not written over, and no link is followed. One that cannot be
/// finished is taken away again.
fn write_new(path: &Path, data: &Path, first: ReceiptsPart) -> anyhow::Result<u64> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let unwritable = || words().unwritable(path.display());
    let mut file = options.open(path).with_context(unwritable)?;
    let written = write(&mut file, data, first)
        .map_err(anyhow::Error::from)
        .and_then(|written| written.with_context(unwritable))
        .and_then(|rows| file.sync_all().map(|()| rows).with_context(unwritable));
    if written.is_err() {
        drop(file);
        let _ = std::fs::remove_file(path);
    }
    written
}

/// Writes the parts, the first one and those behind it, and gives the receipts in them.
///
/// Outer error: the ledger cannot be read. Inner error: `to` cannot be written.
fn write(to: &mut dyn Write, data: &Path, first: ReceiptsPart) -> Result<io::Result<u64>, ApiError> {
    let mut now = first;
    loop {
        if let Err(error) = to.write_all(now.text.as_bytes()) {
            return Ok(Err(error));
        }
        let Some(from) = now.next else { return Ok(to.flush().map(|()| now.rows)) };
        now = part(data, ReceiptsQuery { from })?;
    }
}
