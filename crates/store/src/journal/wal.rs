//! The write-ahead log after a crash.
//!
//! SQLite reads the log up to the first frame whose checksum is wrong and drops the rest without a word. Where that
//! frame belongs to the last commit, the power went before anybody was told of it. Where more follows, the disk has
//! changed what was already safe, and that must not pass in silence.
//!
//! Format: <https://www.sqlite.org/fileformat2.html#walformat>.

use super::rescue::with_suffix;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// Whether the log of the database at `path` has a broken place with written frames behind it.
pub(super) fn torn(path: &Path) -> io::Result<bool> {
    let file = match File::open(with_suffix(path, "-wal")) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(e),
    };
    let length = file.metadata()?.len();
    if length < (HEADER + FRAME_HEADER) as u64 {
        return Ok(false);
    }
    let mut log = BufReader::with_capacity(1 << 16, file);
    let mut header = [0; HEADER];
    log.read_exact(&mut header)?;
    let big_endian = match be(&header, 0) {
        0x377f_0682 => false,
        0x377f_0683 => true,
        // SQLite ignores a log with a broken header: its commits would be lost.
        _ => return Ok(true),
    };
    let page = be(&header, 8) as usize;
    let mut sum = checksum(&header[..24], (0, 0), big_endian);
    if sum != (be(&header, 24), be(&header, 28)) || !(512..=65_536).contains(&page) || !page.is_power_of_two()
    {
        return Ok(true);
    }
    let salt = (be(&header, 16), be(&header, 20));
    let mut frame = vec![0; FRAME_HEADER + page];
    let (mut broken, mut committed) = (false, false);
    while log.read_exact(&mut frame).is_ok() {
        let ours = (be(&frame, 8), be(&frame, 12)) == salt;
        let commit = ours && be(&frame, 4) != 0;
        if broken {
            // One commit may have been on its way when the power went, and the disk writes its frames in any order. A
            // frame behind that commit was written after the commit was safe.
            if ours && committed {
                return Ok(true);
            }
            committed |= commit;
            continue;
        }
        let next = checksum(&frame[FRAME_HEADER..], checksum(&frame[..8], sum, big_endian), big_endian);
        if ours && next == (be(&frame, 16), be(&frame, 20)) {
            sum = next;
        } else {
            (broken, committed) = (true, commit);
        }
    }
    Ok(false)
}

fn be(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes)
}

fn checksum(bytes: &[u8], start: (u32, u32), big_endian: bool) -> (u32, u32) {
    bytes.chunks_exact(8).fold(start, |(a, b), pair| {
        let word = |at: usize| {
            let word = be(pair, at);
            if big_endian { word } else { word.swap_bytes() }
        };
        let a = a.wrapping_add(word(0)).wrapping_add(b);
        (a, b.wrapping_add(word(4)).wrapping_add(a))
    })
}
