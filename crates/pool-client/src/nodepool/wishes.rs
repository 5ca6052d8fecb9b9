//! What the owner wishes of the live network.

use super::push::token::{Key, NETWORK_KEY};
use std::net::SocketAddr;

/// Port of a worker that the network's pool calls, unless another is set.
pub const CALLED_AT: u16 = 50053;

/// How work is to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Work {
    /// By push where the pool can call this computer, else by pull.
    #[default]
    Auto,
    /// By push, where that is possible at all.
    Push,
    /// By pull.
    Pull,
}

impl Work {
    /// Of the setting's word.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "push" => Self::Push,
            "pull" => Self::Pull,
            _ => Self::Auto,
        }
    }
}

/// What the owner wishes of the live network.
#[derive(Debug, Clone)]
pub struct NetworkWishes {
    pub(super) work: Work,
    pub(super) port: u16,
    pub(super) key: Key,
    pub(super) proxy: Option<SocketAddr>,
    pub(super) scripts: bool,
}

/// A setting that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct WrongWish {
    /// Name of the setting.
    pub setting: &'static str,
    /// One sentence.
    pub why: &'static str,
}

impl NetworkWishes {
    /// Of the settings: the pool's public key as PEM or base64 (empty for the network's own), the address of a SOCKS5
    /// proxy (empty for none), and whether `run.py` and `run.sh` are started too. Port 0 is any that is free.
    ///
    /// # Errors
    /// When key or proxy cannot be read.
    pub fn new(work: Work, port: u16, key: &str, proxy: &str, scripts: bool) -> Result<Self, WrongWish> {
        let wrong = |setting, why| WrongWish { setting, why };
        let key = Key::parse(if key.trim().is_empty() { NETWORK_KEY } else { key });
        let key = key.ok_or(wrong("nodepool_key", "this is no Ed25519 public key as PEM or base64"))?;
        let proxy = proxy.trim().trim_start_matches("socks5://");
        let proxy = match proxy {
            "" => None,
            text => Some(text.parse::<SocketAddr>().ok().filter(|at| at.ip().is_loopback()).ok_or(wrong(
                "nodepool_proxy",
                "a proxy is an address and a port of this computer, such as 127.0.0.1:1055",
            ))?),
        };
        Ok(Self { work, port, key, proxy, scripts })
    }
}

impl Default for NetworkWishes {
    fn default() -> Self {
        let key = Key::parse(NETWORK_KEY).unwrap_or(Key::NONE);
        Self { work: Work::Auto, port: CALLED_AT, key, proxy: None, scripts: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_wrongly_is_named() {
        let of = |key, proxy| NetworkWishes::new(Work::Auto, 1, key, proxy, false).map_err(|w| w.setting);
        for (key, proxy, expected) in [
            ("", "", None),
            (NETWORK_KEY, "127.0.0.1:1055", None),
            ("", "socks5://[::1]:1055", None),
            ("nonsense", "", Some("nodepool_key")),
            ("", "127.0.0.1", Some("nodepool_proxy")),
            ("", "proxy.example:1080", Some("nodepool_proxy")),
            // Whoever runs a proxy sees all of it: the network's calls are not encrypted.
            ("", "192.168.1.5:1080", Some("nodepool_proxy")),
        ] {
            assert_eq!(of(key, proxy).err(), expected, "{key} {proxy}");
        }
        assert_eq!(NetworkWishes::default().key, Key::parse(NETWORK_KEY).expect("the network's"));
    }
}
