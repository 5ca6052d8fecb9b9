//! What an installer left, on its way out of its container: regular files and folders, bounded, written anew.

use crate::channel::{ChannelReader, PIECES};
use crate::connection::{Connection, failed};
use crate::entry_path::{PathTree, check_path};
use crate::failure::translate;
use crate::policy::{MAX_ENTRIES, TASK_UID};
use crate::python::DEPENDENCIES_NAME;
use bollard::query_parameters::DownloadFromContainerOptionsBuilder;
use futures_util::StreamExt;
use hivemind_domain::text::plain_line;
use hivemind_worker_core::at_hand;
use hivemind_worker_core::port::{EngineError, EngineErrorKind};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;
use tokio::sync::mpsc;

/// The engine may be silent for this long in the middle of a transfer.
const SILENT_TRANSFER: Duration = Duration::from_secs(60);
/// The end of a tar stream: two empty blocks.
const END_BYTES: u64 = 1024;

/// Takes the folder `from` of a container into the file `into`, as entries of a tar stream without its end. Returns
/// their size.
pub(crate) async fn take(
    engine: &Connection,
    container: &str,
    from: &str,
    into: &Path,
    max_bytes: u64,
) -> Result<u64, EngineError> {
    let options = DownloadFromContainerOptionsBuilder::new().path(from).build();
    let mut stream = engine.docker()?.download_from_container(container, Some(options));
    let (sender, receiver) = mpsc::channel(PIECES);
    let target = into.to_owned();
    let top = from.rsplit('/').next().unwrap_or_default().to_owned();
    let writing = at_hand::spawn_blocking(move || {
        let written = write(ChannelReader::new(receiver), &top, &target, max_bytes);
        written.inspect_err(|_| {
            let _ = std::fs::remove_file(&target);
        })
    });
    let mut broken = None;
    loop {
        let piece = match tokio::time::timeout(SILENT_TRANSFER, stream.next()).await {
            Ok(None) => break,
            Ok(Some(Ok(piece))) => Ok(piece),
            Ok(Some(Err(error))) => {
                broken = Some(translate("take the dependencies", &error));
                Err(io::Error::other("the engine's stream broke"))
            }
            Err(_) => {
                let sentence = "could not take the dependencies: the engine's stream stands still";
                broken = Some(EngineError::new(EngineErrorKind::Stopped, sentence));
                Err(io::Error::other("the engine's stream stands still"))
            }
        };
        let ended = piece.is_err();
        if sender.send(piece).await.is_err() || ended {
            break;
        }
    }
    drop(sender);
    let written = writing.await.map_err(|e| failed(format!("could not take the dependencies: {e}")))?;
    broken.map_or(written, Err)
}

fn write(tar: impl Read, top: &str, into: &Path, max_bytes: u64) -> Result<u64, EngineError> {
    let damaged = |e: io::Error| failed(format!("could not read the dependencies: {e}"));
    // No fault of the task: another computer may have room.
    let on_disk = |e: io::Error| {
        EngineError::new(EngineErrorKind::Disk, format!("could not write the dependencies to disk: {e}"))
    };
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(into).map_err(on_disk)?;
    let mut out = tar::Builder::new(io::BufWriter::new(file));
    append_folder(&mut out, DEPENDENCIES_NAME).map_err(on_disk)?;
    let mut archive = tar::Archive::new(tar);
    let (mut tree, mut entries, mut bytes) = (PathTree::default(), 0_usize, 0_u64);
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let raw = entry.path_bytes().into_owned();
        let inner = below(&raw, top).ok_or_else(|| refused(&raw, "it lies outside the folder"))?;
        let kind = entry.header().entry_type();
        if inner.is_empty() && kind.is_dir() {
            continue;
        }
        if !kind.is_dir() && !kind.is_file() && !kind.is_contiguous() {
            return Err(refused(&raw, "it is neither a file nor a folder"));
        }
        let (path, _) = check_path(inner).map_err(|r| refused(&raw, r.why))?;
        tree.add(path, kind.is_dir()).map_err(|r| refused(&raw, r.why))?;
        entries += 1;
        bytes = bytes.saturating_add(entry.size());
        if entries > MAX_ENTRIES || bytes > max_bytes {
            let why = format!("with it they are more than {MAX_ENTRIES} files or {max_bytes} bytes");
            return Err(refused(&raw, &why));
        }
        let path = format!("{DEPENDENCIES_NAME}/{path}");
        if kind.is_dir() {
            append_folder(&mut out, &path).map_err(on_disk)?;
            continue;
        }
        let executable = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
        let mut header = header(tar::EntryType::Regular, if executable { 0o755 } else { 0o644 });
        header.set_size(entry.size());
        out.append_data(&mut header, path, &mut entry).map_err(damaged)?;
    }
    let mut file = out.into_inner().map_err(on_disk)?;
    file.flush().map_err(on_disk)?;
    let file: File = file.into_inner().map_err(|e| on_disk(e.into_error()))?;
    let length = file.metadata().map_err(on_disk)?.len().saturating_sub(END_BYTES);
    file.set_len(length).and_then(|()| file.sync_all()).map_err(on_disk)?;
    Ok(bytes)
}

fn append_folder<W: Write>(tar: &mut tar::Builder<W>, path: &str) -> io::Result<()> {
    let mut header = header(tar::EntryType::Directory, 0o755);
    tar.append_data(&mut header, format!("{path}/"), io::empty())
}

fn header(kind: tar::EntryType, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(TASK_UID);
    header.set_gid(TASK_UID);
    header.set_mtime(315_532_800);
    header.set_size(0);
    header
}

/// The path below the folder: the engine's stream begins with that folder's own name.
fn below<'a>(raw: &'a [u8], top: &str) -> Option<&'a [u8]> {
    let raw = raw.strip_prefix(b"./").unwrap_or(raw);
    let rest = raw.strip_prefix(top.as_bytes())?;
    let rest = if rest.is_empty() { rest } else { rest.strip_prefix(b"/")? };
    Some(rest.strip_suffix(b"/").unwrap_or(rest))
}

fn refused(entry: &[u8], why: &str) -> EngineError {
    let head = entry.get(..entry.len().min(1000)).unwrap_or_default();
    let shown = plain_line(&String::from_utf8_lossy(head), 120);
    EngineError::new(EngineErrorKind::Package, format!("dependencies refused at \"{shown}\": {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tar(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, kind, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(*kind);
            header.set_mode(0o4755);
            header.set_size(content.len() as u64);
            let name = header.as_old_mut();
            name.name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_cksum();
            tar.append(&header, *content).expect("an entry");
        }
        tar.into_inner().expect("a tar")
    }

    fn taken(bytes: &[u8], max_bytes: u64) -> Result<Vec<(String, u32, u64)>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let into = folder.path().join("x");
        write(bytes, "deps", &into, max_bytes).map_err(|e| e.message)?;
        let mut whole = std::fs::read(&into).expect("written");
        whole.extend([0; END_BYTES as usize]);
        let mut archive = tar::Archive::new(whole.as_slice());
        let told = archive.entries().expect("entries").map(|entry| {
            let entry = entry.expect("an entry");
            let header = entry.header();
            let path = entry.path().expect("a path").display().to_string();
            (path, header.mode().expect("a mode"), header.uid().expect("a user"))
        });
        Ok(told.collect())
    }

    #[test]
    fn files_and_folders_are_written_anew() {
        use tar::EntryType::{Directory, Regular};
        let bytes =
            tar(&[("deps/", Directory, b""), ("deps/a/", Directory, b""), ("deps/a/b.py", Regular, b"x")]);
        let folder = |path: &str| (path.to_owned(), 0o755, TASK_UID);
        let expected = vec![".hivemind-deps/", ".hivemind-deps/a/", ".hivemind-deps/a/b.py"]
            .into_iter()
            .map(folder)
            .collect::<Vec<_>>();
        assert_eq!(taken(&bytes, 10), Ok(expected));
    }

    #[test]
    fn everything_else_is_refused() {
        use tar::EntryType::{Char, Fifo, Link, Regular, Symlink};
        for (path, kind, why) in [
            ("deps/a", Symlink, "neither"),
            ("deps/a", Link, "neither"),
            ("deps/a", Fifo, "neither"),
            ("deps/a", Char, "neither"),
            ("deps/../a", Regular, ""),
            ("other/a", Regular, "outside"),
            ("depsx", Regular, "outside"),
            ("/etc/passwd", Regular, "outside"),
            ("deps", Regular, ""),
        ] {
            let refused = taken(&tar(&[(path, kind, b"")]), 10).expect_err(path);
            assert!(refused.contains("dependencies refused") && refused.contains(why), "{path}: {refused}");
        }
        let large = taken(&tar(&[("deps/a", Regular, b"12345678901")]), 10).expect_err("large");
        assert!(large.contains("10 bytes"), "{large}");
        let mut cut = tar(&[("deps/a", Regular, &[7; 2000])]);
        cut.truncate(1500);
        assert!(taken(&cut, 10_000).is_err());
    }
}
