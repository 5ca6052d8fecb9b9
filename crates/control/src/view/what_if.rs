//! What other rules would have made of the last days.

use super::{ReasonSum, SettingChange};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Changes of rules that are to be tried on the time that has passed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct WhatIfRequest {
    /// Settings of the rules with other values, at most 32; none tries the rules as they are.
    pub changes: Vec<SettingChange>,
    /// How many days back, 1 to 30.
    pub days: u32,
}

/// What came of the last days, and what would have.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct WhatIfView {
    /// From then.
    #[ts(type = "number")]
    pub from_ms: i64,
    /// Up to then.
    #[ts(type = "number")]
    pub to_ms: i64,
    /// Time of which the signals are known; the rest says nothing.
    #[ts(type = "number")]
    pub known_ms: u64,
    /// Time in which work was really taken, by the book of seconds.
    #[ts(type = "number")]
    pub lent_ms: u64,
    /// CPT of the tasks that ended then: credited, or estimated where the pool has not spoken.
    #[ts(type = "number")]
    pub cpt: u64,
    /// The currency of every cost, as ISO 4217; empty where the owner named none.
    #[serde(default)]
    pub currency: String,
    /// The same time under the rules as they are now.
    pub now: WhatIfOutcome,
    /// The same time under the changed rules.
    pub changed: WhatIfOutcome,
}

/// What rules make of a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct WhatIfOutcome {
    /// Time in which work is taken.
    #[ts(type = "number")]
    pub lent_ms: u64,
    /// Pay, were each hour and share paid as it was then; absent when nothing was lent that it could be reckoned from.
    #[ts(type = "number | null")]
    pub cpt: Option<u64>,
    /// Electricity above idle, reckoned in the same way from the attempts for which it is known, in thousandths of a
    /// watt-hour; absent where it is known of none.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub energy_mwh: Option<u64>,
    /// What that would cost, in millionths of the currency; absent without a price.
    #[serde(default)]
    #[ts(type = "number | null")]
    pub cost_micros: Option<u64>,
    /// Time by reason, the longest first.
    pub sums: Vec<ReasonSum>,
}
