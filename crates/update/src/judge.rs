//! Whether a manifest is believed, and whether this computer wants what it offers.

use crate::manifest::{Artefact, MAX_MANIFEST_BYTES, MAX_SIGNATURE_BYTES, Manifest};
use crate::refusal::Refusal;
use minisign_verify::{PublicKey, Signature};
use semver::Version;
use serde::{Deserialize, Serialize};

/// Clocks of two computers differ; by more than a day one of them is wrong.
const CLOCK_DIFFERENCE_MS: i64 = 24 * 3_600_000;

/// What earlier manifests told: kept, so that an old one cannot be played again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Seen {
    /// When the newest believed manifest was signed, in milliseconds of wall time; 0 before the first.
    pub issued_ms: i64,
    /// The highest version that a believed manifest named.
    pub version: Option<Version>,
    /// Versions that were tried here and taken back.
    pub failed: Vec<Version>,
}

/// What this computer knows when it judges.
#[derive(Debug)]
pub struct Judge<'a> {
    /// Public keys of the releases as minisign writes them, without the comment line. More than one while a key is
    /// exchanged for the next.
    pub keys: &'a [&'a str],
    /// The version that runs.
    pub running: &'a Version,
    /// The kind of installation, such as `x86_64-linux-appimage`.
    pub target: &'a str,
    /// What earlier manifests told.
    pub seen: &'a Seen,
    /// Wall time in milliseconds since 1970.
    pub now_ms: i64,
}

/// A file that may be fetched, with what it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The version it is.
    pub version: Version,
    /// Where it lies, how long it is, its hash.
    pub artefact: Artefact,
    /// What to remember from now on.
    pub seen: Seen,
}

impl Judge<'_> {
    /// Believes a manifest and takes its offer, or says why not. The signature is looked at before anything of the
    /// manifest is read.
    ///
    /// # Errors
    /// Any [`Refusal`].
    pub fn judge(&self, manifest: &[u8], signature: &[u8]) -> Result<Offer, Refusal> {
        for (what, bytes, most) in [
            ("manifest", manifest.len(), MAX_MANIFEST_BYTES),
            ("signature", signature.len(), MAX_SIGNATURE_BYTES),
        ] {
            if bytes > most {
                return Err(Refusal::TooLarge { what, bytes, most });
            }
        }
        self.authenticate(manifest, signature)?;
        let manifest = Manifest::read(manifest)?;
        if manifest.issued_ms > self.now_ms.saturating_add(CLOCK_DIFFERENCE_MS) {
            return Err(Refusal::FromTheFuture);
        }
        if manifest.expires_ms <= self.now_ms {
            return Err(Refusal::Expired);
        }
        let older = self.seen.version.as_ref().is_some_and(|version| *version > manifest.version);
        if older || manifest.issued_ms < self.seen.issued_ms {
            return Err(Refusal::Replayed);
        }
        if manifest.version <= *self.running {
            return Err(Refusal::NotNewer { offered: manifest.version, running: self.running.clone() });
        }
        if self.seen.failed.contains(&manifest.version) {
            return Err(Refusal::TriedBefore(manifest.version));
        }
        if *self.running < manifest.from {
            return Err(Refusal::TooOld { offered: manifest.version, least: manifest.from });
        }
        let Some(artefact) = manifest.artefacts.into_iter().find(|one| one.target == self.target) else {
            return Err(Refusal::NoArtefact(self.target.to_owned()));
        };
        let seen = Seen {
            issued_ms: manifest.issued_ms,
            version: Some(manifest.version.clone()),
            failed: self.seen.failed.clone(),
        };
        Ok(Offer { version: manifest.version, artefact, seen })
    }

    fn authenticate(&self, manifest: &[u8], signature: &[u8]) -> Result<(), Refusal> {
        let text = std::str::from_utf8(signature).map_err(|_| Refusal::SignatureUnreadable)?;
        let signature = Signature::decode(text).map_err(|_| Refusal::SignatureUnreadable)?;
        let good = self.keys.iter().filter_map(|key| PublicKey::from_base64(key).ok()).any(|key| {
            // Signatures of the bytes themselves, as old minisigns made them, are not taken: ours never were.
            key.verify(manifest, &signature, false).is_ok()
        });
        if good { Ok(()) } else { Err(Refusal::NotSigned) }
    }
}
