//! Hosts that tasks declare and the owner decides about.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// A host that a task wants to reach and nobody has decided about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HostQuestion {
    /// Such as `pypi.org` or `*.example.org:8443`.
    pub host: String,
    /// Name of the task that asked last, printable.
    pub task_name: String,
    /// When it asked last.
    #[ts(type = "number")]
    pub asked_at_ms: i64,
}

/// What the owner decides about a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum HostDecision {
    /// The next task that asks may reach it.
    Once,
    /// It goes on the list of allowed hosts.
    Always,
    /// It goes on the list of denied hosts.
    Never,
}

/// The owner's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct HostAnswer {
    /// The host.
    pub host: String,
    /// What about it.
    pub decision: HostDecision,
}
