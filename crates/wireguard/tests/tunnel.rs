//! Two ends of a tunnel in one process, over real UDP sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "all of this file is tests"
)]

use hivemind_wireguard::{PeerConfig, PrivateKey, PublicKey, Tunnel, TunnelConfig, TunnelStream};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;

const LONG: Duration = Duration::from_secs(40);

fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn config(key: &PrivateKey, address: &str, bind: SocketAddr) -> TunnelConfig {
    TunnelConfig {
        private_key: key.clone(),
        addresses: vec![address.parse().unwrap()],
        mtu: 1220,
        bind,
        connections: 64,
    }
}

fn peer(key: PublicKey, address: &str, endpoint: Option<SocketAddr>) -> PeerConfig {
    PeerConfig {
        public_key: key,
        preshared: None,
        endpoint,
        allowed_ips: vec![address.parse().unwrap()],
        keepalive: 0,
    }
}

struct Pair {
    pool: Tunnel,
    worker: Tunnel,
    pool_key: PrivateKey,
    worker_key: PrivateKey,
}

async fn pool_at(pool: &PrivateKey, worker: PublicKey, bind: SocketAddr) -> Tunnel {
    Tunnel::start(config(pool, "10.8.0.1/24", bind), vec![peer(worker, "10.8.0.2/32", None)]).await.unwrap()
}

async fn pair() -> Pair {
    let (pool_key, worker_key) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let pool = pool_at(&pool_key, worker_key.public(), loopback()).await;
    let endpoint = Some(pool.status().local);
    let peers = vec![peer(pool_key.public(), "10.8.0.0/24", endpoint)];
    let worker = Tunnel::start(config(&worker_key, "10.8.0.2/32", loopback()), peers).await.unwrap();
    Pair { pool, worker, pool_key, worker_key }
}

fn inside(port: u16) -> SocketAddr {
    SocketAddr::from(([10, 8, 0, 1], port))
}

/// Gives back what comes, on every connection.
fn echo(pool: &Tunnel, port: u16) -> tokio::task::JoinHandle<()> {
    let mut listener = pool.listen(port).unwrap();
    tokio::spawn(async move {
        while let Ok(mut stream) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = tokio::io::split(&mut stream);
                let _ = tokio::io::copy(&mut read, &mut write).await;
                let _ = write.shutdown().await;
            });
        }
    })
}

async fn says(stream: &mut TunnelStream, text: &[u8]) {
    stream.write_all(text).await.unwrap();
    let mut answer = vec![0; text.len()];
    tokio::time::timeout(LONG, stream.read_exact(&mut answer)).await.expect("an answer").unwrap();
    assert_eq!(answer, text);
}

#[tokio::test]
async fn bytes_go_both_ways_and_the_status_tells() {
    let pair = pair().await;
    echo(&pair.pool, 50051);
    let mut stream = pair.worker.connect(inside(50051)).await.unwrap();
    says(&mut stream, b"hello").await;
    let status = pair.worker.status();
    let pool = &status.peers[0];
    assert!(pool.handshake_age.is_some() && pool.received > 0 && pool.sent > 0, "{pool:?}");
    assert_eq!((status.mtu, status.connections, pool.handshakes), (1220, 1, 1));
    // A large amount, in pieces that do not fit into any buffer.
    let payload: Vec<u8> = (0..3_000_000u32).flat_map(u32::to_le_bytes).collect();
    let (mut read, mut write) = tokio::io::split(stream);
    let sent = payload.clone();
    let writer = tokio::spawn(async move {
        write.write_all(&sent).await.unwrap();
        write.shutdown().await.unwrap();
        write
    });
    let mut back = Vec::new();
    tokio::time::timeout(LONG, read.read_to_end(&mut back)).await.expect("an end").unwrap();
    assert!(back == payload, "{} of {}", back.len(), payload.len());
    drop((read, writer.await.unwrap()));
    let ended = async {
        while pair.worker.status().connections > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, ended).await.expect("what has ended is forgotten");
}

#[tokio::test]
async fn the_pool_can_open_connections_to_the_worker() {
    let pair = pair().await;
    echo(&pair.worker, 7000);
    pair.worker.session(&pair.pool_key.public(), LONG).await.unwrap();
    let mut stream = pair.pool.connect("10.8.0.2:7000".parse().unwrap()).await.unwrap();
    says(&mut stream, b"from the pool").await;
}

#[tokio::test]
async fn many_connections_begun_at_once_are_all_taken() {
    let pair = pair().await;
    echo(&pair.pool, 50051);
    let mut open = Vec::new();
    for number in 0..40u32 {
        let worker = pair.worker.clone();
        open.push(tokio::spawn(async move {
            let mut stream = worker.connect(inside(50051)).await.unwrap();
            says(&mut stream, &number.to_le_bytes().repeat(5000)).await;
        }));
    }
    for one in open {
        one.await.unwrap();
    }
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let pair = pair().await;
    let refused = pair.worker.connect(inside(9)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    let outside = pair.worker.connect("10.9.0.1:9".parse().unwrap()).await.unwrap_err();
    assert_eq!(outside.kind(), ErrorKind::HostUnreachable);
    let _one = pair.pool.listen(80).unwrap();
    assert_eq!(pair.pool.listen(80).unwrap_err().kind(), ErrorKind::AddrInUse);
    let mut stuck = Vec::new();
    for _ in 0..64 {
        stuck.push(pair.worker.connect(inside(80)).await);
    }
    let many = pair.worker.connect(inside(80)).await.unwrap_err();
    assert!(many.to_string().contains("too many"), "{many}");
}

#[tokio::test]
async fn a_wrong_key_gets_no_session() {
    let pair = pair().await;
    let stranger = PrivateKey::generate().unwrap();
    let endpoint = Some(pair.pool.status().local);
    let peers = vec![peer(pair.pool_key.public(), "10.8.0.0/24", endpoint)];
    let tunnel = Tunnel::start(config(&stranger, "10.8.0.2/32", loopback()), peers).await.unwrap();
    let pause = Duration::from_secs(3);
    let late = tunnel.session(&pair.pool_key.public(), pause).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::TimedOut);
    // Nor does one who takes another for the pool.
    let peers = vec![peer(stranger.public(), "10.8.0.0/24", endpoint)];
    let tunnel = Tunnel::start(config(&pair.worker_key, "10.8.0.2/32", loopback()), peers).await.unwrap();
    assert!(tunnel.session(&stranger.public(), Duration::from_secs(1)).await.is_err());
}

#[tokio::test]
async fn a_pool_that_started_anew_is_noticed_soon() {
    let pair = pair().await;
    let (local, served) = (pair.pool.status().local, echo(&pair.pool, 50051));
    let mut stream = pair.worker.connect(inside(50051)).await.unwrap();
    says(&mut stream, b"before").await;
    served.abort();
    let _ = served.await;
    drop(pair.pool);
    // Its sockets close on the driver's next turn; it comes back without any memory of sessions.
    let again = loop {
        let peers = vec![peer(pair.worker_key.public(), "10.8.0.2/32", None)];
        match Tunnel::start(config(&pair.pool_key, "10.8.0.1/24", local), peers).await {
            Ok(again) => break again,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    echo(&again, 50051);
    let begun = tokio::time::Instant::now();
    let asked = async {
        loop {
            match pair.worker.connect(inside(50051)).await {
                Ok(mut stream) => return says(&mut stream, b"after").await,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    tokio::time::timeout(LONG, asked).await.expect("noticed");
    eprintln!("a restarted pool was noticed after {} ms", begun.elapsed().as_millis());
    // The old connection is no longer known there, and that is told.
    stream.write_all(b"old").await.ok();
    let told = tokio::time::timeout(LONG, stream.read(&mut [0; 8])).await.expect("told");
    assert!(matches!(told, Err(_) | Ok(0)), "{told:?}");
}

/// A router between the ends, whose outside address changes and which can be closed.
struct Router {
    inside: SocketAddr,
    moved: Arc<tokio::sync::Notify>,
    open: Arc<AtomicBool>,
}

async fn router(pool: SocketAddr) -> Router {
    let towards = UdpSocket::bind(loopback()).await.unwrap();
    let router = Router {
        inside: towards.local_addr().unwrap(),
        moved: Arc::default(),
        open: Arc::new(AtomicBool::new(true)),
    };
    let (moved, open) = (Arc::clone(&router.moved), Arc::clone(&router.open));
    tokio::spawn(async move {
        let mut outside = UdpSocket::bind(loopback()).await.unwrap();
        let (mut from_worker, mut from_pool) = (vec![0; 4096], vec![0; 4096]);
        let mut worker = None;
        loop {
            tokio::select! {
                () = moved.notified() => outside = UdpSocket::bind(loopback()).await.unwrap(),
                got = towards.recv_from(&mut from_worker) => {
                    let (length, from) = got.unwrap();
                    worker = Some(from);
                    if open.load(Ordering::Relaxed) {
                        let _ = outside.send_to(&from_worker[..length], pool).await;
                    }
                }
                got = outside.recv_from(&mut from_pool) => {
                    let (length, _) = got.unwrap();
                    if let Some(worker) = worker.filter(|_| open.load(Ordering::Relaxed)) {
                        let _ = towards.send_to(&from_pool[..length], worker).await;
                    }
                }
            }
        }
    });
    router
}

#[tokio::test]
async fn an_end_that_moves_is_followed_and_a_closed_way_that_opens_is_found() {
    let pair = pair().await;
    let router = router(pair.pool.status().local).await;
    let key = pair.pool_key.public();
    pair.worker.set_endpoint(&key, router.inside);
    echo(&pair.pool, 50051);
    let mut stream = pair.worker.connect(inside(50051)).await.unwrap();
    says(&mut stream, b"through the router").await;
    let before = pair.pool.status().peers[0].endpoint;
    router.moved.notify_one();
    // A switch to another outside address may lose packets on their way.
    says(&mut stream, b"from elsewhere").await;
    let after = pair.pool.status().peers[0].endpoint;
    assert_ne!(before, after, "the pool follows");
    router.open.store(false, Ordering::Relaxed);
    stream.write_all(b"lost and sent again").await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    router.open.store(true, Ordering::Relaxed);
    let mut back = [0; 19];
    tokio::time::timeout(LONG, stream.read_exact(&mut back)).await.expect("it goes on").unwrap();
    assert_eq!(&back, b"lost and sent again");
}

#[tokio::test]
async fn nothing_is_taken_from_addresses_that_are_not_the_peers() {
    // The worker claims another's address inside the tunnel: its packets are dropped.
    let pair = pair().await;
    let key = PrivateKey::generate().unwrap();
    pair.pool.add_peer(peer(key.public(), "10.8.0.3/32", None)).unwrap();
    assert!(pair.pool.add_peer(peer(key.public(), "10.8.0.4/32", None)).is_err(), "the key is taken");
    let other = PrivateKey::generate().unwrap().public();
    assert!(pair.pool.add_peer(peer(other, "10.8.0.3/32", None)).is_err(), "the address is taken");
    echo(&pair.pool, 50051);
    let peers = vec![peer(pair.pool_key.public(), "10.8.0.0/24", Some(pair.pool.status().local))];
    let liar = Tunnel::start(config(&key, "10.8.0.77/32", loopback()), peers).await.unwrap();
    liar.session(&pair.pool_key.public(), LONG).await.unwrap();
    let tried = tokio::time::timeout(Duration::from_secs(3), liar.connect(inside(50051))).await;
    assert!(!matches!(tried, Ok(Ok(_))), "{tried:?}");
    pair.pool.remove_peer(&key.public());
    assert_eq!(pair.pool.status().peers.len(), 1);
}

#[tokio::test]
async fn datagrams_of_strangers_change_nothing() {
    let pair = pair().await;
    echo(&pair.pool, 50051);
    let mut stream = pair.worker.connect(inside(50051)).await.unwrap();
    says(&mut stream, b"before").await;
    let before = pair.pool.status().peers[0].endpoint;
    let stranger = UdpSocket::bind(loopback()).await.unwrap();
    for kind in 0..6u8 {
        for length in [0usize, 1, 4, 31, 32, 64, 92, 148, 149, 1500, 4000] {
            let mut datagram = vec![0x5a; length];
            if length >= 16 {
                datagram[..4].copy_from_slice(&[kind, 0, 0, 0]);
                datagram[4..8].copy_from_slice(&[1, 0, 0, 0]);
            }
            stranger.send_to(&datagram, pair.pool.status().local).await.unwrap();
            stranger.send_to(&datagram, pair.worker.status().local).await.unwrap();
        }
    }
    says(&mut stream, b"after").await;
    assert_eq!(pair.pool.status().peers[0].endpoint, before);
    pair.pool.close();
    let ended = tokio::time::timeout(LONG, stream.read(&mut [0; 8])).await.expect("told");
    assert!(matches!(ended, Err(_) | Ok(0)), "{ended:?}");
    assert!(pair.pool.connect("10.8.0.2:1".parse().unwrap()).await.is_err());
}
