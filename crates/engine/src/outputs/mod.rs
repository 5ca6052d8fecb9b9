//! A finished task's outputs: from the engine's tar stream to one zip whose bytes depend on nothing but names and
//! contents.
//!
//! ```text
//! tar stream ─► spool file (contents, as they come) ─► sorted index ─► zip.part ─► fsync, rename, fsync folder
//! ```
//! Links are never followed: symbolic links, devices, pipes and sockets are left out and counted. A hard link to
//! another output is that output under a second name. Names obey the rules of packages; one that breaks them
//! refuses the whole result, because leaving it out would pass a part off as the whole.

mod spool;
mod zip_writer;

use crate::channel::{ChannelReader, PIECES};
use crate::connection::{Connection, failed};
use crate::entry_path::{PathTree, check_path};
use crate::failure::{status_of, translate};
use crate::policy::{OUTPUT_DIR, OUTPUT_NAME};
use bollard::query_parameters::DownloadFromContainerOptionsBuilder;
use futures_util::StreamExt;
use hivemind_domain::task::ResultFile;
use hivemind_domain::text::plain_line;
use hivemind_worker_core::port::{EngineError, EngineErrorKind};
use spool::{Spool, Temporary};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc;

/// The engine may be silent for this long in the middle of a transfer.
const SILENT_TRANSFER: Duration = Duration::from_secs(60);

/// Takes the outputs of `container`.
pub(crate) async fn collect(
    engine: &Connection,
    container: &str,
    into: &Path,
    max_bytes: u64,
) -> Result<ResultFile, EngineError> {
    let options = DownloadFromContainerOptionsBuilder::new().path(OUTPUT_DIR).build();
    let mut stream = engine.docker()?.download_from_container(container, Some(options));
    let (sender, receiver) = mpsc::channel(PIECES);
    let target = into.to_owned();
    let writing =
        tokio::task::spawn_blocking(move || write_result(ChannelReader::new(receiver), &target, max_bytes));
    let mut broken = None;
    loop {
        let next = tokio::time::timeout(SILENT_TRANSFER, stream.next()).await;
        let piece = match next {
            Ok(None) => break,
            Ok(Some(Ok(piece))) => Ok(piece),
            // The task removed its output folder: it has no outputs.
            Ok(Some(Err(error))) if status_of(&error) == Some(404) && !is_gone(&error) => break,
            Ok(Some(Err(error))) => {
                broken = Some(translate("take the outputs", &error));
                Err(std::io::Error::other("the engine's stream broke"))
            }
            Err(_) => {
                let sentence = "could not take the outputs: the engine's stream stands still";
                broken = Some(EngineError::new(EngineErrorKind::Stopped, sentence));
                Err(std::io::Error::other("the engine's stream stands still"))
            }
        };
        let ended = piece.is_err();
        // A send fails when the writer has all it wants, or has given up; its own answer tells which.
        if sender.send(piece).await.is_err() || ended {
            break;
        }
    }
    drop(sender);
    let written = writing.await.map_err(|e| failed(format!("could not take the outputs: {e}")))?;
    if let Some(broken) = broken {
        return Err(broken);
    }
    let (result, left_out) = written?;
    if left_out > 0 {
        tracing::warn!(container, left_out, "links, devices or pipes among the outputs were left out");
    }
    Ok(result)
}

fn is_gone(error: &bollard::errors::Error) -> bool {
    translate("", error).kind == EngineErrorKind::Gone
}

/// Reads the tar stream and writes the zip; returns it and how many entries were left out. Blocks.
fn write_result(tar: impl Read, into: &Path, max_bytes: u64) -> Result<(ResultFile, u32), EngineError> {
    let max_bytes = max_bytes.min(zip_writer::MAX_ZIP_BYTES);
    let mut spool = Spool::create(beside(into, "spool"))?;
    let left_out = fill(tar, &mut spool, max_bytes)?;
    let temporary = Temporary::new(beside(into, "part"));
    let result = zip_writer::write(&mut spool, &temporary)?;
    temporary.publish(into)?;
    Ok((result, left_out))
}

/// A path in the same folder, so that a rename stays within one file system.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

fn fill(tar: impl Read, spool: &mut Spool, max_bytes: u64) -> Result<u32, EngineError> {
    let damaged = |e: std::io::Error| failed(format!("could not read the outputs: {e}"));
    let mut archive = tar::Archive::new(tar);
    let mut tree = PathTree::default();
    let mut left_out = 0_u32;
    let mut zip_bytes = zip_writer::END_BYTES;
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let raw = entry.path_bytes().into_owned();
        let Some(inner) = below_output(&raw) else {
            return Err(refused(&raw, "it lies outside the output folder"));
        };
        let kind = entry.header().entry_type();
        if kind.is_symlink() || kind.is_fifo() || kind.is_character_special() || kind.is_block_special() {
            left_out = left_out.saturating_add(1);
            continue;
        }
        if inner.is_empty() {
            if kind.is_dir() {
                continue;
            }
            return Err(refused(&raw, "the output folder is no folder"));
        }
        let (path, _) = check_path(inner).map_err(|r| refused(&raw, r.why))?;
        tree.add(path, kind.is_dir()).map_err(|r| refused(&raw, r.why))?;
        if kind.is_dir() {
            continue;
        }
        let size = if kind.is_hard_link() {
            let target = entry.link_name_bytes().map(std::borrow::Cow::into_owned).unwrap_or_default();
            let Some(size) = below_output(&target).and_then(|target| spool.link(path, target)) else {
                left_out = left_out.saturating_add(1);
                continue;
            };
            size
        } else if kind.is_file() || kind.is_contiguous() {
            entry.size()
        } else {
            return Err(refused(&raw, "it is of an unknown kind"));
        };
        zip_bytes = zip_bytes.saturating_add(size).saturating_add(zip_writer::overhead(path));
        if zip_bytes > max_bytes {
            return Err(refused(&raw, &format!("with it the result is larger than {max_bytes} bytes")));
        }
        if !kind.is_hard_link() {
            spool.take(path, size, &mut entry)?;
        }
    }
    Ok(left_out)
}

/// The path below the output folder: the engine's stream begins with that folder's own name.
fn below_output(raw: &[u8]) -> Option<&[u8]> {
    let raw = raw.strip_prefix(b"./").unwrap_or(raw);
    let rest = raw.strip_prefix(OUTPUT_NAME.as_bytes())?;
    let rest = if rest.is_empty() { rest } else { rest.strip_prefix(b"/")? };
    Some(rest.strip_suffix(b"/").unwrap_or(rest))
}

fn refused(entry: &[u8], why: &str) -> EngineError {
    let head = entry.get(..entry.len().min(1000)).unwrap_or_default();
    let shown = plain_line(&String::from_utf8_lossy(head), 120);
    EngineError::new(EngineErrorKind::Output, format!("result refused at \"{shown}\": {why}"))
}

#[cfg(test)]
mod tests;
