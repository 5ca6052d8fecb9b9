//! A strict reader of a zip's directory (APPNOTE 6.3.10, sections 4.3 to 4.5).

use super::PackageError;
use crate::entry_path::check_path;
use crate::policy::{MAX_DIRECTORY_BYTES, MAX_ENTRIES};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

const END_BYTES: usize = 22;
const END_MARK: &[u8] = b"PK\x05\x06";
const CENTRAL_BYTES: usize = 46;
const CENTRAL_MARK: u32 = 0x0201_4b50;
const LOCAL_BYTES: usize = 30;
const LOCAL_MARK: u32 = 0x0403_4b50;
const DESCRIPTOR_MARK: u32 = 0x0807_4b50;
/// Stands right before the end record of an archive that has a zip64 end record too.
const LOCATOR64_MARK: &[u8] = b"PK\x06\x07";
const LOCATOR64_BYTES: usize = 20;
/// Extra field with zip64 sizes.
const EXTRA_ZIP64: u16 = 0x0001;
/// Extra field with a second name, in Unicode, which some programs believe more than the first.
const EXTRA_UNICODE_PATH: u16 = 0x7075;
const MAX_COMMENT: usize = 65_535;

/// How an entry is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Store,
    Deflate,
}

/// One entry whose directory record and local header agree.
#[derive(Debug, Clone)]
pub(super) struct ZipEntry {
    pub(super) path: String,
    pub(super) is_folder: bool,
    pub(super) executable: bool,
    pub(super) method: Method,
    pub(super) crc32: u32,
    pub(super) packed: u64,
    pub(super) size: u64,
    pub(super) data_at: u64,
    header_at: u64,
    has_descriptor: bool,
}

/// Little-endian fields of a fixed record; out of range reads as zero, which no caller reaches.
struct Record<'a>(&'a [u8]);

impl Record<'_> {
    fn u16(&self, at: usize) -> u16 {
        self.0.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes)
    }

    fn u32(&self, at: usize) -> u32 {
        self.0.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
    }

    fn u64(&self, at: usize) -> u64 {
        self.0.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
    }
}

const ZIP64_IS_NOT_READ: &str = "zip64 is not read; a package has at most 4 GiB and 20000 entries";

/// Whether an end record at `at` with its comment ends inside `tail`.
fn ends_within(tail: &[u8], at: usize) -> bool {
    let record = Record(tail.get(at..).unwrap_or_default());
    at + END_BYTES + usize::from(record.u16(20)) <= tail.len()
}

struct End {
    entries: usize,
    directory_at: u64,
    directory_bytes: u64,
}

/// Reads and checks the directory and every local header.
pub(super) fn read(file: &mut File) -> Result<Vec<ZipEntry>, PackageError> {
    let length = file.seek(SeekFrom::End(0)).map_err(|e| PackageError::unreadable(&e))?;
    let end = read_end(file, length)?;
    let directory = read_at(file, end.directory_at, end.directory_bytes)?;
    let mut entries = Vec::new();
    let mut rest = directory.as_slice();
    for _ in 0..end.entries {
        let (entry, raw_name, after) = read_central(rest)?;
        rest = after;
        entries.push(check_local(file, entry, raw_name, end.directory_at)?);
    }
    if !rest.is_empty() {
        return Err(PackageError::whole("directory", "the directory is longer than its entries"));
    }
    check_tiling(file, &entries, end.directory_at)?;
    Ok(entries)
}

fn read_end(file: &mut File, length: u64) -> Result<End, PackageError> {
    let tail_bytes = length.min((END_BYTES + MAX_COMMENT) as u64);
    let tail_at = length - tail_bytes;
    let tail = read_at(file, tail_at, tail_bytes)?;
    let marks: Vec<usize> =
        tail.windows(END_MARK.len()).enumerate().filter(|(_, w)| *w == END_MARK).map(|(at, _)| at).collect();
    let fits = |at: &&usize| {
        let record = Record(tail.get(**at..).unwrap_or_default());
        **at + END_BYTES + usize::from(record.u16(20)) == tail.len() && record.0.len() >= END_BYTES
    };
    let mut fitting = marks.iter().filter(fits);
    let at = match (fitting.next(), fitting.next()) {
        (Some(at), None) => *at,
        (Some(_), Some(_)) => {
            return Err(PackageError::whole(
                "ambiguous-end",
                "its comment holds a second end of the directory",
            ));
        }
        (None, _) if marks.is_empty() => {
            return Err(PackageError::whole("not-a-zip", "it has no directory: no zip, or cut off"));
        }
        (None, _) if marks.iter().all(|at| ends_within(&tail, *at)) => {
            return Err(PackageError::whole("trailing-data", "data follows the end of the directory"));
        }
        (None, _) => {
            return Err(PackageError::whole("truncated", "the file is cut off inside its end record"));
        }
    };
    let before = at.checked_sub(LOCATOR64_BYTES).and_then(|from| tail.get(from..from + 4));
    if before == Some(LOCATOR64_MARK) {
        return Err(PackageError::whole("zip64", ZIP64_IS_NOT_READ));
    }
    let record = Record(tail.get(at..).unwrap_or_default());
    let (disk, directory_disk, here, entries) = (record.u16(4), record.u16(6), record.u16(8), record.u16(10));
    let (directory_bytes, directory_at) = (record.u32(12), record.u32(16));
    if entries == u16::MAX || directory_bytes == u32::MAX || directory_at == u32::MAX {
        return Err(PackageError::whole("zip64", ZIP64_IS_NOT_READ));
    }
    if disk != 0 || directory_disk != 0 || here != entries {
        return Err(PackageError::whole("multi-disk", "it is one part of several"));
    }
    if usize::from(entries) > MAX_ENTRIES {
        return Err(PackageError::whole(
            "entries",
            format!("it has {entries} entries; at most {MAX_ENTRIES}"),
        ));
    }
    let (directory_bytes, directory_at) = (u64::from(directory_bytes), u64::from(directory_at));
    if directory_bytes > MAX_DIRECTORY_BYTES {
        return Err(PackageError::whole("directory-size", "its directory is larger than 4 MiB"));
    }
    if directory_at + directory_bytes != tail_at + at as u64 {
        return Err(PackageError::whole("directory", "its directory is not where its end record says"));
    }
    Ok(End { entries: usize::from(entries), directory_at, directory_bytes })
}

/// Reads the record at the beginning of `rest`; returns it, its raw name and what follows.
fn read_central(rest: &[u8]) -> Result<(ZipEntry, &[u8], &[u8]), PackageError> {
    let cut = || PackageError::whole("directory", "its directory is cut off");
    let record = Record(rest.get(..CENTRAL_BYTES).ok_or_else(cut)?);
    if record.u32(0) != CENTRAL_MARK {
        return Err(PackageError::whole("directory", "its directory is damaged"));
    }
    let [name_bytes, extra_bytes, comment_bytes] = [28, 30, 32].map(|at| usize::from(record.u16(at)));
    let name = rest.get(CENTRAL_BYTES..CENTRAL_BYTES + name_bytes).ok_or_else(cut)?;
    let extra = rest.get(CENTRAL_BYTES + name_bytes..CENTRAL_BYTES + name_bytes + extra_bytes);
    let extra = extra.ok_or_else(cut)?;
    let after = rest.get(CENTRAL_BYTES + name_bytes + extra_bytes + comment_bytes..).ok_or_else(cut)?;
    let refuse = |rule, why: &str| Err(PackageError::raw_entry(rule, name, why));

    let (path, is_folder) = match check_path(name) {
        Ok(path) => path,
        Err(refused) => return refuse(refused.rule, refused.why),
    };
    let flags = record.u16(8);
    if flags & 0x2041 != 0 {
        return refuse("encrypted", "it is encrypted");
    }
    if flags & 0x0020 != 0 {
        return refuse("method", "it is a patch of another file");
    }
    let method = match record.u16(10) {
        0 => Method::Store,
        8 => Method::Deflate,
        _ => return refuse("method", "it is packed by a method other than store and deflate"),
    };
    let (packed, size, header_at) = (record.u32(20), record.u32(24), record.u32(42));
    if [packed, size, header_at].contains(&u32::MAX) {
        return refuse("zip64", "zip64 is not read; a file has at most 4 GiB");
    }
    if record.u16(34) != 0 {
        return refuse("multi-disk", "it lies in another part");
    }
    if has_other_name(extra, name) {
        return refuse("second-name", "an extra field gives it another name");
    }
    let attributes = record.u32(38);
    let executable = match check_mode(attributes >> 16, attributes & 0xff, is_folder) {
        Ok(executable) => executable,
        Err((rule, why)) => return refuse(rule, why),
    };
    if is_folder && size != 0 {
        return refuse("kind", "a folder holds data");
    }
    if method == Method::Store && packed != size {
        return refuse("size", "it is stored, but its two sizes differ");
    }
    let entry = ZipEntry {
        path: path.to_owned(),
        is_folder,
        executable,
        method,
        crc32: record.u32(16),
        packed: packed.into(),
        size: size.into(),
        data_at: 0,
        header_at: header_at.into(),
        has_descriptor: flags & 0x0008 != 0,
    };
    Ok((entry, name, after))
}

/// The extra fields as (kind, content); ends at the first one that is cut off.
fn extras(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let record = Record(rest.get(..4)?);
        let end = 4 + usize::from(record.u16(2));
        let content = rest.get(4..end)?;
        rest = rest.get(end..)?;
        Some((record.u16(0), content))
    })
}

/// Behind version and checksum stands the name.
fn has_other_name(extra: &[u8], name: &[u8]) -> bool {
    extras(extra).any(|(kind, content)| kind == EXTRA_UNICODE_PATH && content.get(5..) != Some(name))
}

/// Checks Unix mode and DOS attributes; returns whether the file is executable.
fn check_mode(mode: u32, dos: u32, is_folder: bool) -> Result<bool, (&'static str, &'static str)> {
    match mode & 0o170_000 {
        0 => {}
        0o100_000 if !is_folder => {}
        0o040_000 if is_folder => {}
        0o100_000 | 0o040_000 => return Err(("kind", "it is a file by one mark and a folder by another")),
        0o120_000 => return Err(("symlink", "it is a symbolic link")),
        _ => return Err(("special-file", "it is a device, pipe or socket")),
    }
    if mode & 0o7_000 != 0 {
        return Err(("special-mode", "it has a set-id or sticky mode"));
    }
    if dos & 0x08 != 0 {
        return Err(("special-file", "it is a volume label"));
    }
    if dos & 0x10 != 0 && !is_folder {
        return Err(("kind", "it is a file by one mark and a folder by another"));
    }
    Ok(mode & 0o100 != 0)
}

/// Compares the local header with the directory's record and finds the data.
fn check_local(
    file: &mut File,
    mut entry: ZipEntry,
    raw_name: &[u8],
    directory_at: u64,
) -> Result<ZipEntry, PackageError> {
    let refuse = |rule, why: &str| Err(PackageError::raw_entry(rule, raw_name, why));
    let fixed_end = entry.header_at + LOCAL_BYTES as u64;
    if fixed_end > directory_at {
        return refuse("local-header", "its header lies outside the file's data");
    }
    let fixed = read_at(file, entry.header_at, LOCAL_BYTES as u64)?;
    let local = Record(&fixed);
    if local.u32(0) != LOCAL_MARK {
        return refuse("local-header", "there is no header where the directory says");
    }
    let (name_bytes, extra_bytes) = (u64::from(local.u16(26)), u64::from(local.u16(28)));
    entry.data_at = fixed_end + name_bytes + extra_bytes;
    if entry.data_at + entry.packed > directory_at {
        return refuse("overlap", "its data runs into the directory");
    }
    if name_bytes != raw_name.len() as u64 || read_at(file, fixed_end, name_bytes)? != raw_name {
        return refuse("local-header", "it has another name in its own header");
    }
    let method = if entry.method == Method::Deflate { 8 } else { 0 };
    if local.u16(8) != method {
        return refuse("local-header", "it has another method in its own header");
    }
    let flags = local.u16(6);
    if flags & 0x2061 != 0 || (flags & 0x0008 != 0) != entry.has_descriptor {
        return refuse("local-header", "it has other flags in its own header");
    }
    let extra = read_at(file, fixed_end + name_bytes, extra_bytes)?;
    if has_other_name(&extra, raw_name) {
        return refuse("second-name", "an extra field gives it another name");
    }
    // Writers that do not know the sizes yet leave room for zip64 ones; here they must say the same.
    let mut large = extras(&extra).find(|(kind, _)| *kind == EXTRA_ZIP64).map(|(_, content)| content);
    let mut next_large = || {
        let (value, rest) = large.filter(|content| content.len() >= 8)?.split_at_checked(8)?;
        large = Some(rest);
        Some(Record(value).u64(0))
    };
    let (mut size, mut packed) = (u64::from(local.u32(22)), u64::from(local.u32(18)));
    for stated in [&mut size, &mut packed] {
        if *stated == u64::from(u32::MAX) {
            *stated = next_large().unwrap_or(*stated);
        }
    }
    // With a descriptor the header may leave the values out, as zero or as zip64's mark.
    let matches = |stated: u64, value: u64, optional: bool| {
        stated == value || (optional && (stated == 0 || stated == u64::from(u32::MAX)))
    };
    let optional = entry.has_descriptor;
    if !matches(local.u32(14).into(), entry.crc32.into(), optional)
        || !matches(packed, entry.packed, optional)
        || !matches(size, entry.size, optional)
    {
        return refuse("local-header", "it has another size or checksum in its own header");
    }
    Ok(entry)
}

/// Entries must follow one another without overlap and without room for anything else.
fn check_tiling(file: &mut File, entries: &[ZipEntry], directory_at: u64) -> Result<(), PackageError> {
    let mut order: Vec<&ZipEntry> = entries.iter().collect();
    order.sort_by_key(|entry| entry.header_at);
    let mut expected = 0;
    for (index, entry) in order.iter().enumerate() {
        if entry.header_at < expected {
            return Err(PackageError::entry("overlap", &entry.path, "it overlaps another entry"));
        }
        if entry.header_at > expected {
            let rule = if index == 0 { "prefix" } else { "hidden-data" };
            return Err(PackageError::entry(rule, &entry.path, "bytes that belong to no entry precede it"));
        }
        let data_end = entry.data_at + entry.packed;
        let next = order.get(index + 1).map_or(directory_at, |next| next.header_at);
        expected = if entry.has_descriptor {
            if next < data_end {
                return Err(PackageError::entry("overlap", &entry.path, "it overlaps another entry"));
            }
            check_descriptor(file, entry, data_end, next - data_end)?;
            next
        } else {
            data_end
        };
    }
    if expected != directory_at {
        let rule = if entries.is_empty() { "prefix" } else { "hidden-data" };
        return Err(PackageError::whole(rule, "bytes that belong to no entry precede its directory"));
    }
    Ok(())
}

/// Checksum and sizes behind the data, with or without their mark, in 32 or 64 bits.
fn check_descriptor(file: &mut File, entry: &ZipEntry, at: u64, bytes: u64) -> Result<(), PackageError> {
    let wrong =
        || PackageError::entry("hidden-data", &entry.path, "what follows its data is no descriptor of it");
    if !matches!(bytes, 12 | 16 | 20 | 24) {
        return Err(wrong());
    }
    let raw = read_at(file, at, bytes)?;
    let marked = matches!(bytes, 16 | 24);
    if marked && Record(&raw).u32(0) != DESCRIPTOR_MARK {
        return Err(wrong());
    }
    let fields = Record(raw.get(if marked { 4 } else { 0 }..).unwrap_or_default());
    let (packed, size) = if bytes >= 20 {
        (fields.u64(4), fields.u64(12))
    } else {
        (u64::from(fields.u32(4)), u64::from(fields.u32(8)))
    };
    if fields.u32(0) == entry.crc32 && packed == entry.packed && size == entry.size {
        Ok(())
    } else {
        Err(wrong())
    }
}

/// Reads a piece whose size the callers have bounded.
fn read_at(file: &mut File, at: u64, bytes: u64) -> Result<Vec<u8>, PackageError> {
    let mut piece = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
    file.seek(SeekFrom::Start(at)).map_err(|e| PackageError::unreadable(&e))?;
    file.take(bytes).read_to_end(&mut piece).map_err(|e| PackageError::unreadable(&e))?;
    if piece.len() as u64 == bytes {
        Ok(piece)
    } else {
        Err(PackageError::whole("truncated", "the file ends before its directory says"))
    }
}
