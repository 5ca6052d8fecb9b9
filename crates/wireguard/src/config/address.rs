//! Which addresses may lead into the tunnel.

use super::{Endpoint, Host, Reason};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Shortest prefixes that are still a pool's own network.
const SHORTEST_V4: u8 = 16;
const SHORTEST_V6: u8 = 48;
/// Prefixes below these are one half, quarter… of everything.
const FULL_V4: u8 = 8;
const FULL_V6: u8 = 8;

/// One network of `AllowedIPs` or `Address`; an address alone is a network of one.
pub(super) fn network(text: &str) -> Result<IpNet, Reason> {
    let net = spelt(text).ok_or_else(|| misspelt(text))?;
    judge(&net)?;
    Ok(net)
}

/// The one spelling that all tools read alike: `010.8.0.0/24` is 10.8.0.0 for some and 8.8.0.0 for others.
fn spelt(text: &str) -> Option<IpNet> {
    let Some((ip, prefix)) = text.split_once('/') else {
        return Some(IpNet::from(text.parse::<IpAddr>().ok()?));
    };
    let plain = prefix.bytes().all(|b| b.is_ascii_digit()) && (prefix == "0" || !prefix.starts_with('0'));
    let bits = prefix.parse().ok().filter(|_| plain)?;
    IpNet::new(ip.parse().ok()?, bits).ok()
}

/// A spelling that we do not read may still be one that another tool takes for everything.
fn misspelt(text: &str) -> Reason {
    let Some((ip, prefix)) = text.split_once('/') else { return Reason::Address };
    let digits = prefix.trim().trim_start_matches(['+', '-']).trim_start_matches("0x");
    let none = !digits.is_empty() && digits.chars().all(|c| matches!(c, '0' | '.' | ':'));
    let zero =
        !ip.trim().is_empty() && ip.trim().chars().all(|c| matches!(c, '0' | 'x' | '.' | ':' | '[' | ']'));
    let short = digits.parse::<u16>().is_ok_and(|bits| bits < u16::from(FULL_V4));
    if none || (zero && short) { Reason::FullTunnel } else { Reason::Address }
}

fn judge(net: &IpNet) -> Result<(), Reason> {
    match net {
        IpNet::V4(net) => judge_v4(net),
        IpNet::V6(net) => match net.addr().to_ipv4_mapped() {
            // ::ffff:0:0/96 is all of IPv4 in other words.
            Some(_) if net.prefix_len() < 96 + FULL_V4 => Err(Reason::FullTunnel),
            Some(_) => Err(Reason::SpecialAddress),
            None => judge_v6(net),
        },
    }
}

fn judge_v4(net: &Ipv4Net) -> Result<(), Reason> {
    if net.prefix_len() < FULL_V4 {
        return Err(Reason::FullTunnel);
    }
    let first = net.network();
    let special = |ip: Ipv4Addr| {
        let loops = ip.is_loopback() || ip.is_link_local() || ip.is_multicast() || ip.is_broadcast();
        loops || ip.octets()[0] == 0 || ip.octets()[0] >= 240
    };
    if special(first) || special(net.broadcast()) {
        return Err(Reason::SpecialAddress);
    }
    let overlay = Ipv4Net::new(Ipv4Addr::new(100, 64, 0, 0), 10);
    let private = first.is_private() || overlay.is_ok_and(|overlay| overlay.contains(&first));
    if !private {
        return Err(Reason::PublicAddress);
    }
    if net.prefix_len() < SHORTEST_V4 { Err(Reason::TooWide) } else { Ok(()) }
}

fn judge_v6(net: &Ipv6Net) -> Result<(), Reason> {
    if net.prefix_len() < FULL_V6 {
        return Err(Reason::FullTunnel);
    }
    let first = net.network();
    let special = first.is_loopback()
        || first.is_unspecified()
        || first.is_multicast()
        || first.is_unicast_link_local();
    if special {
        return Err(Reason::SpecialAddress);
    }
    if !first.is_unique_local() {
        return Err(Reason::PublicAddress);
    }
    if net.prefix_len() < SHORTEST_V6 { Err(Reason::TooWide) } else { Ok(()) }
}

/// Whether two networks share an address.
pub(super) fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(other) || other.contains(one) || one.contains(&other.addr()) || other.contains(&one.addr())
}

/// `host:port`.
pub(super) fn endpoint(text: &str) -> Result<Endpoint, Reason> {
    let (host, port) = text.rsplit_once(':').ok_or(Reason::Endpoint)?;
    let digits = !port.is_empty() && port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
    let port = port.parse::<u16>().ok().filter(|port| digits && *port > 0).ok_or(Reason::Endpoint)?;
    let host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(v6) => Host::Ip(IpAddr::V6(v6.parse::<Ipv6Addr>().map_err(|_| Reason::Endpoint)?)),
        None => match host.parse::<Ipv4Addr>() {
            Ok(v4) => Host::Ip(IpAddr::V4(v4)),
            Err(_) => Host::Name(name(host)?),
        },
    };
    if let Host::Ip(ip) = host {
        endpoint_ip(ip)?;
    }
    Ok(Endpoint { host, port })
}

/// A pool on this computer is fine, a neighbour's or nobody's address is not.
pub(super) fn endpoint_ip(ip: IpAddr) -> Result<(), Reason> {
    let ip = match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    };
    let wrong = match ip {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_multicast() || v4.is_broadcast() || v4.octets()[0] == 0,
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.is_multicast() || v6.is_unspecified(),
    };
    if wrong { Err(Reason::Endpoint) } else { Ok(()) }
}

fn name(host: &str) -> Result<String, Reason> {
    let label = |label: &str| {
        let inner = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        !label.is_empty() && label.len() <= 63 && inner && !label.starts_with('-') && !label.ends_with('-')
    };
    let bare = host.strip_suffix('.').unwrap_or(host);
    let last = bare.rsplit('.').next().unwrap_or_default();
    // A name whose last part is a number is an address in a spelling that others read: 0x7f.1, 2130706433.
    let numeric = last.bytes().all(|b| b.is_ascii_digit()) || last.to_ascii_lowercase().starts_with("0x");
    if bare.len() > 253 || numeric || !bare.split('.').all(label) {
        return Err(Reason::Endpoint);
    }
    Ok(bare.to_ascii_lowercase())
}
