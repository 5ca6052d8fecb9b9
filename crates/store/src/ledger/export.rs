//! The ledger as one file for another computer: its lines, and behind them the signed line that tells their end.
//!
//! The worker may write meanwhile. The end is read first, and what it tells is on disk since before it was written; so
//! the lines up to there are whole, and what is added later is left for another time. Nothing is signed here: whoever may
//! read the ledger can give it away without its key.

use super::{Head, LONGEST, head_file};
use crate::own_file;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// A part of an exported ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// Whole lines.
    pub text: String,
    /// Where the next part begins; nothing after the last one.
    pub next: Option<u64>,
    /// Rows that the end tells of.
    pub rows: u64,
}

/// The lines from byte `from` on, until there are `enough` bytes of them; the last part ends with the end. All parts
/// behind one another, the first from 0 and each other from the `next` of the one before, are the file.
///
/// # Errors
/// [`io::ErrorKind::InvalidInput`] when no line begins at `from`; [`io::ErrorKind::InvalidData`] when the end is missing
/// or rows before it are; else when a file cannot be read.
pub fn export(path: &Path, from: u64, enough: usize) -> io::Result<Exported> {
    let (end, head) = end(path)?;
    let mut file = own_file::read(path)?;
    begin(&mut file, from)?;
    let mut reader = BufReader::new(file);
    let (mut text, mut next) = (String::new(), from);
    while text.len() < enough {
        let mut line = Vec::new();
        next += reader.by_ref().take(LONGEST).read_until(b'\n', &mut line)? as u64;
        if line.last() != Some(&b'\n') {
            return Err(gone("rows before the end of the ledger are missing"));
        }
        // Bytes that are no text become marks, which no hash fits: the copy is as broken as the ledger.
        let line = String::from_utf8_lossy(&line);
        text.push_str(&line);
        if line.trim_end().split('\t').nth(1) == Some(head.hash.as_str()) {
            text.push_str(&end);
            return Ok(Exported { text, next: None, rows: head.rows });
        }
    }
    Ok(Exported { text, next: Some(next), rows: head.rows })
}

/// Goes to the line that begins at `from`.
fn begin(file: &mut std::fs::File, from: u64) -> io::Result<()> {
    let Some(before) = from.checked_sub(1) else { return Ok(()) };
    file.seek(SeekFrom::Start(before))?;
    let mut byte = [0];
    match file.read_exact(&mut byte) {
        Ok(()) if byte == *b"\n" => Ok(()),
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "no line of the ledger begins there")),
    }
}

/// The line that tells the end, and what it says.
fn end(path: &Path) -> io::Result<(String, Head)> {
    let mut line = String::new();
    own_file::read(&head_file(path))?.take(LONGEST).read_to_string(&mut line)?;
    let body = line.strip_suffix('\n').and_then(|whole| whole.split('\t').next());
    match body.map(serde_json::from_str::<Head>) {
        Some(Ok(head)) => Ok((line, head)),
        _ => Err(gone("the line that tells the end is missing or cut")),
    }
}

fn gone(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
