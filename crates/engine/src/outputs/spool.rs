//! Contents on their way into the zip, in one temporary file in the order they came.

use crate::connection::failed;
use hivemind_worker_core::failpoint;
use hivemind_worker_core::port::{EngineError, EngineErrorKind};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const BUFFER_BYTES: usize = 64 * 1024;

/// Where one output's content lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece {
    at: u64,
    pub(super) size: u64,
    pub(super) crc32: u32,
}

/// The temporary file and its index.
#[derive(Debug)]
pub(super) struct Spool {
    file: File,
    _path: Temporary,
    end: u64,
    pieces: HashMap<String, Piece>,
}

impl Spool {
    pub(super) fn create(path: PathBuf) -> Result<Self, EngineError> {
        let temporary = Temporary::new(path);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).open(&temporary.0);
        let file = file.map_err(|e| on_disk(&e))?;
        Ok(Self { file, _path: temporary, end: 0, pieces: HashMap::new() })
    }

    /// Takes `size` bytes of `content`; fewer are an error.
    pub(super) fn take(&mut self, path: &str, size: u64, content: &mut impl Read) -> Result<(), EngineError> {
        let mut crc = crc32fast::Hasher::new();
        let mut left = size;
        let mut buffer = vec![0; BUFFER_BYTES];
        while left > 0 {
            let want = usize::try_from(left).unwrap_or(BUFFER_BYTES).min(BUFFER_BYTES);
            let room = buffer.get_mut(..want).unwrap_or_default();
            let read = match content.read(room) {
                Ok(0) => return Err(failed("could not read the outputs: the stream ends inside a file")),
                Ok(read) => read,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(failed(format!("could not read the outputs: {e}"))),
            };
            let piece = room.get(..read).unwrap_or_default();
            crc.update(piece);
            self.file.write_all(piece).map_err(|e| on_disk(&e))?;
            left -= read as u64;
        }
        self.pieces.insert(path.to_owned(), Piece { at: self.end, size, crc32: crc.finalize() });
        self.end += size;
        Ok(())
    }

    /// Gives an output that was taken a second name; returns its size.
    pub(super) fn link(&mut self, path: &str, target: &[u8]) -> Option<u64> {
        let piece = *self.pieces.get(std::str::from_utf8(target).ok()?)?;
        self.pieces.insert(path.to_owned(), piece);
        Some(piece.size)
    }

    /// Everything taken, sorted by the bytes of the names. The spool forgets the names.
    pub(super) fn take_sorted(&mut self) -> Vec<(String, Piece)> {
        let mut all: Vec<_> = std::mem::take(&mut self.pieces).into_iter().collect();
        all.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
        all
    }

    pub(super) fn copy(&mut self, piece: &Piece, into: &mut impl Write) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(piece.at))?;
        let copied = io::copy(&mut (&self.file).take(piece.size), into)?;
        if copied == piece.size { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// A file that is gone when it was not published.
#[derive(Debug)]
pub(super) struct Temporary(PathBuf);

impl Temporary {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Moves it to its final name, on disk for good. Its content must have been synced.
    pub(super) fn publish(self, into: &Path) -> Result<(), EngineError> {
        std::fs::rename(&self.0, into).map_err(|e| on_disk(&e))?;
        failpoint::reach("outputs.renamed");
        sync_folder(into).map_err(|e| on_disk(&e))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "a temporary file of a result stays");
        }
    }
}

/// Makes the rename itself durable. Windows has no such call: its rename is journalled with the file system.
fn sync_folder(file: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = file.parent() {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()?;
    }
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

pub(super) fn on_disk(error: &io::Error) -> EngineError {
    EngineError::new(EngineErrorKind::Disk, format!("could not write the result to disk: {error}"))
}
