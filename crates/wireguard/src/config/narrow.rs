//! What a file from another program would be as one of ours.

use super::reader::{lines, never};
use super::{LinkConfig, Reason, address};
use ipnet::IpNet;
use std::net::IpAddr;

/// A configuration without what is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Narrowed {
    /// What it says now.
    pub config: LinkConfig,
    /// Keys that were left out, each once.
    pub left_out: Vec<String>,
}

impl Narrowed {
    /// `AllowedIPs` as it is now.
    #[must_use]
    pub fn allowed(&self) -> String {
        let nets: Vec<_> = self.config.peer.allowed_ips.iter().map(ToString::to_string).collect();
        nets.join(", ")
    }
}

/// Leaves out what is never taken. Where all of the computer's traffic would go through the tunnel, `AllowedIPs` becomes
/// the /24 (or /64) around each of our own addresses; what is allowed otherwise stays as it is.
pub(super) fn narrow(bytes: &[u8]) -> Option<Narrowed> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= super::MAX_BYTES)?;
    let lines = lines(text.strip_prefix('\u{feff}').unwrap_or(text)).ok()?;
    let (mut kept, mut left_out) = (Vec::new(), Vec::new());
    for (_, line) in lines {
        match key(line).filter(|key| never(key).is_some()) {
            Some(key) if left_out.iter().any(|left: &String| left.eq_ignore_ascii_case(key)) => {}
            Some(key) => left_out.push(key.to_owned()),
            None => kept.push(line),
        }
    }
    let config = match LinkConfig::parse(kept.join("\n").as_bytes()) {
        Ok(config) => config,
        Err(refusal) if refusal.reason == Reason::FullTunnel => {
            LinkConfig::parse(with_own_networks(&kept)?.as_bytes()).ok()?
        }
        Err(_) => return None,
    };
    Some(Narrowed { config, left_out })
}

fn key(line: &str) -> Option<&str> {
    line.split_once('=').map(|(key, _)| key.trim())
}

fn is(line: &str, name: &str) -> bool {
    key(line).is_some_and(|key| key.eq_ignore_ascii_case(name))
}

/// The lines with the networks around our own addresses as what is allowed.
fn with_own_networks(lines: &[&str]) -> Option<String> {
    let mut networks: Vec<String> = Vec::new();
    for line in lines.iter().filter(|line| is(line, "address")) {
        for one in line.split_once('=')?.1.split(',') {
            let network = around(address::network(one.trim()).ok()?.addr())?.to_string();
            if !networks.contains(&network) {
                networks.push(network);
            }
        }
    }
    let allowed = format!("AllowedIPs = {}", networks.join(", "));
    let (mut text, mut said) = (String::new(), false);
    for line in lines {
        let about = is(line, "allowedips");
        if !about || !said {
            text.push_str(if about { &allowed } else { line });
            text.push('\n');
        }
        said |= about;
    }
    Some(text)
}

fn around(ip: IpAddr) -> Option<IpNet> {
    let bits = if ip.is_ipv4() { 24 } else { 64 };
    IpNet::new(ip, bits).ok().map(|net| net.trunc())
}
