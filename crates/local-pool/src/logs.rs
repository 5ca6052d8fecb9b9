//! Log lines of attempts, kept in small files per attempt: the first half and the last half of what is allowed.
//!
//! One line is one JSON object. A file that was cut in the middle of a line by a crash loses that line only; the
//! worker sends it again, since it was never acknowledged.

use hivemind_domain::ids::TaskKey;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Files per attempt: five of the beginning, five of the end.
const SEGMENTS: u64 = 10;

/// One line of an attempt's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredLine {
    /// Number within the attempt, from 1.
    pub n: u64,
    /// `stdout`, `stderr`, `worker`, or `pool` for the pool's own notes.
    pub stream: String,
    /// Nanoseconds since the epoch.
    pub time_ns: i64,
    /// The line as the program wrote it. Untrusted.
    pub text: String,
}

/// How far an attempt's log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LogEnd {
    pub(crate) last_line: u64,
    pub(crate) last_time_ns: i64,
}

fn folder(root: &Path, key: &TaskKey) -> PathBuf {
    root.join(key.task.as_str()).join(key.attempt.to_string())
}

fn segment(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:08}.jsonl"))
}

/// Numbers of the files that exist, in order.
fn segments(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(numbers),
        other => other?,
    };
    for entry in entries {
        let name = entry?.file_name();
        numbers
            .extend(name.to_str().and_then(|n| n.strip_suffix(".jsonl")).and_then(|n| n.parse::<u64>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Appends to one attempt's log. There is one at a time.
#[derive(Debug)]
pub(crate) struct LogWriter {
    folder: PathBuf,
    file: File,
    number: u64,
    bytes: u64,
    segment_bytes: u64,
    end: LogEnd,
}

impl LogWriter {
    /// Opens the log where it ends, dropping a half-written last line.
    pub(crate) fn open(root: &Path, key: &TaskKey, max_bytes: u64) -> io::Result<Self> {
        let folder = folder(root, key);
        std::fs::create_dir_all(&folder)?;
        let numbers = segments(&folder)?;
        let number = numbers.last().copied().unwrap_or(0);
        let mut end = LogEnd::default();
        if number > 0 {
            // A file begun right before a crash may hold no whole line; the one before it does.
            if let Some(&before) = numbers.iter().rev().nth(1) {
                scan(&segment(&folder, before), &mut end)?;
            }
        }
        let path = segment(&folder, number);
        let bytes = if path.exists() { scan(&path, &mut end)? } else { 0 };
        let mut file = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
        file.set_len(bytes)?;
        file.seek(SeekFrom::Start(bytes))?;
        Ok(Self { folder, file, number, bytes, segment_bytes: (max_bytes / SEGMENTS).max(4096), end })
    }

    pub(crate) fn end(&self) -> LogEnd {
        self.end
    }

    /// Appends the lines that are new.
    pub(crate) fn append(&mut self, lines: impl IntoIterator<Item = StoredLine>) -> io::Result<()> {
        let mut buffer = Vec::new();
        for line in lines {
            if line.n <= self.end.last_line {
                continue;
            }
            let start = buffer.len();
            serde_json::to_writer(&mut buffer, &line)?;
            buffer.push(b'\n');
            self.end = LogEnd { last_line: line.n, last_time_ns: line.time_ns };
            let total = self.bytes + buffer.len() as u64;
            if total > self.segment_bytes && (self.bytes > 0 || start > 0) {
                let last = buffer.split_off(start);
                self.file.write_all(&buffer)?;
                self.next_segment()?;
                buffer = last;
            }
        }
        self.file.write_all(&buffer)?;
        self.bytes += buffer.len() as u64;
        Ok(())
    }

    fn next_segment(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        self.number += 1;
        self.bytes = 0;
        self.file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .open(segment(&self.folder, self.number))?;
        if let Some(oldest) = self.number.checked_sub(SEGMENTS / 2).filter(|n| *n >= SEGMENTS / 2) {
            match std::fs::remove_file(segment(&self.folder, oldest)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                _ => {}
            }
        }
        Ok(())
    }

    /// Everything appended so far survives a crash from now on.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Reads a file's whole lines for the last one; says how many bytes they take.
fn scan(path: &Path, end: &mut LogEnd) -> io::Result<u64> {
    let mut reader = BufReader::new(File::open(path)?);
    let mut whole = 0;
    let mut text = Vec::new();
    loop {
        text.clear();
        let read = reader.read_until(b'\n', &mut text)?;
        if read == 0 || !text.ends_with(b"\n") {
            return Ok(whole);
        }
        let Ok(line) = serde_json::from_slice::<StoredLine>(&text) else { return Ok(whole) };
        *end = LogEnd { last_line: line.n, last_time_ns: line.time_ns };
        whole += read as u64;
    }
}

/// Reads one attempt's log from its beginning, and on as it grows.
#[derive(Debug)]
pub(crate) struct LogReader {
    folder: PathBuf,
    number: u64,
    offset: u64,
    last_line: u64,
}

impl LogReader {
    pub(crate) fn new(root: &Path, key: &TaskKey) -> Self {
        Self { folder: folder(root, key), number: 0, offset: 0, last_line: 0 }
    }

    /// The next lines, up to about `max_bytes`; empty when there are none yet. Where numbers are missing, a note of
    /// the pool's says how many.
    pub(crate) fn next(&mut self, max_bytes: usize) -> io::Result<Vec<StoredLine>> {
        let mut lines = Vec::new();
        let mut taken = 0;
        while taken < max_bytes {
            let read = self.read_segment(&mut lines, max_bytes - taken)?;
            taken += read;
            if read == 0 {
                let next = segments(&self.folder)?.into_iter().find(|n| *n > self.number);
                let Some(next) = next else { break };
                (self.number, self.offset) = (next, 0);
            }
        }
        Ok(lines)
    }

    fn read_segment(&mut self, lines: &mut Vec<StoredLine>, max_bytes: usize) -> io::Result<usize> {
        let mut file = match File::open(segment(&self.folder, self.number)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(0),
            other => other?,
        };
        file.seek(SeekFrom::Start(self.offset))?;
        let mut reader = BufReader::new(file);
        let mut taken = 0;
        let mut text = Vec::new();
        while taken < max_bytes {
            text.clear();
            let read = reader.read_until(b'\n', &mut text)?;
            if read == 0 || !text.ends_with(b"\n") {
                break;
            }
            taken += read;
            self.offset += read as u64;
            let Ok(line) = serde_json::from_slice::<StoredLine>(&text) else { continue };
            let missing = line.n.saturating_sub(self.last_line + 1);
            if missing > 0 {
                lines.push(note(line.n, line.time_ns, format!("… {missing} lines were left out here …")));
            }
            self.last_line = line.n;
            lines.push(line);
        }
        Ok(taken)
    }
}

/// A word of the pool's own between the lines.
pub(crate) fn note(n: u64, time_ns: i64, text: String) -> StoredLine {
    StoredLine { n, stream: "pool".into(), time_ns, text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hivemind_domain::ids::TaskId;

    fn key() -> TaskKey {
        TaskKey { task: TaskId::new("t").unwrap(), attempt: 1 }
    }

    fn line(n: u64) -> StoredLine {
        StoredLine {
            n,
            stream: "stdout".into(),
            time_ns: n as i64,
            text: format!("line {n} {}", "x".repeat(50)),
        }
    }

    fn all(root: &Path) -> Vec<StoredLine> {
        LogReader::new(root, &key()).next(usize::MAX).unwrap()
    }

    #[test]
    fn lines_come_once_and_in_order_across_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = LogWriter::open(dir.path(), &key(), 1 << 20).unwrap();
        writer.append((1..=10).map(line)).unwrap();
        writer.append((5..=12).map(line)).unwrap();
        drop(writer);
        let mut writer = LogWriter::open(dir.path(), &key(), 1 << 20).unwrap();
        assert_eq!(writer.end(), LogEnd { last_line: 12, last_time_ns: 12 });
        writer.append((11..=14).map(line)).unwrap();
        assert_eq!(all(dir.path()), (1..=14).map(line).collect::<Vec<_>>());
    }

    #[test]
    fn a_half_line_after_a_crash_is_dropped_and_taken_again() {
        let dir = tempfile::tempdir().unwrap();
        LogWriter::open(dir.path(), &key(), 1 << 20).unwrap().append((1..=3).map(line)).unwrap();
        let path = segment(&folder(dir.path(), &key()), 0);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
        let mut writer = LogWriter::open(dir.path(), &key(), 1 << 20).unwrap();
        assert_eq!(writer.end().last_line, 2);
        writer.append((2..=4).map(line)).unwrap();
        assert_eq!(all(dir.path()), (1..=4).map(line).collect::<Vec<_>>());
    }

    #[test]
    fn a_long_log_keeps_its_beginning_and_its_end_and_says_what_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = LogWriter::open(dir.path(), &key(), 60_000).unwrap();
        writer.append((1..=5000).map(line)).unwrap();
        let kept = all(dir.path());
        let bytes: u64 = segments(&folder(dir.path(), &key()))
            .unwrap()
            .into_iter()
            .map(|n| std::fs::metadata(segment(&folder(dir.path(), &key()), n)).unwrap().len())
            .sum();
        assert!(bytes <= 60_000, "{bytes}");
        assert_eq!((kept.first(), kept.last()), (Some(&line(1)), Some(&line(5000))));
        let notes: Vec<_> = kept.iter().filter(|l| l.stream == "pool").collect();
        assert_eq!(notes.len(), 1);
        let missing = 5000 - (kept.len() - 1);
        assert_eq!(notes[0].text, format!("… {missing} lines were left out here …"));
        drop(writer);
        assert_eq!(LogWriter::open(dir.path(), &key(), 60_000).unwrap().end().last_line, 5000);
    }

    #[test]
    fn a_reader_follows_a_growing_log_in_pieces() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = LogWriter::open(dir.path(), &key(), 60_000).unwrap();
        let mut reader = LogReader::new(dir.path(), &key());
        let mut seen = Vec::new();
        for round in 0..20u64 {
            writer.append((round * 10 + 1..=round * 10 + 10).map(line)).unwrap();
            loop {
                let lines = reader.next(300).unwrap();
                if lines.is_empty() {
                    break;
                }
                seen.extend(lines);
            }
        }
        assert_eq!(seen, (1..=200).map(line).collect::<Vec<_>>());
    }
}
