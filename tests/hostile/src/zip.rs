//! Zips built byte by byte: every field of every record is open to lies.

use std::io::Write as _;

/// One entry.
#[derive(Debug, Clone)]
pub struct Entry {
    pub name: Vec<u8>,
    /// Name in the entry's own header, where it differs.
    pub local_name: Option<Vec<u8>>,
    /// As it lies in the file.
    pub data: Vec<u8>,
    pub method: u16,
    pub local_method: Option<u16>,
    pub flags: u16,
    pub local_flags: Option<u16>,
    pub crc: u32,
    pub local_crc: Option<u32>,
    pub packed: u32,
    pub local_packed: Option<u32>,
    pub size: u32,
    pub local_size: Option<u32>,
    pub made_by: u16,
    pub needed: u16,
    pub attributes: u32,
    pub internal: u16,
    pub disk: u16,
    /// Place of its header, where it lies about it.
    pub header_at: Option<u32>,
    pub local_mark: [u8; 4],
    pub central_mark: [u8; 4],
    /// Extra fields of its own header.
    pub extra: Vec<u8>,
    pub local_extra_bytes: Option<u16>,
    /// Extra fields of the directory's record.
    pub central_extra: Vec<u8>,
    pub central_extra_bytes: Option<u16>,
    pub central_name_bytes: Option<u16>,
    pub local_name_bytes: Option<u16>,
    /// Comment in the directory.
    pub comment: Vec<u8>,
    pub comment_bytes: Option<u16>,
    /// What lies behind its data, a descriptor for example.
    pub after: Vec<u8>,
    /// Neither header nor data is written: only the directory's record.
    pub only_listed: bool,
    /// Only header and data are written: the directory does not know it.
    pub unlisted: bool,
}

/// A stored file.
pub fn stored(name: impl AsRef<[u8]>, data: &[u8]) -> Entry {
    let size = data.len() as u32;
    Entry {
        name: name.as_ref().to_vec(),
        local_name: None,
        data: data.to_vec(),
        method: 0,
        local_method: None,
        flags: 0x0800,
        local_flags: None,
        crc: crc32fast::hash(data),
        local_crc: None,
        packed: size,
        local_packed: None,
        size,
        local_size: None,
        made_by: 0x0314,
        needed: 20,
        attributes: 0o100_644 << 16,
        internal: 0,
        disk: 0,
        header_at: None,
        local_mark: *b"PK\x03\x04",
        central_mark: *b"PK\x01\x02",
        extra: Vec::new(),
        local_extra_bytes: None,
        central_extra: Vec::new(),
        central_extra_bytes: None,
        central_name_bytes: None,
        local_name_bytes: None,
        comment: Vec::new(),
        comment_bytes: None,
        after: Vec::new(),
        only_listed: false,
        unlisted: false,
    }
}

/// A deflated file.
pub fn deflated(name: impl AsRef<[u8]>, data: &[u8]) -> Entry {
    let packed = deflate(data);
    Entry {
        method: 8,
        crc: crc32fast::hash(data),
        size: data.len() as u32,
        packed: packed.len() as u32,
        data: packed,
        ..stored(name, b"")
    }
}

/// Deflate's stream of `data`.
pub fn deflate(data: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(data).expect("packed");
    packer.finish().expect("packed")
}

/// A folder; the name ends in a slash.
pub fn folder(name: impl AsRef<[u8]>) -> Entry {
    Entry { attributes: 0o040_755 << 16 | 0x10, ..stored(name, b"") }
}

/// An entry file.
pub fn main_py() -> Entry {
    stored("main.py", b"print(1)\n")
}

/// The archive's end.
#[derive(Debug, Clone, Default)]
pub struct End {
    pub prefix: Vec<u8>,
    pub before_directory: Vec<u8>,
    pub after_directory: Vec<u8>,
    pub entries: Option<u16>,
    pub entries_here: Option<u16>,
    pub disk: u16,
    pub directory_disk: Option<u16>,
    pub directory_bytes: Option<u32>,
    pub directory_at: Option<u32>,
    pub mark: Option<[u8; 4]>,
    pub comment: Vec<u8>,
    pub comment_bytes: Option<u16>,
    pub trailing: Vec<u8>,
}

/// Where the pieces of a zip lie, for cuts.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Name of a piece and where it begins.
    pub begins: Vec<(String, usize)>,
    /// Length of the whole.
    pub length: usize,
}

/// Appends little-endian 16 bits.
pub fn le16(zip: &mut Vec<u8>, value: u16) {
    zip.extend_from_slice(&value.to_le_bytes());
}

/// Appends little-endian 32 bits.
pub fn le32(zip: &mut Vec<u8>, value: u32) {
    zip.extend_from_slice(&value.to_le_bytes());
}

/// Appends little-endian 64 bits.
pub fn le64(zip: &mut Vec<u8>, value: u64) {
    zip.extend_from_slice(&value.to_le_bytes());
}

/// An extra field.
pub fn extra(kind: u16, content: &[u8]) -> Vec<u8> {
    let mut field = Vec::new();
    le16(&mut field, kind);
    le16(&mut field, content.len() as u16);
    field.extend_from_slice(content);
    field
}

/// A descriptor that tells the truth about `entry`.
pub fn descriptor(entry: &Entry) -> Vec<u8> {
    let mut after = b"PK\x07\x08".to_vec();
    for field in [entry.crc, entry.packed, entry.size] {
        le32(&mut after, field);
    }
    after
}

/// The zip's bytes.
pub fn zip(entries: &[Entry], end: &End) -> Vec<u8> {
    zip_with_places(entries, end).0
}

/// The zip's bytes, and where its pieces lie.
pub fn zip_with_places(entries: &[Entry], end: &End) -> (Vec<u8>, Places) {
    let mut places = Places::default();
    let mut zip = end.prefix.clone();
    let mut directory = Vec::new();
    let mut listed = 0_u16;
    let mut central_at = Vec::new();
    for (number, entry) in entries.iter().enumerate() {
        let at = zip.len() as u32;
        if !entry.only_listed {
            places.begins.push((format!("header {number}"), zip.len()));
            local(&mut zip, entry, number, &mut places);
        }
        if !entry.unlisted {
            listed = listed.wrapping_add(1);
            central_at.push((number, directory.len()));
            central(&mut directory, entry, at);
        }
    }
    zip.extend_from_slice(&end.before_directory);
    let directory_at = zip.len();
    for (number, at) in central_at {
        places.begins.push((format!("record {number}"), directory_at + at));
    }
    zip.extend_from_slice(&directory);
    zip.extend_from_slice(&end.after_directory);
    places.begins.push(("end".to_owned(), zip.len()));
    zip.extend_from_slice(&end.mark.unwrap_or(*b"PK\x05\x06"));
    le16(&mut zip, end.disk);
    le16(&mut zip, end.directory_disk.unwrap_or(end.disk));
    let count = end.entries.unwrap_or(listed);
    le16(&mut zip, end.entries_here.unwrap_or(count));
    le16(&mut zip, count);
    le32(&mut zip, end.directory_bytes.unwrap_or(directory.len() as u32));
    le32(&mut zip, end.directory_at.unwrap_or(directory_at as u32));
    le16(&mut zip, end.comment_bytes.unwrap_or(end.comment.len() as u16));
    if !end.comment.is_empty() {
        places.begins.push(("comment".to_owned(), zip.len()));
    }
    zip.extend_from_slice(&end.comment);
    zip.extend_from_slice(&end.trailing);
    places.length = zip.len();
    (zip, places)
}

fn local(zip: &mut Vec<u8>, entry: &Entry, number: usize, places: &mut Places) {
    let name = entry.local_name.as_ref().unwrap_or(&entry.name);
    zip.extend_from_slice(&entry.local_mark);
    le16(zip, entry.needed);
    le16(zip, entry.local_flags.unwrap_or(entry.flags));
    le16(zip, entry.local_method.unwrap_or(entry.method));
    le32(zip, 0x0021_0000);
    le32(zip, entry.local_crc.unwrap_or(entry.crc));
    le32(zip, entry.local_packed.unwrap_or(entry.packed));
    le32(zip, entry.local_size.unwrap_or(entry.size));
    le16(zip, entry.local_name_bytes.unwrap_or(name.len() as u16));
    le16(zip, entry.local_extra_bytes.unwrap_or(entry.extra.len() as u16));
    places.begins.push((format!("name {number}"), zip.len()));
    zip.extend_from_slice(name);
    zip.extend_from_slice(&entry.extra);
    places.begins.push((format!("data {number}"), zip.len()));
    zip.extend_from_slice(&entry.data);
    if !entry.after.is_empty() {
        places.begins.push((format!("descriptor {number}"), zip.len()));
    }
    zip.extend_from_slice(&entry.after);
}

fn central(directory: &mut Vec<u8>, entry: &Entry, at: u32) {
    directory.extend_from_slice(&entry.central_mark);
    le16(directory, entry.made_by);
    le16(directory, entry.needed);
    le16(directory, entry.flags);
    le16(directory, entry.method);
    le32(directory, 0x0021_0000);
    le32(directory, entry.crc);
    le32(directory, entry.packed);
    le32(directory, entry.size);
    le16(directory, entry.central_name_bytes.unwrap_or(entry.name.len() as u16));
    le16(directory, entry.central_extra_bytes.unwrap_or(entry.central_extra.len() as u16));
    le16(directory, entry.comment_bytes.unwrap_or(entry.comment.len() as u16));
    le16(directory, entry.disk);
    le16(directory, entry.internal);
    le32(directory, entry.attributes);
    le32(directory, entry.header_at.unwrap_or(at));
    directory.extend_from_slice(&entry.name);
    directory.extend_from_slice(&entry.central_extra);
    directory.extend_from_slice(&entry.comment);
}

/// The zip64 end record and its locator.
pub fn end64(entries: u64, directory_bytes: u64, directory_at: u64, record_at: u64) -> Vec<u8> {
    let mut record = b"PK\x06\x06".to_vec();
    le64(&mut record, 44);
    le16(&mut record, 45);
    le16(&mut record, 45);
    le32(&mut record, 0);
    le32(&mut record, 0);
    for field in [entries, entries, directory_bytes, directory_at] {
        le64(&mut record, field);
    }
    record.extend_from_slice(b"PK\x06\x07");
    le32(&mut record, 0);
    le64(&mut record, record_at);
    le32(&mut record, 1);
    record
}
