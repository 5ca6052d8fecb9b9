//! What an adapter has to know.

use hivemind_domain::ids::InstallId;

/// How to reach a pool that speaks `hivemind.v1`.
#[derive(Debug, Clone)]
pub struct V1Config {
    /// The pool's address as the owner gave it, such as `https://pool.example`.
    pub master_url: String,
    /// Address for calls, `host:port` or a URL; empty means the one that the pool names.
    pub address: String,
    /// Whether the owner accepts a link without encryption.
    pub allow_unencrypted: bool,
    /// This installation.
    pub install: InstallId,
    /// Whether calls may go through the private link only.
    pub tunnel_only: bool,
    /// This program's version.
    pub version: String,
}
