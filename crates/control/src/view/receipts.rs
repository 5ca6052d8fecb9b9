//! The ledger of receipts, to be given away.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Which part of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct ReceiptsQuery {
    /// The first byte wanted: 0, or the `next` of the part before.
    #[serde(default)]
    #[ts(type = "number")]
    pub from: u64,
}

/// Whole lines of the ledger. All parts behind one another are one file that `verify-ledger` understands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct ReceiptsPart {
    /// The lines, each with its line break; about 1 MiB at most.
    pub text: String,
    /// Where the next part begins; absent with the last one, which ends with the signed end.
    #[ts(type = "number | null")]
    pub next: Option<u64>,
    /// Receipts in the whole file, as far as it is known now.
    #[ts(type = "number")]
    pub rows: u64,
}
