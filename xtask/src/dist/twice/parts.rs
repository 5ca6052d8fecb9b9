//! What is inside a package, part by part, in the order of the file.

use std::fs;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::dist::{Package, sections};
use crate::program::{bytes, capture, program};

/// How a file is taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Deb,
    Appimage,
    Msi,
    /// Not at all.
    Bytes,
}

/// One part with its name.
#[derive(Debug)]
pub struct Part {
    pub name: String,
    pub bytes: Vec<u8>,
}

impl Part {
    fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), bytes: bytes.into() }
    }
}

impl Kind {
    pub fn of(package: Package) -> Self {
        match package {
            Package::Deb => Self::Deb,
            Package::Appimage => Self::Appimage,
            Package::Msi | Package::MsiMachine => Self::Msi,
        }
    }

    /// # Errors
    /// When the file is none of its kind, or the tools are not here.
    pub fn parts(self, file: &Path) -> Result<Vec<Part>> {
        match self {
            Self::Deb => deb(file),
            Self::Appimage => appimage(file),
            Self::Msi => msi(file),
            Self::Bytes => Ok(Vec::new()),
        }
    }
}

/// The files of both archives first: a member differs because of them.
fn deb(file: &Path) -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    for (name, verb) in [("control", "--ctrl-tarfile"), ("data", "--fsys-tarfile")] {
        let packed = bytes(program("dpkg-deb").arg(verb).arg(file))?;
        let mut archive = tar::Archive::new(packed.as_slice());
        for entry in archive.entries()? {
            let mut entry = entry?;
            let path = entry.path()?.display().to_string();
            let mut inside = Vec::new();
            let header = entry.header().as_bytes().to_vec();
            entry.read_to_end(&mut inside)?;
            parts.push(Part::new(format!("{name}: {path}"), inside));
            parts.push(Part::new(format!("{name}: the header of {path}"), header));
        }
    }
    parts.extend(members(&fs::read(file)?).with_context(|| format!("{} is cut short", file.display()))?);
    Ok(parts)
}

/// The members of an `ar` archive, each behind its header of 60 bytes, at even places.
fn members(archive: &[u8]) -> Option<Vec<Part>> {
    const HEADER: usize = 60;
    let mut rest = archive.strip_prefix(b"!<arch>\n")?;
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let header = rest.get(..HEADER)?;
        let field = |at: std::ops::Range<usize>| Some(std::str::from_utf8(header.get(at)?).ok()?.trim());
        let (name, size) = (field(0..16)?, field(48..58)?.parse::<usize>().ok()?);
        let end = HEADER.checked_add(size)?;
        parts.push(Part::new(format!("the header of the member {name}"), header));
        parts.push(Part::new(format!("the member {name}"), rest.get(HEADER..end)?));
        rest = rest.get(end + size % 2..).unwrap_or_default();
    }
    Some(parts)
}

/// The runtime, the entries of the file system, and the files.
fn appimage(file: &Path) -> Result<Vec<Part>> {
    let image = fs::read(file)?;
    let end = sections::end_of_elf(&image).context("it does not begin with a program")?;
    let mut parts = vec![Part::new("the runtime", image.get(..end).unwrap_or_default())];
    let unsquashfs = || {
        let mut command = program("unsquashfs");
        command.env("TZ", "UTC0").arg("-o").arg(end.to_string());
        command
    };
    let listed = capture(unsquashfs().arg("-lln").arg(file))?;
    let scratch = tempfile::tempdir()?;
    let tree = scratch.path().join("tree");
    bytes(unsquashfs().args(["-no-progress", "-no-xattrs", "-dest"]).arg(&tree).arg(file))?;
    for line in listed.lines() {
        let Some((_, path)) = line.split_once("squashfs-root") else { continue };
        let (path, link) = path.split_once(" -> ").unwrap_or((path, ""));
        let at = tree.join(path.trim_start_matches('/'));
        if link.is_empty() && at.is_file() {
            parts.push(Part::new(path, fs::read(&at)?));
        }
        parts.push(Part::new(format!("the entry of {path}"), line));
    }
    if parts.len() == 1 {
        bail!("unsquashfs lists nothing: {listed}");
    }
    Ok(parts)
}

/// The tables row by row, and what lies beside them.
fn msi(file: &Path) -> Result<Vec<Part>> {
    let file = std::path::absolute(file)?;
    // Columns of bytes may become files where it runs.
    let scratch = tempfile::tempdir()?;
    let msiinfo = |verb: &str| {
        let mut command = program("msiinfo");
        command.current_dir(scratch.path()).env("TZ", "UTC0").arg(verb).arg(&file);
        command
    };
    let mut parts = Vec::new();
    for table in capture(&mut msiinfo("tables"))?.lines() {
        let rows = bytes(msiinfo("export").arg(table))?;
        for (index, row) in rows.split(|byte| *byte == b'\n').enumerate() {
            let key = row.split(|byte| *byte == b'\t').next().unwrap_or_default();
            let key = String::from_utf8_lossy(key);
            parts.push(Part::new(format!("the table {table}, row {index} ({})", key.trim()), row));
        }
    }
    for stream in capture(&mut msiinfo("streams"))?.lines() {
        let inside = bytes(msiinfo("extract").arg(stream))?;
        parts.push(Part::new(format!("the stream {}", stream.trim_start_matches('\u{5}')), inside));
    }
    Ok(parts)
}
