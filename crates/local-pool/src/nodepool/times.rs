//! The network's times.

use std::time::Duration;

/// The network's own times, or shorter ones for tests.
#[derive(Debug, Clone, Copy)]
pub struct FaceTimes {
    /// Between two looks for work that can be pushed.
    pub dispatch_every: Duration,
    /// A task, or a worker, of which nothing was heard for so long is taken for lost.
    pub stale_after: Duration,
    /// Between two looks for these.
    pub sweep_every: Duration,
    /// Life of a session.
    pub token_for: Duration,
    /// From a completion to its entry in what the ledger tells.
    pub ledger_after: Duration,
    /// From an announcement until the tracker forgets who made it.
    pub forgets_after: Duration,
}

impl Default for FaceTimes {
    fn default() -> Self {
        Self {
            dispatch_every: Duration::from_secs(5),
            stale_after: Duration::from_secs(30),
            sweep_every: Duration::from_secs(10),
            token_for: Duration::from_secs(86_400),
            ledger_after: Duration::ZERO,
            forgets_after: Duration::from_secs(300),
        }
    }
}
