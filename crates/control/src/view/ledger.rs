//! The ledger of the live network, task by task.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What the ledger of the live network holds for the account, beside what this computer knows of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct NetworkLedger {
    /// Whether the pool tells it; at a pool of another kind it does not, and the rest is empty.
    pub told: bool,
    /// Whose it is, `name@pool`.
    pub earner: String,
    /// All that the account has earned, with every computer, in CPT.
    #[ts(type = "number")]
    pub total_cpt: u64,
    /// Newest first: at most 100 entries of the ledger, and of the last 30 days what this computer did and the ledger
    /// does not pay.
    pub entries: Vec<NetworkEntry>,
    /// Whether there may be older entries, which the network does not tell.
    pub cut: bool,
}

/// One task in the network's ledger, or missing from it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct NetworkEntry {
    /// The task.
    pub task_id: String,
    /// The attempt of this computer; absent for another computer's.
    pub attempt: Option<u32>,
    /// Who paid; empty while nobody did.
    pub payer: String,
    /// The computer that did it, by the network's name for it; empty for this one.
    pub computer: String,
    /// What was earned, in CPT; of what was withdrawn, what stood there.
    #[ts(type = "number")]
    pub cpt: u64,
    /// How it stands.
    pub state: NetworkPay,
    /// The network's own word for that; empty where it said none.
    pub status: String,
    /// When it was written there, or when the task ended; absent where that is not known.
    #[ts(type = "number | null")]
    pub at_ms: Option<i64>,
}

/// How the pay of a task of the live network stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum NetworkPay {
    /// The ledger has it.
    #[default]
    Paid,
    /// Done, and the ledger does not have it yet.
    Waiting,
    /// Done, and not paid: the requester could not pay. The network does not try again.
    Unpaid,
    /// Done, and not paid: this computer had been removed from the network while the pay was open, which is nobody's
    /// then.
    Orphaned,
    /// It stood in the ledger and does so no more.
    Withdrawn,
}
