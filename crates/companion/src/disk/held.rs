//! Files without a name that processes keep alive: unlinked but open, or only mapped.

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::ffi::CStr;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub bytes: u64,
    pub files: u64,
    /// A process could not be looked into, or a file is kept alive in a way that does not tell its size.
    pub opaque: bool,
}

/// The list of a process's mappings is read this far; what lies behind it is unknown.
const MAX_MAPS_BYTES: u64 = 4 << 20;

/// Looks into every other process of the container. Threads may have files of their own. `own` is the inode of a file
/// that does not count.
pub fn count(device: u64, own: u64) -> Held {
    let mut search = Search { device, seen: BTreeSet::from([own]), held: Held::default() };
    match open_folder(rustix::fs::CWD, c"/proc") {
        Ok(proc) => search.processes(&proc),
        Err(_) => search.held.opaque = true,
    }
    search.held
}

struct Search {
    device: u64,
    seen: BTreeSet<u64>,
    held: Held,
}

impl Search {
    fn processes(&mut self, proc: &OwnedFd) {
        let own = rustix::process::getpid().as_raw_nonzero().get();
        for name in numbers(proc) {
            if name.to_str().ok().and_then(|n| n.parse::<i32>().ok()) == Some(own) {
                continue;
            }
            // Any step may find the process gone: then it holds nothing.
            let Some(process) = self.open(proc, &name) else { continue };
            let Some(threads) = self.open(&process, c"task") else { continue };
            for thread in numbers(&threads) {
                let Some(thread) = self.open(&threads, &thread) else { continue };
                if !has_ended(&thread) {
                    self.thread(&thread);
                }
            }
            if !has_ended(&process) {
                self.mappings(&process);
            }
        }
    }

    fn open(&mut self, at: &OwnedFd, name: &CStr) -> Option<OwnedFd> {
        open_folder(at, name).inspect_err(|error| self.unknown(*error)).ok()
    }

    fn thread(&mut self, thread: &OwnedFd) {
        let files = match open_folder(thread, c"fd") {
            Ok(files) => files,
            Err(error) => return self.unknown(error),
        };
        for name in numbers(&files) {
            let status = match statat(&files, &name, AtFlags::empty()) {
                Ok(status) => status,
                Err(error) => {
                    self.unknown(error);
                    continue;
                }
            };
            let kind = FileType::from_raw_mode(status.st_mode);
            if kind == FileType::Socket {
                self.held.opaque |= carries_files(thread, &name);
            }
            if kind == FileType::RegularFile
                && status.st_dev == self.device
                && status.st_nlink == 0
                && self.seen.insert(status.st_ino)
            {
                let blocks = u64::try_from(status.st_blocks).unwrap_or(0);
                self.held.bytes = self.held.bytes.saturating_add(blocks.saturating_mul(512));
                self.held.files += 1;
            }
        }
    }

    /// A file that is mapped but not open has no entry to ask for its size.
    fn mappings(&mut self, process: &OwnedFd) {
        let maps = match openat(process, c"maps", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(maps) => std::fs::File::from(maps),
            Err(error) => return self.unknown(error),
        };
        let mut text = Vec::new();
        if let Err(error) = maps.take(MAX_MAPS_BYTES).read_to_end(&mut text) {
            return self.unknown(Errno::from_io_error(&error).unwrap_or(Errno::IO));
        }
        let whole = (text.len() as u64) < MAX_MAPS_BYTES;
        self.held.opaque |= !whole || text.split(|byte| *byte == b'\n').any(|line| self.is_hidden(line));
    }

    /// `7f0…-7f0… r--s 00000000 fe:00 1234   /work/x (deleted)`
    fn is_hidden(&self, line: &[u8]) -> bool {
        let Some(path) = line.strip_suffix(b" (deleted)") else { return false };
        let mut fields = path.split(|byte| *byte == b' ').filter(|field| !field.is_empty());
        let inode = fields.nth(4).and_then(|field| std::str::from_utf8(field).ok()?.parse::<u64>().ok());
        // Memory that processes share looks the same; its files lie elsewhere.
        let elsewhere = fields.next().is_none_or(|path| {
            [&b"/dev/shm/"[..], b"/tmp/", b"/dev/zero", b"/memfd:", b"/SYSV", b"/dev/mqueue/"]
                .iter()
                .any(|start| path.starts_with(start))
        });
        !elsewhere && inode.is_some_and(|inode| !self.seen.contains(&inode))
    }

    fn unknown(&mut self, error: Errno) {
        self.held.opaque |= !matches!(error, Errno::NOENT | Errno::SRCH);
    }
}

/// Whether files are under way through this socket: nobody has them open then.
fn carries_files(thread: &OwnedFd, name: &CStr) -> bool {
    let Ok(infos) = open_folder(thread, c"fdinfo") else { return true };
    let Ok(info) = openat(&infos, name, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) else {
        return false;
    };
    let mut text = String::new();
    if std::fs::File::from(info).take(4096).read_to_string(&mut text).is_err() {
        return false;
    }
    let count = text.lines().find_map(|line| line.strip_prefix("scm_fds:"));
    count.is_some_and(|count| count.trim() != "0")
}

/// A thread that has ended, but was not collected yet, holds nothing and lets nobody look.
fn has_ended(thread: &OwnedFd) -> bool {
    let Ok(file) = openat(thread, c"stat", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) else {
        return true;
    };
    let mut text = Vec::new();
    if std::fs::File::from(file).take(4096).read_to_end(&mut text).is_err() {
        return true;
    }
    // `7 (any name) S …`: the name may hold anything, also `)`.
    let state = text.iter().rposition(|byte| *byte == b')').and_then(|at| text.get(at + 2));
    matches!(state, Some(b'Z' | b'X' | b'x') | None)
}

fn numbers(folder: &OwnedFd) -> Vec<std::ffi::CString> {
    let Ok(entries) = Dir::read_from(folder) else { return Vec::new() };
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name().to_owned()));
    names.filter(|name| name.to_bytes().iter().all(u8::is_ascii_digit)).collect()
}

fn open_folder(at: impl AsFd, name: &CStr) -> rustix::io::Result<OwnedFd> {
    openat(at, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search() -> Search {
        Search { device: 0, seen: BTreeSet::from([7]), held: Held::default() }
    }

    #[test]
    fn only_mapped_files_are_noticed() {
        let search = search();
        for (line, hidden) in [
            ("7f00-7f01 rw-s 00000000 fe:00 9   /work/x (deleted)", true),
            ("7f00-7f01 rw-s 00000000 fe:00 9   /work/a b (deleted)", true),
            ("7f00-7f01 rw-s 00000000 fe:00 7   /work/x (deleted)", false),
            ("7f00-7f01 rw-s 00000000 fe:00 9   /work/x", false),
            ("7f00-7f01 rw-s 00000000 00:01 9   /memfd:x (deleted)", false),
            ("7f00-7f01 rw-s 00000000 00:01 9   /dev/zero (deleted)", false),
            ("7f00-7f01 rw-p 00000000 00:00 0 ", false),
        ] {
            assert_eq!(search.is_hidden(line.as_bytes()), hidden, "{line}");
        }
    }

    #[test]
    fn an_unlinked_file_of_another_process_is_counted_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x");
        std::fs::write(&path, vec![1; 3 << 20]).expect("written");
        let file = std::fs::File::open(&path).expect("opened");
        let device = std::os::unix::fs::MetadataExt::dev(&file.metadata().expect("status"));
        // Twice in the same process.
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .stdin(file.try_clone().expect("a copy"))
            .stdout(file)
            .spawn()
            .expect("sleep");
        std::fs::remove_file(&path).expect("removed");
        let held = count(device, 0);
        let _ = child.kill();
        let _ = child.wait();
        // Other programs of this computer may hold unlinked files, too, and may be closed to us.
        assert!(held.bytes >= 3 << 20 && held.files >= 1, "{held:?}");
        let process = folder.path().join("none");
        assert!(!process.exists());
    }

    #[test]
    fn a_dead_thread_is_known_by_its_state() {
        let folder = tempfile::tempdir().expect("a folder");
        let opened = OwnedFd::from(std::fs::File::open(folder.path()).expect("a folder"));
        for (text, ended) in
            [("7 (a) Z 1", true), ("7 (x) S) S 1", false), ("7 (Z) R 1", false), ("7 (", true)]
        {
            std::fs::write(folder.path().join("stat"), text).expect("written");
            assert_eq!(has_ended(&opened), ended, "{text}");
        }
    }
}
