//! Writes the text.

use super::reader::KEYRING;
use super::{DEFAULT_MTU, KeySource, LinkConfig};
use ipnet::IpNet;
use zeroize::Zeroizing;

/// So much room that the text, which may hold the key, never has to move while it grows.
const ROOM: usize = 4096;

fn list(networks: &[IpNet]) -> String {
    networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

pub(super) fn text(config: &LinkConfig) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(ROOM));
    let mut line = |parts: &[&str]| {
        for part in parts {
            text.push_str(part);
        }
        text.push('\n');
    };
    line(&["# The private link of HiveMind Worker. A change is taken at once."]);
    line(&["[Interface]"]);
    match &config.private_key {
        KeySource::Here(key) => line(&["PrivateKey = ", &key.reveal()]),
        KeySource::Keyring(public) => {
            line(&["# The private key is in this computer's keyring; here stands the public one."]);
            line(&["PrivateKey = ", KEYRING, &public.to_string()]);
        }
    }
    line(&["Address = ", &list(&config.addresses)]);
    if config.listen_port > 0 {
        line(&["ListenPort = ", &config.listen_port.to_string()]);
    }
    if config.mtu != DEFAULT_MTU {
        line(&["MTU = ", &config.mtu.to_string()]);
    }
    let peer = &config.peer;
    line(&[""]);
    line(&["[Peer]"]);
    line(&["PublicKey = ", &peer.public_key.to_string()]);
    if let Some(preshared) = &peer.preshared {
        line(&["PresharedKey = ", &preshared.reveal()]);
    }
    line(&["Endpoint = ", &peer.endpoint.to_string()]);
    line(&["AllowedIPs = ", &list(&peer.allowed_ips)]);
    if peer.keepalive > 0 {
        line(&["PersistentKeepalive = ", &peer.keepalive.to_string()]);
    }
    text
}
