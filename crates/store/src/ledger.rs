//! Receipts: one line for each attempt that was credited, chained by hashes and signed.
//!
//! A line is the receipt as JSON, its hash and its signature, with tabs between. The hash covers the hash of the line
//! before and the receipt; the signature covers the hash. The first line is the heading, with the public key. A small
//! file beside it says how many lines there are and what the last hash is, signed too, so that a ledger that was cut
//! short is found out; an exported ledger carries it as its last line. Whoever has the key can write another ledger; nobody else can change a byte unnoticed.

use crate::{durable, own_file};
use hivemind_domain::text::plain_line;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

mod check;
mod export;
pub use check::{Broken, Verified, verify};
pub use export::{Exported, export};

/// The longest line that is read, in bytes.
const LONGEST: u64 = 16 * 1024;

/// Makes signatures, and tells by which key.
pub trait Seal: Send + Sync {
    /// The public key, hexadecimal.
    fn key(&self) -> String;
    /// A signature.
    ///
    /// # Errors
    /// When the key cannot be used.
    fn sign(&self, message: &[u8]) -> io::Result<Vec<u8>>;
}

/// Whether a signature of a message is by a key.
pub type Judge<'a> = &'a dyn Fn(&[u8], &[u8], &[u8]) -> bool;

/// What is written down about one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Receipt {
    /// Number of the row, from 1.
    pub row: u64,
    /// Written at, in milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The pool's address.
    pub pool: String,
    /// The task.
    pub task_id: String,
    /// The attempt.
    pub attempt: u32,
    /// Ended at.
    pub ended_at_ms: i64,
    /// How it ended.
    pub verdict: String,
    /// Our own estimate.
    pub estimated_cpt: u64,
    /// The pool's word.
    pub credited_cpt: u64,
    /// Whether the pool's ledger had moved it for good.
    pub settled: bool,
    /// SHA-256 of the outputs, hexadecimal; empty for none.
    pub result_sha256: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Heading {
    ledger: String,
    key: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    rows: u64,
    hash: String,
}

/// Name and version of the format.
const FORMAT: &str = "hivemind-receipts-1";

fn hash(before: &str, body: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(before.as_bytes());
    digest.update([0]);
    digest.update(body.as_bytes());
    hex::encode(digest.finalize())
}

fn line(seal: &dyn Seal, before: &str, body: &str) -> io::Result<(String, String)> {
    let hash = hash(before, body);
    let signature = hex::encode(seal.sign(hash.as_bytes())?);
    Ok((format!("{body}\t{hash}\t{signature}\n"), hash))
}

fn head_file(path: &Path) -> PathBuf {
    path.with_extension("head")
}

/// The ledger of this computer, to be added to.
pub struct Ledger {
    path: PathBuf,
    seal: Box<dyn Seal>,
    rows: u64,
    last: String,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").field("path", &self.path).field("rows", &self.rows).finish_non_exhaustive()
    }
}

impl Ledger {
    /// Opens or begins the ledger. An unfinished last line, as a crash leaves it, is taken away; nothing else is ever
    /// changed, whatever it looks like: `verify` is there to tell.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn open(path: &Path, seal: Box<dyn Seal>) -> io::Result<Self> {
        if path.symlink_metadata().is_err() {
            let heading = Heading { ledger: FORMAT.to_owned(), key: seal.key() };
            let (line, _) = line(seal.as_ref(), "", &serde_json::to_string(&heading)?)?;
            durable::replace(path, line.as_bytes())?;
        }
        let (rows, last, whole) = tail(path)?;
        if whole < path.metadata()?.len() {
            own_file::open(File::options().write(true), path)?.set_len(whole)?;
        }
        let ledger = Self { path: path.to_owned(), seal, rows, last };
        ledger.write_head()?;
        Ok(ledger)
    }

    /// Adds a receipt; returns when it is on disk.
    ///
    /// # Errors
    /// When it cannot be written; the ledger is as it was then.
    pub fn add(&mut self, receipt: &Receipt) -> io::Result<()> {
        let receipt = Receipt {
            row: self.rows + 1,
            pool: plain_line(&receipt.pool, 512),
            task_id: plain_line(&receipt.task_id, 256),
            ..receipt.clone()
        };
        let (text, hash) = line(self.seal.as_ref(), &self.last, &serde_json::to_string(&receipt)?)?;
        let mut file = own_file::open(File::options().append(true), &self.path)?;
        let before = file.metadata()?.len();
        if let Err(error) = file.write_all(text.as_bytes()).and_then(|()| file.sync_data()) {
            file.set_len(before)?;
            return Err(error);
        }
        self.rows += 1;
        self.last = hash;
        self.write_head()
    }

    /// Rows, the heading not counted.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Task and attempt of every row.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn each(&self, mut tell: impl FnMut(&str, u32)) -> io::Result<()> {
        each_line(&self.path, |text, _| {
            let body = text.split('\t').next().unwrap_or_default();
            if let Ok(receipt) = serde_json::from_str::<Receipt>(body) {
                tell(&receipt.task_id, receipt.attempt);
            }
            true
        })
    }

    fn write_head(&self) -> io::Result<()> {
        let head = Head { rows: self.rows, hash: self.last.clone() };
        let (line, _) = line(self.seal.as_ref(), "head", &serde_json::to_string(&head)?)?;
        durable::replace(&head_file(&self.path), line.as_bytes())
    }
}

/// Rows, the last whole line's hash, and the bytes up to its end.
fn tail(path: &Path) -> io::Result<(u64, String, u64)> {
    let (mut lines, mut last, mut whole) = (0_u64, String::new(), 0_u64);
    each_line(path, |text, length| {
        lines += 1;
        whole += length;
        last = text.split('\t').nth(1).unwrap_or_default().to_owned();
        true
    })?;
    Ok((lines.saturating_sub(1), last, whole))
}

/// Gives every whole line and its length in bytes, until `take` says no. What follows the last line break is left out.
fn each_line(path: &Path, mut take: impl FnMut(&str, u64) -> bool) -> io::Result<()> {
    let mut reader = BufReader::new(own_file::read(path)?);
    loop {
        let mut bytes = Vec::new();
        let read = reader.by_ref().take(LONGEST).read_until(b'\n', &mut bytes)?;
        if bytes.pop() != Some(b'\n') {
            return Ok(());
        }
        // Bytes that are no text become marks, which no hash fits.
        if !take(&String::from_utf8_lossy(&bytes), read as u64) {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests;
