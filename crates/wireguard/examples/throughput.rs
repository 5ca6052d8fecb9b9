//! How fast bytes go through the tunnel, beside raw loopback in the same run, and what it costs to hold it open.
//! `cargo run --release -p hivemind-wireguard --example throughput`; with `--json` the last line is for programs.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measuring program: it ends at the first surprise"
)]

use hivemind_wireguard::{PeerConfig, PrivateKey, Tunnel, TunnelConfig};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

const CHUNK: usize = 64 * 1024;
const LOOK: Duration = Duration::from_secs(3);

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Says which way, then sends or takes until the other end stops.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut way = [0];
    if stream.read_exact(&mut way).await.is_err() {
        return;
    }
    let mut chunk = vec![7; CHUNK];
    if way[0] == b'u' {
        while stream.read(&mut chunk).await.is_ok_and(|read| read > 0) {}
    } else {
        while stream.write_all(&chunk).await.is_ok() {}
    }
}

async fn push(mut stream: impl AsyncRead + AsyncWrite + Unpin, way: u8, until: Instant) -> u64 {
    stream.write_all(&[way]).await.unwrap();
    let mut chunk = vec![7; CHUNK];
    let mut moved = 0;
    while Instant::now() < until {
        moved += if way == b'u' {
            stream.write(&chunk).await.unwrap()
        } else {
            stream.read(&mut chunk).await.unwrap()
        } as u64;
    }
    moved
}

fn mbit(bytes: u64) -> f64 {
    bytes as f64 * 8.0 / 1e6 / LOOK.as_secs_f64()
}

fn pss_kib() -> u64 {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn switches() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.and_then(|rest| rest.trim().parse().ok()).unwrap_or(0)
}

/// Seconds until bytes flow again through a new connection, after the other end was killed and started anew.
async fn restart() -> f64 {
    let (ours, theirs) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let peer = |key: &PrivateKey, allowed: &str, endpoint| PeerConfig {
        public_key: key.public(),
        preshared: None,
        endpoint,
        allowed_ips: vec![allowed.parse().unwrap()],
        keepalive: 0,
    };
    let serving = |pool: &Tunnel| {
        let mut inside = pool.listen(1).unwrap();
        tokio::spawn(async move {
            while let Ok(stream) = inside.accept().await {
                tokio::spawn(serve(stream));
            }
        })
    };
    let pool = end(&theirs, "10.8.0.1/24", peer(&ours, "10.8.0.2/32", None)).await;
    let (local, served) = (pool.status().local, serving(&pool));
    let worker = end(&ours, "10.8.0.2/32", peer(&theirs, "10.8.0.0/24", Some(local))).await;
    let asks = async || {
        let mut stream = worker.connect("10.8.0.1:1".parse().unwrap()).await?;
        stream.write_all(b"d").await?;
        stream.read_exact(&mut [0; 8]).await
    };
    asks().await.unwrap();
    served.abort();
    let _ = served.await;
    drop(pool);
    let _again = loop {
        let config = TunnelConfig { bind: local, ..config(&theirs, "10.8.0.1/24") };
        match Tunnel::start(config, vec![peer(&ours, "10.8.0.2/32", None)]).await {
            Ok(again) => {
                serving(&again);
                break again;
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let begun = Instant::now();
    while asks().await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    begun.elapsed().as_secs_f64()
}

fn config(key: &PrivateKey, address: &str) -> TunnelConfig {
    TunnelConfig {
        private_key: key.clone(),
        addresses: vec![address.parse().unwrap()],
        mtu: 1220,
        bind: loopback(0),
        connections: 256,
    }
}

async fn end(key: &PrivateKey, address: &str, peer: PeerConfig) -> Tunnel {
    Tunnel::start(config(key, address), vec![peer]).await.unwrap()
}

fn main() {
    // The pool's end has a thread of its own, as it has a computer of its own in the world.
    let (ours, theirs) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let (tell, told) = std::sync::mpsc::channel();
    let (key, other) = (theirs.clone(), ours.public());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let peer = PeerConfig {
                public_key: other,
                preshared: None,
                endpoint: None,
                allowed_ips: vec!["10.8.0.2/32".parse().unwrap()],
                keepalive: 0,
            };
            let pool = end(&key, "10.8.0.1/24", peer).await;
            let raw = TcpListener::bind(loopback(0)).await.unwrap();
            tell.send((pool.status().local, raw.local_addr().unwrap())).unwrap();
            let mut inside = pool.listen(1).unwrap();
            loop {
                tokio::select! {
                    got = raw.accept() => { tokio::spawn(serve(got.unwrap().0)); }
                    got = inside.accept() => { tokio::spawn(serve(got.unwrap())); }
                }
            }
        });
    });
    let (udp, raw) = told.recv().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async move {
        let before = pss_kib();
        let peer = PeerConfig {
            public_key: theirs.public(),
            preshared: None,
            endpoint: Some(udp),
            allowed_ips: vec!["10.8.0.0/24".parse().unwrap()],
            keepalive: 25,
        };
        let tunnel = end(&ours, "10.8.0.2/32", peer).await;
        tunnel.session(&theirs.public(), Duration::from_secs(10)).await.unwrap();
        let (idle, woken) = (pss_kib(), switches());
        tokio::time::sleep(Duration::from_secs(20)).await;
        let rate = (switches() - woken) as f64 / 20.0;
        println!(
            "both ends idle: {} KiB added, this end's thread wakes {rate:.2}/s",
            idle.saturating_sub(before)
        );
        let mut json = format!(
            "{{\"idle_mib\":{:.3},\"wakeups\":{rate:.3}",
            idle.saturating_sub(before) as f64 / 1024.0
        );
        println!("{:<12} {:>5} {:>14} {:>14} {:>7}", "way", "conn", "tunnel Mbit/s", "raw Mbit/s", "ratio");
        for (connections, way) in [(1, b'u'), (1, b'd'), (20, b'u'), (20, b'd')] {
            let until = Instant::now() + LOOK;
            let jobs: Vec<_> = (0..connections)
                .map(|_| {
                    let tunnel = tunnel.clone();
                    tokio::spawn(async move {
                        let stream = tunnel.connect("10.8.0.1:1".parse().unwrap()).await.unwrap();
                        push(stream, way, until).await
                    })
                })
                .collect();
            let mut inside = 0;
            for job in jobs {
                inside += job.await.unwrap();
            }
            let until = Instant::now() + LOOK;
            let jobs: Vec<_> = (0..connections)
                .map(|_| {
                    tokio::spawn(
                        async move { push(TcpStream::connect(raw).await.unwrap(), way, until).await },
                    )
                })
                .collect();
            let mut outside = 0;
            for job in jobs {
                outside += job.await.unwrap();
            }
            let name = if way == b'u' { "upload" } else { "download" };
            let short = if way == b'u' { "up" } else { "down" };
            json += &format!(
                ",\"{short}{connections}\":{:.1},\"raw_{short}{connections}\":{:.1}",
                mbit(inside),
                mbit(outside)
            );
            let ratio = inside as f64 / outside.max(1) as f64;
            println!(
                "{name:<12} {connections:>5} {:>14.0} {:>14.0} {ratio:>7.2}",
                mbit(inside),
                mbit(outside)
            );
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let after = pss_kib().saturating_sub(before);
        println!(
            "after 20 busy connections: {after} KiB added (both ends), {} left",
            tunnel.status().connections
        );
        let noticed = restart().await;
        println!("a pool that started anew is noticed after {noticed:.2} s");
        if std::env::args().any(|word| word == "--json") {
            println!("{json},\"after_mib\":{:.3},\"restart_s\":{noticed:.3}}}", after as f64 / 1024.0);
        }
    });
}
