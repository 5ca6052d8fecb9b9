//! Whether a ledger is as it was written. Needs nothing but the ledger and what tells its end: the file beside it, or the
//! last line of one that was exported.

use super::{FORMAT, Head, Heading, Judge, LONGEST, Receipt, hash, head_file};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// What a sound ledger says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verified {
    /// Rows.
    pub rows: u64,
    /// Sum of what was credited.
    pub credited_cpt: u64,
    /// The key that signed all of it, hexadecimal.
    pub key: String,
}

/// The first row that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("row {row} is broken: {why}")]
pub struct Broken {
    /// Number of the row; 0 is the heading, one more than the last is the end.
    pub row: u64,
    /// What is wrong.
    pub why: String,
}

fn broken(row: u64, why: impl Into<String>) -> Broken {
    Broken { row, why: why.into() }
}

/// Body, hash and signature of a line that fits the one before.
fn parts<'a>(row: u64, text: &'a str, before: &str) -> Result<(&'a str, &'a str, Vec<u8>), Broken> {
    let mut columns = text.split('\t');
    let (Some(body), Some(told), Some(signature), None) =
        (columns.next(), columns.next(), columns.next(), columns.next())
    else {
        return Err(broken(row, "it has not three columns"));
    };
    if hash(before, body) != told {
        return Err(broken(row, "its hash does not fit its text and the row before"));
    }
    // Upper-case digits would be the same bytes in another spelling.
    let bytes = hex::decode(signature).ok().filter(|bytes| hex::encode(bytes) == signature);
    Ok((body, told, bytes.ok_or_else(|| broken(row, "its signature is no number"))?))
}

/// Looks at every byte of the ledger, of this computer or exported by another.
///
/// # Errors
/// Outer: a file cannot be read. Inner: the first broken row.
pub fn verify(path: &Path, judge: Judge<'_>) -> io::Result<Result<Verified, Broken>> {
    // It may lie anywhere and be anybody's, but opening a pipe would wait for its other end.
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("it is no ordinary file"));
    }
    let text = std::fs::read(path)?;
    let mut beside = None;
    match File::open(head_file(path)) {
        Ok(file) => drop(file.take(LONGEST).read_to_end(beside.insert(Vec::new()))?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let (rows, inside) = apart(&text);
    let ends: Vec<&[u8]> = inside.into_iter().chain(beside.as_deref()).collect();
    Ok(examine(rows, &ends, judge))
}

/// The rows, and the last line where that tells the end, as in an exported ledger.
fn apart(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let Some(whole) = text.strip_suffix(b"\n") else { return (text, None) };
    let from = whole.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let body = whole[from..].split(|byte| *byte == b'\t').next().unwrap_or_default();
    // No receipt has the names of an end, nor has the heading.
    match serde_json::from_slice::<Head>(body) {
        Ok(_) => (&text[..from], Some(&text[from..])),
        Err(_) => (text, None),
    }
}

/// The rows against each end that there is.
fn examine(ledger: &[u8], ends: &[&[u8]], judge: Judge<'_>) -> Result<Verified, Broken> {
    let mut found = Verified::default();
    let mut key = Vec::new();
    let mut before = String::new();
    let mut hashes = Vec::new();
    let mut lines = ledger.split_inclusive(|byte| *byte == b'\n');
    for row in 0.. {
        let Some(line) = lines.next() else { break };
        let Some(line) = line.strip_suffix(b"\n") else { return Err(broken(row, "it is cut short")) };
        let text = std::str::from_utf8(line).map_err(|_| broken(row, "it is no text"))?;
        let (body, told, signature) = parts(row, text, &before)?;
        if row == 0 {
            let heading: Heading =
                serde_json::from_str(body).map_err(|_| broken(0, "the heading cannot be read"))?;
            if heading.ledger != FORMAT {
                return Err(broken(0, "it is no ledger of this version"));
            }
            key = hex::decode(&heading.key).map_err(|_| broken(0, "the key is no number"))?;
            found.key = heading.key;
        } else {
            let receipt: Receipt =
                serde_json::from_str(body).map_err(|_| broken(row, "the receipt cannot be read"))?;
            if receipt.row != row {
                return Err(broken(row, format!("it says that it is row {}", receipt.row)));
            }
            found.rows = row;
            found.credited_cpt = found.credited_cpt.saturating_add(receipt.credited_cpt);
        }
        if !judge(&key, told.as_bytes(), &signature) {
            return Err(broken(row, "its signature is not by the key of the heading"));
        }
        told.clone_into(&mut before);
        hashes.push(before.clone());
    }
    if hashes.is_empty() {
        return Err(broken(0, "the heading is missing"));
    }
    if ends.is_empty() {
        return Err(broken(found.rows + 1, MISSING));
    }
    ends.iter().try_for_each(|head| end(head, &key, &hashes, judge, found.rows))?;
    Ok(found)
}

/// What is said where nothing tells the end.
const MISSING: &str = "the line that tells the end is missing or cut";

/// The rows must reach at least as far as the end says; a crash leaves its file one row behind.
fn end(head: &[u8], key: &[u8], hashes: &[String], judge: Judge<'_>, rows: u64) -> Result<(), Broken> {
    let after = rows + 1;
    let wrong = |why: &str| broken(after, why);
    let line = head.strip_suffix(b"\n").ok_or_else(|| wrong(MISSING))?;
    let text = std::str::from_utf8(line).map_err(|_| wrong("the line that tells the end is no text"))?;
    let (body, told, signature) = parts(after, text, "head")?;
    let head: Head = serde_json::from_str(body).map_err(|_| wrong("the end cannot be read"))?;
    if !judge(key, told.as_bytes(), &signature) {
        return Err(wrong("the end is not signed by the key of the heading"));
    }
    let at = usize::try_from(head.rows).unwrap_or(usize::MAX);
    match hashes.get(at) {
        None => Err(wrong(&format!("{} rows were written, the rest is gone", head.rows))),
        Some(hash) if *hash != head.hash => Err(broken(head.rows, "the end tells another hash")),
        Some(_) if rows > head.rows + 1 => Err(broken(head.rows + 2, "rows were added after the end")),
        Some(_) => Ok(()),
    }
}
