//! How this computer stands with a pool of the live network.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// How this computer stands with a pool of the live network.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct NetworkStanding {
    /// How work comes here.
    pub reach: Reach,
    /// Why it comes so, or does not come.
    pub why: ReachWhy,
    /// Where the pool calls this computer, `host:port`; empty where it does not.
    pub address: String,
    /// The pool's trust; absent when it did not say.
    pub trust: Option<NetworkTrust>,
    /// What the account has earned by the pool's ledger, in CPT; absent when it did not say. The network keeps it apart
    /// from the balance.
    #[ts(type = "number | null")]
    pub earned_cpt: Option<u64>,
}

/// How work comes here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// The pool calls this computer.
    Push,
    /// This computer asks the pool.
    Pull,
    /// Not at all.
    #[default]
    Neither,
}

/// Why work comes so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum ReachWhy {
    /// The pool was not reached yet.
    #[default]
    NotConnected,
    /// Push: this computer has an address in the network's overlay.
    Overlay,
    /// Push: the pool is on this computer.
    SameComputer,
    /// The owner chose it.
    Chosen,
    /// Pull: this computer has no address in the overlay that the pool could call.
    NoOverlayAddress,
    /// Pull: the port for the pool's calls is taken by another program.
    PortTaken,
    /// Pull: the pool is reached through a proxy, and nobody calls back through that.
    ThroughProxy,
    /// Pull: what was pushed carried tokens that the pool's public key does not prove.
    TokensRefused,
    /// Pull: the pool counted failures of tasks that never arrived here.
    PushedInVain,
    /// Neither: the pool's trust in this computer is too low.
    LowTrust,
    /// Neither: the pool has banned this computer.
    Banned,
}

/// The pool's trust in this computer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct NetworkTrust {
    /// 0 to 1000; it begins at 100, a task done adds 1, a failed one takes 5, below 20 no work comes.
    #[ts(type = "number")]
    pub score: i64,
    /// Tasks done.
    #[ts(type = "number")]
    pub successful: i64,
    /// Tasks failed.
    #[ts(type = "number")]
    pub failed: i64,
    /// Whether the pool gives this computer no work any more.
    pub banned: bool,
}
