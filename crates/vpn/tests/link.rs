//! The six steps against a real pool: HTTPS with its own certificate, real UDP, real gRPC inside.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "all of this file is tests")]

use async_trait::async_trait;
use hivemind_control::{ErrorCode, LinkState};
use hivemind_domain::ids::InstallId;
use hivemind_local_pool::{LocalPool, PoolConfig, TlsIdentity, VpnConfig};
use hivemind_pool_client::{PoolDesk, V1Config, V1Pool};
use hivemind_vpn::{Carriage, Link, LinkConfigSource};
use hivemind_worker_core::port::{Dialer, Pool, PrivateLink, SecretError, Vault};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);
const PASSWORD: &str = "a long password";

/// A keyring as there are three kinds.
#[derive(Default)]
struct Keyring {
    missing: bool,
    locked: Mutex<bool>,
    kept: Mutex<HashMap<String, String>>,
}

#[async_trait]
impl Vault for Keyring {
    async fn key(&self, name: &str) -> Result<Option<String>, SecretError> {
        if *self.locked.lock().unwrap() {
            return Err(SecretError::Locked);
        }
        Ok(self.kept.lock().unwrap().get(name).cloned())
    }

    async fn keep_key(&self, name: &str, key: &str) -> Result<bool, SecretError> {
        if *self.locked.lock().unwrap() {
            return Err(SecretError::Locked);
        }
        if !self.missing {
            self.kept.lock().unwrap().insert(name.into(), key.into());
        }
        Ok(!self.missing)
    }
}

struct Bench {
    pool: Option<LocalPool>,
    config: PoolConfig,
    pin: String,
    folder: tempfile::TempDir,
    keyring: Arc<Keyring>,
    around: Vec<(IpAddr, u8)>,
    system: Arc<Mutex<Option<PathBuf>>>,
}

impl Bench {
    async fn start(required: bool) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        let mut config = PoolConfig::ephemeral(folder.path().join("pool"));
        let identity = TlsIdentity::kept_in(&config.data_dir.join("tls"), &["127.0.0.1".into()]).unwrap();
        let pin = identity.fingerprint().unwrap();
        (config.https, config.tls) = (Some(identity.clone()), Some(identity));
        let udp = SocketAddr::from(([127, 0, 0, 1], 0));
        config.vpn = Some(VpnConfig { required, ..VpnConfig::new(udp) });
        let pool = LocalPool::start(config.clone()).await.unwrap();
        pool.create_user("worker", PASSWORD).await.unwrap();
        (config.grpc_addr, config.http_addr) = (pool.grpc_addr(), pool.http_addr());
        config.vpn.as_mut().unwrap().udp_addr = pool.udp_addr().unwrap();
        Self {
            pool: Some(pool),
            config,
            pin,
            folder,
            keyring: Arc::default(),
            around: Vec::new(),
            system: Arc::default(),
        }
    }

    async fn stop_pool(&mut self) {
        self.pool.take().unwrap().shutdown().await;
    }

    async fn start_pool(&mut self) {
        self.pool = Some(LocalPool::start(self.config.clone()).await.unwrap());
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("wg0.conf")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    fn client(&self) -> V1Config {
        V1Config {
            master_url: format!("https://{}", self.config.http_addr),
            address: String::new(),
            allow_unencrypted: false,
            tunnel_only: false,
            install: InstallId::new("install-a").unwrap(),
            version: "0".into(),
        }
    }

    fn link_to(&self, client: V1Config, pin: &str) -> Arc<Link> {
        let source = LinkConfigSource {
            file: self.file(),
            state: self.folder.path().join("private-link.json"),
            pool: client.master_url.clone(),
        };
        let (around, system) = (self.around.clone(), Arc::clone(&self.system));
        let carriage: Carriage = Arc::new(move || system.lock().unwrap().clone());
        let desk = PoolDesk::new(client, pin).unwrap();
        Link::new(source, Arc::new(desk), self.keyring.clone(), Arc::new(move || around.clone()), carriage)
    }

    fn link(&self) -> Arc<Link> {
        self.link_to(self.client(), &self.pin)
    }

    async fn worker(&self, link: &Arc<Link>) -> V1Pool {
        let pool = V1Pool::new(self.client()).pinned(&self.pin).unwrap().through(link.clone());
        pool.connect().await.unwrap();
        pool
    }
}

async fn signs_in(worker: &V1Pool) {
    worker.login("worker", PASSWORD, &InstallId::new("install-a").unwrap()).await.unwrap();
    assert_eq!(worker.balance().await.unwrap(), 150);
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, waiting).await.unwrap_or_else(|_| panic!("{what}"));
}

#[tokio::test]
async fn six_steps_lead_to_a_call_inside() {
    let bench = Bench::start(true).await;
    let link = bench.link();
    assert_eq!(link.view().state, LinkState::Off);
    let worker = bench.worker(&link).await;
    assert_eq!(worker.link(), "tunnel");
    signs_in(&worker).await;
    let view = link.view();
    assert_eq!((view.state, view.address.as_str(), &view.problem), (LinkState::Up, "10.77.0.2", &None));
    assert!(!view.key_in_file && !view.file_exposed);
    let traffic = link.traffic();
    assert!(traffic.handshake_age.is_some() && traffic.received > 0 && traffic.sent > 0, "{traffic:?}");
    // The key is in the keyring, the file names it.
    let key = bench.keyring.kept.lock().unwrap().values().next().cloned().unwrap();
    assert!(bench.text().contains("PrivateKey = keyring:") && !bench.text().contains(&key));
    #[cfg(unix)]
    for name in ["wg0.conf", "private-link.json"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(bench.folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    // Nowhere else: not at the pool, not in its database, not in what is remembered.
    drop((worker, link));
    let mut bench = bench;
    bench.stop_pool().await;
    let mut looked = 0;
    let mut folders = vec![bench.folder.path().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
                continue;
            }
            looked += 1;
            let bytes = std::fs::read(entry.path()).unwrap();
            assert!(!bytes.windows(20).any(|part| part == &key.as_bytes()[..20]), "{:?}", entry.path());
        }
    }
    assert!(looked > 4);
    // The second start asks nobody for anything: step 1 finds the file.
    bench.start_pool().await;
    let link =
        bench.link_to(V1Config { master_url: "https://127.0.0.1:1".into(), ..bench.client() }, &bench.pin);
    let moved = bench.keyring.kept.lock().unwrap().values().next().cloned().unwrap();
    bench.keyring.kept.lock().unwrap().insert("private link https://127.0.0.1:1".into(), moved);
    link.ready(false).await.unwrap();
}

#[tokio::test]
async fn without_a_keyring_the_key_lies_in_the_file_and_that_is_said() {
    let mut bench = Bench::start(false).await;
    bench.keyring = Arc::new(Keyring { missing: true, ..Keyring::default() });
    let link = bench.link();
    signs_in(&bench.worker(&link).await).await;
    assert!(link.view().key_in_file && !bench.text().contains("keyring:"));
    // A locked one is not an absent one.
    *bench.keyring.locked.lock().unwrap() = true;
    assert_eq!(link.renew().await.unwrap_err().code, ErrorCode::KeyringLocked);
}

#[tokio::test]
async fn each_failure_has_its_word_and_the_pool_is_reached_over_tls_where_it_allows_that() {
    let mut bench = Bench::start(false).await;
    let told = |link: Arc<Link>| async move {
        let error = link.ready(true).await.unwrap_err();
        assert_eq!(link.view().problem.as_ref(), Some(&error));
        assert_eq!(link.view().state, LinkState::Down);
        error
    };
    let code = |link| async move { told(link).await.code };
    let no_https = |why: &str| {
        let said = format!("the pool's key for the private link cannot be downloaded: {why}");
        hivemind_control::ApiError::new(ErrorCode::LinkNoHttps, said)
    };
    let invalid = no_https("no answer over HTTPS, or its certificate is not valid");
    // No HTTPS: an address without it, nobody there, another certificate.
    let plain = V1Config { master_url: "http://192.0.2.1".into(), ..bench.client() };
    let unencrypted = told(bench.link_to(plain, &bench.pin)).await;
    assert_eq!(unencrypted, no_https("its address does not begin with https://"));
    let nobody = V1Config { master_url: "https://127.0.0.1:1".into(), ..bench.client() };
    assert_eq!(told(bench.link_to(nobody, &bench.pin)).await, invalid);
    assert_eq!(told(bench.link_to(bench.client(), &"00".repeat(32))).await, invalid);
    assert!(!bench.file().exists(), "nothing is written before the pool has answered");
    // A network of this computer has the pool's addresses.
    bench.around = vec![("10.77.0.9".parse().unwrap(), 24)];
    assert_eq!(code(bench.link()).await, ErrorCode::LinkConfigRefused);
    bench.around.clear();
    // A file that says too much: not started, and the pool is reached around it, because this pool allows that.
    let link = bench.link();
    link.ready(true).await.unwrap();
    let good = bench.text();
    std::fs::write(bench.file(), good.replace("[Peer]", "PostUp = true\n[Peer]")).unwrap();
    assert_eq!(code(bench.link()).await, ErrorCode::LinkConfigRefused);
    let around = bench.worker(&bench.link()).await;
    assert_eq!(around.link(), "tls");
    let tunnel_only = V1Config { tunnel_only: true, ..bench.client() };
    let strict = V1Pool::new(tunnel_only).pinned(&bench.pin).unwrap().through(bench.link());
    assert_eq!(strict.connect().await.unwrap_err().about, Some(ErrorCode::LinkConfigRefused));
    // Datagrams that go nowhere, in a file that somebody else made: told, and not overwritten.
    let blocked = good.replace(&format!(":{}", bench.config.vpn.as_ref().unwrap().udp_addr.port()), ":9");
    let stranger = "PrivateKey = dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
    let line = blocked.lines().find(|line| line.starts_with("PrivateKey")).unwrap().to_owned();
    let foreign = blocked.replace(&line, stranger);
    std::fs::write(bench.file(), &foreign).unwrap();
    assert_eq!(code(bench.link()).await, ErrorCode::LinkNoHandshake);
    assert_eq!(bench.text(), foreign);
}

#[tokio::test]
async fn a_pool_whose_addresses_are_all_taken_is_told() {
    let mut bench = Bench::start(true).await;
    bench.stop_pool().await;
    bench.config.vpn.as_mut().unwrap().network = "10.77.0.0/30".parse().unwrap();
    bench.start_pool().await;
    let first = bench.link();
    first.ready(true).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let source = LinkConfigSource {
        file: folder.path().join("wg0.conf"),
        state: folder.path().join("private-link.json"),
        pool: bench.client().master_url,
    };
    let desk = Arc::new(PoolDesk::new(bench.client(), &bench.pin).unwrap());
    let second = Link::new(source, desk, Arc::new(Keyring::default()), Arc::new(Vec::new), Arc::new(|| None));
    let error = second.ready(true).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::LinkAddressTaken);
    assert_eq!(error.message, "the pool has no address for this computer in its private network");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is written");
    signs_in(&bench.worker(&first).await).await;
}

#[tokio::test]
async fn a_changed_file_is_taken_and_a_renewed_key_too() {
    let bench = Bench::start(true).await;
    let link = bench.link();
    signs_in(&bench.worker(&link).await).await;
    let first = bench.text();
    link.renew().await.unwrap();
    assert_ne!(bench.text(), first, "a new key");
    assert_eq!(link.view().address, "10.77.0.2", "the same address");
    signs_in(&bench.worker(&link).await).await;
    // Changed by hand: another size of packets is there soon after.
    std::fs::write(bench.file(), bench.text().replace("[Peer]", "MTU = 1300\n[Peer]")).unwrap();
    let begun = tokio::time::Instant::now();
    until("the file is taken", || link.view().mtu == 1300 && link.view().state == LinkState::Up).await;
    eprintln_ms("a changed file was taken after", begun);
    signs_in(&bench.worker(&link).await).await;
    std::fs::write(bench.file(), "[Interface]\nPostUp = true\n").unwrap();
    until("the tunnel is down", || link.view().state == LinkState::Down).await;
    assert_eq!(link.view().problem.unwrap().code, ErrorCode::LinkConfigRefused);
    assert!(link.dial("10.77.0.1:50051".parse().unwrap()).await.is_err(), "nothing goes through it any more");
}

#[tokio::test]
async fn a_full_tunnel_of_another_program_is_taken_narrowed_and_kept_beside() {
    let bench = Bench::start(true).await;
    let link = bench.link();
    link.ready(true).await.unwrap();
    let full = bench
        .text()
        .replace("AllowedIPs = 10.77.0.1/32", "AllowedIPs = 0.0.0.0/0, ::/0")
        .replace("[Peer]", "DNS = 8.8.8.8\nPostUp = true\n[Peer]");
    std::fs::write(bench.file(), &full).unwrap();
    until("the tunnel is down", || link.view().state == LinkState::Down).await;
    let problem = link.view().problem.unwrap();
    assert_eq!(problem.code, ErrorCode::LinkConfigRefused);
    let told = |name: &str| problem.facts.get(name).map(String::as_str);
    assert_eq!((told("network"), told("left_out")), (Some("10.77.0.0/24"), Some("DNS, PostUp")));
    link.narrow().await.unwrap();
    assert_eq!((link.view().state, link.view().problem), (LinkState::Up, None));
    assert!(
        !bench.text().contains("DNS")
            && !bench.text().contains("PostUp")
            && !bench.text().contains("0.0.0.0/0")
    );
    let before = bench.folder.path().join("wg0.conf.before");
    assert_eq!(std::fs::read_to_string(&before).unwrap(), full);
    signs_in(&bench.worker(&link).await).await;
    // A file that is taken as it is has nothing to leave out; it stays, and so does the tunnel.
    let good = bench.text();
    assert_eq!(link.narrow().await.unwrap_err().code, ErrorCode::LinkFailed);
    assert_eq!((link.view().state, link.view().problem), (LinkState::Up, None));
    assert_eq!(bench.text(), good);
    // One that somebody else made is kept when a new one is asked for; one of ours is not.
    link.renew().await.unwrap();
    let copies = || {
        std::fs::read_dir(bench.folder.path())
            .unwrap()
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().contains(".before"))
            .count()
    };
    assert_eq!(copies(), 1, "the narrowed file has our own key");
    std::fs::write(bench.file(), "[Interface]\nPrivateKey = dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\n")
        .unwrap();
    link.renew().await.unwrap();
    assert_eq!((copies(), link.view().state), (2, LinkState::Up));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_owner_chooses_another_carrier_and_it_is_taken_at_once() {
    let bench = Bench::start(true).await;
    *bench.system.lock().unwrap() = Some(bench.folder.path().join("no-service"));
    let link = bench.link();
    assert_eq!(link.ready(true).await.unwrap_err().code, ErrorCode::LinkServiceMissing);
    assert_eq!(link.view().kind, hivemind_control::LinkKind::System);
    *bench.system.lock().unwrap() = None;
    link.reconsider();
    until("the worker's own tunnel is up", || link.view().state == LinkState::Up).await;
    assert_eq!((link.view().kind, link.view().problem), (hivemind_control::LinkKind::Process, None));
    signs_in(&bench.worker(&link).await).await;
}

#[expect(clippy::print_stderr, reason = "a figure for whoever reads the test's output")]
fn eprintln_ms(what: &str, begun: tokio::time::Instant) {
    eprintln!("{what} {} ms", begun.elapsed().as_millis());
}

#[tokio::test]
async fn a_pool_that_was_away_or_lost_its_memory_is_found_again() {
    let mut bench = Bench::start(true).await;
    let link = bench.link();
    signs_in(&bench.worker(&link).await).await;
    bench.stop_pool().await;
    bench.start_pool().await;
    signs_in(&bench.worker(&link).await).await;
    let before = bench.text();
    // It comes back with another key and no list of computers: the file was ours, so it is made anew.
    bench.stop_pool().await;
    for name in ["vpn.key", "pool.db", "pool.db-wal", "pool.db-shm"] {
        let _ = std::fs::remove_file(bench.config.data_dir.join(name));
    }
    bench.start_pool().await;
    bench.pool.as_ref().unwrap().create_user("worker", PASSWORD).await.unwrap();
    signs_in(&bench.worker(&link).await).await;
    assert_ne!(bench.text(), before);
}
