//! Reaching the network. A task has none: anything but "unreachable" means that something left the box.

use super::attack::{Attack, Outcome};
use rustix::net::{AddressFamily, SocketType, ipproto, netlink, socket};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

pub const ATTACKS: &[Attack] = &[
    Attack::new("internet", "Reach the internet", |_| {
        reach([SocketAddr::from(([1, 1, 1, 1], 443)), SocketAddr::from(([8, 8, 8, 8], 53)), v6(443)])
    }),
    Attack::new("local_network", "Reach devices in your home or office network", |_| {
        let hosts = [[192, 168, 0, 1], [192, 168, 1, 1], [10, 0, 0, 1], [172, 16, 0, 1], [100, 64, 0, 1]];
        reach(hosts.map(|host| SocketAddr::from((host, 80))))
    }),
    Attack::new("host_services", "Reach services of this computer over the network", |_| {
        let hosts = [[172, 17, 0, 1], [172, 18, 0, 1], [192, 168, 65, 2], [192, 168, 65, 254]];
        reach(hosts.map(|host| SocketAddr::from((host, 5001))))
    }),
    Attack::new("cloud_metadata", "Read a cloud's credentials", |_| {
        let link_local = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
        reach([
            SocketAddr::from(([169, 254, 169, 254], 80)),
            SocketAddr::from(([169, 254, 170, 2], 80)),
            SocketAddr::from((link_local, 80)),
        ])
    }),
    Attack::new("host_loopback", "Reach programs that listen on this computer only", loopback),
    Attack::new("datagrams", "Send single packets, or look up names", |_| datagrams()),
    Attack::new("raw_sockets", "Make or listen to network packets of its own", |_| raw_sockets()),
    Attack::new("network_settings", "See or change network cards and firewalls", |_| network_settings()),
];

const PATIENCE: Duration = Duration::from_millis(1500);

fn v6(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv6Addr::new(0x2606, 0x4700, 0x4700, 0, 0, 0, 0, 0x1111), port))
}

fn reach<const N: usize>(addresses: [SocketAddr; N]) -> Outcome {
    // One after the other: the first that gets through decides.
    Outcome::each(addresses.into_iter().map(|address| connected(address, false)))
}

/// Tries to connect. A refusal is an answer, and so somebody was reached, unless that is this container itself.
fn connected(address: SocketAddr, refusal_is_own: bool) -> Outcome {
    match TcpStream::connect_timeout(&address, PATIENCE) {
        Ok(_) => Outcome::through(format!("{address} answers")),
        Err(error) if is_unreachable(&error) => Outcome::denied(format!("{address}: {error}")),
        Err(error) if refusal_is_own && error.kind() == ErrorKind::ConnectionRefused => {
            Outcome::denied(format!("{address}: {error}"))
        }
        Err(error) => Outcome::through(format!("{address}: packets left the container ({error})")),
    }
}

fn is_unreachable(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    let codes = [Errno::NETUNREACH, Errno::ADDRNOTAVAIL, Errno::AFNOSUPPORT, Errno::PERM, Errno::ACCESS];
    Errno::from_io_error(error).is_some_and(|code| codes.contains(&code))
}

/// The container has a loopback of its own, on which nobody listens.
fn loopback(port: Option<&str>) -> Outcome {
    let told = port.and_then(|port| port.parse::<u16>().ok());
    let ports = [22, 80, 111, 443, 631, 2375, 2376, 3306, 5000, 5001, 5432, 6379, 8080, 9000, 50051];
    let addresses = told.into_iter().chain(ports).flat_map(|port| {
        [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)]
            .map(|host| SocketAddr::from((host, port)))
    });
    Outcome::each(addresses.map(|address| connected(address, true)))
}

fn datagrams() -> Outcome {
    let bound = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0));
    let socket = match bound {
        Ok(socket) => socket,
        Err(error) => return Outcome::denied(format!("no socket: {error}")),
    };
    let targets = [[8, 8, 8, 8], [192, 168, 1, 1], [224, 0, 0, 251], [255, 255, 255, 255]];
    Outcome::each(
        targets.map(|target| Outcome::of("send", socket.send_to(b"proof", SocketAddr::from((target, 53))))),
    )
}

fn raw_sockets() -> Outcome {
    let families = [
        ("IP", AddressFamily::INET, SocketType::RAW, Some(ipproto::ICMP)),
        ("IPv6", AddressFamily::INET6, SocketType::RAW, Some(ipproto::ICMPV6)),
        ("packets", AddressFamily::PACKET, SocketType::RAW, None),
        ("Bluetooth", AddressFamily::BLUETOOTH, SocketType::RAW, None),
        ("the hypervisor", AddressFamily::from_raw(40), SocketType::STREAM, None),
        ("the kernel's ciphers", AddressFamily::from_raw(38), SocketType::SEQPACKET, None),
    ];
    Outcome::each(
        families.map(|(name, family, kind, protocol)| Outcome::of(name, socket(family, kind, protocol))),
    )
}

fn network_settings() -> Outcome {
    let names = std::fs::read_dir("/sys/class/net").into_iter().flatten().flatten();
    let names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    if names.iter().any(|name| name != "lo" && !is_stub(name)) {
        return Outcome::through(format!("network cards are seen: {}", names.join(", ")));
    }
    let firewall = socket(AddressFamily::NETLINK, SocketType::RAW, Some(netlink::NETFILTER));
    let audit = socket(AddressFamily::NETLINK, SocketType::RAW, Some(netlink::AUDIT));
    Outcome::each([Outcome::of("the firewall", firewall), Outcome::of("the audit log", audit)])
}

/// Tunnels that some kernels put, switched off, into every network space.
fn is_stub(name: &str) -> bool {
    let stubs = ["tunl0", "sit0", "gre0", "gretap0", "erspan0", "ip_vti0", "ip6_vti0", "ip6tnl0", "ip6gre0"];
    stubs.contains(&name) || name == "bonding_masters" || name.starts_with("dummy")
}
