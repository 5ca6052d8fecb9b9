//! Settings and sign-in.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SettingView {
    /// Its key.
    pub key: String,
    /// Present value.
    pub value: String,
    /// Built-in value.
    pub default: String,
    /// `default`, `file`, `environment` or `flag`.
    pub source: String,
    /// What is accepted, in words.
    pub allowed: String,
    /// Environment variable.
    pub env: Option<String>,
    /// Command-line flag.
    pub flag: Option<String>,
    /// Whether a change needs the worker to start anew.
    pub restart: bool,
}

/// A change of one setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct SettingChange {
    /// Its key.
    pub key: String,
    /// New value; absent means back to the built-in one.
    pub value: Option<String>,
}

/// A sign-in. Never logged, never kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct LoginRequest {
    /// Name at the pool.
    pub username: String,
    /// Password.
    pub password: String,
}

impl std::fmt::Debug for LoginRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginRequest").field("username", &self.username).finish_non_exhaustive()
    }
}
