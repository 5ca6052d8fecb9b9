//! One look: what is offered, whether it is believed, and its file beside the program.

use super::Here;
use super::record::Why;
use super::source::{Source, SourceError};
use hivemind_update::{Judge, Offer, Refusal, Seen, Swap, SwapError, SystemDisk};
use semver::Version;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// Parts on their way from the connection to the disk.
const ON_THE_WAY: usize = 8;

/// Why nothing is taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotTaken {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the update cannot be written beside the program: {0}")]
    Disk(String),
}

impl From<SwapError> for NotTaken {
    fn from(error: SwapError) -> Self {
        match error {
            SwapError::Refused(refusal) => Self::Refused(refusal),
            SwapError::Disk { .. } | SwapError::OutOfOrder(_) => Self::Disk(error.to_string()),
        }
    }
}

impl NotTaken {
    /// The stable word and the sentence.
    pub(crate) fn why(&self) -> Why {
        let word = match self {
            Self::Source(error) => error.word(),
            Self::Refused(refusal) => refusal.word(),
            Self::Disk(_) => "disk",
        };
        Why { word: word.to_owned(), text: self.to_string() }
    }

    /// The version that runs, where that is the newest: nothing is wrong then.
    pub(crate) fn newest(&self) -> Option<&Version> {
        match self {
            Self::Refused(Refusal::NotNewer { offered, .. }) => Some(offered),
            Self::Source(_) | Self::Refused(_) | Self::Disk(_) => None,
        }
    }
}

/// Fetches the manifest and judges it.
pub(crate) async fn look(
    source: &dyn Source,
    here: &Here,
    target: &str,
    seen: &Seen,
    now_ms: i64,
) -> Result<Offer, NotTaken> {
    let signed = source.manifest().await?;
    let keys: Vec<&str> = here.keys.iter().map(String::as_str).collect();
    let judge = Judge { keys: &keys, running: &here.version, target, seen, now_ms };
    Ok(judge.judge(&signed.manifest, &signed.signature)?)
}

/// Lays the offer's file beside the program, unless it lies there already.
pub(crate) async fn fetch(source: &dyn Source, program: &Path, offer: &Offer) -> Result<(), NotTaken> {
    let staged = Swap::new(program.to_owned(), &SystemDisk).staged();
    if staged == Some((offer.version.clone(), offer.artefact.sha256.clone())) {
        return Ok(());
    }
    let (parts, arriving) = mpsc::channel(ON_THE_WAY);
    let writing = {
        let (program, offer) = (program.to_owned(), offer.clone());
        tokio::task::spawn_blocking(move || write(program, &offer, arriving))
    };
    let fetched = source.file(&offer.artefact, parts).await;
    let written = writing.await.map_err(|error| NotTaken::Disk(error.to_string()))?;
    // What broke off is too short as well: the first cause is told.
    match (fetched, written) {
        (Err(error), Err(SwapError::Refused(_)) | Ok(())) => Err(error.into()),
        (_, Err(error)) => Err(error.into()),
        (Ok(()), Ok(())) => Ok(()),
    }
}

fn write(program: PathBuf, offer: &Offer, arriving: mpsc::Receiver<Vec<u8>>) -> Result<(), SwapError> {
    let mut content = Arriving { arriving, part: io::Cursor::new(Vec::new()) };
    Swap::new(program, &SystemDisk).stage(offer, &mut content)
}

/// Parts as they arrive, read one after the other.
struct Arriving {
    arriving: mpsc::Receiver<Vec<u8>>,
    part: io::Cursor<Vec<u8>>,
}

impl Read for Arriving {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.part.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            match self.arriving.blocking_recv() {
                Some(part) => self.part = io::Cursor::new(part),
                None => return Ok(0),
            }
        }
    }
}
