//! The signed list of what a version consists of.

use crate::Refusal;
use semver::Version;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A manifest is a page of text. More is not read.
pub const MAX_MANIFEST_BYTES: usize = 64 << 10;
/// A signature is four lines.
pub const MAX_SIGNATURE_BYTES: usize = 4 << 10;

const FORMAT: u32 = 1;
const PRODUCT: &str = "hivemind-worker";
const MOST_ARTEFACTS: usize = 64;
/// Half a gibibyte: no file of ours comes near.
const MAX_ARTEFACT_BYTES: u64 = 512 << 20;
/// A signature that is good for longer could be held back for longer.
const LONGEST_LIFE_MS: i64 = 90 * 24 * 3_600_000;

/// One version, as it is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Always 1: another number is another format.
    pub format: u32,
    /// Always `hivemind-worker`: a key may sign more than one program.
    pub product: String,
    /// The version, `MAJOR.MINOR.PATCH`.
    pub version: Version,
    /// The oldest version that can be replaced by this one.
    #[serde(default = "oldest")]
    pub from: Version,
    /// When it was signed, in milliseconds of wall time since 1970.
    pub issued_ms: i64,
    /// From when on it is not believed any more.
    pub expires_ms: i64,
    /// The files, one for each kind of installation.
    pub artefacts: Vec<Artefact>,
}

fn oldest() -> Version {
    Version::new(0, 0, 0)
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artefact {
    /// For which kind of installation, such as `x86_64-linux-appimage`.
    pub target: String,
    /// Where it is; https only.
    pub url: String,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

fn field(field: &'static str, why: impl Into<String>) -> Refusal {
    Refusal::Field { field, why: why.into() }
}

impl Manifest {
    /// Reads what was signed, and checks what does not depend on this computer.
    ///
    /// # Errors
    /// When it is no manifest of this program, or a field has a value that it must not have.
    pub fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let manifest: Self =
            serde_json::from_slice(bytes).map_err(|error| Refusal::ManifestUnreadable(error.to_string()))?;
        manifest.check()?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), Refusal> {
        if self.format != FORMAT {
            return Err(field("format", format!("{} instead of {FORMAT}", self.format)));
        }
        if self.product != PRODUCT {
            return Err(Refusal::OtherProgram);
        }
        for (name, version) in [("version", &self.version), ("from", &self.from)] {
            if !version.pre.is_empty() || !version.build.is_empty() {
                return Err(field(name, "only MAJOR.MINOR.PATCH"));
            }
        }
        let life = self.expires_ms.checked_sub(self.issued_ms).filter(|life| self.issued_ms > 0 && *life > 0);
        match life {
            None => return Err(field("expires_ms", "it must lie after issued_ms")),
            Some(life) if life > LONGEST_LIFE_MS => {
                return Err(field("expires_ms", "at most 90 days after issued_ms"));
            }
            Some(_) => {}
        }
        if self.artefacts.is_empty() || self.artefacts.len() > MOST_ARTEFACTS {
            return Err(field("artefacts", format!("{} of them", self.artefacts.len())));
        }
        let mut targets = BTreeSet::new();
        for artefact in &self.artefacts {
            artefact.check()?;
            if !targets.insert(artefact.target.as_str()) {
                return Err(field("target", "one stands twice"));
            }
        }
        Ok(())
    }
}

impl Artefact {
    fn check(&self) -> Result<(), Refusal> {
        let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
        if self.target.is_empty() || self.target.len() > 64 || !self.target.chars().all(word) {
            return Err(field("target", "small letters, digits, - and _ only"));
        }
        let rest = self.url.strip_prefix("https://").unwrap_or_default();
        let host = rest.split('/').next().unwrap_or_default();
        if host.is_empty() || host.contains('@') || self.url.len() > 500 {
            return Err(field("url", "an https address without a user, at most 500 characters"));
        }
        if !self.url.chars().all(|c| c.is_ascii_graphic() && c != '\\' && c != '"') {
            return Err(field("url", "only visible ASCII"));
        }
        if self.size == 0 || self.size > MAX_ARTEFACT_BYTES {
            return Err(field("size", format!("1 to {MAX_ARTEFACT_BYTES}")));
        }
        let digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        if self.sha256.len() != 64 || !self.sha256.bytes().all(digit) {
            return Err(field("sha256", "64 lower-case hexadecimal digits"));
        }
        Ok(())
    }
}
