//! Which addresses are the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Ranges of IPv4 that are no place on the public internet, from IANA's registry of special-purpose addresses, and
/// two that are: services of clouds that give secrets to whoever asks.
const FORBIDDEN_V4: &[(Ipv4Addr, u32, &str)] = &[
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "a private network"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "a carrier's or overlay network"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "this computer"),
    (Ipv4Addr::new(168, 63, 129, 16), 32, "a metadata service"),
    (Ipv4Addr::new(169, 254, 169, 254), 32, "a metadata service"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "the local link"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "a private network"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "a reserved range"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "a range for documentation"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a reserved range"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "a private network"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "a range for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "a range for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "a range for documentation"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "a multicast group"),
    (Ipv4Addr::new(255, 255, 255, 255), 32, "everybody on the local link"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "a reserved range"),
];

/// Ranges inside 2000::/3 that are no place on the public internet. Everything outside 2000::/3 is none.
const FORBIDDEN_V6: &[(Ipv6Addr, u32, &str)] = &[
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, "an address that hides another one (Teredo)"),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "a reserved range"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "a range for documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "an address that hides another one (6to4)"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "a range for documentation"),
];

/// What is outside 2000::/3 and has a better name than "reserved".
const NAMED_V6: &[(Ipv6Addr, u32, &str)] = &[
    (Ipv6Addr::LOCALHOST, 128, "this computer"),
    (Ipv6Addr::UNSPECIFIED, 128, "this network"),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, "an address that hides another one (IPv4-mapped)"),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0, 0, 0), 96, "an address that hides another one (IPv4-compatible)"),
    (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 32, "an address that hides another one (NAT64)"),
    (Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128, "a metadata service"),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, "a private network"),
    (Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10, "the local link"),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, "a private network"),
    (Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8, "a multicast group"),
];

/// Networks of homes are given prefixes of this length: what shares it with us stands in the same house.
const HOME_PREFIX_V6: u32 = 56;

/// What an address is when it is not on the public internet; `None` for one that is.
#[must_use]
pub fn forbidden(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => {
            let hit = FORBIDDEN_V4.iter().find(|(net, bits, _)| same_v4(v4, *net, *bits));
            hit.map(|(_, _, what)| *what)
        }
        IpAddr::V6(v6) => {
            let find = |table: &[(Ipv6Addr, u32, &'static str)]| {
                table.iter().find(|(net, bits, _)| same_v6(v6, *net, *bits)).map(|(_, _, what)| *what)
            };
            if same_v6(v6, Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3) {
                find(FORBIDDEN_V6)
            } else {
                find(NAMED_V6).or(Some("a reserved range"))
            }
        }
    }
}

/// What a public address is, seen from `source`, the address of this computer that would be used to reach it: also
/// a computer with a public address of its own, and its neighbours at home, are out of bounds.
#[must_use]
pub fn near(address: IpAddr, source: IpAddr) -> Option<&'static str> {
    match (address, source) {
        (there, here) if there == here => Some("this computer"),
        (IpAddr::V6(there), IpAddr::V6(here)) if same_v6(there, here, HOME_PREFIX_V6) => {
            Some("the network of this computer")
        }
        _ => None,
    }
}

fn same_v4(a: Ipv4Addr, b: Ipv4Addr, bits: u32) -> bool {
    let differ = u32::from(a) ^ u32::from(b);
    differ.leading_zeros() >= bits
}

fn same_v6(a: Ipv6Addr, b: Ipv6Addr, bits: u32) -> bool {
    let differ = u128::from(a) ^ u128::from(b);
    differ.leading_zeros() >= bits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(address: &str) -> Option<&'static str> {
        forbidden(address.parse().expect(address))
    }

    #[test]
    fn both_edges_of_every_range_and_their_neighbours() {
        for (address, is_forbidden) in [
            ("0.0.0.0", true),
            ("0.255.255.255", true),
            ("1.0.0.0", false),
            ("9.255.255.255", false),
            ("10.0.0.0", true),
            ("10.255.255.255", true),
            ("11.0.0.0", false),
            ("100.63.255.255", false),
            ("100.64.0.0", true),
            ("100.100.100.200", true),
            ("100.127.255.255", true),
            ("100.128.0.0", false),
            ("126.255.255.255", false),
            ("127.0.0.0", true),
            ("127.255.255.255", true),
            ("128.0.0.0", false),
            ("168.63.129.15", false),
            ("168.63.129.16", true),
            ("169.253.255.255", false),
            ("169.254.0.0", true),
            ("169.254.169.254", true),
            ("169.254.255.255", true),
            ("169.255.0.0", false),
            ("172.15.255.255", false),
            ("172.16.0.0", true),
            ("172.31.255.255", true),
            ("172.32.0.0", false),
            ("192.0.0.192", true),
            ("192.0.1.0", false),
            ("192.0.2.255", true),
            ("192.88.99.1", true),
            ("192.167.255.255", false),
            ("192.168.0.0", true),
            ("192.168.255.255", true),
            ("192.169.0.0", false),
            ("198.17.255.255", false),
            ("198.18.0.0", true),
            ("198.19.255.255", true),
            ("198.20.0.0", false),
            ("198.51.100.1", true),
            ("203.0.113.1", true),
            ("223.255.255.255", false),
            ("224.0.0.0", true),
            ("239.255.255.255", true),
            ("240.0.0.0", true),
            ("255.255.255.255", true),
            ("8.8.8.8", false),
            ("::", true),
            ("::1", true),
            ("::127.0.0.1", true),
            ("::8.8.8.8", true),
            ("::ffff:127.0.0.1", true),
            ("::ffff:8.8.8.8", true),
            ("::ffff:0:10.0.0.1", true),
            ("64:ff9b::7f00:1", true),
            ("64:ff9b::808:808", true),
            ("64:ff9b:1::a00:1", true),
            ("100::1", true),
            ("1fff:ffff::", true),
            ("2000::", false),
            ("2001::1", true),
            ("2001:0:7f00:1::", true),
            ("2001:2::1", true),
            ("2001:10::1", true),
            ("2001:1ff:ffff::", true),
            ("2001:200::1", false),
            ("2001:db8::1", true),
            ("2001:db9::1", false),
            ("2002:7f00:1::1", true),
            ("2002:a00:1::1", true),
            ("2002:808:808::1", true),
            ("2003::1", false),
            ("2606:2800:220:1:248:1893:25c8:1946", false),
            ("3fff::1", true),
            ("3fff:1000::1", false),
            ("4000::", true),
            ("5f00::1", true),
            ("fc00::1", true),
            ("fd00:ec2::254", true),
            ("fdff::1", true),
            ("fe80::1", true),
            ("febf::1", true),
            ("fec0::1", true),
            ("ff02::1", true),
            ("ff0e::1", true),
        ] {
            assert_eq!(told(address).is_some(), is_forbidden, "{address}: {:?}", told(address));
        }
        assert_eq!(told("169.254.169.254"), Some("a metadata service"));
        assert_eq!(told("fd00:ec2::254"), Some("a metadata service"));
        assert_eq!(told("::ffff:8.8.8.8"), Some("an address that hides another one (IPv4-mapped)"));
    }

    #[test]
    fn our_own_public_address_and_the_house_are_near() {
        for (there, here, is_near) in [
            ("8.8.8.8", "8.8.8.8", true),
            ("8.8.8.9", "8.8.8.8", false),
            ("2a01:1:2:300::5", "2a01:1:2:300::5", true),
            ("2a01:1:2:3ff::5", "2a01:1:2:300::9", true),
            ("2a01:1:2:400::5", "2a01:1:2:300::9", false),
            ("8.8.8.8", "2a01::1", false),
        ] {
            let [there_ip, here_ip] = [there, here].map(|text| text.parse().expect(text));
            assert_eq!(near(there_ip, here_ip).is_some(), is_near, "{there} {here}");
        }
    }
}
