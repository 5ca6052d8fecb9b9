//! Reads the text, line by line.

use super::{
    DEFAULT_MTU, Endpoint, Host, KeySource, LinkConfig, MAX_BYTES, PeerSection, Reason, Refusal, address,
};
use crate::keys::{PresharedKey, PrivateKey, PublicKey};
use ipnet::IpNet;
use std::net::IpAddr;

const MAX_LINES: usize = 200;
const MAX_LINE_BYTES: usize = 512;
const MAX_ENTRIES: usize = 16;
const MAX_ADDRESSES: usize = 2;
/// Smallest packets that IPv4 and IPv6 promise, and what fits into an ordinary link.
const MTU_V4: u16 = 576;
const MTU_V6: u16 = 1280;
const MTU_MOST: u16 = 1420;
/// How a private key in the keyring is named.
pub(super) const KEYRING: &str = "keyring:";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Section {
    Interface,
    Peer,
}

impl Section {
    fn name(self) -> &'static str {
        match self {
            Self::Interface => "[Interface]",
            Self::Peer => "[Peer]",
        }
    }
}

/// What was read so far.
#[derive(Default)]
struct Draft {
    private_key: Option<KeySource>,
    addresses: Vec<(usize, IpNet)>,
    mtu: Option<(usize, u16)>,
    listen_port: Option<u16>,
    public_key: Option<(usize, PublicKey)>,
    preshared: Option<PresharedKey>,
    endpoint: Option<(usize, Endpoint)>,
    allowed_ips: Vec<IpNet>,
    keepalive: Option<u16>,
}

pub(super) fn read(bytes: &[u8]) -> Result<LinkConfig, Refusal> {
    let text = text(bytes)?;
    let mut draft = Draft::default();
    let mut seen: Vec<Section> = Vec::new();
    for (number, line) in lines(text)? {
        if let Some(rest) = line.strip_prefix('[') {
            let section = match rest.to_ascii_lowercase().as_str() {
                "interface]" => Section::Interface,
                "peer]" => Section::Peer,
                _ => return Err(Refusal::new(number, line, Reason::UnknownSection)),
            };
            if seen.contains(&section) {
                return Err(Refusal::new(number, section.name(), Reason::Twice));
            }
            seen.push(section);
            continue;
        }
        let (key, value) = line.split_once('=').ok_or_else(|| Refusal::new(number, "", Reason::Line))?;
        let (key, value) = (key.trim(), value.trim());
        draft.take(number, key, value, seen.last().copied()).map_err(|reason| {
            // Values of keys that hold secrets are never repeated.
            let shown = matches!(
                reason,
                Reason::FullTunnel
                    | Reason::TooWide
                    | Reason::PublicAddress
                    | Reason::SpecialAddress
                    | Reason::Address
                    | Reason::Endpoint
            );
            Refusal::new(number, key, reason).about(if shown { value } else { "" })
        })?;
    }
    draft.finish()
}

fn text(bytes: &[u8]) -> Result<&str, Refusal> {
    let whole = |reason| Refusal::new(0, "", reason);
    if bytes.len() > MAX_BYTES {
        return Err(whole(Reason::TooLarge));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| whole(Reason::NotText))?;
    // Some editors begin a file so.
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Numbered lines without comments and blank ones.
pub(super) fn lines(text: &str) -> Result<Vec<(usize, &str)>, Refusal> {
    let mut kept = Vec::new();
    for (index, line) in text.split('\n').enumerate() {
        let number = index + 1;
        let line = line.strip_suffix('\r').unwrap_or(line);
        if number > MAX_LINES || line.len() > MAX_LINE_BYTES {
            return Err(Refusal::new(number, "", Reason::TooLarge));
        }
        let line = line.split('#').next().unwrap_or_default().trim_matches([' ', '\t']);
        // Whatever an eye or another tool could take for the end of a line, or for nothing at all.
        if !line.chars().all(|c| c == '\t' || c == ' ' || c.is_ascii_graphic()) {
            return Err(Refusal::new(number, "", Reason::NotText));
        }
        if !line.is_empty() {
            kept.push((number, line));
        }
    }
    Ok(kept)
}

/// What keys that are known and never taken would do.
pub(super) fn never(key: &str) -> Option<Reason> {
    match key.to_ascii_lowercase().as_str() {
        "postup" | "preup" | "postdown" | "predown" => Some(Reason::Command),
        "saveconfig" => Some(Reason::SaveConfig),
        "table" | "fwmark" => Some(Reason::Routing),
        "dns" => Some(Reason::Dns),
        _ => None,
    }
}

fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), Reason> {
    if slot.is_some() {
        return Err(Reason::Twice);
    }
    *slot = Some(value);
    Ok(())
}

fn number(text: &str, range: std::ops::RangeInclusive<u16>) -> Result<u16, Reason> {
    let plain = !text.is_empty() && text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.parse().ok().filter(|number| plain && range.contains(number));
    number.ok_or(Reason::Number)
}

fn networks(text: &str, most: usize, have: usize) -> Result<Vec<IpNet>, Reason> {
    let mut found = Vec::new();
    for part in text.split(',') {
        if have + found.len() >= most {
            return Err(Reason::TooLarge);
        }
        found.push(address::network(part.trim())?);
    }
    Ok(found)
}

impl Draft {
    fn take(&mut self, line: usize, key: &str, value: &str, section: Option<Section>) -> Result<(), Reason> {
        if let Some(reason) = never(key) {
            return Err(reason);
        }
        let lower = key.to_ascii_lowercase();
        let home = match lower.as_str() {
            "privatekey" | "address" | "listenport" | "mtu" => Section::Interface,
            "publickey" | "presharedkey" | "endpoint" | "allowedips" | "persistentkeepalive" => Section::Peer,
            _ => return Err(Reason::UnknownKey),
        };
        if section != Some(home) {
            return Err(Reason::Misplaced);
        }
        match lower.as_str() {
            "privatekey" => {
                let source = match value.strip_prefix(KEYRING) {
                    Some(public) => KeySource::Keyring(public.parse().map_err(|_| Reason::Key)?),
                    None => KeySource::Here(PrivateKey::parse(value).map_err(|_| Reason::Key)?),
                };
                once(&mut self.private_key, source)
            }
            "address" => {
                let more = networks(value, MAX_ADDRESSES, self.addresses.len())?;
                self.addresses.extend(more.into_iter().map(|net| (line, net)));
                Ok(())
            }
            "listenport" => {
                // Ports below need rights that the tunnel does without.
                let port = number(value, 0..=u16::MAX)?;
                if (1..1024).contains(&port) {
                    return Err(Reason::Number);
                }
                once(&mut self.listen_port, port)
            }
            "mtu" => once(&mut self.mtu, (line, number(value, MTU_V4..=MTU_MOST)?)),
            "publickey" => once(&mut self.public_key, (line, value.parse().map_err(|_| Reason::Key)?)),
            "presharedkey" => once(&mut self.preshared, PresharedKey::parse(value).map_err(|_| Reason::Key)?),
            "endpoint" => once(&mut self.endpoint, (line, address::endpoint(value)?)),
            "allowedips" => {
                let more = networks(value, MAX_ENTRIES, self.allowed_ips.len())?;
                self.allowed_ips.extend(more.into_iter().map(|net| net.trunc()));
                Ok(())
            }
            _ if value.eq_ignore_ascii_case("off") => once(&mut self.keepalive, 0),
            // More often than every 5 s would only keep the computer awake.
            _ => match number(value, 0..=3600)? {
                1..=4 => Err(Reason::Number),
                seconds => once(&mut self.keepalive, seconds),
            },
        }
    }

    fn finish(self) -> Result<LinkConfig, Refusal> {
        let missing = |key| Refusal::new(0, key, Reason::Missing);
        let private_key = self.private_key.ok_or_else(|| missing("PrivateKey"))?;
        let (key_line, public_key) = self.public_key.ok_or_else(|| missing("PublicKey"))?;
        let (endpoint_line, endpoint) = self.endpoint.ok_or_else(|| missing("Endpoint"))?;
        if self.addresses.is_empty() {
            return Err(missing("Address"));
        }
        if self.allowed_ips.is_empty() {
            return Err(missing("AllowedIPs"));
        }
        if private_key.public() == public_key {
            return Err(Refusal::new(key_line, "PublicKey", Reason::OwnKey));
        }
        let (mtu_line, mtu) = self.mtu.unwrap_or((0, DEFAULT_MTU));
        let v6 = self.addresses.iter().any(|(_, net)| net.addr().is_ipv6());
        if v6 && mtu_line > 0 && mtu < MTU_V6 {
            return Err(Refusal::new(mtu_line, "MTU", Reason::Number));
        }
        let mtu = if v6 { mtu.max(MTU_V6) } else { mtu };
        for (line, net) in &self.addresses {
            if !is_host(net) {
                return Err(Refusal::new(*line, "Address", Reason::Address).about(&net.to_string()));
            }
        }
        let config = LinkConfig {
            private_key,
            addresses: self.addresses.into_iter().map(|(_, net)| net).collect(),
            mtu,
            listen_port: self.listen_port.unwrap_or(0),
            peer: PeerSection {
                public_key,
                preshared: self.preshared,
                endpoint,
                allowed_ips: self.allowed_ips,
                keepalive: self.keepalive.unwrap_or(0),
            },
        };
        if let Host::Ip(ip) = config.peer.endpoint.host {
            let placed = |refusal: Refusal| Refusal { line: endpoint_line, ..refusal };
            config.endpoint_at(ip).map_err(placed)?;
        }
        Ok(config)
    }
}

/// Whether the address is one that a computer can have, and not its network's own or everybody's.
fn is_host(net: &IpNet) -> bool {
    match net {
        IpNet::V4(v4) if v4.prefix_len() < 31 => v4.addr() != v4.network() && v4.addr() != v4.broadcast(),
        IpNet::V6(v6) if v6.prefix_len() < 127 => IpAddr::V6(v6.addr()) != IpAddr::V6(v6.network()),
        IpNet::V4(_) | IpNet::V6(_) => true,
    }
}
