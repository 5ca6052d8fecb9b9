//! A task's package: a zip that is checked to the last byte before anything is made from it.
//!
//! The zip is read by our own strict reader rather than a library's tolerant one: tolerance is what lets one file
//! mean two things. Whatever is not plain (zip64, encryption, other methods than store and deflate, hidden bytes
//! between entries) is refused. Nothing is ever unpacked onto the host: entries flow into a tar stream.

mod content;
mod contents;
mod directory;
mod manifest;
mod refusal;
mod start;

pub(crate) use contents::Contents;
pub(crate) use manifest::check_command;
pub use refusal::PackageError;

use crate::companion::Opened;
use crate::dependencies::requirements::Requirements;
use crate::policy::{COMPANION_NAME, MAX_PATH_BYTES, OUTPUT_NAME, TASK_UID};
use crate::python;
use content::Content;
use directory::ZipEntry;
use hivemind_domain::text::plain_line;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Bytes of a package's listing.
const MAX_LISTING_BYTES: usize = 64 * 1024;

/// A package that passed every check.
#[derive(Debug)]
pub struct Package {
    file: File,
    entries: Vec<ZipEntry>,
    start: start::Start,
    requirements: Option<Requirements>,
}

impl Package {
    /// Opens and checks the zip at `path`: its directory, its names, and by unpacking every entry once into
    /// nothing. `disk_bytes` bounds what it unpacks to. Memory does not grow with the files' sizes. Blocks.
    ///
    /// # Errors
    /// The first rule it breaks, with the entry.
    pub fn open(path: &Path, disk_bytes: u64) -> Result<Self, PackageError> {
        let mut file = File::open(path).map_err(|e| PackageError::unreadable(&e))?;
        let entries = directory::read(&mut file)?;
        check_sizes(&entries, disk_bytes)?;
        check_names(&entries)?;
        for entry in &entries {
            let copied = io::copy(&mut Content::open(&file, entry)?, &mut io::sink());
            copied.map_err(|e| PackageError::from_io(&entry.path, &e))?;
        }
        let start = start::choose(&file, &entries)?;
        let requirements = start::requirements(&file, &entries, &start.folder)?;
        Ok(Self { file, entries, start, requirements })
    }

    /// Whether a file lies there, by its path from the top.
    pub(crate) fn has(&self, file: &str) -> bool {
        self.entries.iter().any(|entry| !entry.is_folder && entry.path == file)
    }

    /// What it depends on.
    pub(crate) fn requirements(&self) -> Option<&Requirements> {
        self.requirements.as_ref()
    }

    /// The image its manifest names, already checked for syntax.
    #[must_use]
    pub fn image(&self) -> Option<&str> {
        self.start.image.as_deref()
    }

    /// The command line by its manifest, else by its entry file; absent when it has neither.
    #[must_use]
    pub fn command(&self) -> Option<&[String]> {
        self.start.command.as_deref()
    }

    /// The folder to run that command in, relative to the working folder; empty for the working folder itself.
    #[must_use]
    pub fn folder(&self) -> &str {
        &self.start.folder
    }

    /// What all files unpack to.
    #[must_use]
    pub fn unpacked_bytes(&self) -> u64 {
        self.entries.iter().map(|entry| entry.size).sum()
    }

    /// What is in it, for people: size and path of each entry, one a line, at most 64 KiB.
    #[must_use]
    pub fn listing(&self) -> String {
        let mut text = String::new();
        for (number, entry) in self.entries.iter().enumerate() {
            let line = format!("{:>12} {}\n", entry.size, plain_line(&entry.path, MAX_PATH_BYTES));
            if text.len() + line.len() > MAX_LISTING_BYTES {
                let _ = writeln!(text, "… and {} more", self.entries.len() - number);
                break;
            }
            text.push_str(&line);
        }
        text
    }

    /// Writes the files as a tar stream for the working folder, owned by the task's user. Blocks.
    ///
    /// # Errors
    /// When `into` fails, or when the zip changed since it was checked.
    pub fn write_tar<W: Write>(&self, into: W) -> io::Result<W> {
        let mut tar = tar::Builder::new(into);
        begin_tar(&mut tar)?;
        self.append_to(&mut tar)?;
        tar.into_inner()
    }

    /// The files alone.
    fn append_to<W: Write>(&self, tar: &mut tar::Builder<W>) -> io::Result<()> {
        let folders: BTreeSet<&str> = self.entries.iter().flat_map(folders_of).collect();
        for folder in folders.into_iter().filter(|folder| *folder != OUTPUT_NAME) {
            append_folder(tar, &format!("{folder}/"))?;
        }
        for entry in self.entries.iter().filter(|entry| !entry.is_folder) {
            let content = Content::open(&self.file, entry).map_err(io::Error::other)?;
            let mut header = header(tar::EntryType::Regular, if entry.executable { 0o755 } else { 0o644 });
            header.set_size(entry.size);
            tar.append_data(&mut header, &entry.path, content)?;
        }
        Ok(())
    }
}

/// Root's, and nobody may write it: the task's user can only start it.
fn append_companion<W: Write>(tar: &mut tar::Builder<W>, companion: Option<Opened>) -> io::Result<()> {
    let Some(Opened { file, bytes }) = companion else { return Ok(()) };
    let mut header = header(tar::EntryType::Regular, 0o555);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(bytes);
    // Cut to what was told: a file that grows meanwhile must not run into the next entry.
    tar.append_data(&mut header, COMPANION_NAME, io::Read::take(file, bytes))
}

/// What a program that is a Python one finds.
fn append_python<W: Write>(tar: &mut tar::Builder<W>) -> io::Result<()> {
    append_folder(tar, python::NAME)?;
    let mut header = header(tar::EntryType::Regular, 0o444);
    header.set_size(python::TEXT.len() as u64);
    tar.append_data(&mut header, python::MODULE, python::TEXT.as_bytes())
}

/// The working folder itself, so that its owner is the task, and the output folder.
fn begin_tar<W: Write>(tar: &mut tar::Builder<W>) -> io::Result<()> {
    // Named "/": the engine skips an entry named "." but takes this one for the folder that it unpacks into. The
    // library would refuse the name, so the header is filled by hand.
    let mut header = header(tar::EntryType::Directory, 0o755);
    if let Some(first) = header.as_old_mut().name.first_mut() {
        *first = b'/';
    }
    header.set_cksum();
    tar.append(&header, io::empty())?;
    append_folder(tar, &format!("{OUTPUT_NAME}/"))
}

fn append_folder<W: Write>(tar: &mut tar::Builder<W>, path: &str) -> io::Result<()> {
    let mut header = header(tar::EntryType::Directory, 0o755);
    tar.append_data(&mut header, path, io::empty())
}

fn header(kind: tar::EntryType, mode: u32) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(TASK_UID);
    header.set_gid(TASK_UID);
    // 1980-01-01, the zip format's own beginning: the same package makes the same container.
    header.set_mtime(315_532_800);
    header.set_size(0);
    header
}

/// The folders on the way to an entry, itself included when it is one.
fn folders_of(entry: &ZipEntry) -> impl Iterator<Item = &str> {
    let path = entry.path.as_str();
    let own = entry.is_folder.then_some(path);
    path.match_indices('/').map(|(at, _)| path.get(..at).unwrap_or_default()).chain(own)
}

/// Checks that no two names meet, and that none takes the output folder's place.
fn check_names(entries: &[ZipEntry]) -> Result<(), PackageError> {
    let mut tree = crate::entry_path::PathTree::default();
    for entry in entries {
        let refused = |r: crate::entry_path::PathRefusal| PackageError::entry(r.rule, &entry.path, r.why);
        tree.add(&entry.path, entry.is_folder).map_err(refused)?;
        let top = entry.path.split('/').next().unwrap_or_default();
        if [COMPANION_NAME, python::NAME, python::DEPENDENCIES_NAME]
            .iter()
            .any(|own| top.eq_ignore_ascii_case(own))
        {
            return Err(PackageError::entry("reserved-name", &entry.path, "the name is the worker's own"));
        }
        if top.eq_ignore_ascii_case(OUTPUT_NAME)
            && (top != OUTPUT_NAME || entry.path == top && !entry.is_folder)
        {
            return Err(PackageError::entry(
                "output-folder",
                &entry.path,
                "the name belongs to the output folder",
            ));
        }
    }
    Ok(())
}

fn check_sizes(entries: &[ZipEntry], disk_bytes: u64) -> Result<(), PackageError> {
    let (mut total, mut packed) = (0_u64, 0_u64);
    for entry in entries {
        total = total.saturating_add(entry.size);
        packed = packed.saturating_add(entry.packed);
        if total > disk_bytes {
            let why = format!("unpacked it is larger than the task's {disk_bytes} bytes of disk");
            return Err(PackageError::entry("unpacked-size", &entry.path, why));
        }
        let grows = entry.size > crate::policy::RATIO_FREE_BYTES
            && entry.size / entry.packed.max(1) > crate::policy::MAX_RATIO;
        if grows {
            return Err(PackageError::entry("ratio", &entry.path, "it grows more than 250 times"));
        }
        // Many small ones, each of them free, must not do together what one may not.
        if total > crate::policy::RATIO_FREE_TOTAL_BYTES && total / packed.max(1) > crate::policy::MAX_RATIO {
            let why = "with it the files so far grow more than 250 times";
            return Err(PackageError::entry("ratio", &entry.path, why));
        }
    }
    Ok(())
}
