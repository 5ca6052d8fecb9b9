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
/// A disk writes so much whole or not at all.
const SECTOR: u64 = 512;

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
    let (mut at, mut before) = (HEADER as u64, sum);
    while log.read_exact(&mut frame).is_ok() {
        let ours = (be(&frame, 8), be(&frame, 12)) == salt;
        let told = (be(&frame, 16), be(&frame, 20));
        // Where a sector ends between the mark of a commit and the salt, the salt may be new and the mark an old one.
        // There the mark is believed when the frame is what was written behind its predecessor.
        let torn_mark = (at + 8).is_multiple_of(SECTOR) && told != chain(&frame, before, big_endian);
        let commit = ours && be(&frame, 4) != 0 && !torn_mark;
        (at, before) = (at + frame.len() as u64, told);
        if broken {
            // One commit may have been on its way when the power went, and the disk writes its frames in any order. A
            // frame behind that commit was written after the commit was safe.
            if ours && committed {
                return Ok(true);
            }
            committed |= commit;
            continue;
        }
        let next = chain(&frame, sum, big_endian);
        if ours && next == told {
            sum = next;
        } else {
            (broken, committed) = (true, commit);
        }
    }
    Ok(false)
}

/// The checksum that a frame tells when that of the frame before it is `before`.
fn chain(frame: &[u8], before: (u32, u32), big_endian: bool) -> (u32, u32) {
    checksum(&frame[FRAME_HEADER..], checksum(&frame[..8], before, big_endian), big_endian)
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

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 512;
    const SALT: (u32, u32) = (7, 8);

    /// A log of frames with these commit marks, every checksum right.
    fn log(marks: &[u32]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for word in [0x377f_0683, 3_007_000, 512, 0, SALT.0, SALT.1] {
            bytes.extend(u32::to_be_bytes(word));
        }
        let mut sum = checksum(&bytes, (0, 0), true);
        bytes.extend([sum.0.to_be_bytes(), sum.1.to_be_bytes()].concat());
        for (n, mark) in (1_u32..).zip(marks) {
            let mut frame: Vec<u8> = [n, *mark, SALT.0, SALT.1, 0, 0].map(u32::to_be_bytes).concat();
            frame.resize(FRAME_HEADER + PAGE, n.to_le_bytes()[0]);
            sum = chain(&frame, sum, true);
            frame[16..24].copy_from_slice(&[sum.0.to_be_bytes(), sum.1.to_be_bytes()].concat());
            bytes.extend(frame);
        }
        bytes
    }

    fn is_torn(bytes: &[u8]) -> bool {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        std::fs::write(with_suffix(&path, "-wal"), bytes).unwrap();
        torn(&path).unwrap()
    }

    fn at(frame: usize) -> usize {
        HEADER + frame * (FRAME_HEADER + PAGE)
    }

    #[test]
    fn an_old_mark_beside_a_new_salt_is_no_commit() {
        // Frame 41 is the first whose mark and salt lie in two sectors.
        assert_eq!((at(41) + 8) % 512, 0);
        let mut marks = vec![1; 40];
        marks.extend([0, 0, 0, 1]);
        let mut bytes = log(&marks);
        bytes[at(40) + 30] ^= 1;
        bytes[at(41)..at(41) + 8].copy_from_slice(&[0, 0, 0, 43, 0, 0, 0, 43]);
        bytes.truncate(at(43));
        assert!(!is_torn(&bytes), "one commit was on its way when the power went");
    }

    #[test]
    fn a_change_before_a_later_commit_is_damage_wherever_it_lies() {
        let marks = [1; 50];
        assert!(!is_torn(&log(&marks)));
        for frame in 0..48 {
            let mut bytes = log(&marks);
            bytes[at(frame) + FRAME_HEADER + 5] ^= 1;
            assert!(is_torn(&bytes), "frame {frame}");
        }
        let mut bytes = log(&marks);
        bytes[at(49) + FRAME_HEADER + 5] ^= 1;
        assert!(!is_torn(&bytes), "the last commit may not have been told");
    }
}
