//! What is left of a function that has ended.

use crate::lines;
use crate::thread::Ran;
use hivemind_domain::task::ResultFile;
use hivemind_domain::time::Now;
use hivemind_domain::usage::UsageSample;
use hivemind_managed_function::{FailureCode, Status};
use hivemind_worker_core::port::{EngineError, EngineErrorKind, Exit, OutputLine, Told};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// As of a program that was asked to end.
const STOPPED: i64 = 143;

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) exit: Exit,
    pub(crate) lines: Vec<OutputLine>,
    pub(crate) usage: UsageSample,
    /// The receipt as JSON.
    pub(crate) receipt: String,
    /// Why nothing came of it, by no fault of the program.
    pub(crate) broken: Option<String>,
}

impl Ended {
    /// At `now`; `told` is what was told of it before, by a process that is gone.
    pub(crate) fn of(ran: Option<Ran>, now: Now, told: &Told, stopped: bool) -> Self {
        let broke = |why: &str| Self { broken: Some(why.to_owned()), ..Self::with_code(1) };
        let Some(Ran { outcome, cpu_ns }) = ran else { return broke("the thread of a function broke") };
        let (receipt, output) = (&outcome.receipt, &outcome.output);
        let failure = receipt.failure_code.zip(receipt.failure_message.as_deref());
        let code = match (receipt.status, failure) {
            (Status::Completed, _) => 0,
            (Status::Failed, Some((word, why))) if word == FailureCode::Internal.word() => return broke(why),
            (Status::Failed, Some((word, _))) if stopped && word == FailureCode::Stopped.word() => STOPPED,
            (Status::Failed, _) => 1,
        };
        let sentence = failure.map(|(word, why)| format!("{word}: {why}"));
        // Memory is not counted: what the interpreter takes is bounded, and a thread has none of its own.
        let usage = UsageSample { cpu_total_ns: cpu_ns, ..UsageSample::default() };
        Self {
            lines: lines::of(output, sentence, now, told),
            usage,
            receipt: receipt.to_json(),
            ..Self::with_code(code)
        }
    }

    /// It was stopped while it waited for a place.
    pub(crate) fn before_it_began() -> Self {
        Self::with_code(STOPPED)
    }

    fn with_code(code: i64) -> Self {
        Self {
            exit: Exit { code, out_of_memory: false },
            lines: Vec::new(),
            usage: UsageSample::default(),
            receipt: String::new(),
            broken: None,
        }
    }
}

/// Writes a receipt for good: beside its place, then into it. Blocks.
pub(crate) fn write_receipt(receipt: &str, into: &Path, most: u64) -> Result<ResultFile, EngineError> {
    let size_bytes = receipt.len() as u64;
    if receipt.is_empty() {
        return Err(EngineError::new(EngineErrorKind::Output, "the function left no receipt"));
    }
    if size_bytes > most {
        let text = format!("the receipt has {size_bytes} bytes, {most} are the most");
        return Err(EngineError::new(EngineErrorKind::Output, text));
    }
    let mut beside = into.as_os_str().to_owned();
    beside.push(".part");
    let written = (|| {
        let mut file = File::create(&beside)?;
        file.write_all(receipt.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&beside, into)?;
        sync_folder(into)
    })();
    if let Err(error) = written {
        let _ = std::fs::remove_file(&beside);
        let text = format!("the receipt cannot be written to {}: {error}", into.display());
        return Err(EngineError::new(EngineErrorKind::Disk, text));
    }
    Ok(ResultFile { sha256: hex::encode(Sha256::digest(receipt.as_bytes())), size_bytes, entries: 1 })
}

/// A rename is on disk with its folder; on Windows a folder cannot be opened for that.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        Some(_) | None => Ok(()),
    }
}
