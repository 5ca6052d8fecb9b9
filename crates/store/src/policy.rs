//! The policy file: the largest task of each trust level, in a form that people can read and change.

use crate::own_file;
use crate::settings::SettingsLoadError;
use hivemind_domain::resources::TrustLevel;
use hivemind_domain::text::plain_line;
use hivemind_domain::trust::{self, NAMES, TrustLimits};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item, Value};

/// The built-in policy with its explanations.
pub const BUILT_IN: &str = include_str!("policy.toml");

const LEVELS: [TrustLevel; 3] = [TrustLevel::Low, TrustLevel::Medium, TrustLevel::High];
const MOST_BYTES: u64 = 64 << 10;

/// Where the owner's policy lies when the settings lie in `settings`; it need not exist.
#[must_use]
pub fn policy_file(settings: &Path) -> PathBuf {
    settings.with_file_name("policy.toml")
}

/// Reads the owner's policy; the built-in one when there is no file.
///
/// # Errors
/// [`SettingsLoadError::Syntax`] for the first thing that cannot be used, naming the file, the limit and what is
/// allowed.
pub fn read_policy(path: &Path) -> Result<TrustLimits, SettingsLoadError> {
    let refused = |reason: String| SettingsLoadError::Syntax {
        place: plain_line(&path.display().to_string(), 300),
        reason: plain_line(&reason, 300),
    };
    let file = match own_file::read_owners(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(TrustLimits::default()),
        Err(error) => return Err(refused(error.to_string())),
    };
    let mut text = String::new();
    file.take(MOST_BYTES + 1).read_to_string(&mut text).map_err(|error| refused(error.to_string()))?;
    if text.len() as u64 > MOST_BYTES {
        return Err(refused(format!("it has more than {MOST_BYTES} bytes")));
    }
    parse(&text, TrustLimits::default()).map_err(refused)
}

fn parse(text: &str, mut limits: TrustLimits) -> Result<TrustLimits, String> {
    let document: DocumentMut =
        text.parse().map_err(|error: toml_edit::TomlError| error.message().to_owned())?;
    for (name, item) in document.iter() {
        let level = LEVELS.into_iter().find(|level| trust::word(*level) == name);
        let (Some(level), Some(table)) = (level, item.as_table_like()) else {
            return Err(format!("{name} is no trust level; there are [low], [medium] and [high]"));
        };
        for (limit, value) in table.iter() {
            if !NAMES.contains(&limit) {
                return Err(format!("[{name}] {limit} is no limit; there are {}", NAMES.join(", ")));
            }
            let number =
                number(limit, value).filter(|number| trust::set(limits.of_mut(level), limit, *number));
            if number.is_none() {
                return Err(format!(
                    "[{name}] {limit} is {}, which is no number for it",
                    value.to_string().trim()
                ));
            }
        }
    }
    limits.check().map_err(|error| error.to_string())?;
    Ok(limits)
}

/// A whole number, or a size such as `4g` for what is counted in bytes.
fn number(limit: &str, item: &Item) -> Option<u64> {
    match item.as_value()? {
        Value::Integer(number) => u64::try_from(*number.value()).ok(),
        Value::String(text) if limit.ends_with("_bytes") => {
            let text = text.value().trim().to_ascii_lowercase();
            let unit = match text.bytes().last()? {
                b'k' => 10,
                b'm' => 20,
                b'g' => 30,
                b't' => 40,
                _ => return text.parse().ok(),
            };
            text[..text.len() - 1].trim().parse::<u64>().ok()?.checked_mul(1 << unit)
        }
        Value::String(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Array(_)
        | Value::InlineTable(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hivemind_domain::limits::TaskLimits;

    #[test]
    fn the_text_for_people_says_what_the_program_does() {
        assert_eq!(parse(BUILT_IN, TrustLimits::default()), Ok(TrustLimits::default()));
        // Every limit of every level is in the text: nothing of another start shows through.
        let other = TaskLimits { pids: 7, ..TaskLimits::default() };
        let start = TrustLimits { low: other.clone(), medium: other.clone(), high: other };
        assert_eq!(parse(BUILT_IN, start), Ok(TrustLimits::default()));
    }

    #[test]
    fn an_owner_changes_what_he_likes() {
        let folder = tempfile::tempdir().unwrap();
        let path = policy_file(&folder.path().join("settings.toml"));
        assert_eq!(read_policy(&path), Ok(TrustLimits::default()), "no file");
        std::fs::write(&path, "[low]\nmemory_bytes = \"1g\"\ntimeout_seconds = 60\n").unwrap();
        let read = read_policy(&path).unwrap();
        assert_eq!(read.low.resources.memory_bytes, 1 << 30);
        assert_eq!(read.low.timeout.as_secs(), 60);
        assert_eq!((read.low.pids, read.medium), (512, TrustLimits::default().medium));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (text, word) in [
            ("[low", "unclosed table"),
            ("[lowest]\n", "lowest is no trust level"),
            ("low = 3\n", "no trust level"),
            ("[low]\nspeed = 3\n", "speed is no limit"),
            ("[low]\npids = -1\n", "no number"),
            ("[low]\npids = \"many\"\n", "no number"),
            ("[low]\ncpu_millis = \"4g\"\n", "no number"),
            ("[low]\nmemory_bytes = \"99999999999t\"\n", "no number"),
            ("[low]\nmemory_bytes = \"é\"\n", "no number"),
            ("[high]\npids = 5000\n", "[high] pids is 5000, allowed is"),
            ("[low]\ngpus = 9\n", "[medium] gpus is 2"),
        ] {
            let error = parse(text, TrustLimits::default()).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.toml");
        std::fs::write(&path, "#".repeat(70_000)).unwrap();
        assert!(read_policy(&path).unwrap_err().to_string().contains("more than"));
    }
}
