//! Identifiers that cross a process border. Each is checked once, where it enters, and safe in a path, a label,
//! a log line and a URL from then on.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest identifier accepted from outside, in bytes.
pub const MAX_ID_BYTES: usize = 64;

/// Why a text is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{kind} must be 1 to 64 of the characters A-Z a-z 0-9 . _ -, start with a letter or digit and hold no \"..\""
)]
pub struct InvalidId {
    /// Which identifier was being read, such as `task id`.
    pub kind: &'static str,
}

fn is_valid(text: &str) -> bool {
    text.len() <= MAX_ID_BYTES
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        && !text.contains("..")
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks `text` and wraps it.
            ///
            /// # Errors
            /// [`InvalidId`] when the text has another shape than the error's sentence states.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                if is_valid(&text) { Ok(Self(text)) } else { Err(InvalidId { kind: $kind }) }
            }

            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// A task, named by the pool.
    TaskId,
    "task id"
);
id!(
    /// This computer at one pool, named by the pool.
    NodeId,
    "node id"
);
id!(
    /// This installation, made once per data folder; it labels everything we create in the container engine.
    InstallId,
    "install id"
);

/// One try at a task. Every answer about a task carries it; answers with another attempt are ignored.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskKey {
    /// The task.
    pub task: TaskId,
    /// Counts from 1; the pool raises it whenever it hands the task out again.
    pub attempt: u32,
}

impl fmt::Display for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.task, self.attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_is_safe_everywhere() {
        for text in ["a", "7", "task-1.2_x", &"a".repeat(64)] {
            assert!(TaskId::new(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn refuses_separators_traversal_and_length() {
        let long = "a".repeat(65);
        for text in ["", ".", "..", "a..b", "-a", "a/b", "a\\b", "a b", "a\n", "ä", "a\0", long.as_str()] {
            assert!(TaskId::new(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn deserialization_checks_too() {
        assert!(serde_json_free("../etc").is_err());
    }

    fn serde_json_free(text: &str) -> Result<TaskId, InvalidId> {
        TaskId::try_from(text.to_owned())
    }
}
