//! A zip writer that always makes the same bytes of the same files.
//!
//! Files are stored, not packed: deflate's output differs between library versions and even processors, and equal
//! outputs must give equal hashes on every computer. Sizes and checksums are known before, so that nothing is ever
//! written twice and the hash is made on the way.

use super::spool::{Piece, Spool, Temporary, on_disk};
use hivemind_domain::task::ResultFile;
use hivemind_worker_core::port::EngineError;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufWriter, Write};

/// Largest zip without zip64, less one.
pub(super) const MAX_ZIP_BYTES: u64 = u32::MAX as u64 - 1;
/// Size of the end record, which is all of an empty zip.
pub(super) const END_BYTES: u64 = 22;
const LOCAL_BYTES: u64 = 30;
const CENTRAL_BYTES: u64 = 46;
/// 1980-01-01 in DOS form: the earliest date a zip can hold.
const DOS_DATE: u16 = 0x0021;
/// Names are UTF-8.
const FLAGS: u16 = 0x0800;
/// Version 2.0, made on Unix.
const MADE_BY: u16 = 0x0314;
const NEEDED: u16 = 20;
/// A plain file with mode 0644.
const ATTRIBUTES: u32 = 0o100_644 << 16;

/// Bytes that an entry costs besides its content.
pub(super) fn overhead(path: &str) -> u64 {
    LOCAL_BYTES + CENTRAL_BYTES + 2 * path.len() as u64
}

/// Writes everything in the spool, synced to disk.
pub(super) fn write(spool: &mut Spool, into: &Temporary) -> Result<ResultFile, EngineError> {
    let written = (|| {
        let mut zip =
            Hashing { file: BufWriter::new(File::create(into.path())?), hash: Sha256::new(), size: 0 };
        let entries = spool.take_sorted();
        write_zip(spool, &entries, &mut zip)?;
        zip.file.flush()?;
        zip.file.get_ref().sync_all()?;
        Ok(ResultFile {
            sha256: hex::encode(zip.hash.finalize()),
            size_bytes: zip.size,
            entries: u32::try_from(entries.len()).unwrap_or(u32::MAX),
        })
    })();
    written.map_err(|e: io::Error| on_disk(&e))
}

fn write_zip(spool: &mut Spool, entries: &[(String, Piece)], zip: &mut Hashing) -> io::Result<()> {
    let room: u64 = entries.iter().map(|(path, _)| CENTRAL_BYTES + path.len() as u64).sum();
    let mut directory = Vec::with_capacity(usize::try_from(room).unwrap_or_default());
    for (path, piece) in entries {
        let at = zip.size;
        let mut common = Vec::with_capacity(26);
        for field in [NEEDED, FLAGS, 0, 0, DOS_DATE] {
            common.extend_from_slice(&field.to_le_bytes());
        }
        for field in [piece.crc32, narrow(piece.size)?, narrow(piece.size)?] {
            common.extend_from_slice(&field.to_le_bytes());
        }
        let name_bytes = u16::try_from(path.len()).map_err(|_| too_large())?;
        common.extend_from_slice(&name_bytes.to_le_bytes());
        // No extra field.
        common.extend_from_slice(&0_u16.to_le_bytes());

        zip.write_all(b"PK\x03\x04")?;
        zip.write_all(&common)?;
        zip.write_all(path.as_bytes())?;
        spool.copy(piece, zip)?;

        directory.extend_from_slice(b"PK\x01\x02");
        directory.extend_from_slice(&MADE_BY.to_le_bytes());
        directory.extend_from_slice(&common);
        // No comment, first disk, no internal attributes.
        directory.extend_from_slice(&[0; 6]);
        directory.extend_from_slice(&ATTRIBUTES.to_le_bytes());
        directory.extend_from_slice(&narrow(at)?.to_le_bytes());
        directory.extend_from_slice(path.as_bytes());
    }
    let directory_at = zip.size;
    zip.write_all(&directory)?;
    let count = u16::try_from(entries.len()).map_err(|_| too_large())?;
    zip.write_all(b"PK\x05\x06\0\0\0\0")?;
    zip.write_all(&count.to_le_bytes())?;
    zip.write_all(&count.to_le_bytes())?;
    zip.write_all(&narrow(directory.len() as u64)?.to_le_bytes())?;
    zip.write_all(&narrow(directory_at)?.to_le_bytes())?;
    zip.write_all(&[0; 2])
}

fn narrow(value: u64) -> io::Result<u32> {
    u32::try_from(value).map_err(|_| too_large())
}

fn too_large() -> io::Error {
    io::Error::other("a result has at most 4 GiB")
}

/// Writes to the file and hashes on the way.
struct Hashing {
    file: BufWriter<File>,
    hash: Sha256,
    size: u64,
}

impl Write for Hashing {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.file.write(data)?;
        self.hash.update(data.get(..written).unwrap_or_default());
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
