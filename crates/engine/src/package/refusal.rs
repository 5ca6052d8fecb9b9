use hivemind_domain::text::plain_line;
use std::fmt;
use std::io;

/// A refused package: which rule, which entry, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageError {
    /// Stable short name of the rule, such as `name-traversal`.
    pub rule: &'static str,
    /// The entry, printable and cut; absent when the zip as a whole is refused.
    pub entry: Option<String>,
    /// The rule in words.
    pub why: String,
}

impl PackageError {
    pub(crate) fn whole(rule: &'static str, why: impl Into<String>) -> Self {
        Self { rule, entry: None, why: why.into() }
    }

    pub(crate) fn entry(rule: &'static str, entry: &str, why: impl Into<String>) -> Self {
        Self::raw_entry(rule, entry.as_bytes(), why)
    }

    pub(crate) fn raw_entry(rule: &'static str, entry: &[u8], why: impl Into<String>) -> Self {
        let head = entry.get(..entry.len().min(1000)).unwrap_or_default();
        let shown = plain_line(&String::from_utf8_lossy(head), 120);
        Self { rule, entry: Some(shown), why: why.into() }
    }

    /// What went wrong while unpacking: our own refusal travelling inside an I/O error, or damage.
    pub(crate) fn from_io(entry: &str, error: &io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Self>()) {
            Some(own) => own.clone(),
            None => Self::entry("damaged", entry, format!("it cannot be unpacked: {error}")),
        }
    }
}

impl fmt::Display for PackageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.entry {
            Some(entry) => write!(f, "package refused ({}) at \"{entry}\": {}", self.rule, self.why),
            None => write!(f, "package refused ({}): {}", self.rule, self.why),
        }
    }
}

impl std::error::Error for PackageError {}
