//! How this installation stands with updates.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What is known about updates of this installation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct UpdatesView {
    /// The version that runs.
    pub version: String,
    /// A stable word: `takes`, `off`, `package`, `msi`, `no_key`, `unknown`; empty where nobody looked.
    pub standing: String,
    /// The package manager that looks after it.
    pub package: Option<String>,
    /// When it was looked last, in milliseconds of wall time since 1970.
    #[ts(type = "number | null")]
    pub looked_ms: Option<i64>,
    /// The newest version that is known.
    pub newest: Option<String>,
    /// The version that lies ready.
    pub ready: Option<String>,
    /// What comes next, a stable word: `ready` (it is put in place), `offered` (`newest` is fetched), `known` (`newest`
    /// is not), `newest` (it is the one that runs); empty where there is nothing to say.
    pub next: String,
    /// Why nothing was taken at the last look.
    pub why: Option<UpdateWhy>,
    /// The last version that was put in place.
    pub tried: Option<UpdateTried>,
}

/// Why something about updates is as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct UpdateWhy {
    /// A stable word, such as `unreachable`.
    pub word: String,
    /// The sentence behind it, in English.
    pub text: String,
}

/// A version that was put in place, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct UpdateTried {
    /// The version.
    pub version: String,
    /// Why it went again: `ended`, `not_started`, `not_watched`, `silent`, `other`; absent where it stayed.
    pub taken_back: Option<UpdateWhy>,
}
