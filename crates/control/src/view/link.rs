//! The private link to the pool.

use crate::error::ApiError;
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Where the private link stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// Not used.
    #[default]
    Off,
    /// Asking the pool for its key and an address.
    Requesting,
    /// Starting, waiting for the first handshake.
    Configuring,
    /// The last handshake is younger than three minutes.
    Up,
    /// It was up, and nothing has been heard for three minutes.
    Stale,
    /// It failed; the problem says why.
    Down,
}

/// What carries the private link's packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// The worker itself: no interface, no right.
    #[default]
    Process,
    /// An interface of the system, made by `hivemind-netd`.
    System,
}

/// What the private link has carried.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct LinkTrafficView {
    /// How it stands.
    pub link: PrivateLinkView,
    /// Age of the last handshake in seconds; absent without one.
    #[ts(type = "number | null")]
    pub handshake_s: Option<u64>,
    /// Bytes from the pool.
    #[ts(type = "number")]
    pub received_bytes: u64,
    /// Bytes to the pool.
    #[ts(type = "number")]
    pub sent_bytes: u64,
}

/// The private link to the pool.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct PrivateLinkView {
    /// Where it stands.
    pub state: LinkState,
    /// What carries its packets.
    pub kind: LinkKind,
    /// This computer's address inside.
    pub address: String,
    /// Where the pool's end is.
    pub endpoint: String,
    /// Bytes of one packet inside.
    pub mtu: u16,
    /// The file that it is set up by.
    pub file: String,
    /// Whether the private key lies in that file, because there is no keyring.
    pub key_in_file: bool,
    /// Whether other users of this computer can read that file.
    pub file_exposed: bool,
    /// Why it is not up.
    pub problem: Option<ApiError>,
}
