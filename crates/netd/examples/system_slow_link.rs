//! How fast the system's own TCP goes through a tunnel of the system over the very lines on which the tunnel inside
//! the process is measured (`slow_path` of `hivemind-wireguard`). Needs root, `ip` and /dev/net/tun.
//! `cargo run --release -p hivemind-netd --example system_slow_link`; the last line is JSON for programs.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measuring program: it ends at the first surprise"
)]

#[cfg(target_os = "linux")]
#[path = "../../wireguard/examples/slow_path/flow.rs"]
mod flow;
#[cfg(target_os = "linux")]
#[path = "../../wireguard/examples/slow_path/line.rs"]
mod line;
#[cfg(target_os = "linux")]
#[path = "../../wireguard/examples/slow_path/paths.rs"]
mod paths;

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {
    eprintln!("measured on Linux only");
}

#[cfg(target_os = "linux")]
mod linux {
    use super::flow::{self, Arrived, Way};
    use super::line::Relay;
    use super::paths::{PATHS, Path, SHALLOW};
    use hivemind_netd::linux::LinuxNetwork;
    use hivemind_netd::{System, judge};
    use hivemind_netd_protocol::{Kind, Network, Up};
    use hivemind_wireguard::{PacketTunnel, PeerConfig, PrivateKey, PublicKey, TunnelConfig};
    use nix::sys::socket::{setsockopt, sockopt};
    use std::net::{SocketAddr, UdpSocket};
    use std::process::Command;
    use std::sync::mpsc;
    use std::time::Duration;
    use tokio::net::{TcpListener, TcpStream};

    /// The ways to control congestion that the system knows.
    const AVAILABLE: &str = "/proc/sys/net/ipv4/tcp_available_congestion_control";
    const INSIDE: &str = "10.77.0.1:9000";

    fn ip(words: &str) {
        let done = Command::new("ip").args(words.split(' ')).status().unwrap();
        assert!(done.success(), "ip {words}");
    }

    struct Space(String);

    impl Space {
        fn lay(name: &str) -> Self {
            let space = Self(format!("hmsl-{name}-{}", std::process::id()));
            ip(&format!("netns add {}", space.0));
            ip(&format!("-n {} link set lo up", space.0));
            space
        }

        /// Works on a thread whose network this is.
        fn on<T: Send + 'static>(
            &self,
            work: impl FnOnce(tokio::runtime::Runtime) -> T + Send + 'static,
        ) -> std::thread::JoinHandle<T> {
            let space = std::fs::File::open(format!("/run/netns/{}", self.0)).unwrap();
            std::thread::spawn(move || {
                nix::sched::setns(space, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
                work(tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap())
            })
        }
    }

    impl Drop for Space {
        fn drop(&mut self) {
            ip(&format!("netns delete {}", self.0));
        }
    }

    fn loopback() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    fn controlled_by(socket: &impl std::os::fd::AsFd, control: &str) {
        setsockopt(socket, sockopt::TcpCongestion, &control.into()).unwrap();
    }

    /// One end: the interface as the worker makes it, and what carries its packets.
    struct End {
        tunnel: PacketTunnel,
        _interface: Box<dyn std::any::Any>,
    }

    impl End {
        async fn make(
            key: &PrivateKey,
            ours: &str,
            mtu: u16,
            peer: PublicKey,
            other: &str,
            to: Option<SocketAddr>,
        ) -> Self {
            let network = Network {
                addresses: vec![ours.parse().unwrap()],
                allowed_ips: vec![other.parse().unwrap()],
                mtu,
                // Only the datagrams' own socket needs to know, below.
                endpoint: SocketAddr::from(([192, 0, 2, 1], 51820)),
            };
            let judged = judge(&Up { network, keys: None }, Kind::Packets).unwrap();
            let mut system = LinuxNetwork::open().unwrap();
            let link = system.up(&judged).await.unwrap();
            let handle = system.handle(&link).unwrap().unwrap();
            let config = TunnelConfig {
                private_key: key.clone(),
                addresses: judged.config.addresses,
                mtu,
                bind: loopback(),
                connections: 0,
            };
            let peer = PeerConfig {
                public_key: peer,
                preshared: None,
                endpoint: to,
                allowed_ips: vec![other.parse().unwrap()],
                keepalive: 0,
            };
            let tunnel = PacketTunnel::start(config, vec![peer], handle).await.unwrap();
            Self { tunnel, _interface: Box::new((system, link)) }
        }
    }

    /// Megabits a second, up and down.
    fn over(path: &Path, control: &'static str) -> Vec<String> {
        let path = *path;
        let (pool_space, worker_space) = (Space::lay("b"), Space::lay("a"));
        let (ours, theirs) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let (us, them) = (ours.public(), theirs.public());
        let arrived = Arrived::default();
        let counted = Arrived::clone(&arrived);
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let pool = pool_space.on(move |runtime| {
            runtime.block_on(async move {
                let end = End::make(&theirs, "10.77.0.1/32", path.mtu, us, "10.77.0.2/32", None).await;
                let inside = TcpListener::bind(INSIDE).await.unwrap();
                // Who is accepted has it from here.
                controlled_by(&inside, control);
                tell.send((UdpSocket::bind(loopback()).unwrap(), end.tunnel.status().local)).unwrap();
                let serving = async {
                    while let Ok((stream, _)) = inside.accept().await {
                        tokio::spawn(flow::serve(stream, Arrived::clone(&counted)));
                    }
                };
                tokio::select! { () = serving => {}, _ = stopped => {} }
            });
        });
        let (far, to) = told.recv().unwrap();
        let measured = worker_space.on(move |runtime| {
            runtime.block_on(async move {
                let near = UdpSocket::bind(loopback()).unwrap();
                let relay = Relay::lay(near, far, to, path.line);
                let _end =
                    End::make(&ours, "10.77.0.2/32", path.mtu, them, "10.77.0.0/24", Some(relay.near)).await;
                // The handshake is no part of what is measured.
                drop(TcpStream::connect(INSIDE).await.unwrap());
                tokio::time::sleep(Duration::from_millis(300)).await;
                let mut rows = Vec::new();
                for (way, name) in Way::BOTH {
                    let stream = TcpStream::connect(INSIDE).await.unwrap();
                    controlled_by(&stream, control);
                    let mbit = flow::measure(stream, way, &arrived, path.look).await;
                    println!("{:<8} {control:<5} {name:<5} {mbit:>7.1} Mbit/s", path.name);
                    rows.push(format!("\"{control}_{}_{name}\":{mbit:.2}", path.name));
                }
                println!("{:<8} {control:<5} {}", path.name, relay.end().told());
                rows
            })
        });
        let rows = measured.join().unwrap();
        let _ = stop.send(());
        pool.join().unwrap();
        rows
    }

    pub fn main() {
        let chosen: Vec<String> = std::env::args().skip(1).collect();
        let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|word| word == name);
        let known = std::fs::read_to_string(AVAILABLE).unwrap_or_default();
        let mut rows = Vec::new();
        let shallow = chosen.iter().any(|word| word == SHALLOW.name).then_some(&SHALLOW);
        for path in PATHS.iter().filter(|path| wanted(path.name)).chain(shallow) {
            rows.extend(over(path, "cubic"));
            // Small packets are compared with the usual control alone.
            if path.line.mtu == PATHS[0].line.mtu && known.split_whitespace().any(|control| control == "bbr")
            {
                rows.extend(over(path, "bbr"));
            }
        }
        println!("{{{}}}", rows.join(","));
    }
}
