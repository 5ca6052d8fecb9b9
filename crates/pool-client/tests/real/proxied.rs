//! The live network through a SOCKS5 proxy, as a user-space overlay client opens one.

use crate::bench::{PASSWORD, capabilities, free, install, noise, zip};
use crate::network::needs;
use hivemind_local_pool::nodepool::{FaceTimes, NodePoolFace};
use hivemind_pool_client::{NetworkWishes, NodePool, NodePoolConfig, Work};
use hivemind_worker_core::port::{Offer, Pool, PoolErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A proxy (RFC 1928, no sign-in, IPv4 alone) that notes where it led.
struct Proxy {
    address: SocketAddr,
    led: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Proxy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let led: Arc<Mutex<Vec<SocketAddr>>> = Arc::default();
        let noted = Arc::clone(&led);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let noted = Arc::clone(&noted);
                tokio::spawn(async move { lead(stream, &noted).await });
            }
        });
        Self { address, led }
    }

    fn led(&self) -> Vec<SocketAddr> {
        self.led.lock().unwrap().clone()
    }
}

async fn lead(mut stream: TcpStream, noted: &Mutex<Vec<SocketAddr>>) -> Option<()> {
    let mut greeting = [0; 2];
    stream.read_exact(&mut greeting).await.ok()?;
    let mut methods = vec![0; usize::from(greeting[1])];
    stream.read_exact(&mut methods).await.ok()?;
    stream.write_all(&[5, 0]).await.ok()?;
    let mut request = [0; 10];
    stream.read_exact(&mut request).await.ok()?;
    assert_eq!(request[..4], [5, 1, 0, 1], "connect, to an address: names are not left to the proxy");
    let ip = Ipv4Addr::new(request[4], request[5], request[6], request[7]);
    let to = SocketAddr::from((ip, u16::from_be_bytes([request[8], request[9]])));
    noted.lock().unwrap().push(to);
    let mut there = TcpStream::connect(to).await.ok()?;
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await.ok()?;
    tokio::io::copy_bidirectional(&mut stream, &mut there).await.ok()?;
    Some(())
}

#[tokio::test]
async fn calls_tracker_and_peers_are_reached_through_the_proxy_and_work_is_pulled() {
    let face = NodePoolFace::start(FaceTimes::default()).await.unwrap();
    face.add_user("requester", PASSWORD);
    face.add_user("worker", PASSWORD);
    let proxy = Proxy::start().await;
    let client = NodePool::new(NodePoolConfig {
        address: face.grpc_addr().to_string(),
        allow_unencrypted: false,
        install: install(),
        wishes: NetworkWishes::new(Work::Auto, 0, "", &proxy.address.to_string(), false).unwrap(),
    });
    client.connect().await.unwrap();
    client.login("worker", PASSWORD, &install()).await.unwrap();
    client.register(&install(), "bench", &capabilities()).await.unwrap();
    let standing = client.heartbeat(&[]).await.unwrap().standing.unwrap();
    assert_eq!(serde_json::to_value(standing.why).unwrap(), "through_proxy");
    assert!(!face.workers()[0].enabled, "nobody calls back through a proxy");
    assert_eq!(proxy.led(), [face.grpc_addr()]);
    let package = zip(&noise(700_000));
    face.submit("requester", "t-1", &face.offer("t-1.zip", &package), needs(), 100);
    let found = client.next_task(Offer::new(free(), 0)).await.unwrap().expect("a task");
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("package.zip");
    client.fetch(&found.assignment.key, found.assignment.package.as_ref().unwrap(), &into).await.unwrap();
    assert_eq!(std::fs::read(&into).unwrap(), package);
    let led = proxy.led();
    assert!(led.contains(&face.http_addr()), "the tracker: {led:?}");
    assert_eq!(led.len(), 3, "calls, tracker, peer: {led:?}");
}

#[tokio::test]
async fn a_proxy_that_is_gone_is_said() {
    let face = NodePoolFace::start(FaceTimes::default()).await.unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = NodePool::new(NodePoolConfig {
        address: face.grpc_addr().to_string(),
        allow_unencrypted: false,
        install: install(),
        wishes: NetworkWishes::new(Work::Auto, 0, "", &nobody.to_string(), false).unwrap(),
    });
    assert_eq!(client.connect().await.unwrap_err().kind, PoolErrorKind::Unreachable);
}
