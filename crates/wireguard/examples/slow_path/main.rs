//! How fast bytes go through the tunnel over a long line: 40 ms there and back, with loss, and where only small
//! packets or only 20 Mbit/s get through. `cargo run --release -p hivemind-wireguard --example slow_path`; the last
//! line is JSON for programs. Words choose among the paths: `plain`, `lossy`, `mtu1280`, `mtu1380`, `narrow`,
//! `shallow` (only when named), `line` (the line alone).

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measuring program: it ends at the first surprise"
)]

mod flow;
mod line;
mod paths;

use flow::{Arrived, Way};
use hivemind_wireguard::{PeerConfig, PrivateKey, PublicKey, Tunnel, TunnelConfig};
use line::Relay;
use paths::{PATHS, Path, SHALLOW};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;
use tokio::time::Instant;

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

async fn end(
    key: &PrivateKey,
    ours: &str,
    mtu: u16,
    peer: PublicKey,
    other: &str,
    to: Option<SocketAddr>,
) -> Tunnel {
    let config = TunnelConfig {
        private_key: key.clone(),
        addresses: vec![ours.parse().unwrap()],
        mtu,
        bind: loopback(),
        connections: 8,
    };
    let peer = PeerConfig {
        public_key: peer,
        preshared: None,
        endpoint: to,
        allowed_ips: vec![other.parse().unwrap()],
        keepalive: 0,
    };
    Tunnel::start(config, vec![peer]).await.unwrap()
}

/// The pool's end, on a thread of its own, as it has a computer of its own in the world.
fn pool(key: PrivateKey, peer: PublicKey, mtu: u16, arrived: Arrived) -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let pool = end(&key, "10.8.0.1/24", mtu, peer, "10.8.0.2/32", None).await;
            tell.send(pool.status().local).unwrap();
            let mut inside = pool.listen(1).unwrap();
            while let Ok(stream) = inside.accept().await {
                tokio::spawn(flow::serve(stream, Arrived::clone(&arrived)));
            }
        });
    });
    told.recv().unwrap()
}

/// Megabits a second, up and down.
fn over(path: &Path) -> Vec<String> {
    let (ours, theirs) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let arrived = Arrived::default();
    let to = pool(theirs.clone(), ours.public(), path.mtu, Arrived::clone(&arrived));
    let [near, far] = [(); 2].map(|()| UdpSocket::bind(loopback()).unwrap());
    let relay = Relay::lay(near, far, to, path.line);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rows = runtime.block_on(async {
        let tunnel =
            end(&ours, "10.8.0.2/32", path.mtu, theirs.public(), "10.8.0.0/24", Some(relay.near)).await;
        tunnel.session(&theirs.public(), Duration::from_secs(10)).await.unwrap();
        let mut rows = Vec::new();
        for (way, name) in Way::BOTH {
            let begun = Instant::now();
            let stream = tunnel.connect("10.8.0.1:1".parse().unwrap()).await.unwrap();
            let there_and_back = begun.elapsed().as_secs_f64() * 1000.0;
            let mbit = flow::measure(stream, way, &arrived, path.look).await;
            println!("{:<8} {name:<5} {mbit:>7.1} Mbit/s, {there_and_back:.1} ms until connected", path.name);
            rows.push(format!("\"{}_{name}\":{mbit:.2}", path.name));
        }
        rows
    });
    println!("{:<8} {}", path.name, relay.end().told());
    rows
}

/// Megabits a second that the line itself carries one way: it must not be what is measured.
fn line_alone() -> String {
    const SIZE: usize = 1252;
    let look = Duration::from_secs(3);
    let [near, far, sender, taker] = [(); 4].map(|()| UdpSocket::bind(loopback()).unwrap());
    socket2::SockRef::from(&taker).set_recv_buffer_size(4 << 20).unwrap();
    let relay = Relay::lay(near, far, taker.local_addr().unwrap(), PATHS[0].line);
    let (to, until) = (relay.near, Instant::now() + look);
    let flood = std::thread::spawn(move || {
        while Instant::now() < until {
            sender.send_to(&[7; SIZE], to).unwrap();
        }
    });
    taker.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut taken = 0;
    let mut buffer = [0; SIZE];
    while let Ok(length) = taker.recv(&mut buffer) {
        taken += length;
    }
    flood.join().unwrap();
    let mbit = taken as f64 * 8.0 / 1e6 / look.as_secs_f64();
    println!("the line alone carries {mbit:.0} Mbit/s: {} of {SIZE} bytes", relay.end().told());
    format!("\"line\":{mbit:.1}")
}

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|word| word == name);
    let mut rows = Vec::new();
    if wanted("line") {
        rows.push(line_alone());
    }
    let shallow = chosen.iter().any(|word| word == SHALLOW.name).then_some(&SHALLOW);
    for path in PATHS.iter().filter(|path| wanted(path.name)).chain(shallow) {
        rows.extend(over(path));
    }
    println!("{{{}}}", rows.join(","));
}
