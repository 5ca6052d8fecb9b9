use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One attempt of the self-test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct AttackView {
    /// A stable word; translations go by it.
    pub name: String,
    /// What a task must not be able to do, in a few English words.
    pub what: String,
    /// Whether it was denied.
    pub denied: bool,
    /// What was seen.
    pub evidence: String,
}

/// What tasks cannot do on this computer, as it was tried.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct ProofView {
    /// When.
    #[ts(type = "number")]
    pub at_ms: i64,
    /// In the order in which they were tried.
    pub attacks: Vec<AttackView>,
}

impl ProofView {
    /// Those that were not denied.
    pub fn broken(&self) -> impl Iterator<Item = &AttackView> {
        self.attacks.iter().filter(|attack| !attack.denied)
    }
}
