//! The private key stays on this computer: everything that leaves it is caught at the pool's door, and everything
//! that is logged is read.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "all of this file is tests")]

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use hivemind_domain::ids::InstallId;
use hivemind_local_pool::{LocalPool, PoolConfig, VpnConfig};
use hivemind_pool_client::{PoolDesk, V1Config, V1Pool};
use hivemind_vpn::{Link, LinkConfigSource};
use hivemind_worker_core::port::{Pool, PrivateLink, SecretError, Vault};
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

const PASSWORD: &str = "a long password";

/// What was caught, in order.
#[derive(Clone, Default)]
struct Caught(Arc<Mutex<Vec<u8>>>);

impl Caught {
    fn add(&self, bytes: &[u8]) {
        self.0.lock().unwrap().extend_from_slice(bytes);
    }

    fn has(&self, part: &[u8]) -> bool {
        self.0.lock().unwrap().windows(part.len()).any(|window| window == part)
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Write for Caught {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.add(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A keyring that tells the test every key it was given.
#[derive(Default)]
struct Keyring(Mutex<Vec<(String, String)>>);

#[async_trait]
impl Vault for Keyring {
    async fn key(&self, name: &str) -> Result<Option<String>, SecretError> {
        let kept = self.0.lock().unwrap();
        Ok(kept.iter().rev().find(|(known, _)| known == name).map(|(_, key)| key.clone()))
    }

    async fn keep_key(&self, name: &str, key: &str) -> Result<bool, SecretError> {
        self.0.lock().unwrap().push((name.into(), key.into()));
        Ok(true)
    }
}

/// Carries connections to the pool's page, and keeps every byte towards it.
async fn catch_tcp(to: SocketAddr, caught: Caught) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let caught = caught.clone();
            tokio::spawn(async move {
                let server = TcpStream::connect(to).await.unwrap();
                let ((mut from, mut back), (mut answers, mut onward)) =
                    (client.into_split(), server.into_split());
                tokio::spawn(async move { tokio::io::copy(&mut answers, &mut back).await });
                let mut buffer = vec![0; 65_536];
                while let Ok(length @ 1..) = from.read(&mut buffer).await {
                    caught.add(&buffer[..length]);
                    let _ = onward.write_all(&buffer[..length]).await;
                }
            });
        }
    });
    here
}

/// Carries datagrams to the pool's end of the link, and keeps every one towards it.
async fn catch_udp(door: UdpSocket, to: SocketAddr, caught: Caught) {
    let outside = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let (mut one, mut other) = (vec![0; 4096], vec![0; 4096]);
    let mut worker = None;
    loop {
        tokio::select! {
            Ok((length, from)) = door.recv_from(&mut one) => {
                worker = Some(from);
                caught.add(&one[..length]);
                let _ = outside.send_to(&one[..length], to).await;
            }
            Ok((length, _)) = outside.recv_from(&mut other) => {
                if let Some(worker) = worker {
                    let _ = door.send_to(&other[..length], worker).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn the_private_key_is_in_nothing_that_leaves_and_in_nothing_that_is_logged() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (log, wire, link_wire) = (Caught::default(), Caught::default(), Caught::default());
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .init();
    let folder = tempfile::tempdir().unwrap();
    let door = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut config = PoolConfig::ephemeral(folder.path().join("pool"));
    let udp = SocketAddr::from(([127, 0, 0, 1], 0));
    let public_endpoint = Some(door.local_addr().unwrap().to_string());
    config.vpn = Some(VpnConfig { required: true, public_endpoint, ..VpnConfig::new(udp) });
    // On this computer a pool may go without HTTPS: so the bodies are caught as the pool reads them.
    let pool = LocalPool::start(config).await.unwrap();
    pool.create_user("worker", PASSWORD).await.unwrap();
    let page = catch_tcp(pool.http_addr(), wire.clone()).await;
    tokio::spawn(catch_udp(door, pool.udp_addr().unwrap(), link_wire.clone()));
    let client = V1Config {
        master_url: format!("http://{page}"),
        address: String::new(),
        allow_unencrypted: false,
        tunnel_only: true,
        install: InstallId::new("install-a").unwrap(),
        version: "0".into(),
    };
    let source = LinkConfigSource {
        file: folder.path().join("wg0.conf"),
        state: folder.path().join("private-link.json"),
        pool: client.master_url.clone(),
    };
    let keyring = Arc::new(Keyring::default());
    let desk = PoolDesk::new(client.clone(), "").unwrap();
    let link = Link::new(source, Arc::new(desk), keyring.clone(), Arc::new(Vec::new), Arc::new(|| None));
    let worker = V1Pool::new(client).through(link.clone());
    worker.connect().await.unwrap();
    assert_eq!(worker.link(), "tunnel");
    worker.login("worker", PASSWORD, &InstallId::new("install-a").unwrap()).await.unwrap();
    link.renew().await.unwrap();
    worker.connect().await.unwrap();
    assert_eq!(worker.balance().await.unwrap(), 150);

    let keys = keyring.0.lock().unwrap().clone();
    assert_eq!(keys.len(), 2, "a first key and a renewed one");
    let file = std::fs::read_to_string(folder.path().join("wg0.conf")).unwrap();
    let public = file.lines().find_map(|line| line.strip_prefix("PrivateKey = keyring:")).unwrap();
    // The test looks at the right places: the public key passed through them, the password only inside of the link.
    assert!(wire.has(public.as_bytes()) && wire.len() > 500);
    assert!(link_wire.len() > 1000 && !link_wire.has(PASSWORD.as_bytes()), "{}", link_wire.len());
    assert!(log.has(b"the private link is up"));
    let told = format!("{:?} {}", link.view(), serde_json::to_string(&link.view()).unwrap());
    for (_, key) in keys {
        let raw = STANDARD.decode(&key).unwrap();
        let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
        let shapes = [
            raw.clone(),
            raw.iter().rev().copied().collect(),
            key.clone().into_bytes(),
            STANDARD_NO_PAD.encode(&raw).into_bytes(),
            URL_SAFE.encode(&raw).into_bytes(),
            hex.clone().into_bytes(),
            hex.to_uppercase().into_bytes(),
            // A part of it is too much, too.
            key.as_bytes()[..16].to_vec(),
            raw[..12].to_vec(),
            format!("{:?}", raw).into_bytes(),
        ];
        for shape in shapes {
            for (place, caught) in [("page", &wire), ("link", &link_wire), ("log", &log)] {
                assert!(!caught.has(&shape), "the {place} has a private key");
            }
            assert!(!told.as_bytes().windows(shape.len()).any(|window| window == shape));
        }
    }
    pool.shutdown().await;
}
