//! A pool that is away, and one whose name nobody can look up: a name server that is silent, and speaks again.

use super::{Ill, Patient, can, succeeds};
use crate::patience::{LONG, until};
use hivemind_local_pool::{LocalPool, PoolConfig, TlsIdentity};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::Instant;

const HOST: &str = "pool.hivemind.test";
/// A silent name server is not waited for longer than this, from the worker's start on.
const BOUND: Duration = Duration::from_secs(25);

/// A name server for one name, on an address of this computer that nobody else uses.
struct Names {
    at: Ipv4Addr,
    speaks: Arc<AtomicBool>,
    asked: Arc<AtomicU32>,
}

impl Names {
    async fn new() -> Option<Self> {
        let [.., high, low] = std::process::id().to_be_bytes();
        let at = Ipv4Addr::new(127, 77, high, low.max(1));
        let socket = UdpSocket::bind((at, 53)).await.ok()?;
        let names = Self { at, speaks: Arc::default(), asked: Arc::default() };
        let (speaks, asked) = (Arc::clone(&names.speaks), Arc::clone(&names.asked));
        tokio::spawn(async move {
            let mut query = [0; 512];
            while let Ok((many, from)) = socket.recv_from(&mut query).await {
                asked.fetch_add(1, Ordering::Relaxed);
                if let Some(answer) = answer(&query[..many]).filter(|_| speaks.load(Ordering::Relaxed)) {
                    let _ = socket.send_to(&answer, from).await;
                }
            }
        });
        Some(names)
    }
}

/// The question with one address behind it, or with none where it does not ask for one of IPv4.
fn answer(query: &[u8]) -> Option<Vec<u8>> {
    let end = 12 + query.get(12..)?.iter().position(|byte| *byte == 0)? + 5;
    let question = query.get(12..end)?;
    let ipv4 = question.ends_with(&[0, 1, 0, 1]);
    let mut said = query.get(..2)?.to_vec();
    said.extend([0x81, 0x80, 0, 1, 0, u8::from(ipv4), 0, 0, 0, 0]);
    said.extend(question);
    if ipv4 {
        said.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 127, 0, 0, 1]);
    }
    Some(said)
}

#[tokio::test]
async fn a_name_that_nobody_can_look_up_is_told_from_a_pool_that_is_away() {
    let name = "a_name_that_nobody_can_look_up_is_told_from_a_pool_that_is_away";
    if !can(name, &["unshare", "mount"]) {
        return;
    }
    let Some(names) = Names::new().await else {
        println!("SKIPPED {name}: no name server can listen here");
        return;
    };
    let mut patient = Patient::new(|config| config.allowed_hosts = vec![HOST.to_owned()]).await;
    let resolver = patient.path("resolv.conf");
    std::fs::write(&resolver, format!("nameserver {}\n", names.at)).expect("written");
    let resolver = resolver.display().to_string();
    let script = "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"";
    let elsewhere = ["unshare", "--mount", "sh", "-c", script, &resolver];
    if !succeeds(elsewhere[0], &[&elsewhere[1..], &["true"]].concat()) {
        println!("SKIPPED {name}: /etc/resolv.conf cannot be covered here");
        return;
    }
    patient.surroundings = patient.surroundings.clone().through(&elsewhere);
    patient.surround("MASTER_NODE_URL", format!("http://{HOST}:{}", patient.pool.http_addr().port()));
    let began = Instant::now();
    patient.start().await;
    let unknown = format!("the name {HOST} cannot be looked up");
    let ill = Ill {
        fault: "dns-dead",
        number: 3,
        level: "error",
        code: Some("POOL_UNREACHABLE"),
        proof: &[&unknown],
        fix: "Check the internet connection",
    };
    patient.is_ill(&ill).await;
    let took = began.elapsed();
    assert!(took < BOUND, "a silent name server was waited for {} s", took.as_secs());
    assert!(names.asked.load(Ordering::Relaxed) > 0, "the name server was asked");
    names.speaks.store(true, Ordering::Relaxed);
    found(&patient).await;
    patient.end().await;
}

/// Waits until the pool is reached and says that somebody has to sign in.
async fn found(patient: &Patient) {
    until("the pool is found", LONG, async || {
        let (_, told) = patient.examine(3).await;
        let proof = told["proof"].as_str().unwrap_or_default().to_owned();
        proof.ends_with("waits for your sign-in").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_pool_that_is_away_is_told_until_it_is_back() {
    let mut patient = Patient::new(|_| ()).await;
    let (http, grpc) = (patient.pool.http_addr(), patient.pool.grpc_addr());
    let folder = patient.path("pool");
    let elsewhere = LocalPool::start(PoolConfig::ephemeral(patient.path("other"))).await.expect("a pool");
    std::mem::replace(&mut patient.pool, elsewhere).shutdown().await;
    patient.start().await;
    let address = format!("http://{http}");
    let ill = Ill {
        fault: "pool-away",
        number: 3,
        level: "error",
        code: Some("POOL_UNREACHABLE"),
        proof: &[&address, "the pool does not answer"],
        fix: "Check the internet connection",
    };
    patient.is_ill(&ill).await;
    patient.pool = back(folder, http, grpc).await;
    found(&patient).await;
    patient.sign_in().await;
    assert_eq!(patient.is_well(3).await, format!("{address} answers"));
    assert_eq!(patient.is_well(5).await, "the pool is on this computer");
    patient.end().await;
}

async fn back(folder: std::path::PathBuf, http: SocketAddr, grpc: SocketAddr) -> LocalPool {
    until("the pool is back", LONG, async || {
        let mut config = PoolConfig::ephemeral(&folder);
        (config.http_addr, config.grpc_addr) = (http, grpc);
        LocalPool::start(config).await.ok()
    })
    .await
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_told() {
    let mut patient = Patient::new(|config| {
        let made = TlsIdentity::kept_in(&config.data_dir.join("tls"), &["localhost".into()]);
        let identity = made.expect("a certificate");
        (config.tls, config.https) = (Some(identity.clone()), Some(identity));
    })
    .await;
    let address = format!("https://localhost:{}", patient.pool.http_addr().port());
    patient.surround("MASTER_NODE_URL", &address);
    patient.start().await;
    let ill = Ill {
        fault: "pool-certificate",
        number: 3,
        level: "error",
        code: Some("POOL_UNTRUSTED"),
        proof: &[&address, "the pool's certificate is not valid"],
        fix: "If it is your own pool, pin its certificate",
    };
    patient.is_ill(&ill).await;
    patient.end().await;
}
