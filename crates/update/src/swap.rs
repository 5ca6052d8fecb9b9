//! Exchanging the program, so that every cut leaves a version that works.
//!
//! Beside the program `P` there may be, one at a time of each:
//!
//! | file | what it is |
//! |---|---|
//! | `P.update` | the note: what is being done, and what was learned |
//! | `P.next` | the new version, whole and checked once the note says `staged` |
//! | `P.previous` | the version before, while the new one is on trial |
//!
//! `P` itself is only ever replaced by a rename of a whole file.

use crate::disk::Disk;
use crate::judge::{Offer, Seen};
use crate::refusal::Refusal;
use semver::Version;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The note is a few lines.
const MAX_NOTE_BYTES: u64 = 64 << 10;
/// Of versions that failed here the newest few are remembered.
const MOST_FAILED: usize = 20;

/// Why the exchange did not go on. `P` is a whole version all the same.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// The bytes are not what was offered.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The disk does not do what it is asked.
    #[error("the update stops at `{step}`: {source}")]
    Disk {
        /// What was being done.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Something was asked for out of its order.
    #[error("the update cannot do this now: {0}")]
    OutOfOrder(&'static str),
}

/// What a start found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is going on.
    Quiet,
    /// A version lies ready and was not put in place yet.
    Staged(Version),
    /// This is the first start of a new version: confirm it once it is healthy.
    OnTrial(Version),
    /// The new version never became healthy: the one before is in place again, and must be started.
    TakenBack(Version),
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    #[default]
    Quiet,
    Staged {
        version: Version,
        sha256: String,
    },
    /// `P` may be the old or the new one: the hash tells.
    Exchanging {
        version: Version,
        sha256: String,
    },
    OnTrial {
        version: Version,
        starts: u32,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Note {
    phase: Phase,
    seen: Seen,
}

/// One program and the files beside it.
#[derive(Debug)]
pub struct Swap<'a, D: Disk> {
    program: PathBuf,
    disk: &'a D,
}

fn disk<T>(step: &'static str, result: io::Result<T>) -> Result<T, SwapError> {
    result.map_err(|source| SwapError::Disk { step, source })
}

impl<'a, D: Disk> Swap<'a, D> {
    /// Of the program at this path.
    pub fn new(program: PathBuf, disk: &'a D) -> Self {
        Self { program, disk }
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.program.file_name().unwrap_or_default().to_owned();
        name.push(ending);
        self.program.with_file_name(name)
    }

    fn next(&self) -> PathBuf {
        self.beside(".next")
    }

    fn previous(&self) -> PathBuf {
        self.beside(".previous")
    }

    /// A note that cannot be read is as good as none: it only ever says what to clean up and what was seen.
    fn note(&self) -> Note {
        let Ok(file) = File::open(self.beside(".update")) else { return Note::default() };
        let mut bytes = Vec::new();
        match file.take(MAX_NOTE_BYTES).read_to_end(&mut bytes) {
            Ok(_) => serde_json::from_slice(&bytes).unwrap_or_default(),
            Err(_) => Note::default(),
        }
    }

    fn write_note(&self, note: &Note) -> Result<(), SwapError> {
        let bytes = serde_json::to_vec(note)
            .map_err(|error| SwapError::Disk { step: "note", source: io::Error::other(error) })?;
        let new = self.beside(".update-new");
        disk("note", self.disk.write(&new, &mut bytes.as_slice()))?;
        disk("note", self.disk.rename(&new, &self.beside(".update")))
    }

    /// What earlier manifests told; for [`Judge`](crate::Judge).
    #[must_use]
    pub fn seen(&self) -> Seen {
        self.note().seen
    }

    /// The version that lies ready, with its hash.
    #[must_use]
    pub fn staged(&self) -> Option<(Version, String)> {
        match self.note().phase {
            Phase::Staged { version, sha256 } => Some((version, sha256)),
            Phase::Quiet | Phase::Exchanging { .. } | Phase::OnTrial { .. } => None,
        }
    }

    /// Removes a version that lies ready and is not wanted any more; what was seen stays known.
    ///
    /// # Errors
    /// When the disk does not do what it is asked.
    pub fn discard(&self) -> Result<(), SwapError> {
        let mut note = self.note();
        if !matches!(note.phase, Phase::Staged { .. }) {
            return Ok(());
        }
        note.phase = Phase::Quiet;
        self.write_note(&note)?;
        self.clear(true)
    }

    /// Removes everything beside the program, for a worker that leaves this computer. True when there was anything.
    ///
    /// # Errors
    /// [`SwapError::OutOfOrder`] while a version is on trial; when the disk does not do what it is asked.
    pub fn forget(&self) -> Result<bool, SwapError> {
        if matches!(self.note().phase, Phase::Exchanging { .. } | Phase::OnTrial { .. }) {
            return Err(SwapError::OutOfOrder("a version is on trial"));
        }
        let note = self.beside(".update");
        if note.symlink_metadata().is_err() {
            return Ok(false);
        }
        disk("remove the note", self.disk.remove(&note))?;
        self.clear(true)?;
        Ok(true)
    }

    /// Takes the bytes of an offer. They are counted and hashed while they are written; anything that differs from what
    /// was signed is removed again.
    ///
    /// # Errors
    /// [`SwapError::Refused`] for other bytes, [`SwapError::Disk`] for a disk that is full or gone.
    pub fn stage(&self, offer: &Offer, content: &mut dyn Read) -> Result<(), SwapError> {
        let mut note = self.note();
        if matches!(note.phase, Phase::Exchanging { .. } | Phase::OnTrial { .. }) {
            return Err(SwapError::OutOfOrder("a version is on trial"));
        }
        let next = self.next();
        let mut counted =
            Counted { inner: content, left: offer.artefact.size, hash: Sha256::new(), over: false };
        let written = self.disk.write(&next, &mut counted);
        let refused = if counted.over || counted.left > 0 && written.is_ok() {
            Some(Refusal::WrongSize(offer.artefact.size))
        } else if written.is_ok() && hex::encode(counted.hash.finalize()) != offer.artefact.sha256 {
            Some(Refusal::WrongHash)
        } else {
            None
        };
        if let Some(refused) = refused {
            disk("remove what was refused", self.disk.remove(&next))?;
            return Err(refused.into());
        }
        if let Err(source) = written {
            // A disk that is full has room again; one that is gone says so a second time.
            let _ = self.disk.remove(&next);
            return Err(SwapError::Disk { step: "write the new version", source });
        }
        disk("let it be started", self.disk.allow_starting(&next, &self.program))?;
        note.seen = offer.seen.clone();
        note.phase = Phase::Staged { version: offer.version.clone(), sha256: offer.artefact.sha256.clone() };
        self.write_note(&note)
    }

    /// Puts the staged version in place and keeps the one before. Its bytes are hashed once more: they lay on a disk.
    ///
    /// # Errors
    /// [`SwapError::OutOfOrder`] when nothing is staged, [`SwapError::Refused`] when the file has changed since.
    pub fn begin(&self) -> Result<Version, SwapError> {
        let mut note = self.note();
        let Phase::Staged { version, sha256 } = note.phase.clone() else {
            return Err(SwapError::OutOfOrder("nothing is staged"));
        };
        if hash_of(&self.next()).is_none_or(|hash| hash != sha256) {
            disk("remove what was refused", self.disk.remove(&self.next()))?;
            note.phase = Phase::Quiet;
            self.write_note(&note)?;
            return Err(Refusal::WrongHash.into());
        }
        let previous = self.previous();
        let mut current = disk("read the version that runs", File::open(&self.program))?;
        let kept = self.beside(".previous-new");
        if let Err(source) = self.disk.write(&kept, &mut current) {
            // The last of a full disk is needed for something better.
            let _ = self.disk.remove(&kept);
            return Err(SwapError::Disk { step: "keep the version that runs", source });
        }
        disk("keep the version that runs", self.disk.allow_starting(&kept, &self.program))?;
        disk("keep the version that runs", self.disk.rename(&kept, &previous))?;
        note.phase = Phase::Exchanging { version: version.clone(), sha256 };
        self.write_note(&note)?;
        disk("exchange", self.disk.rename(&self.next(), &self.program))?;
        note.phase = Phase::OnTrial { version: version.clone(), starts: 0 };
        self.write_note(&note)?;
        Ok(version)
    }

    /// To be called at every start, before anything else: takes a version back that was started and never confirmed,
    /// finishes or undoes an exchange that was cut, and clears up.
    ///
    /// # Errors
    /// When the disk does not do what it is asked; the program in place is a whole one all the same.
    pub fn started(&self) -> Result<Outcome, SwapError> {
        let mut note = self.note();
        match note.phase.clone() {
            Phase::Quiet => {
                self.clear(true)?;
                Ok(Outcome::Quiet)
            }
            Phase::Staged { version, .. } => {
                self.clear(false)?;
                Ok(Outcome::Staged(version))
            }
            Phase::Exchanging { version, sha256 } => {
                if hash_of(&self.program).is_some_and(|hash| hash == sha256) {
                    note.phase = Phase::OnTrial { version: version.clone(), starts: 1 };
                    self.write_note(&note)?;
                    return Ok(Outcome::OnTrial(version));
                }
                // Cut before the rename: the old version is in place, the new one still lies there.
                note.phase = Phase::Staged { version: version.clone(), sha256 };
                self.write_note(&note)?;
                self.clear(false)?;
                Ok(Outcome::Staged(version))
            }
            Phase::OnTrial { version, starts: 0 } => {
                note.phase = Phase::OnTrial { version: version.clone(), starts: 1 };
                self.write_note(&note)?;
                Ok(Outcome::OnTrial(version))
            }
            Phase::OnTrial { .. } => self.take_back().map(Outcome::TakenBack),
        }
    }

    /// The new version is healthy: the one before is removed.
    ///
    /// # Errors
    /// When the disk does not do what it is asked; the next start tries again.
    pub fn confirm(&self) -> Result<(), SwapError> {
        let mut note = self.note();
        if !matches!(note.phase, Phase::OnTrial { .. }) {
            return Err(SwapError::OutOfOrder("no version is on trial"));
        }
        note.phase = Phase::Quiet;
        self.write_note(&note)?;
        self.clear(true)
    }

    /// Puts the version before in place again and remembers that the new one failed here.
    ///
    /// # Errors
    /// [`SwapError::OutOfOrder`] when no version is on trial.
    pub fn take_back(&self) -> Result<Version, SwapError> {
        self.restore(true)
    }

    /// The same for a trial that was cut short by something else: the new version may be tried again.
    ///
    /// # Errors
    /// [`SwapError::OutOfOrder`] when no version is on trial.
    pub fn put_off(&self) -> Result<Version, SwapError> {
        self.restore(false)
    }

    fn restore(&self, failed: bool) -> Result<Version, SwapError> {
        let mut note = self.note();
        let Phase::OnTrial { version, .. } = note.phase.clone() else {
            return Err(SwapError::OutOfOrder("no version is on trial"));
        };
        // Absent when a cut came between this rename and the note: it is in place already.
        if self.previous().is_file() {
            disk("take back", self.disk.rename(&self.previous(), &self.program))?;
        }
        note.seen.failed.retain(|known| *known != version);
        if failed {
            note.seen.failed.push(version.clone());
        }
        let surplus = note.seen.failed.len().saturating_sub(MOST_FAILED);
        note.seen.failed.drain(..surplus);
        note.phase = Phase::Quiet;
        self.write_note(&note)?;
        self.clear(true)?;
        Ok(version)
    }

    /// Removes what no phase needs.
    fn clear(&self, next_too: bool) -> Result<(), SwapError> {
        let mut endings = vec![".previous", ".previous-new", ".update-new"];
        if next_too {
            endings.push(".next");
        }
        for ending in endings {
            let path = self.beside(ending);
            if path.symlink_metadata().is_ok() {
                disk("clear up", self.disk.remove(&path))?;
            }
        }
        Ok(())
    }
}

fn hash_of(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer).ok()? {
            0 => return Some(hex::encode(hash.finalize())),
            read => hash.update(buffer.get(..read)?),
        }
    }
}

/// Passes on as many bytes as were signed, hashes them, and notices any more.
struct Counted<'r> {
    inner: &'r mut dyn Read,
    left: u64,
    hash: Sha256,
    over: bool,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let Some(left) = self.left.checked_sub(read as u64) else {
            self.over = true;
            return Err(io::Error::other("more bytes than were signed"));
        };
        self.left = left;
        self.hash.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}
