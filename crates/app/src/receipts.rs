//! Receipts: what the pool credited, written down once for each attempt; `hivemind-worker verify-ledger` and `receipts`.
//!
//! The key is Ed25519, made once, in a file that only this user can read. Verifying needs the ledger alone.

use crate::cli::Cli;
use crate::words::words;
use crate::{output, process};
use anyhow::Context;
use hivemind_control::{Control, HistoryQuery, Snapshot, TaskRef, TaskView};
use hivemind_store::{Ledger, Receipt, Seal, verify};
use hivemind_worker_core::port::Clock;
use rustls::SignatureScheme;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::sign::SigningKey;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

mod export;
pub(crate) use export::{part, run as export};

/// What stands before the 32 secret bytes of an Ed25519 key (RFC 8410).
const PKCS8_HEAD: [u8; 16] = [48, 46, 2, 1, 0, 48, 5, 6, 3, 43, 101, 112, 4, 34, 4, 32];
/// Attempts of one look into the history.
const PAGE: u32 = 200;

/// The ledger below a data folder.
pub(crate) fn file(data: &Path) -> PathBuf {
    data.join("receipts.ledger")
}

struct Ed25519(Arc<dyn SigningKey>);

impl Ed25519 {
    /// Reads the key, or makes it.
    fn open(path: &Path) -> io::Result<Self> {
        let seed = hivemind_store::secret_seed(path)?;
        let der = [PKCS8_HEAD.as_slice(), seed.as_slice()].concat();
        let key = rustls::crypto::ring::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(der));
        key.map(Self).map_err(|error| io::Error::other(error.to_string()))
    }
}

impl Seal for Ed25519 {
    fn key(&self) -> String {
        // The key itself is the end of its own description.
        let described = self.0.public_key().map(|described| described.as_ref().to_vec()).unwrap_or_default();
        hex::encode(&described[described.len().saturating_sub(32)..])
    }

    fn sign(&self, message: &[u8]) -> io::Result<Vec<u8>> {
        let signer = self.0.choose_scheme(&[SignatureScheme::ED25519]);
        let signer = signer.ok_or_else(|| io::Error::other("the key cannot sign"))?;
        signer.sign(message).map_err(|error| io::Error::other(error.to_string()))
    }
}

/// Whether `signature` of `message` is by `key`.
pub(crate) fn judge(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let provider = rustls::crypto::ring::default_provider();
    let known = provider.signature_verification_algorithms.mapping;
    let ways = known.iter().find(|(scheme, _)| *scheme == SignatureScheme::ED25519).map(|(_, ways)| *ways);
    ways.unwrap_or_default().iter().any(|way| way.verify_signature(key, message, signature).is_ok())
}

/// A short name of an attempt.
fn short(task_id: &str, attempt: u32) -> u64 {
    let digest = Sha256::digest(format!("{task_id}/{attempt}"));
    digest.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
}

struct Keeper {
    ledger: Arc<Mutex<Ledger>>,
    known: HashSet<u64>,
    /// Attempts that were not settled at the last look, however long ago they were accepted.
    open: Vec<TaskRef>,
    /// Whether every attempt before the last look was looked at.
    looked: bool,
    clock: Arc<dyn Clock>,
}

impl Keeper {
    fn open(data: &Path, clock: Arc<dyn Clock>) -> io::Result<Self> {
        let ledger = Ledger::open(&file(data), Box::new(Ed25519::open(&data.join("receipts.key"))?))?;
        let mut known = HashSet::new();
        ledger.each(|task_id, attempt| {
            known.insert(short(task_id, attempt));
        })?;
        Ok(Self { ledger: Arc::new(Mutex::new(ledger)), known, open: Vec::new(), looked: false, clock })
    }

    /// Writes down what is settled and was not, the oldest first.
    async fn catch_up(&mut self, control: &dyn Control, snapshot: &Snapshot) -> anyhow::Result<()> {
        let pool = &snapshot.pool.url;
        let named = |task: &TaskView| TaskRef { task_id: task.task_id.clone(), attempt: Some(task.attempt) };
        let live: Vec<_> = snapshot.tasks.iter().map(named).collect();
        let settled = |task: &TaskView| task.settled && task.credited_cpt.is_some();
        let mut fresh: Vec<TaskView> = Vec::new();
        for task in self.open.iter().filter(|task| !live.contains(task)) {
            fresh.extend(control.task(task.clone()).await.ok().filter(|task| settled(task)));
        }
        for page in 0_u32.. {
            let state = Some("settled".to_owned());
            let query = HistoryQuery { state, search: None, offset: page * PAGE, limit: PAGE };
            let answer = control.tasks(query).await?;
            let found = answer.tasks.len();
            let before = fresh.len();
            fresh.extend(answer.tasks.into_iter().filter(|task| settled(task)));
            let new = |task: &TaskView| !self.known.contains(&short(&task.task_id, task.attempt));
            fresh.retain(new);
            // A page without news: what was accepted before is written, or was open at the last look.
            if found < PAGE as usize || self.looked && fresh.len() == before {
                break;
            }
        }
        fresh.sort_by_key(|task| (task.ended_at_ms, task.task_id.clone(), task.attempt));
        fresh.dedup_by_key(|task| (task.task_id.clone(), task.attempt));
        let kept = self.write(fresh, pool).await;
        if kept.is_ok() {
            (self.open, self.looked) = (live, true);
        }
        kept
    }

    async fn write(&mut self, fresh: Vec<TaskView>, pool: &str) -> anyhow::Result<()> {
        if fresh.is_empty() {
            return Ok(());
        }
        let receipts: Vec<_> = fresh.into_iter().map(|task| self.receipt(&task, pool)).collect();
        let ledger = Arc::clone(&self.ledger);
        let (written, kept) = tokio::task::spawn_blocking(move || {
            let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
            let mut written = Vec::new();
            let kept = receipts.iter().try_for_each(|receipt| {
                ledger.add(receipt)?;
                written.push(short(&receipt.task_id, receipt.attempt));
                io::Result::Ok(())
            });
            (written, kept)
        })
        .await?;
        self.known.extend(written);
        Ok(kept?)
    }

    fn receipt(&self, task: &TaskView, pool: &str) -> Receipt {
        Receipt {
            row: 0,
            at_ms: self.clock.now().wall.0,
            pool: pool.to_owned(),
            task_id: task.task_id.clone(),
            attempt: task.attempt,
            ended_at_ms: task.ended_at_ms.unwrap_or_default(),
            verdict: task.verdict.clone().unwrap_or_default(),
            estimated_cpt: task.estimated_cpt,
            credited_cpt: task.credited_cpt.unwrap_or_default(),
            settled: task.settled,
            result_sha256: task.result_sha256.clone().unwrap_or_default(),
        }
    }
}

/// Keeps the ledger until the worker ends. One that cannot be kept is told in the log; it never stops the work.
pub(crate) async fn keep(
    control: Arc<dyn Control>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    mut settlements: watch::Receiver<u64>,
    data: PathBuf,
    clock: Arc<dyn Clock>,
    end: CancellationToken,
) {
    let opened = tokio::task::spawn_blocking(move || Keeper::open(&data, clock)).await;
    let mut keeper = match opened.map_err(io::Error::other).flatten() {
        Ok(keeper) => keeper,
        Err(error) => return tracing::error!(%error, "the ledger of receipts cannot be opened"),
    };
    loop {
        settlements.mark_unchanged();
        let snapshot = Arc::clone(&snapshots.borrow());
        if let Err(error) = keeper.catch_up(control.as_ref(), &snapshot).await {
            tracing::error!(error = %format!("{error:#}"), "a receipt cannot be written; it is tried with the next");
        }
        tokio::select! {
            changed = settlements.changed() => if changed.is_err() { return },
            () = end.cancelled() => return,
        }
    }
}

/// `hivemind-worker verify-ledger [FILE]`: needs no worker and no network.
pub(crate) fn verify_ledger(cli: &Cli, path: Option<&Path>) -> anyhow::Result<ExitCode> {
    let path = match path {
        Some(path) => path.to_owned(),
        None => file(process::folder(cli)?.data()),
    };
    let told = verify(&path, &judge).with_context(|| words().unreadable(path.display()))?;
    match told {
        Ok(sound) => {
            if cli.json {
                output::json(&serde_json::json!({
                    "sound": true, "rows": sound.rows, "credited_cpt": sound.credited_cpt, "key": sound.key
                }));
            } else {
                output::line(words().ledger_sound(sound.rows, sound.credited_cpt));
                output::line(words().signed_by(&sound.key));
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(broken) => {
            if cli.json {
                output::json(&serde_json::json!({ "sound": false, "row": broken.row, "why": broken.why }));
            } else {
                output::line(words().ledger_broken(&broken));
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_by_its_key_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let one = Ed25519::open(&folder.path().join("one")).unwrap();
        let same = Ed25519::open(&folder.path().join("one")).unwrap();
        let other = Ed25519::open(&folder.path().join("other")).unwrap();
        assert_eq!((one.key(), one.key().len()), (same.key(), 64));
        let signature = same.sign(b"words").unwrap();
        let by =
            |seal: &Ed25519, message: &[u8]| judge(&hex::decode(seal.key()).unwrap(), message, &signature);
        assert!(by(&one, b"words"));
        assert!(!by(&other, b"words") && !by(&one, b"other words"));
    }
}
