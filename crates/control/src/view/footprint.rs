//! What the worker has changed on this computer.

use super::UpdatesView;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One thing that is on this computer because of the worker.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct TraceView {
    /// A stable word: `data`, `settings`, `socket`, `monitor`, `autostart`, `secrets`, `containers`, `log`.
    pub what: String,
    /// Where it is, such as a path or an address; empty when it is nowhere now.
    pub place: String,
    /// How much room it takes, where that is known.
    #[ts(type = "number | null")]
    pub size_bytes: Option<u64>,
    /// Whether it is there now.
    pub present: bool,
}

/// What this installation is, and what is on this computer because of the worker.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct FootprintView {
    /// Names and versions of what runs, such as `hivemind-worker` and `sqlite`.
    pub versions: Vec<VersionView>,
    /// Everything that was changed, in a fixed order.
    pub traces: Vec<TraceView>,
    /// How this installation stands with updates.
    #[serde(default)]
    pub updates: UpdatesView,
    /// Whether this is a developer's installation whose programs nobody signed. Told on Windows alone.
    #[serde(default)]
    pub unsigned: bool,
}

/// A part and its version.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct VersionView {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}
