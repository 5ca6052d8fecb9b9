//! A zip writer that always makes the same bytes of the same files.
//!
//! Files are stored, not packed: deflate's output differs between library versions and even processors, and equal
//! outputs must give equal hashes on every computer. Sizes and checksums are known before, so that nothing is ever
//! written twice and the hash is made on the way. Sizes and offsets from 4 GiB on stand in zip64 fields (PKWARE's
//! APPNOTE 4.3.14, 4.3.15 and 4.5.3); below that the bytes are those of a plain zip.

use super::spool::{Piece, Spool, Temporary, on_disk};
use hivemind_domain::task::ResultFile;
use hivemind_worker_core::port::EngineError;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufWriter, Write};

/// From this number on a field refers to its zip64 twin.
const WIDE: u64 = u32::MAX as u64;
/// What zip64 fields add to an entry at most: sizes in the local head, sizes and offset in the directory.
const WIDE_BYTES: u64 = 20 + 28;
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
/// Version 4.5 reads zip64.
const NEEDED_WIDE: u16 = 45;
/// Mark of a zip64 extra field.
const WIDE_FIELD: u16 = 1;
/// A plain file with mode 0644.
const ATTRIBUTES: u32 = 0o100_644 << 16;

/// Bytes that an entry costs besides its content, in a zip that has `so_far` bytes with it.
pub(super) fn overhead(path: &str, so_far: u64) -> u64 {
    let wide = if so_far >= WIDE { WIDE_BYTES } else { 0 };
    LOCAL_BYTES + CENTRAL_BYTES + wide + 2 * path.len() as u64
}

/// Writes everything in the spool, synced to disk.
pub(super) fn write(spool: &mut Spool, into: &Temporary) -> Result<ResultFile, EngineError> {
    let written = (|| {
        let mut zip =
            Hashing { file: BufWriter::new(File::create(into.path())?), hash: Sha256::new(), size: 0 };
        let entries = spool.take_sorted();
        write_zip(spool, &entries, &mut zip, WIDE)?;
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

/// Numbers from `wide` on stand in zip64 fields.
fn write_zip(spool: &mut Spool, entries: &[(String, Piece)], zip: &mut Hashing, wide: u64) -> io::Result<()> {
    let room: u64 = entries.iter().map(|(path, _)| CENTRAL_BYTES + path.len() as u64).sum();
    let mut directory = Vec::with_capacity(usize::try_from(room).unwrap_or_default());
    for (path, piece) in entries {
        let at = zip.size;
        let sizes: &[u64] = if piece.size >= wide { &[piece.size; 2] } else { &[] };
        zip.write_all(b"PK\x03\x04")?;
        zip.write_all(&common(path, piece, sizes, wide)?)?;
        zip.write_all(path.as_bytes())?;
        zip.write_all(&extra(sizes))?;
        spool.copy(piece, zip)?;

        let mut places = sizes.to_vec();
        places.extend((at >= wide).then_some(at));
        directory.extend_from_slice(b"PK\x01\x02");
        directory.extend_from_slice(&MADE_BY.to_le_bytes());
        directory.extend_from_slice(&common(path, piece, &places, wide)?);
        // No comment, first disk, no internal attributes.
        directory.extend_from_slice(&[0; 6]);
        directory.extend_from_slice(&ATTRIBUTES.to_le_bytes());
        directory.extend_from_slice(&narrow(at, wide).to_le_bytes());
        directory.extend_from_slice(path.as_bytes());
        directory.extend_from_slice(&extra(&places));
    }
    let (at, length) = (zip.size, directory.len() as u64);
    zip.write_all(&directory)?;
    if at >= wide || length >= wide {
        write_wide_end(zip, entries.len() as u64, at, length)?;
    }
    let count = u16::try_from(entries.len()).map_err(|_| too_many())?;
    zip.write_all(b"PK\x05\x06\0\0\0\0")?;
    zip.write_all(&count.to_le_bytes())?;
    zip.write_all(&count.to_le_bytes())?;
    zip.write_all(&narrow(length, wide).to_le_bytes())?;
    zip.write_all(&narrow(at, wide).to_le_bytes())?;
    zip.write_all(&[0; 2])
}

/// The fields that an entry's local head and its directory record share, up to the lengths.
fn common(path: &str, piece: &Piece, wide_fields: &[u64], wide: u64) -> io::Result<Vec<u8>> {
    let mut common = Vec::with_capacity(26);
    let needed = if wide_fields.is_empty() { NEEDED } else { NEEDED_WIDE };
    for field in [needed, FLAGS, 0, 0, DOS_DATE] {
        common.extend_from_slice(&field.to_le_bytes());
    }
    let size = narrow(piece.size, wide);
    for field in [piece.crc32, size, size] {
        common.extend_from_slice(&field.to_le_bytes());
    }
    let name_bytes = u16::try_from(path.len()).map_err(|_| too_many())?;
    common.extend_from_slice(&name_bytes.to_le_bytes());
    let extra_bytes = u16::try_from(extra(wide_fields).len()).map_err(|_| too_many())?;
    common.extend_from_slice(&extra_bytes.to_le_bytes());
    Ok(common)
}

/// A zip64 extra field with these numbers; nothing without any.
fn extra(numbers: &[u64]) -> Vec<u8> {
    let mut field = Vec::new();
    if let Ok(bytes @ 1..) = u16::try_from(8 * numbers.len()) {
        field.extend_from_slice(&WIDE_FIELD.to_le_bytes());
        field.extend_from_slice(&bytes.to_le_bytes());
        numbers.iter().for_each(|number| field.extend_from_slice(&number.to_le_bytes()));
    }
    field
}

/// The end record of zip64, and the record that tells where it is.
fn write_wide_end(zip: &mut Hashing, entries: u64, at: u64, length: u64) -> io::Result<()> {
    let end = zip.size;
    zip.write_all(b"PK\x06\x06")?;
    // What follows this field.
    zip.write_all(&44_u64.to_le_bytes())?;
    zip.write_all(&MADE_BY.to_le_bytes())?;
    zip.write_all(&NEEDED_WIDE.to_le_bytes())?;
    // This disk and the directory's.
    zip.write_all(&[0; 8])?;
    for field in [entries, entries, length, at] {
        zip.write_all(&field.to_le_bytes())?;
    }
    zip.write_all(b"PK\x06\x07\0\0\0\0")?;
    zip.write_all(&end.to_le_bytes())?;
    // Of one disk.
    zip.write_all(&1_u32.to_le_bytes())
}

/// A number in its plain field: all ones when it stands in a zip64 field.
fn narrow(value: u64, wide: u64) -> u32 {
    if value >= wide { u32::MAX } else { u32::try_from(value).unwrap_or(u32::MAX) }
}

fn too_many() -> io::Error {
    io::Error::other("a result has at most 65535 files, with names of at most 65535 bytes")
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn zipped(wide: u64) -> Vec<u8> {
        let folder = tempfile::tempdir().expect("a folder");
        let mut spool = Spool::create(folder.path().join("spool")).expect("a spool");
        for (path, content) in [("a", "short"), ("b", "a longer content of a file"), ("c", "")] {
            spool.take(path, content.len() as u64, &mut content.as_bytes()).expect("taken");
        }
        let file = folder.path().join("zip");
        let mut zip = Hashing {
            file: BufWriter::new(File::create(&file).expect("a file")),
            hash: Sha256::new(),
            size: 0,
        };
        let entries = spool.take_sorted();
        write_zip(&mut spool, &entries, &mut zip, wide).expect("written");
        zip.flush().expect("flushed");
        std::fs::read(file).expect("read")
    }

    #[test]
    fn wide_numbers_are_read_by_others() {
        // 4 GiB would stand where 20 bytes do here.
        for wide in [WIDE, 20, 1] {
            let bytes = zipped(wide);
            assert_eq!(bytes.windows(4).any(|four| four == b"PK\x06\x06"), wide < WIDE);
            let mut archive = zip::ZipArchive::new(io::Cursor::new(bytes)).expect("an archive");
            let mut read = Vec::new();
            for at in 0..archive.len() {
                let mut entry = archive.by_index(at).expect("an entry");
                let mut text = String::new();
                entry.read_to_string(&mut text).expect("its content");
                let name = entry.name().expect("a name").into_owned();
                read.push((name, text));
            }
            let want = [("a", "short"), ("b", "a longer content of a file"), ("c", "")];
            assert_eq!(read, want.map(|(n, c)| (n.to_owned(), c.to_owned())), "{wide}");
        }
    }
}
