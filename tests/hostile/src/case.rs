//! One hostile input.

use crate::cost::Cost;
use std::path::Path;

/// The groups of the security goals that concern execution, with how many inputs each must have.
pub const GROUPS: &[(&str, usize)] = &[
    ("archives", 300),
    ("results", 60),
    ("races", 10_000),
    ("messages", 200),
    ("live", 200),
    ("pushes", 170),
    ("wireguard", 150),
    ("text", 350),
    ("page", 60),
    ("netd", 100),
    ("locals", 30),
    ("escape", 60),
    ("network", 80),
    ("exhaustion", 40),
];

/// What happened to an input.
#[derive(Debug, Clone)]
pub struct Seen {
    /// In words; compared with what was expected, letter by letter.
    pub outcome: String,
    /// What the refusal cost; absent where it is measured by other means.
    pub cost: Option<Cost>,
}

impl Seen {
    /// An outcome without a cost.
    pub fn plain(outcome: impl Into<String>) -> Self {
        Self { outcome: outcome.into(), cost: None }
    }
}

/// One hostile input. It is built only when it runs.
pub struct Case {
    /// Short and unique in its group.
    pub name: String,
    /// How it is built, in words.
    pub built: String,
    /// The outcome it must have.
    pub expected: String,
    /// Builds it in an empty folder of its own and gives it to the worker's code.
    pub run: Box<dyn FnOnce(&Path) -> Seen + Send>,
}

/// Fails when two cases have one name: a count of cases must count different ones.
pub fn assert_unique(cases: &[Case]) {
    let mut names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    let twice: Vec<&str> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    assert!(twice.is_empty(), "named twice: {twice:?}");
}
