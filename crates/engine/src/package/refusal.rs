use hivemind_domain::text::plain_line;
use std::fmt;
use std::io;

/// Bytes of a reason: a parser's words may quote what they are about.
const MOST_WHY: usize = 240;
const UNREADABLE: &str = "unreadable";

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
    pub(crate) fn whole(rule: &'static str, why: impl AsRef<str>) -> Self {
        Self { rule, entry: None, why: plain_line(why.as_ref(), MOST_WHY) }
    }

    pub(crate) fn entry(rule: &'static str, entry: &str, why: impl AsRef<str>) -> Self {
        Self::raw_entry(rule, entry.as_bytes(), why)
    }

    pub(crate) fn raw_entry(rule: &'static str, entry: &[u8], why: impl AsRef<str>) -> Self {
        let head = entry.get(..entry.len().min(1000)).unwrap_or_default();
        let shown = plain_line(&String::from_utf8_lossy(head), 120);
        Self { rule, entry: Some(shown), why: plain_line(why.as_ref(), MOST_WHY) }
    }

    /// The file on this computer's disk cannot be read: no fault of what is in it.
    pub(crate) fn unreadable(error: &io::Error) -> Self {
        Self::whole(UNREADABLE, format!("the package cannot be read: {error}"))
    }

    /// Whether this computer is the reason.
    pub(crate) fn is_ours(&self) -> bool {
        self.rule == UNREADABLE
    }

    /// Our own refusal travelling inside an I/O error.
    pub(crate) fn inside(error: &io::Error) -> Option<&Self> {
        error.get_ref().and_then(|inner| inner.downcast_ref())
    }

    /// What went wrong while unpacking: our own refusal, the operating system's word about our file, or damage.
    pub(crate) fn from_io(entry: &str, error: &io::Error) -> Self {
        match Self::inside(error) {
            Some(own) => own.clone(),
            None if error.raw_os_error().is_some() => Self::unreadable(error),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_system_says_about_our_file_is_our_fault() {
        let ours = io::Error::from_raw_os_error(5);
        assert!(PackageError::from_io("a.py", &ours).is_ours());
        let damage = io::Error::new(io::ErrorKind::InvalidInput, "corrupt deflate stream");
        assert_eq!(PackageError::from_io("a.py", &damage).rule, "damaged");
        let refused = PackageError::entry("size", "a.py", "too long");
        assert_eq!(PackageError::from_io("b.py", &io::Error::other(refused.clone())), refused);
    }

    /// A manifest's image of 60 KB stood whole in the refusal, and in every log line about it.
    #[test]
    fn a_refusal_is_one_short_plain_line_whatever_it_is_about() {
        let long = format!("\u{1b}[2J{}\n", "x".repeat(60_000));
        let refused = PackageError::raw_entry("manifest", long.as_bytes(), &long).to_string();
        assert!(refused.len() < 500 && !refused.contains(char::is_control), "{refused:?}");
        assert!(PackageError::whole("manifest", long).to_string().len() < 500);
    }
}
