//! What the local network's door has to know about this computer: its name, its addresses, who is near.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a look at the networks is believed.
const FRESH: Duration = Duration::from_secs(10);
/// A network of one's own that is wider than this is a mistake of its settings, not a neighbourhood.
const WIDEST: (u8, u8) = (8, 48);
/// Addresses that nobody has (documentation); asking for the way there sends nothing.
const NOWHERE: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];

/// Addresses with the prefix lengths of their networks.
type Networks = Vec<(IpAddr, u8)>;

/// This computer among others.
pub struct Surroundings {
    hostname: String,
    /// Addresses and prefix lengths of this computer's own networks, loopback left out.
    look: Box<dyn Fn() -> Networks + Send + Sync>,
    seen: Mutex<Option<(Instant, Networks)>>,
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Surroundings").field("hostname", &self.hostname).finish_non_exhaustive()
    }
}

impl Surroundings {
    /// A computer of this name whose networks are told by `look` whenever they matter.
    #[must_use]
    pub fn new(hostname: String, look: impl Fn() -> Vec<(IpAddr, u8)> + Send + Sync + 'static) -> Self {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
        let named = !hostname.is_empty() && hostname.len() <= 253 && hostname.bytes().all(plain);
        let hostname = if named { hostname.to_ascii_lowercase() } else { String::new() };
        Self { hostname, look: Box::new(look), seen: Mutex::default() }
    }

    /// Names under which browsers of the network may ask for this computer, in small letters.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        let bare = self.hostname.strip_suffix(".local").unwrap_or(&self.hostname);
        let names = if bare.is_empty() { vec![] } else { vec![bare.to_owned(), format!("{bare}.local")] };
        names.into_iter()
    }

    /// Whether somebody calls from the neighbourhood: from this computer, a private or link-local address, or a network
    /// in which this computer is itself.
    pub(crate) fn is_near(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        let local = match peer {
            IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
        };
        local || self.networks().iter().any(|&(own, prefix)| within(peer, own, prefix))
    }

    /// Addresses of this computer at which others can reach it, the likeliest first.
    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        let own: Vec<IpAddr> = self.networks().into_iter().map(|(ip, _)| ip.to_canonical()).collect();
        let mut found: Vec<IpAddr> =
            NOWHERE.into_iter().filter_map(way_to).filter(|ip| own.contains(ip)).collect();
        let (mut v4, mut v6): (Vec<_>, Vec<_>) = own.into_iter().filter(reachable).partition(IpAddr::is_ipv4);
        v4.sort_by_key(|ip| !matches!(ip, IpAddr::V4(ip) if ip.is_private()));
        v6.sort_unstable();
        for ip in v4.into_iter().chain(v6) {
            if !found.contains(&ip) {
                found.push(ip);
            }
        }
        found
    }

    /// How an address of this computer is written in a link.
    pub(crate) fn reached_at(&self) -> String {
        match self.addresses().first() {
            Some(IpAddr::V4(v4)) => v4.to_string(),
            Some(IpAddr::V6(v6)) => format!("[{v6}]"),
            None => self.names().last().unwrap_or_else(|| "localhost".to_owned()),
        }
    }

    fn networks(&self) -> Networks {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match &*seen {
            Some((at, networks)) if at.elapsed() < FRESH => networks.clone(),
            _ => {
                let networks = (self.look)();
                *seen = Some((Instant::now(), networks.clone()));
                networks
            }
        }
    }
}

/// The address of ours from which the system would call `there`.
fn way_to(there: IpAddr) -> Option<IpAddr> {
    let any: IpAddr =
        if there.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((there, 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(reachable)
}

/// Whether a link with this address means anything on another computer.
fn reachable(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_unspecified() && !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unspecified() && !v6.is_unicast_link_local(),
    }
}

fn within(peer: IpAddr, own: IpAddr, prefix: u8) -> bool {
    let shares = |a: u128, b: u128, bits: u8, widest: u8| {
        (widest..=bits).contains(&prefix) && (a ^ b).checked_shr(u32::from(bits - prefix)).unwrap_or(0) == 0
    };
    match (peer, own.to_canonical()) {
        (IpAddr::V4(peer), IpAddr::V4(own)) => {
            shares(peer.to_bits().into(), own.to_bits().into(), 32, WIDEST.0)
        }
        (IpAddr::V6(peer), IpAddr::V6(own)) => shares(peer.to_bits(), own.to_bits(), 128, WIDEST.1),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn at(networks: &[(&str, u8)]) -> Surroundings {
        let networks: Vec<_> = networks.iter().map(|(text, prefix)| (ip(text), *prefix)).collect();
        Surroundings::new("Sofa".into(), move || networks.clone())
    }

    #[test]
    fn neighbours_are_near_and_the_internet_is_not() {
        let here =
            at(&[("198.51.100.20", 28), ("2001:db8:7:1::5", 64), ("203.0.113.9", 0), ("2001:db8:9::1", 16)]);
        for near in [
            "127.0.0.1",
            "::1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.30",
            "169.254.7.7",
            "fe80::1",
            "fd00::7",
            "198.51.100.17",
            "198.51.100.31",
            "2001:db8:7:1:ffff::1",
            "::ffff:192.168.1.30",
            "::ffff:198.51.100.17",
        ] {
            assert!(here.is_near(ip(near)), "{near}");
        }
        for far in [
            "198.51.100.15",
            "198.51.100.32",
            "8.8.8.8",
            "172.32.0.1",
            "172.15.255.255",
            "192.169.0.1",
            "100.64.0.1",
            "203.0.113.10",
            "2001:db8:7:2::1",
            "2001:db8:9::2",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "0.0.0.0",
        ] {
            assert!(!here.is_near(ip(far)), "{far}");
        }
        assert!(
            !at(&[("198.51.100.20", 33), ("2001:db8::1", 129)]).is_near(ip("198.51.100.20")),
            "no such prefix"
        );
    }

    #[test]
    fn a_link_names_an_address_that_others_can_reach() {
        let own = [
            ("fe80::1", 64),
            ("169.254.1.1", 16),
            ("2001:db8:7:1::5", 64),
            ("203.0.113.9", 24),
            ("192.168.1.7", 24),
        ];
        let here = at(&own);
        let told = here.addresses();
        assert_eq!(told, [ip("192.168.1.7"), ip("203.0.113.9"), ip("2001:db8:7:1::5")]);
        assert_eq!(here.reached_at(), "192.168.1.7");
        assert_eq!(at(&[("2001:db8:7:1::5", 64)]).reached_at(), "[2001:db8:7:1::5]");
        assert_eq!(at(&[]).reached_at(), "sofa.local");
    }

    #[test]
    fn names_are_this_computers_or_none() {
        let names = |name: &str| Surroundings::new(name.into(), Vec::new).names().collect::<Vec<_>>();
        assert_eq!(names("Sofa"), ["sofa", "sofa.local"]);
        assert_eq!(names("sofa.local"), ["sofa", "sofa.local"]);
        for none in ["", "a b", "a:1", "x@y", "名", "a/b"] {
            assert_eq!(names(none), Vec::<String>::new(), "{none}");
        }
    }
}
