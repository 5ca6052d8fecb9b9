//! The bytes of one entry, unpacked as they are read and held to what the directory promised.

use super::PackageError;
use super::directory::{Method, ZipEntry};
use flate2::bufread::DeflateDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};

const BUFFER_BYTES: usize = 32 * 1024;

/// Unpacks one entry. The end of the stream is only reported when size, checksum and packed size are all right.
pub(super) struct Content<'a> {
    source: Source<'a>,
    entry: &'a ZipEntry,
    read: u64,
    crc: crc32fast::Hasher,
}

enum Source<'a> {
    Store(Take<&'a File>),
    Deflate(DeflateDecoder<BufReader<Take<&'a File>>>),
}

impl<'a> Content<'a> {
    /// Begins at the entry's data. Only one content of a file may be read at a time: they share its position.
    pub(super) fn open(mut file: &'a File, entry: &'a ZipEntry) -> Result<Self, PackageError> {
        let sought = file.seek(SeekFrom::Start(entry.data_at));
        sought.map_err(|e| PackageError::unreadable(&e))?;
        let packed = file.take(entry.packed);
        let source = match entry.method {
            Method::Store => Source::Store(packed),
            Method::Deflate => {
                Source::Deflate(DeflateDecoder::new(BufReader::with_capacity(BUFFER_BYTES, packed)))
            }
        };
        Ok(Self { source, entry, read: 0, crc: crc32fast::Hasher::new() })
    }

    fn refuse(&self, rule: &'static str, why: &str) -> io::Error {
        io::Error::other(PackageError::entry(rule, &self.entry.path, why))
    }

    fn check_end(&self) -> io::Result<()> {
        if self.read != self.entry.size {
            return Err(self.refuse("size", "it unpacks to fewer bytes than it says"));
        }
        if self.crc.clone().finalize() != self.entry.crc32 {
            return Err(self.refuse("checksum", "its checksum is wrong"));
        }
        match &self.source {
            Source::Deflate(inflate) if inflate.total_in() != self.entry.packed => {
                Err(self.refuse("hidden-data", "packed bytes are left over after its end"))
            }
            Source::Store(_) | Source::Deflate(_) => Ok(()),
        }
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = match &mut self.source {
            Source::Store(stored) => stored.read(buffer),
            Source::Deflate(inflate) => inflate.read(buffer),
        };
        let read = read.map_err(|e| io::Error::other(PackageError::from_io(&self.entry.path, &e)))?;
        self.read += read as u64;
        if self.read > self.entry.size {
            return Err(self.refuse("size", "it unpacks to more bytes than it says"));
        }
        if read == 0 {
            self.check_end()?;
        }
        self.crc.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}
