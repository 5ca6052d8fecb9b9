//! Bytes received and sent since the start, over all interfaces but loopback; and the networks around this computer.

use std::net::IpAddr;

/// Addresses and prefix lengths of this computer's own networks, loopback left out.
#[must_use]
pub fn networks() -> Vec<(IpAddr, u8)> {
    let Ok(interfaces) = sysinfo::Networks::new_with_refreshed_list() else { return Vec::new() };
    let all = interfaces.values().flat_map(|data| data.ip_networks());
    all.map(|net| (net.addr, net.prefix)).filter(|(ip, _)| !ip.is_loopback()).collect()
}

/// Sums of received and sent bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub received: u64,
    pub sent: u64,
}

/// The system's counters.
pub(crate) struct Network {
    #[cfg(not(target_os = "linux"))]
    networks: Option<sysinfo::Networks>,
}

#[cfg(target_os = "linux")]
impl Network {
    pub(crate) fn new() -> Self {
        Self {}
    }

    /// One file for all interfaces; sysinfo opens about ten for each, and every container brings an interface.
    #[expect(clippy::unused_self, reason = "the same call as on other systems")]
    pub(crate) fn read(&mut self) -> Traffic {
        std::fs::read_to_string("/proc/net/dev").map(|text| parse(&text)).unwrap_or_default()
    }
}

#[cfg(any(target_os = "linux", test))]
fn parse(text: &str) -> Traffic {
    let mut sum = Traffic::default();
    for line in text.lines() {
        let Some((name, numbers)) = line.split_once(':') else { continue };
        if name.trim() == "lo" {
            continue;
        }
        let mut numbers = numbers.split_ascii_whitespace().map(|n| n.parse::<u64>().unwrap_or_default());
        sum.received = sum.received.wrapping_add(numbers.next().unwrap_or_default());
        sum.sent = sum.sent.wrapping_add(numbers.nth(7).unwrap_or_default());
    }
    sum
}

#[cfg(not(target_os = "linux"))]
impl Network {
    pub(crate) fn new() -> Self {
        Self { networks: sysinfo::Networks::new_with_refreshed_list().ok() }
    }

    pub(crate) fn read(&mut self) -> Traffic {
        let Some(networks) = &mut self.networks else { return Traffic::default() };
        networks.refresh(true);
        let mut sum = Traffic::default();
        let loopback = |name: &str| name.starts_with("Loopback") || name == "lo0";
        for (_, data) in networks.iter().filter(|(name, _)| !loopback(&name.to_string_lossy())) {
            sum.received = sum.received.wrapping_add(data.total_received());
            sum.sent = sum.sent.wrapping_add(data.total_transmitted());
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_all_but_loopback() {
        let text = "Inter-|   Receive                                                |  Transmit\n \
            face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop\n    \
            lo: 999 9 0 0 0 0 0 0 999 9 0 0 0 0 0 0\n  \
            eth0: 100 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\nwlan0:7 1 0 0 0 0 0 0 3 1 0 0 0 0 0 0\n";
        assert_eq!(parse(text), Traffic { received: 107, sent: 23 });
    }

    #[test]
    fn nonsense_counts_nothing() {
        for text in ["", "eth0", "eth0:", "eth0: x y", "eth0: 5", ":::"] {
            let sum = parse(text);
            assert!(sum.received <= 5 && sum.sent == 0, "{text}");
        }
        let most = format!("a: {} 0 0 0 0 0 0 0 1\nb: 1 0 0 0 0 0 0 0 1\n", u64::MAX);
        assert_eq!(parse(&most), Traffic { received: 0, sent: 2 });
    }
}
