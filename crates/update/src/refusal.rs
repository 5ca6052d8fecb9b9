//! Why an update is not taken.

use semver::Version;

/// Why an update is not taken. Nothing on disk has changed when one of these is returned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More bytes than any manifest or signature has.
    #[error("the {what} has {bytes} bytes, at most {most} are read")]
    TooLarge {
        /// `manifest` or `signature`.
        what: &'static str,
        /// How many there are.
        bytes: usize,
        /// How many there may be.
        most: usize,
    },
    /// The signature is not one of minisign.
    #[error("the signature cannot be read")]
    SignatureUnreadable,
    /// No key of this program made the signature over these very bytes.
    #[error("the signature is not by a key of this program, or not of these bytes")]
    NotSigned,
    /// Signed, but no manifest.
    #[error("the manifest cannot be read: {0}")]
    ManifestUnreadable(String),
    /// Signed and readable, but a field has a value that it must not have.
    #[error("the manifest's {field} is not acceptable: {why}")]
    Field {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The manifest of another program.
    #[error("the manifest is of another program")]
    OtherProgram,
    /// It was good once.
    #[error("the manifest has expired")]
    Expired,
    /// It says that it was made in the future: this clock or that one is wrong.
    #[error("the manifest was made in the future; look at the clock of this computer")]
    FromTheFuture,
    /// It would go backwards, or is the version that runs.
    #[error("version {offered} is not newer than {running}, which runs")]
    NotNewer {
        /// What is offered.
        offered: Version,
        /// What runs.
        running: Version,
    },
    /// A newer manifest was seen before: somebody holds back, or replays.
    #[error("a newer manifest was seen before: this one is an old one")]
    Replayed,
    /// This version was tried here and was taken back.
    #[error("version {0} was tried on this computer and did not become healthy")]
    TriedBefore(Version),
    /// The version that runs is too old to go there in one step.
    #[error("only version {least} or newer can go to {offered} in one step")]
    TooOld {
        /// What is offered.
        offered: Version,
        /// What could.
        least: Version,
    },
    /// There is nothing for this kind of installation.
    #[error("there is no file for {0}")]
    NoArtefact(String),
    /// The file's size is another one than was signed.
    #[error("the file has not the {0} bytes that were signed")]
    WrongSize(u64),
    /// The file's hash is another one than was signed.
    #[error("the file is not the one that was signed")]
    WrongHash,
}

impl Refusal {
    /// A stable word for each kind.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::SignatureUnreadable => "signature_unreadable",
            Self::NotSigned => "not_signed",
            Self::ManifestUnreadable(_) => "manifest_unreadable",
            Self::Field { .. } => "field",
            Self::OtherProgram => "other_program",
            Self::Expired => "expired",
            Self::FromTheFuture => "from_the_future",
            Self::NotNewer { .. } => "not_newer",
            Self::Replayed => "replayed",
            Self::TriedBefore(_) => "tried_before",
            Self::TooOld { .. } => "too_old",
            Self::NoArtefact(_) => "no_artefact",
            Self::WrongSize(_) => "wrong_size",
            Self::WrongHash => "wrong_hash",
        }
    }
}
