//! Which links may go without encryption.

use std::net::IpAddr;

/// What protects a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    /// TLS.
    Tls,
    /// Our own private link.
    Tunnel,
    /// It never leaves this computer.
    Loopback,
    /// An overlay network (100.64.0.0/10, RFC 6598, used by Tailscale-like networks) encrypts it.
    Overlay,
    /// Nothing.
    None,
}

impl Protection {
    /// The word that people see.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Tunnel => "tunnel",
            Self::Loopback => "loopback",
            Self::Overlay => "overlay",
            Self::None => "unencrypted",
        }
    }
}

/// What protects a plain connection to an address that was resolved already.
pub(crate) fn plain(ip: IpAddr) -> Protection {
    let v4 = match ip {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(v6) => v6.to_ipv4_mapped(),
    };
    if ip.is_loopback() || v4.is_some_and(|v4| v4.is_loopback()) {
        return Protection::Loopback;
    }
    let overlay = v4.is_some_and(|v4| v4.octets()[0] == 100 && v4.octets()[1] & 0xC0 == 64);
    if overlay { Protection::Overlay } else { Protection::None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_overlay_count_as_protected() {
        let table = [
            ("127.0.0.1", Protection::Loopback),
            ("::1", Protection::Loopback),
            ("::ffff:127.9.9.9", Protection::Loopback),
            ("100.64.0.1", Protection::Overlay),
            ("100.127.255.255", Protection::Overlay),
            ("100.128.0.1", Protection::None),
            ("100.63.0.1", Protection::None),
            ("192.168.1.1", Protection::None),
            ("0.0.0.0", Protection::None),
        ];
        for (ip, expected) in table {
            assert_eq!(plain(ip.parse().unwrap()), expected, "{ip}");
        }
    }
}
