//! What a file from another program would be as one of ours.

use super::reader::{lines, never};
use super::{LinkConfig, address};
use ipnet::{IpNet, Ipv4Net};
use std::net::IpAddr;

/// A configuration without what is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Narrowed {
    /// What it says now.
    pub config: LinkConfig,
    /// Keys that were left out.
    pub left_out: Vec<String>,
    /// The pool's own network, as it follows from our address.
    pub network: IpNet,
}

/// Leaves out what is never taken, and narrows `AllowedIPs` to the /24 (or /64) around our own address.
pub(super) fn narrow(bytes: &[u8]) -> Option<Narrowed> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= super::MAX_BYTES)?;
    let lines = lines(text.strip_prefix('\u{feff}').unwrap_or(text)).ok()?;
    let mut network = None;
    for (_, line) in &lines {
        if let Some((key, value)) = line.split_once('=')
            && key.trim().eq_ignore_ascii_case("address")
        {
            let first = value.split(',').next()?.trim();
            network = Some(around(address::network(first).ok()?.addr())?);
            break;
        }
    }
    let network = network?;
    let (mut kept, mut left_out, mut said) = (String::new(), Vec::new(), false);
    for (_, line) in lines {
        let key = line.split_once('=').map(|(key, _)| key.trim());
        match key {
            Some(key) if never(key).is_some() => {
                if !left_out.iter().any(|left: &String| left.eq_ignore_ascii_case(key)) {
                    left_out.push(key.to_owned());
                }
            }
            Some(key) if key.eq_ignore_ascii_case("allowedips") => {
                if !said {
                    kept.push_str(&format!("AllowedIPs = {network}\n"));
                }
                said = true;
            }
            Some(_) | None => {
                kept.push_str(line);
                kept.push('\n');
            }
        }
    }
    let config = LinkConfig::parse(kept.as_bytes()).ok()?;
    Some(Narrowed { config, left_out, network })
}

fn around(ip: IpAddr) -> Option<IpNet> {
    match ip {
        IpAddr::V4(v4) => Some(IpNet::V4(Ipv4Net::new(v4, 24).ok()?.trunc())),
        IpAddr::V6(v6) => Some(IpNet::new(IpAddr::V6(v6), 64).ok()?.trunc()),
    }
}
