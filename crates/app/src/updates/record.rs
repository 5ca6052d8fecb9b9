//! What was found at the last look and how the last exchange ended: kept for whoever asks.

use super::look::NotTaken;
use hivemind_store::SmallFile;
use semver::Version;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A stable word and the sentence behind it, in English.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Why {
    pub(crate) word: String,
    pub(crate) text: String,
}

/// A version that was put in place, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tried {
    pub(crate) version: Version,
    /// Why it went again; absent where it stayed.
    pub(crate) taken_back: Option<String>,
}

/// How a trial begins to say why a version went again, and the stable word for that.
const TRIAL: &[(&str, &str)] = &[
    ("it ended with", "ended"),
    ("it cannot be started", "not_started"),
    ("it cannot be watched", "not_watched"),
    ("it did not say within", "silent"),
];

/// The stable word for why a version went again; `other` where no trial says so.
pub(crate) fn trial_word(why: &str) -> &'static str {
    TRIAL.iter().find(|(begins, _)| why.starts_with(begins)).map_or("other", |(_, word)| *word)
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Record {
    /// When it was looked last, in milliseconds of wall time since 1970.
    pub(crate) looked_ms: Option<i64>,
    /// The newest version that a believed manifest named.
    pub(crate) newest: Option<Version>,
    /// Why nothing was taken at the last look.
    pub(crate) why: Option<Why>,
    /// The last version that was put in place.
    pub(crate) tried: Option<Tried>,
    /// Before this time nothing is exchanged: the last exchange could not begin.
    pub(crate) not_before_ms: Option<i64>,
}

fn file(data: &Path) -> SmallFile {
    SmallFile::new(data.join("updates.json"))
}

impl Record {
    /// What a look found.
    pub(crate) fn found(&mut self, found: &Result<Version, NotTaken>, now_ms: i64) {
        self.looked_ms = Some(now_ms);
        match found {
            Ok(version) => (self.newest, self.why) = (Some(version.clone()), None),
            Err(error) => match error.newest() {
                Some(version) => (self.newest, self.why) = (Some(version.clone()), None),
                None => self.why = Some(error.why()),
            },
        }
    }

    /// As kept last; one that cannot be read is as good as none.
    pub(crate) fn load(data: &Path) -> Self {
        file(data).load()
    }

    /// Changes what is kept. That it cannot be kept changes nothing about updates themselves.
    pub(crate) fn change(data: &Path, change: impl FnOnce(&mut Self)) {
        let mut record = Self::load(data);
        change(&mut record);
        if let Err(error) = file(data).save(&record) {
            tracing::warn!(%error, "what was found about updates is not kept");
        }
    }
}
