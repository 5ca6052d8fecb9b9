//! How fast bytes go through a tunnel of the system: kernel TCP over two interfaces, each carried by a process as the
//! worker does it, in two network namespaces. Needs root, `ip` and /dev/net/tun.
//! `cargo run --release -p hivemind-netd --example system_tunnel` prints one line of JSON.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measuring program: it ends at the first surprise"
)]

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
    use hivemind_netd::linux::LinuxNetwork;
    use hivemind_netd::{System, judge};
    use hivemind_netd_protocol::{Kind, Network, Up};
    use hivemind_wireguard::{PacketTunnel, PeerConfig, PrivateKey, PublicKey, TunnelConfig};
    use std::net::SocketAddr;
    use std::process::Command;
    use std::time::Duration;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::Instant;

    const CHUNK: usize = 64 * 1024;
    const LOOK: Duration = Duration::from_secs(3);
    const PORT: u16 = 51820;

    fn ip(words: &str) {
        let done = Command::new("ip").args(words.split(' ')).status().unwrap();
        assert!(done.success(), "ip {words}");
    }

    struct Spaces([String; 2]);

    impl Spaces {
        fn lay() -> Self {
            let id = std::process::id();
            let spaces = [format!("hmst-a-{id}"), format!("hmst-b-{id}")];
            for space in &spaces {
                ip(&format!("netns add {space}"));
                ip(&format!("-n {space} link set lo up"));
            }
            let [a, b] = &spaces;
            ip(&format!("-n {a} link add v0 type veth peer name v0 netns {b}"));
            for (space, address) in [(a, "192.0.2.1/24"), (b, "192.0.2.2/24")] {
                ip(&format!("-n {space} addr add {address} dev v0"));
                ip(&format!("-n {space} link set v0 up"));
            }
            Self(spaces)
        }
    }

    impl Drop for Spaces {
        fn drop(&mut self) {
            for space in &self.0 {
                ip(&format!("netns delete {space}"));
            }
        }
    }

    /// One end, on this thread's own network.
    async fn end(
        key: &PrivateKey,
        ours: &str,
        outer: [u8; 4],
        peer: PublicKey,
        other: &str,
        to: [u8; 4],
    ) -> PacketTunnel {
        let (bind, endpoint) = (SocketAddr::from((outer, PORT)), SocketAddr::from((to, PORT)));
        let network = Network {
            addresses: vec![ours.parse().unwrap()],
            allowed_ips: vec![other.parse().unwrap()],
            mtu: 1220,
            endpoint,
        };
        let judged = judge(&Up { network, keys: None }, Kind::Packets).unwrap();
        let mut system = LinuxNetwork::open().unwrap();
        let link = system.up(&judged).await.unwrap();
        let handle = system.handle(&link).unwrap().unwrap();
        // It stays for as long as this program.
        std::mem::forget((system, link));
        let config = TunnelConfig {
            private_key: key.clone(),
            addresses: judged.config.addresses,
            mtu: 1220,
            bind,
            connections: 0,
        };
        let peer = PeerConfig {
            public_key: peer,
            preshared: None,
            endpoint: Some(endpoint),
            allowed_ips: vec![other.parse().unwrap()],
            keepalive: 0,
        };
        PacketTunnel::start(config, vec![peer], handle).await.unwrap()
    }

    async fn serve(mut stream: TcpStream) {
        let mut chunk = vec![7; CHUNK];
        match stream.read_u8().await {
            Ok(b'u') => while stream.read(&mut chunk).await.is_ok_and(|read| read > 0) {},
            Ok(_) => while stream.write_all(&chunk).await.is_ok() {},
            Err(_) => {}
        }
    }

    async fn push(mut stream: TcpStream, way: u8, until: Instant) -> u64 {
        stream.write_all(&[way]).await.unwrap();
        let mut chunk = vec![7; CHUNK];
        let mut moved = 0;
        while Instant::now() < until {
            let part = if way == b'u' { stream.write(&chunk).await } else { stream.read(&mut chunk).await };
            moved += part.unwrap() as u64;
        }
        moved
    }

    fn on(
        space: &str,
        work: impl FnOnce(tokio::runtime::Runtime) + Send + 'static,
    ) -> std::thread::JoinHandle<()> {
        let space = std::fs::File::open(format!("/run/netns/{space}")).unwrap();
        std::thread::spawn(move || {
            nix::sched::setns(space, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
            work(tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());
        })
    }

    pub fn main() {
        let spaces = Spaces::lay();
        let (ours, theirs) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let (us, them) = (ours.public(), theirs.public());
        let (tell, told) = std::sync::mpsc::channel();
        drop(on(&spaces.0[1], move |runtime| {
            runtime.block_on(async move {
                let _end =
                    end(&theirs, "10.77.0.1/32", [192, 0, 2, 2], us, "10.77.0.2/32", [192, 0, 2, 1]).await;
                let inside = TcpListener::bind("10.77.0.1:9000").await.unwrap();
                tell.send(()).unwrap();
                while let Ok((stream, _)) = inside.accept().await {
                    tokio::spawn(serve(stream));
                }
            });
        }));
        told.recv().unwrap();
        let measured = on(&spaces.0[0], move |runtime| {
            runtime.block_on(async move {
                let tunnel =
                    end(&ours, "10.77.0.2/32", [192, 0, 2, 1], them, "10.77.0.0/24", [192, 0, 2, 2]).await;
                let mut rows = Vec::new();
                for (connections, way) in [(1, b'u'), (1, b'd'), (20, b'u'), (20, b'd')] {
                    let until = Instant::now() + LOOK;
                    let jobs: Vec<_> = (0..connections)
                        .map(|_| {
                            tokio::spawn(async move {
                                push(TcpStream::connect("10.77.0.1:9000").await.unwrap(), way, until).await
                            })
                        })
                        .collect();
                    let mut moved = 0;
                    for job in jobs {
                        moved += job.await.unwrap();
                    }
                    let name = if way == b'u' { "up" } else { "down" };
                    let mbit = moved as f64 * 8.0 / 1e6 / LOOK.as_secs_f64();
                    rows.push(format!("\"{name}{connections}\":{mbit:.1}"));
                }
                drop(tunnel);
                println!("{{{}}}", rows.join(","));
            });
        });
        measured.join().unwrap();
    }
}
