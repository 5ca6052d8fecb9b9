//! The results of many sub-tasks as one zip: a folder for each, called by its index.
//!
//! Entries are copied as they are packed, so memory does not grow with them. A sub-task's result comes from somebody
//! else's computer: one that is no plain zip is put in whole, as `INDEX/result.zip`.

use crate::error::PoolError;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// Entries of one sub-task's result beyond which it is put in whole.
const MOST_ENTRIES: u16 = 10_000;
/// Bytes of its directory beyond which it is.
const MOST_DIRECTORY: u32 = 4 << 20;
const END_BYTES: u64 = 22;

/// Writes the zip; says its SHA-256 and size. Blocks.
pub(crate) fn gather(parts: &[(u32, PathBuf)], into: &Path) -> Result<(String, u64), PoolError> {
    let file = File::create(into)?;
    let mut zip = ZipWriter::new(file);
    for (index, path) in parts {
        match plain(path) {
            Some(mut archive) => {
                for n in 0..archive.len() {
                    let entry = archive.by_index_raw(n).map_err(broken)?;
                    let name = format!("{index}/{}", entry.name().map_err(broken)?);
                    zip.raw_copy_file_rename(entry, name).map_err(broken)?;
                }
            }
            None => {
                let options = SimpleFileOptions::default()
                    .compression_method(CompressionMethod::Stored)
                    .last_modified_time(zip::DateTime::default())
                    .large_file(true);
                zip.start_file(format!("{index}/result.zip"), options).map_err(broken)?;
                io::copy(&mut File::open(path)?, &mut zip)?;
            }
        }
    }
    zip.finish().map_err(broken)?.sync_all()?;
    hash(into)
}

fn broken(error: zip::result::ZipError) -> PoolError {
    PoolError::Disk(io::Error::other(error))
}

fn hash(path: &Path) -> Result<(String, u64), PoolError> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut size = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((hex::encode(hash.finalize()), size));
        }
        hash.update(buffer.get(..read).unwrap_or_default());
        size += read as u64;
    }
}

/// The archive, when it is small in its directory, plain in its names and whole in its data.
fn plain(path: &Path) -> Option<ZipArchive<File>> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    if !has_small_directory(&mut file, length).ok()? {
        return None;
    }
    let mut archive = ZipArchive::new(file).ok()?;
    let mut names = HashSet::new();
    for n in 0..archive.len() {
        let entry = archive.by_index_raw(n).ok()?;
        let end = entry.data_start()?.checked_add(entry.compressed_size())?;
        let inside = entry.enclosed_name().is_some_and(|name| name.components().next().is_some());
        if !inside || end > length || entry.is_symlink() || entry.encrypted() {
            return None;
        }
        if !names.insert(entry.name().ok()?.trim_end_matches('/').to_owned()) {
            return None;
        }
    }
    Some(archive)
}

/// Whether the end record stands at the very end and names few entries: the library would read whatever it says.
fn has_small_directory(file: &mut File, length: u64) -> io::Result<bool> {
    if length < END_BYTES {
        return Ok(false);
    }
    file.seek(SeekFrom::Start(length - END_BYTES))?;
    let mut end = [0; END_BYTES as usize];
    file.read_exact(&mut end)?;
    file.rewind()?;
    let entries = u16::from_le_bytes([end[10], end[11]]);
    let directory = u32::from_le_bytes([end[12], end[13], end[14], end[15]]);
    Ok(end.starts_with(b"PK\x05\x06") && entries <= MOST_ENTRIES && directory <= MOST_DIRECTORY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn archive(path: &Path, entries: &[(&str, &[u8])]) {
        let mut zip = ZipWriter::new(File::create(path).unwrap());
        for (name, data) in entries {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(data).unwrap();
        }
        zip.finish().unwrap();
    }

    #[test]
    fn every_result_lies_in_the_folder_of_its_index_and_odd_ones_whole() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        archive(&at("a"), &[("sum.txt", b"12"), ("deep/er.bin", &[7; 100_000])]);
        archive(&at("b"), &[("../sum.txt", b"13")]);
        std::fs::write(at("c"), b"no zip at all").unwrap();
        let mut cut = std::fs::read(at("a")).unwrap();
        cut.drain(40..200);
        std::fs::write(at("d"), &cut).unwrap();
        let parts: Vec<_> = [(0, "a"), (3, "b"), (11, "c"), (12, "d")].map(|(n, name)| (n, at(name))).into();
        let (sha256, size) = gather(&parts, &at("out")).unwrap();
        assert_eq!(
            gather(&parts, &at("again")).unwrap(),
            (sha256.clone(), size),
            "equal outputs, equal hashes"
        );
        assert_eq!(size, std::fs::metadata(at("out")).unwrap().len());
        assert_eq!(sha256, hex::encode(Sha256::digest(std::fs::read(at("out")).unwrap())));
        let mut out = ZipArchive::new(File::open(at("out")).unwrap()).unwrap();
        let mut names: Vec<String> = out.file_names().map(|name| name.unwrap().into_owned()).collect();
        names.sort_unstable();
        assert_eq!(names, ["0/deep/er.bin", "0/sum.txt", "11/result.zip", "12/result.zip", "3/result.zip"]);
        let mut text = String::new();
        out.by_name("0/sum.txt").unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "12");
        let mut bytes = Vec::new();
        out.by_name("0/deep/er.bin").unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, [7; 100_000]);
        bytes.clear();
        out.by_name("11/result.zip").unwrap().read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, b"no zip at all");
    }
}
