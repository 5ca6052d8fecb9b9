//! What a tunnel of the system may be: what a configuration file may say, judged by the same reader.

use crate::system::Judged;
use hivemind_netd_protocol::{Keys, Kind, Refused, Secret, Up};
use hivemind_wireguard::{LinkConfig, PrivateKey, PublicKey};
use zeroize::Zeroizing;

/// Stand in where no keys are needed: the reader wants two that differ. Alice's and Bob's of RFC 7748, section 6.1;
/// they are not used for anything.
const NO_KEY: &str = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
const NO_PEER: &str = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=";
/// So much room that the text, which may hold a key, never has to move while it grows.
const ROOM: usize = 8192;

/// Judges a request.
///
/// # Errors
/// [`Refused::Rule`] with the rule's word, or [`Refused::Keys`].
pub fn judge(up: &Up, kind: Kind) -> Result<Judged, Refused> {
    let keys = match (kind, &up.keys) {
        (Kind::Packets, None) => None,
        (Kind::Driver, Some(keys)) => Some(keys),
        (Kind::Packets, Some(_)) | (Kind::Driver, None) => return Err(Refused::Keys),
    };
    let public = match keys {
        Some(keys) => PublicKey::from_bytes(*keys.public_key.bytes()).map_err(|_| Refused::Keys)?.to_string(),
        None => NO_PEER.to_owned(),
    };
    let mut text = Zeroizing::new(String::with_capacity(ROOM));
    let mut line = |key: &str, value: &str| {
        for part in [key, " = ", value, "\n"] {
            text.push_str(part);
        }
    };
    let network = &up.network;
    // One line for each, so that a list of the allowed length never makes a line too long.
    let interface = "[Interface]\nPrivateKey";
    match keys {
        Some(keys) => line(interface, &spelled(&keys.private_key)),
        None => line(interface, NO_KEY),
    }
    for address in &network.addresses {
        line("Address", &address.to_string());
    }
    line("MTU", &network.mtu.to_string());
    line("ListenPort", &keys.map_or(0, |keys| keys.listen_port).to_string());
    line("[Peer]\nPublicKey", &public);
    line("Endpoint", &network.endpoint.to_string());
    for allowed in &network.allowed_ips {
        line("AllowedIPs", &allowed.to_string());
    }
    if let Some(Keys { keepalive, preshared, .. }) = keys {
        line("PersistentKeepalive", &keepalive.to_string());
        if let Some(preshared) = preshared {
            line("PresharedKey", &spelled(preshared));
        }
    }
    let config = LinkConfig::parse(text.as_bytes());
    let config = config.map_err(|refusal| Refused::Rule(refusal.reason.word().to_owned()))?;
    Ok(Judged { config, endpoint: network.endpoint })
}

fn spelled(secret: &Secret) -> Zeroizing<String> {
    PrivateKey::from_bytes(*secret.bytes()).reveal()
}
