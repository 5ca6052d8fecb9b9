//! The worker's own log: two files of bounded size, so that it never fills the disk and survives a restart.

use crate::durable::private_new;
use crate::own_file;
use hivemind_control::{OwnLogLine, OwnLogPage, OwnLogQuery};
use hivemind_domain::text::plain_line;
use hivemind_domain::time::WallMs;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes after which a new file is begun; the one before is kept, older ones are not.
const TURN_BYTES: u64 = 8 * 1024 * 1024;
/// The longest line that is written, in bytes.
const LONGEST: usize = 4096;
/// Lines of one answer.
const MOST_LINES: u32 = 1000;

/// The worker's own log. Clones write to the same file.
#[derive(Debug, Clone)]
pub struct OwnLog {
    path: PathBuf,
    turn_bytes: u64,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug)]
struct Open {
    file: File,
    size: u64,
}

impl OwnLog {
    /// Opens or creates `worker.log` in `folder`, readable by this user only.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(folder: &Path) -> io::Result<Self> {
        Self::with_turn(folder, TURN_BYTES)
    }

    fn with_turn(folder: &Path, turn_bytes: u64) -> io::Result<Self> {
        let path = folder.join("worker.log");
        let file = append(&path)?;
        let size = file.metadata()?.len();
        Ok(Self { path, turn_bytes, open: Arc::new(Mutex::new(Open { file, size })) })
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Room that it takes, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        let of = |path: &Path| path.metadata().map_or(0, |about| about.len());
        of(&self.path) + of(&self.previous())
    }

    fn previous(&self) -> PathBuf {
        self.path.with_extension("log.1")
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one line: whatever `event` holds beyond printable text is left out, line breaks too.
    fn add(&self, event: &[u8]) -> io::Result<()> {
        let text = String::from_utf8_lossy(event);
        let mut line = plain_line(&text.trim_end().replace(['\n', '\r'], " "), LONGEST);
        line.push('\n');
        let mut open = self.lock();
        if open.size > 0 && open.size + line.len() as u64 > self.turn_bytes {
            std::fs::rename(&self.path, self.previous())?;
            *open = Open { file: append(&self.path)?, size: 0 };
        }
        open.file.write_all(line.as_bytes())?;
        open.size += line.len() as u64;
        Ok(())
    }

    /// A page of what matches. Reads both files, 16 MiB at most.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn page(&self, query: &OwnLogQuery) -> io::Result<OwnLogPage> {
        let (previous, present) = {
            // Not while a new file is begun.
            let _open = self.lock();
            (read(&self.previous(), self.turn_bytes)?, read(&self.path, self.turn_bytes)?)
        };
        let wanted = Wanted::new(query);
        let matching = || previous.lines().chain(present.lines()).filter(|line| wanted.takes(line));
        let total = matching().count() as u64;
        let limit = u64::from(if query.limit == 0 { 200 } else { query.limit.min(MOST_LINES) });
        let first = query.from.unwrap_or(total.saturating_sub(limit)).min(total);
        let skip = usize::try_from(first).unwrap_or(usize::MAX);
        let take = usize::try_from(limit).unwrap_or(usize::MAX);
        let lines = matching().skip(skip).take(take).map(parse).collect();
        Ok(OwnLogPage { lines, first, total, file: self.path.display().to_string() })
    }
}

fn append(path: &Path) -> io::Result<File> {
    match private_new(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    own_file::open(File::options().append(true), path)
}

fn read(path: &Path, most: u64) -> io::Result<String> {
    let file = match own_file::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    file.take(most + LONGEST as u64).read_to_end(&mut bytes)?;
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// Levels, the gravest first.
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// Rank of a line's level; what has none is as grave as can be, so that no filter hides it.
fn rank(word: &str) -> usize {
    LEVELS.iter().position(|level| level.eq_ignore_ascii_case(word)).unwrap_or(0)
}

struct Wanted<'a> {
    least: usize,
    search: &'a [u8],
}

impl<'a> Wanted<'a> {
    fn new(query: &'a OwnLogQuery) -> Self {
        let least = query.level.as_deref().map_or(LEVELS.len(), rank);
        Self { least, search: query.search.as_deref().unwrap_or_default().as_bytes() }
    }

    fn takes(&self, line: &str) -> bool {
        let held = || {
            let mut windows = line.as_bytes().windows(self.search.len());
            windows.any(|part| part.eq_ignore_ascii_case(self.search))
        };
        rank(split(line).1) <= self.least && (self.search.is_empty() || held())
    }
}

/// Time, level and text of a line.
fn split(line: &str) -> (&str, &str, &str) {
    let (time, rest) = line.split_once(' ').unwrap_or(("", line));
    let (level, text) = rest.trim_start().split_once(' ').unwrap_or(("", rest));
    if LEVELS.iter().any(|known| known.eq_ignore_ascii_case(level)) {
        (time, level, text)
    } else {
        ("", "", line)
    }
}

fn parse(line: &str) -> OwnLogLine {
    let (time, level, text) = split(line);
    let at_ms = WallMs::parse(time).map_or(0, |at| at.0);
    // The file may have been changed by somebody else.
    OwnLogLine { at_ms, level: level.to_ascii_lowercase(), text: plain_line(text, LONGEST) }
}

/// Gathers one event and writes it as one line when it is dropped.
#[derive(Debug)]
pub struct Event {
    log: OwnLog,
    bytes: Vec<u8>,
}

impl OwnLog {
    /// A place for one event.
    #[must_use]
    pub fn event(&self) -> Event {
        Event { log: self.clone(), bytes: Vec::new() }
    }
}

impl Write for Event {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = (2 * LONGEST).saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        if !self.bytes.is_empty() {
            // A log that cannot be written must not end the work; the other log still stands.
            let _ = self.log.add(&self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(log: &OwnLog, text: &str) {
        log.event().write_all(text.as_bytes()).unwrap();
    }

    fn query(level: &str, search: &str, from: Option<u64>, limit: u32) -> OwnLogQuery {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        OwnLogQuery { level: some(level), search: some(search), from, limit }
    }

    #[test]
    fn filters_count_and_page_what_matches() {
        let folder = tempfile::tempdir().unwrap();
        let log = OwnLog::open(folder.path()).unwrap();
        for i in 0..50 {
            let level = if i % 5 == 0 { "WARN" } else { " INFO" };
            say(&log, &format!("2026-11-21T14:34:{i:02}.000000Z {level} line {i} of Many"));
        }
        let all = log.page(&query("", "", None, 10)).unwrap();
        assert_eq!((all.total, all.first, all.lines.len()), (50, 40, 10));
        assert_eq!(all.lines[9].text, "line 49 of Many");
        let grave = log.page(&query("warn", "", Some(0), 3)).unwrap();
        assert_eq!((grave.total, grave.lines[1].text.as_str()), (10, "line 5 of Many"));
        assert_eq!((grave.lines[1].level.as_str(), grave.lines[1].at_ms), ("warn", 1_795_271_645_000));
        let found = log.page(&query("info", "LINE 4", Some(0), 100)).unwrap();
        assert_eq!(found.total, 11, "4 and 40 to 49, the case ignored");
        assert_eq!(
            log.page(&query("", "nowhere", Some(99), 5)).unwrap(),
            OwnLogPage { file: log.path().display().to_string(), ..OwnLogPage::default() }
        );
    }

    #[test]
    fn an_event_is_one_printable_line_whatever_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let log = OwnLog::open(folder.path()).unwrap();
        say(&log, "2026-11-21T14:34:00Z  INFO a\u{1b}[31m\nERROR forged\r\n\u{202e}x");
        say(&log, &format!("2026-11-21T14:34:01Z  INFO {}", "y".repeat(100_000)));
        let page = log.page(&query("", "", None, 0)).unwrap();
        assert_eq!(page.total, 2);
        assert_eq!(
            (page.lines[0].level.as_str(), page.lines[0].text.as_str()),
            ("info", "a[31m ERROR forged  x")
        );
        assert!(page.lines[1].text.len() < 4096);
    }

    #[test]
    fn it_is_bounded_and_its_newest_lines_survive() {
        let folder = tempfile::tempdir().unwrap();
        let log = OwnLog::with_turn(folder.path(), 2000).unwrap();
        for i in 0..200 {
            say(&log, &format!("2026-11-21T14:34:00Z  INFO number {i}"));
        }
        assert!(log.size() <= 4000, "{}", log.size());
        let again = OwnLog::with_turn(folder.path(), 2000).unwrap();
        say(&again, "2026-11-21T14:34:00Z  INFO after a restart");
        let page = again.page(&query("", "", None, 2)).unwrap();
        assert_eq!(page.lines[0].text, "number 199");
        assert_eq!(page.lines[1].text, "after a restart");
    }

    #[cfg(unix)]
    #[test]
    fn it_is_ours_alone_and_follows_no_link() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let log = OwnLog::open(folder.path()).unwrap();
        assert_eq!(log.path().metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let other = tempfile::tempdir().unwrap();
        std::fs::write(other.path().join("target"), "").unwrap();
        std::os::unix::fs::symlink(other.path().join("target"), other.path().join("worker.log")).unwrap();
        assert!(OwnLog::open(other.path()).is_err());
    }
}
