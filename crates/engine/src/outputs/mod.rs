//! A finished task's outputs: from the engine's tar stream to one zip whose bytes depend on nothing but names and
//! contents.
//!
//! ```text
//! tar stream ─► spool file (contents, as they come) ─► sorted index ─► zip.part ─► fsync, rename, fsync folder
//! ```
//! Links are never followed: symbolic links, devices, pipes and sockets are left out and counted. A hard link to
//! another output is that output under a second name. Names obey the rules of packages; one that breaks them
//! refuses the whole result, because leaving it out would pass a part off as the whole.

mod head;
mod spool;
mod zip_writer;

use crate::channel::{ChannelReader, PIECES};
use crate::connection::{Connection, failed};
use crate::entry_path::{PathTree, check_path};
use crate::failure::{status_of, translate};
use crate::policy::{MAX_ENTRIES, MAX_NAMES_BYTES, OUTPUT_DIR, OUTPUT_NAME};
use bollard::query_parameters::DownloadFromContainerOptionsBuilder;
use futures_util::StreamExt;
use head::Bounded;
use hivemind_domain::task::ResultFile;
use hivemind_domain::text::plain_line;
use hivemind_worker_core::at_hand;
use hivemind_worker_core::failpoint;
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
        at_hand::spawn_blocking(move || write_result(ChannelReader::new(receiver), &target, max_bytes));
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

/// Takes the outputs from a tar stream as the engine sends it, and writes the zip. Blocks.
///
/// # Errors
/// When the stream breaks a rule, ends early, or the disk fails; nothing is left behind then.
pub fn take_outputs(tar: impl Read, into: &Path, max_bytes: u64) -> Result<ResultFile, EngineError> {
    write_result(tar, into, max_bytes).map(|(result, _)| result)
}

/// Reads the tar stream and writes the zip; returns it and how many entries were left out. Blocks.
fn write_result(tar: impl Read, into: &Path, max_bytes: u64) -> Result<(ResultFile, u32), EngineError> {
    let mut spool = Spool::create(beside(into, "spool"))?;
    let left_out = fill(tar, &mut spool, max_bytes)?;
    failpoint::reach("outputs.spooled");
    let temporary = Temporary::new(beside(into, "part"));
    let result = zip_writer::write(&mut spool, &temporary)?;
    failpoint::reach("outputs.written");
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
    // The library gathers an entry's name and attributes in memory, however long they say they are.
    let (bounded, head) = Bounded::new(tar);
    let mut archive = tar::Archive::new(bounded);
    let mut tree = PathTree::default();
    let mut left_out = 0_u32;
    let mut name_bytes = 0;
    let mut zip_bytes = zip_writer::END_BYTES;
    let mut entries = archive.entries().map_err(damaged)?;
    loop {
        head.begins();
        let Some(entry) = entries.next() else { break };
        if head.too_long() {
            return Err(unnamed("head", "the name and attributes of an entry are larger than 256 KiB"));
        }
        let mut entry = entry.map_err(damaged)?;
        head.ends();
        // The library splits these records at line ends: a long name with one in it would count as another name.
        let records = entry.pax_extensions().map_err(damaged)?;
        if records.into_iter().flatten().any(|record| record.is_err()) {
            let raw = entry.header().path_bytes().into_owned();
            return Err(refused("head", &raw, "a record before it cannot be read, or holds a line end"));
        }
        let raw = entry.path_bytes().into_owned();
        let Some(inner) = below_output(&raw) else {
            return Err(refused("outside", &raw, "it lies outside the output folder"));
        };
        let kind = entry.header().entry_type();
        if kind.is_symlink() || kind.is_fifo() || kind.is_character_special() || kind.is_block_special() {
            left_out = left_out.saturating_add(1);
            if left_out as usize > MAX_ENTRIES {
                return Err(refused(
                    "entries",
                    &raw,
                    "more than 20000 links, devices or pipes are among the outputs",
                ));
            }
            drain(&mut entry).map_err(damaged)?;
            continue;
        }
        if inner.is_empty() {
            if kind.is_dir() {
                drain(&mut entry).map_err(damaged)?;
                continue;
            }
            return Err(refused("output-folder", &raw, "the output folder is no folder"));
        }
        let (path, _) = check_path(inner).map_err(|r| refused(r.rule, &raw, r.why))?;
        name_bytes += path.len();
        if name_bytes > MAX_NAMES_BYTES {
            return Err(refused("names", &raw, "with it the names together have more than 4 MiB"));
        }
        tree.add(path, kind.is_dir()).map_err(|r| refused(r.rule, &raw, r.why))?;
        if kind.is_dir() {
            drain(&mut entry).map_err(damaged)?;
            continue;
        }
        let size = if kind.is_hard_link() {
            let target = entry.link_name_bytes().map(std::borrow::Cow::into_owned).unwrap_or_default();
            let Some(size) = below_output(&target).and_then(|target| spool.link(path, target)) else {
                left_out = left_out.saturating_add(1);
                drain(&mut entry).map_err(damaged)?;
                continue;
            };
            drain(&mut entry).map_err(damaged)?;
            size
        } else if kind.is_file() || kind.is_contiguous() {
            entry.size()
        } else {
            return Err(refused("kind", &raw, "it is of an unknown kind"));
        };
        zip_bytes = zip_bytes.saturating_add(size);
        zip_bytes = zip_bytes.saturating_add(zip_writer::overhead(path, zip_bytes));
        if zip_bytes > max_bytes {
            return Err(refused(
                "size",
                &raw,
                &format!("with it the result is larger than {max_bytes} bytes"),
            ));
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

/// Reads what follows an entry that has nothing to say, so that the next one's head is all that is read next.
fn drain(entry: &mut impl Read) -> std::io::Result<()> {
    std::io::copy(entry, &mut std::io::sink()).map(drop)
}

fn unnamed(rule: &str, why: &str) -> EngineError {
    EngineError::new(EngineErrorKind::Output, format!("result refused ({rule}): {why}"))
}

fn refused(rule: &str, entry: &[u8], why: &str) -> EngineError {
    let head = entry.get(..entry.len().min(1000)).unwrap_or_default();
    let shown = plain_line(&String::from_utf8_lossy(head), 120);
    EngineError::new(EngineErrorKind::Output, format!("result refused ({rule}) at \"{shown}\": {why}"))
}

#[cfg(test)]
mod tests;
