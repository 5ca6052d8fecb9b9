//! What the hosts show. Units: bytes, milliseconds, percent of 0 to 100, thousandths of a core, whole CPT; times are
//! milliseconds since the Unix epoch.

use crate::error::ErrorCode;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

mod decision;
mod earnings;
mod footprint;
mod ledger;
mod link;
mod metrics;
mod network;
mod own_log;
mod practice;
mod proof;
mod receipts;
mod settings;
mod snapshot;
mod standing;
mod task;
mod timeline;
mod updates;
mod what_if;

pub use decision::*;
pub use earnings::*;
pub use footprint::*;
pub use ledger::*;
pub use link::*;
pub use metrics::*;
pub use network::*;
pub use own_log::*;
pub use practice::*;
pub use proof::*;
pub use receipts::*;
pub use settings::*;
pub use snapshot::*;
pub use standing::*;
pub use task::*;
pub use timeline::*;
pub use updates::*;
pub use what_if::*;

/// One finding of the health checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct Finding {
    /// Number of the check, stable.
    pub number: u32,
    /// Name of the check as a stable word, such as `engine`.
    pub check: String,
    /// How it went.
    pub level: Level,
    /// What was seen, in one sentence.
    pub proof: String,
    /// The problem, when there is one.
    pub code: Option<ErrorCode>,
    /// What to do, in one sentence.
    pub fix: Option<String>,
}

/// How grave something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Notice,
    /// Works, but not well.
    Warning,
    /// Does not work.
    Error,
}

/// All findings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct DoctorReport {
    /// In the order of their numbers.
    pub findings: Vec<Finding>,
}

/// Pairs one browser once.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct PairingCode {
    /// Address to open, the code included.
    pub url: String,
    /// The code ends after this many seconds.
    pub expires_in_seconds: u32,
    /// Whether the browser may only look.
    #[serde(default)]
    pub read_only: bool,
    /// SHA-256 of the certificate that the address shows, in hexadecimal digits; absent on this computer.
    #[serde(default)]
    pub certificate_sha256: Option<String>,
    /// The address as a QR code: rows of modules, `#` for a dark one, without the quiet border.
    #[serde(default)]
    pub qr: Vec<String>,
}

/// For whom a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct InviteRequest {
    /// A device of the local network; else a browser of this computer.
    pub lan: bool,
    /// With every right; else it may only look.
    pub full: bool,
}
