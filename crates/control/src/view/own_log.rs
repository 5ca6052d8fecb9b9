//! The worker's own log.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Which lines of the worker's own log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct OwnLogQuery {
    /// Only lines at least this grave: `error`, `warn`, `info`, `debug` or `trace`; absent means all.
    #[serde(default)]
    pub level: Option<String>,
    /// Only lines that hold this text; the case of Latin letters is ignored.
    #[serde(default)]
    pub search: Option<String>,
    /// First line wanted, counted from 0 among those that match; absent means the last `limit` lines.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub from: Option<u64>,
    /// At most this many, 1 to 1000; 0 means 200.
    #[serde(default)]
    pub limit: u32,
}

/// One line, printable.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct OwnLogLine {
    /// When.
    #[ts(type = "number")]
    pub at_ms: i64,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// What.
    pub text: String,
}

/// A page of the worker's own log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct OwnLogPage {
    /// In order.
    pub lines: Vec<OwnLogLine>,
    /// Number of the first of them among those that match.
    #[ts(type = "number")]
    pub first: u64,
    /// How many match altogether.
    #[ts(type = "number")]
    pub total: u64,
    /// The file, for people who want to look themselves.
    pub file: String,
}
