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

/// The private link to the pool.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, TS)]
pub struct PrivateLinkView {
    /// Where it stands.
    pub state: LinkState,
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
