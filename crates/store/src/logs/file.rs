//! One file of records.

use super::record::{self, Record};
use crate::own_file;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// A file of records whose numbers rise, read forwards from any record.
pub(super) struct LogFile {
    reader: BufReader<File>,
    length: u64,
    line: Vec<u8>,
}

/// How a file ends.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// Number and time of the last good record.
    pub last: Option<(u64, i64)>,
    /// Damaged records behind it.
    pub damaged: u64,
}

/// Appends whole records to the file at `path`, which is made when it is not there.
pub(super) fn append(path: &Path, records: &[u8]) -> io::Result<()> {
    own_file::open(OpenOptions::new().append(true).create(true), path)?.write_all(records)
}

impl LogFile {
    /// Opens a file to be read; `None` when it does not exist.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        Self::open_with(OpenOptions::new().read(true), path)
    }

    /// The same, and cuts off a record that was written in part: nobody was told that it is kept.
    pub(super) fn open_to_append(path: &Path) -> io::Result<Option<Self>> {
        let Some(mut opened) = Self::open_with(OpenOptions::new().read(true).write(true), path)? else {
            return Ok(None);
        };
        let whole = opened.whole_length()?;
        if whole < opened.length {
            opened.reader.get_ref().set_len(whole)?;
            opened.length = whole;
        }
        Ok(Some(opened))
    }

    fn open_with(options: &mut OpenOptions, path: &Path) -> io::Result<Option<Self>> {
        let file = match own_file::open(options, path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let length = file.metadata()?.len();
        Ok(Some(Self { reader: BufReader::with_capacity(16 << 10, file), length, line: Vec::new() }))
    }

    /// Size in bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Length up to the last newline.
    fn whole_length(&mut self) -> io::Result<u64> {
        let mut end = self.length;
        let mut block = [0; 4096];
        while end > 0 {
            let start = end.saturating_sub(block.len() as u64);
            let part = &mut block[..usize::try_from(end - start).unwrap_or(0)];
            self.reader.seek(SeekFrom::Start(start))?;
            self.reader.read_exact(part)?;
            if let Some(at) = part.iter().rposition(|b| *b == b'\n') {
                return Ok(start + at as u64 + 1);
            }
            end = start;
        }
        Ok(0)
    }

    /// The last good record and how many damaged ones follow it.
    pub(super) fn tail(&mut self) -> io::Result<Tail> {
        // Far enough back for two of the longest records; further when those are damaged.
        let mut back = 2 * record::MOST_BYTES as u64;
        loop {
            let start = self.length.saturating_sub(back);
            self.begin_at(start)?;
            let mut tail = Tail::default();
            while self.next_line()? {
                match record::read(&self.line) {
                    Some(r) => tail = Tail { last: Some((r.number, r.line.time_ns)), damaged: 0 },
                    None => tail.damaged += 1,
                }
            }
            if tail.last.is_some() || start == 0 {
                return Ok(tail);
            }
            back = back.saturating_mul(4);
        }
    }

    /// Number of the first record, damaged ones before the first good one counted; `None` without a good one.
    pub(super) fn first(&mut self) -> io::Result<Option<u64>> {
        self.begin_at(0)?;
        let mut damaged = 0;
        while self.next_line()? {
            if let Some(record) = record::read(&self.line) {
                return Ok(Some(record.number.saturating_sub(damaged)));
            }
            damaged += 1;
        }
        Ok(None)
    }

    /// Goes to the record with this number if it begins at `offset`. Elsewhere it stays nowhere in particular.
    pub(super) fn seek_at(&mut self, number: u64, offset: u64) -> io::Result<bool> {
        self.reader.seek(SeekFrom::Start(offset))?;
        if offset >= self.length {
            return Ok(offset == self.length);
        }
        let there = self.next()?.is_some_and(|record| record.number == number);
        let read = self.place()?.saturating_sub(offset);
        self.reader.seek_relative(i64::try_from(read).map_or(0, |read| -read))?;
        Ok(there)
    }

    /// Where the next record begins, in bytes.
    pub(super) fn place(&mut self) -> io::Result<u64> {
        self.reader.stream_position()
    }

    /// Goes to the first record with this number or a higher one, or somewhat before it.
    pub(super) fn seek(&mut self, number: u64) -> io::Result<()> {
        let (mut low, mut high) = (0, self.length);
        while high - low > 64 << 10 {
            let middle = low + (high - low) / 2;
            self.begin_at(middle)?;
            match self.next()? {
                Some(r) if r.number <= number => low = middle,
                _ => high = middle,
            }
        }
        self.begin_at(low)?;
        loop {
            let here = self.reader.stream_position()?;
            match self.next()? {
                Some(r) if r.number < number => {}
                _ => {
                    self.reader.seek(SeekFrom::Start(here))?;
                    return Ok(());
                }
            }
        }
    }

    /// The next good record; damaged ones are passed over.
    pub(super) fn next(&mut self) -> io::Result<Option<Record>> {
        while self.next_line()? {
            if let Some(record) = record::read(&self.line) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// Goes to the first record that begins at `offset` or behind it.
    fn begin_at(&mut self, offset: u64) -> io::Result<()> {
        self.reader.seek(SeekFrom::Start(offset.saturating_sub(1)))?;
        if offset > 0 {
            // One byte back, so that a record beginning exactly here is not passed over.
            self.next_line()?;
        }
        Ok(())
    }

    /// Reads up to the next newline into `line`, which never grows beyond the longest record.
    fn next_line(&mut self) -> io::Result<bool> {
        self.line.clear();
        let mut any = false;
        loop {
            let available = self.reader.fill_buf()?;
            if available.is_empty() {
                return Ok(any);
            }
            any = true;
            let newline = available.iter().position(|b| *b == b'\n');
            let part = &available[..newline.unwrap_or(available.len())];
            let room = (record::MOST_BYTES + 1).saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            let used = part.len() + usize::from(newline.is_some());
            self.reader.consume(used);
            if newline.is_some() {
                return Ok(true);
            }
        }
    }
}
