//! Output of tasks: at most two files per attempt, the newer growing, the older dropped whole when the newer is
//! full. So a gigabyte of output costs its writing and nothing else, in constant memory.
//!
//! A record is one line of text: `number TAB time TAB o|e TAB checksum TAB text NEWLINE`, the text escaped as in a
//! JSON string. Numbers rise within a file, so a line is found by bisection; a damaged record breaks no other.

mod file;
mod place;
mod record;

use crate::durable::{blocking, failed};
use async_trait::async_trait;
use file::LogFile;
use hivemind_control::{LogLine, LogPage};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::text::plain_line;
use hivemind_worker_core::port::{Clock, LogArchive, OutputLine, StoreError, Told};
use place::{End, Opened, Place};
use record::Record;
use std::collections::{HashMap, HashSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Kept per attempt, in bytes on disk.
const QUOTA_BYTES: u64 = 10 << 20;
/// Kept after an attempt has ended.
const KEPT_FOR: Duration = Duration::from_secs(30 * 86_400);
/// Text in one answer, in bytes; a page with more ends early.
const MOST_TEXT: usize = 1 << 20;
/// Longest line shown to people.
const MOST_SHOWN: usize = 16 << 10;
/// Attempts whose ends are remembered.
const MOST_KNOWN: usize = 256;
const DROPPED: &str = "[this line was dropped: the task wrote more than is kept]";
const DAMAGED: &str = "[this line was damaged on the disk]";

/// Reads a record and writes it again. For fuzzing.
#[cfg(feature = "fuzzing")]
pub(crate) fn check_record(data: &[u8]) {
    let Some(read) = record::read(data) else { return };
    let mut again = Vec::new();
    record::write(&mut again, read.number, &read.line);
    assert_eq!(record::read(again.strip_suffix(b"\n").unwrap_or(&again)), Some(read));
}

/// The archive. Calls may come from anywhere; writing is one at a time.
pub struct FileLogs {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    clock: Arc<dyn Clock>,
    quota: u64,
    ends: Mutex<HashMap<TaskKey, End>>,
}

impl FileLogs {
    /// An archive in `folder`, which exists. The clock only judges the age of files.
    #[must_use]
    pub fn new(folder: &Path, clock: Arc<dyn Clock>) -> Self {
        Self::with_quota(folder, clock, QUOTA_BYTES)
    }

    fn with_quota(folder: &Path, clock: Arc<dyn Clock>, quota: u64) -> Self {
        let ends = Mutex::default();
        Self { inner: Arc::new(Inner { folder: folder.to_path_buf(), clock, quota, ends }) }
    }

    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let inner = Arc::clone(&self.inner);
        blocking(move || work(&inner).map_err(|e| failed("output of tasks in", &inner.folder, &e))).await
    }
}

#[async_trait]
impl LogArchive for FileLogs {
    async fn append(&self, key: &TaskKey, lines: &[OutputLine]) -> Result<Range<u64>, StoreError> {
        let (key, lines) = (key.clone(), lines.to_vec());
        self.on_disk(move |inner| inner.append(&key, &lines)).await
    }

    async fn page(&self, key: &TaskKey, from: Option<u64>, limit: u32) -> Result<LogPage, StoreError> {
        let key = key.clone();
        self.on_disk(move |inner| {
            let (first_kept, total) = inner.span(&key)?;
            let lines = match from {
                Some(first) => inner.records(&key, first.max(first_kept), total, limit)?.0,
                None => inner.last_records(&key, first_kept, total, limit)?,
            };
            Ok(LogPage { lines: lines.into_iter().map(shown).collect(), total, first_kept })
        })
        .await
    }

    async fn read(&self, key: &TaskKey, first: u64, limit: u32) -> Result<Vec<OutputLine>, StoreError> {
        let key = key.clone();
        self.on_disk(move |inner| {
            if let Some(total) = inner.reads_on(&key, first) {
                if total <= first {
                    return Ok(Vec::new());
                }
                let (records, place) = inner.records(&key, first, total, limit)?;
                inner.remember(&key, place);
                return Ok(records.into_iter().map(|r| r.line).collect());
            }
            let (first_kept, total) = inner.span(&key)?;
            if first < first_kept {
                // Told in their place, so that whoever reads on keeps counting and sees that something is missing.
                let (kept, _) = inner.records(&key, first_kept, total, 1)?;
                let time_ns = kept.first().map_or(0, |record| record.line.time_ns);
                let end = first_kept.min(first.saturating_add(u64::from(limit)));
                return Ok((first..end).map(|n| Record::placeholder(n, time_ns, DROPPED).line).collect());
            }
            let (records, place) = inner.records(&key, first, total, limit)?;
            inner.remember(&key, place);
            Ok(records.into_iter().map(|r| r.line).collect())
        })
        .await
    }

    async fn told(&self, key: &TaskKey) -> Result<Told, StoreError> {
        let key = key.clone();
        self.on_disk(move |inner| {
            let (first_kept, total) = inner.span(&key)?;
            let most = u32::try_from(Told::REMEMBERED).unwrap_or(u32::MAX);
            let mut last = inner.last_records(&key, first_kept, total, most)?;
            // What was damaged can be found nowhere: only what follows it, unless nothing does.
            let damaged = last.iter().rposition(|record| record.line.text == DAMAGED);
            if let Some(at) = damaged.filter(|at| at + 1 < last.len()) {
                last.drain(..=at);
            }
            let whole = last.first().is_none_or(|record| record.number == 0);
            let lines: Vec<_> = last.into_iter().map(|record| record.line).collect();
            Ok(Told::of(&lines, whole))
        })
        .await
    }

    async fn sweep(&self, keep: &[TaskKey]) -> Result<(), StoreError> {
        let keep: HashSet<_> = keep.iter().flat_map(|key| [newer_name(key), older_name(key)]).collect();
        self.on_disk(move |inner| inner.sweep(&keep)).await
    }
}

fn shown(record: Record) -> LogLine {
    LogLine {
        number: record.number,
        stderr: record.line.stderr,
        at_ms: record.line.time_ns / 1_000_000,
        text: plain_line(&record.line.text, MOST_SHOWN),
    }
}

fn newer_name(key: &TaskKey) -> String {
    format!("{}.{}.log", key.task, key.attempt)
}

fn older_name(key: &TaskKey) -> String {
    format!("{}.{}.old.log", key.task, key.attempt)
}

impl Inner {
    fn newer(&self, key: &TaskKey) -> PathBuf {
        self.folder.join(newer_name(key))
    }

    fn older(&self, key: &TaskKey) -> PathBuf {
        self.folder.join(older_name(key))
    }

    fn end<'a>(&self, ends: &'a mut HashMap<TaskKey, End>, key: &TaskKey) -> io::Result<&'a mut End> {
        if ends.len() > MOST_KNOWN {
            ends.clear();
        }
        Ok(match ends.entry(key.clone()) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(place) => {
                let mut end = End::default();
                // The newer file may be empty or damaged from its first byte; then the older one knows.
                for (path, grows) in [(self.older(key), false), (self.newer(key), true)] {
                    let Some(mut file) = LogFile::open_to_append(&path)? else { continue };
                    let tail = file.tail()?;
                    end.bytes = if grows { file.length() } else { 0 };
                    if let Some((number, time_ns)) = tail.last {
                        end.lines = number + 1;
                        end.last_time_ns = time_ns;
                    }
                    if tail.damaged > 0 {
                        tracing::warn!(attempt = %key, lines = tail.damaged, "output was damaged on the disk");
                        end.lines += tail.damaged;
                    }
                }
                place.insert(end)
            }
        })
    }

    fn append(&self, key: &TaskKey, lines: &[OutputLine]) -> io::Result<Range<u64>> {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let written = self.end(&mut ends, key).and_then(|end| self.append_from(end, key, lines));
        if written.is_err() {
            // What the file holds now is known to the file alone.
            ends.remove(key);
        }
        written
    }

    fn append_from(&self, end: &mut End, key: &TaskKey, lines: &[OutputLine]) -> io::Result<Range<u64>> {
        let first = end.lines;
        let mut buffer = Vec::with_capacity(8 << 10);
        for line in lines {
            if line.time_ns <= end.last_time_ns {
                continue;
            }
            let before = buffer.len();
            record::write(&mut buffer, end.lines, line);
            end.bytes += (buffer.len() - before) as u64;
            end.lines += 1;
            end.last_time_ns = line.time_ns;
            let full = end.bytes >= self.quota / 2;
            if full || buffer.len() >= 256 << 10 {
                file::append(&self.newer(key), &buffer)?;
                buffer.clear();
            }
            if full {
                std::fs::rename(self.newer(key), self.older(key))?;
                end.bytes = 0;
                end.turns += 1;
                end.place = end.place.and_then(|place| place.after(end.turns));
            }
        }
        if !buffer.is_empty() {
            file::append(&self.newer(key), &buffer)?;
        }
        Ok(first..end.lines)
    }

    /// First kept line and how many there are altogether.
    fn span(&self, key: &TaskKey) -> io::Result<(u64, u64)> {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let total = self.end(&mut ends, key)?.lines;
        for path in [self.older(key), self.newer(key)] {
            let Some(mut file) = LogFile::open(&path)? else { continue };
            if let Some(first) = file.first()? {
                // Nothing was dropped before the newer file became full for the second time.
                return Ok((if path == self.newer(key) { 0 } else { first }, total));
            }
        }
        Ok((total, total))
    }

    /// The last lines, as many of them as an answer has room for.
    fn last_records(
        &self,
        key: &TaskKey,
        first_kept: u64,
        total: u64,
        limit: u32,
    ) -> io::Result<Vec<Record>> {
        let first = total.saturating_sub(u64::from(limit)).max(first_kept);
        let (mut lines, _) = self.records(key, first, total, limit)?;
        loop {
            let next = first.max(lines.last().map_or(first, |l| l.number + 1));
            let (more, _) = self.records(key, next, total, limit)?;
            if more.is_empty() {
                return Ok(lines);
            }
            lines.extend(more);
            // What grows too large loses its beginning.
            let mut text: usize = lines.iter().map(|l| l.line.text.len()).sum();
            let surplus = lines.iter().take_while(|l| {
                let drop = text > MOST_TEXT;
                text -= l.line.text.len();
                drop
            });
            lines.drain(..surplus.count());
        }
    }

    /// How many lines there are, when `first` is where the last reading ended.
    fn reads_on(&self, key: &TaskKey, first: u64) -> Option<u64> {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let end = ends.get(key)?;
        end.place.filter(|place| place.number == first).map(|_| end.lines)
    }

    /// Reading goes on there.
    fn remember(&self, key: &TaskKey, place: Option<Place>) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(end) = ends.get_mut(key) {
            end.place = place.and_then(|place| place.after(end.turns));
        }
    }

    /// Opens both files between two turns, so that none is missed. What is not needed to read on stays closed.
    fn opened(&self, key: &TaskKey, first: u64) -> io::Result<Opened> {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let end = ends.get(key).copied().unwrap_or_default();
        let place = end.place.filter(|place| place.number == first);
        let mut files = Vec::with_capacity(2);
        for (path, older) in [(self.older(key), true), (self.newer(key), false)] {
            if older && place.is_some_and(|place| !place.older) {
                continue;
            }
            let begin = place.filter(|place| place.older == older).map(|place| place.offset);
            files.extend(LogFile::open(&path)?.map(|file| (file, begin, older)));
        }
        Ok(Opened { files, turns: end.turns })
    }

    /// Lines from `first` on, without a gap: a damaged one stands there as such. Also where reading would go on.
    fn records(
        &self,
        key: &TaskKey,
        first: u64,
        total: u64,
        limit: u32,
    ) -> io::Result<(Vec<Record>, Option<Place>)> {
        let mut found: Vec<Record> = Vec::new();
        let mut text = 0;
        let last = first.saturating_add(u64::from(limit)).min(total);
        let mut next = first;
        let mut take = |record: Record| {
            while next < record.number.min(last) {
                found.push(Record::placeholder(next, record.line.time_ns, DAMAGED));
                next += 1;
            }
            if record.number == next && next < last && text < MOST_TEXT {
                text += record.line.text.len();
                next += 1;
                found.push(record);
            }
            next < last && text < MOST_TEXT
        };
        let mut more = first < last;
        let mut place = None;
        let Opened { files, turns } = self.opened(key, first)?;
        for (mut file, begin, older) in files {
            if !more {
                break;
            }
            match begin {
                Some(offset) if !file.seek_at(first, offset)? => {
                    self.remember(key, None);
                    return self.records(key, first, total, limit);
                }
                Some(_) => {}
                None => file.seek(first)?,
            }
            while more && let Some(record) = file.next()? {
                more = take(record);
            }
            place = Some(Place { number: 0, older, offset: file.place()?, turns });
        }
        if more {
            let time_ns = found.last().map_or(0, |r| r.line.time_ns);
            let from = first + found.len() as u64;
            found.extend((from..last).map(|number| Record::placeholder(number, time_ns, DAMAGED)));
        }
        let number = first + found.len() as u64;
        Ok((found, place.map(|place| Place { number, ..place })))
    }

    fn sweep(&self, keep: &HashSet<String>) -> io::Result<()> {
        let now = u64::try_from(self.clock.now().wall.0).unwrap_or_default();
        let now = std::time::UNIX_EPOCH + Duration::from_millis(now);
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in std::fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // An older file goes after the newer one, so that its absence always means that nothing was dropped.
            let newer = name.strip_suffix(".old.log").map(|stem| self.folder.join(format!("{stem}.log")));
            if !name.ends_with(".log") || keep.contains(&name) || newer.is_some_and(|newer| newer.exists()) {
                continue;
            }
            let age =
                entry.metadata().and_then(|m| m.modified()).ok().and_then(|at| now.duration_since(at).ok());
            if age.is_some_and(|age| age > KEPT_FOR) {
                std::fs::remove_file(entry.path())?;
                ends.clear();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
