//! The program of ours that runs inside containers, as the worker holds it: a file beside the worker's own.
//!
//! It is a static Linux program also where the worker is a Windows one, and travels into each task's volume in the
//! same stream as the package. Nothing is kept in memory: the file is small, and read again for each task.

use crate::policy;
use hivemind_domain::limits::TaskLimits;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Name of the file beside the worker's executable, the same on every system.
pub const FILE_NAME: &str = "hivemind-companion";
/// More than this and it is not ours.
const MAX_BYTES: u64 = 2 << 20;
/// The first bytes of a 64-bit little-endian ELF file, its machine (x86-64), and the place of the program headers.
const ELF: &[u8] = b"\x7fELF\x02\x01\x01";
const ELF_HEADER_BYTES: usize = 64;
const PROGRAM_HEADER_BYTES: usize = 56;
const MAX_PROGRAM_HEADERS: usize = 64;
const X86_64: u16 = 62;
const PT_INTERP: u32 = 3;

/// Why there is no companion. Tasks then run under the engine's own init, which bounds each file but not their sum.
#[derive(Debug, thiserror::Error)]
pub enum CompanionError {
    /// The file is not there or cannot be read.
    #[error("{path} cannot be read: {error}")]
    Unreadable {
        /// Where it should be.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is something else.
    #[error("{path} is not the companion: {why}")]
    Wrong {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
}

/// A companion that was looked at once, and is opened for each task.
#[derive(Debug)]
pub struct Companion {
    path: PathBuf,
    /// The engine's containers run on another kind of processor.
    foreign: AtomicBool,
}

/// The opened file, checked.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) bytes: u64,
}

impl Companion {
    /// The companion beside `executable`.
    ///
    /// # Errors
    /// When it is absent, too large, or no static program for Linux on x86-64.
    pub fn beside(executable: &Path) -> Result<Self, CompanionError> {
        Self::at(executable.with_file_name(FILE_NAME))
    }

    /// The companion at `path`.
    ///
    /// # Errors
    /// As [`Self::beside`].
    pub fn at(path: PathBuf) -> Result<Self, CompanionError> {
        let companion = Self { path, foreign: AtomicBool::new(false) };
        companion.open()?;
        Ok(companion)
    }

    /// Notes the processor that the engine's containers run on, in the engine's words.
    pub(crate) fn learn(&self, architecture: Option<&str>) {
        let foreign = architecture.is_some_and(|word| !matches!(word, "x86_64" | "amd64"));
        self.foreign.store(foreign, Ordering::Release);
    }

    /// Whether it runs on the engine at all.
    pub(crate) fn fits(&self) -> bool {
        !self.foreign.load(Ordering::Acquire)
    }

    /// Opens and checks the file.
    pub(crate) fn open(&self) -> Result<Opened, CompanionError> {
        let unreadable = |error| CompanionError::Unreadable { path: self.path.clone(), error };
        let wrong = |why| CompanionError::Wrong { path: self.path.clone(), why };
        let found = std::fs::metadata(&self.path).map_err(unreadable)?;
        // Opening a pipe would wait for its other end.
        if !found.is_file() {
            return Err(wrong("it is no ordinary file"));
        }
        let mut file = File::open(&self.path).map_err(unreadable)?;
        let found = file.metadata().map_err(unreadable)?;
        if anybody_may_change(&found) {
            return Err(wrong("anybody may change it"));
        }
        let bytes = found.len();
        if bytes > MAX_BYTES {
            return Err(wrong("it is larger than 2 MiB"));
        }
        let mut head = Vec::new();
        let head_bytes = ELF_HEADER_BYTES + MAX_PROGRAM_HEADERS * PROGRAM_HEADER_BYTES;
        file.by_ref().take(head_bytes as u64).read_to_end(&mut head).map_err(unreadable)?;
        check(&head).map_err(wrong)?;
        file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
        Ok(Opened { file, bytes })
    }
}

#[cfg(unix)]
fn anybody_may_change(found: &std::fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(found) & 0o002 != 0
}

/// Access lists are inherited from the folder of the programs.
#[cfg(not(unix))]
fn anybody_may_change(_found: &std::fs::Metadata) -> bool {
    false
}

/// A program for x86-64 that needs no other file.
fn check(head: &[u8]) -> Result<(), &'static str> {
    let u16_at = |at: usize| head.get(at..at + 2).and_then(|b| b.try_into().ok()).map(u16::from_le_bytes);
    let u32_at = |at: usize| head.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    if !head.starts_with(ELF) {
        return Err("it is no 64-bit Linux program");
    }
    if u16_at(18) != Some(X86_64) {
        return Err("it is for another processor than x86-64");
    }
    // Linkers put the program headers right behind the file header.
    if u32_at(32) != Some(ELF_HEADER_BYTES as u32) || u32_at(36) != Some(0) {
        return Err("its program headers are not where they should be");
    }
    let count = usize::from(u16_at(56).unwrap_or(0));
    if count == 0 || count > MAX_PROGRAM_HEADERS {
        return Err("it has an unlikely number of program headers");
    }
    for number in 0..count {
        match u32_at(ELF_HEADER_BYTES + number * PROGRAM_HEADER_BYTES) {
            None => return Err("it is cut off"),
            Some(PT_INTERP) => return Err("it is not static: it would need a C library in every image"),
            Some(_) => {}
        }
    }
    Ok(())
}

/// The container's entry point with the companion in front of the task's own command.
pub(crate) fn entry_point(limits: &TaskLimits, command: &[String]) -> Vec<String> {
    let files = policy::max_files(limits.disk_bytes);
    let watch = [
        policy::COMPANION,
        "init",
        policy::WORK_DIR,
        &limits.disk_bytes.to_string(),
        &files.to_string(),
        "--",
    ];
    watch.iter().map(|word| (*word).to_owned()).chain(command.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file header and these kinds of program headers.
    fn elf(kinds: &[u32]) -> Vec<u8> {
        let mut head = vec![0; ELF_HEADER_BYTES];
        head[..ELF.len()].copy_from_slice(ELF);
        head[18..20].copy_from_slice(&X86_64.to_le_bytes());
        head[32] = 64;
        head[56] = u8::try_from(kinds.len()).expect("few");
        for kind in kinds {
            head.extend(kind.to_le_bytes());
            head.extend([0; PROGRAM_HEADER_BYTES - 4]);
        }
        head
    }

    fn at(content: &[u8]) -> Result<Companion, CompanionError> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE_NAME);
        std::fs::write(&path, content).expect("written");
        Companion::beside(&folder.path().join("hivemind-worker"))
    }

    #[test]
    fn only_a_static_program_for_the_right_processor_is_taken() {
        assert!(at(&elf(&[6, 1, 1])).is_ok());
        let mut arm = elf(&[1]);
        arm[18] = 183;
        let mut large = elf(&[1]);
        large.resize(3 << 20, 0);
        for (content, why) in [
            (elf(&[6, 3, 1]), "static"),
            (arm, "processor"),
            (large, "larger"),
            (b"#!/bin/sh\n".to_vec(), "64-bit"),
            (Vec::new(), "64-bit"),
            (elf(&[]), "number"),
            (elf(&[1, 1])[..100].to_vec(), "cut off"),
        ] {
            let refused = at(&content).expect_err(why).to_string();
            assert!(refused.contains(why), "{refused}");
        }
        let absent = Companion::at("/nonexistent/companion".into()).expect_err("absent").to_string();
        assert!(absent.contains("/nonexistent/companion"), "{absent}");
    }

    #[test]
    fn another_processor_is_noticed() {
        let companion = at(&elf(&[1])).expect("fine");
        for (word, fits) in
            [(None, true), (Some("x86_64"), true), (Some("aarch64"), false), (Some("amd64"), true)]
        {
            companion.learn(word);
            assert_eq!(companion.fits(), fits, "{word:?}");
        }
    }

    #[test]
    fn the_tasks_command_follows_whole() {
        let limits = TaskLimits { disk_bytes: 1 << 30, ..TaskLimits::default() };
        let command = ["sh".to_owned(), "--".to_owned(), "a b".to_owned()];
        let entry = entry_point(&limits, &command);
        assert_eq!(
            entry,
            ["/work/.hivemind-companion", "init", "/work", "1073741824", "262144", "--", "sh", "--", "a b"]
        );
    }
}
