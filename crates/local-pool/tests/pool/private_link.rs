//! Private links: keys over HTTPS, an address for each computer, and calls that only pass through the tunnel.

use crate::support::{Bench, PASSWORD};
use hivemind_local_pool::{TlsIdentity, VpnConfig};
use hivemind_proto::v1::{self, account_service_client::AccountServiceClient};
use hivemind_wireguard::{PeerConfig, PrivateKey, Tunnel, TunnelConfig};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use tonic::transport::{Endpoint, Uri};

const LONG: Duration = Duration::from_secs(30);

async fn bench(required: bool) -> (Bench, reqwest::Client, String) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let bench = Bench::with(|config| {
        let identity = TlsIdentity::kept_in(&config.data_dir.join("tls"), &["127.0.0.1".into()]).unwrap();
        let vpn = VpnConfig::new(SocketAddr::from(([127, 0, 0, 1], 0)));
        config.https = Some(identity);
        config.vpn = Some(VpnConfig { required, network: "10.77.0.0/29".parse().unwrap(), ..vpn });
    })
    .await;
    let certificate = std::fs::read(bench.config.data_dir.join("tls/certificate.pem")).unwrap();
    let certificate = reqwest::Certificate::from_pem(&certificate).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([certificate]).build().unwrap();
    let url = format!("https://{}", bench.pool.http_addr());
    (bench, client, url)
}

async fn join(
    client: &reqwest::Client,
    url: &str,
    key: &str,
    install: &str,
    token: Option<&str>,
) -> (u16, Value) {
    let mut request =
        client.post(format!("{url}/api/vpn/join")).json(&json!({ "public_key": key, "install_id": install }));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn tunnel(key: &PrivateKey, member: &Value) -> Tunnel {
    let text = |name: &str| member[name].as_str().unwrap();
    let config = TunnelConfig {
        private_key: key.clone(),
        addresses: vec![text("address").parse().unwrap()],
        mtu: 1220,
        bind: SocketAddr::from(([127, 0, 0, 1], 0)),
        connections: 16,
    };
    let peer = PeerConfig {
        public_key: text("public_key").parse().unwrap(),
        preshared: None,
        endpoint: Some(text("endpoint").parse().unwrap()),
        allowed_ips: vec![text("allowed_ips").parse().unwrap()],
        keepalive: 25,
    };
    Tunnel::start(config, vec![peer]).await.unwrap()
}

#[tokio::test]
async fn a_worker_joins_with_its_public_key_alone_and_calls_through_the_tunnel() {
    let (bench, client, url) = bench(true).await;
    bench.user("worker").await;
    let known: Value =
        client.get(format!("{url}/.well-known/hivemind")).send().await.unwrap().json().await.unwrap();
    assert_eq!(known["vpn"], json!({ "grpc_addr": "10.77.0.1:50051", "required": true }));
    assert_eq!(known["grpc_addr"], "10.77.0.1:50051", "no other way is named");
    let offer: Value =
        client.get(format!("{url}/api/vpn/public-key")).send().await.unwrap().json().await.unwrap();
    let key = PrivateKey::generate().unwrap();
    let (status, member) = join(&client, &url, &key.public().to_string(), "install-a", None).await;
    assert_eq!((status, &member["address"]), (200, &json!("10.77.0.2/32")));
    assert_eq!(member["public_key"], offer["public_key"]);
    let tunnel = tunnel(&key, &member).await;
    let inside: SocketAddr = member["grpc_addr"].as_str().unwrap().parse().unwrap();
    let dialled = tunnel.clone();
    let connect = tower::service_fn(move |_: Uri| {
        let dialled = dialled.clone();
        async move { dialled.connect(inside).await.map(TokioIo::new) }
    });
    let channel = Endpoint::from_static("http://pool.inside").connect_with_connector(connect).await.unwrap();
    let login = v1::LoginRequest {
        username: "worker".into(),
        password: PASSWORD.into(),
        install_id: "install-a".into(),
    };
    let answer = AccountServiceClient::new(channel).login(login).await.unwrap().into_inner();
    assert!(answer.session.is_some());
    // How it looks from the pool; only its own token shows it.
    let token = member["token"].as_str().unwrap();
    let asked = |token: &str| client.get(format!("{url}/api/vpn/status")).bearer_auth(token).send();
    let seen: Value = asked(token).await.unwrap().json().await.unwrap();
    assert!(seen["handshake_age_ms"].is_number() && seen["received_bytes"].as_u64() > Some(0), "{seen}");
    assert_eq!(asked("another").await.unwrap().status(), 401);
    // It leaves, and its connection ends with it.
    let left = client.delete(format!("{url}/api/vpn/join")).bearer_auth(token).send().await.unwrap();
    assert_eq!(left.status(), 204);
    assert_eq!(asked(token).await.unwrap().status(), 401);
    let gone = tokio::time::timeout(LONG, tunnel.connect(inside)).await.expect("an end");
    assert!(gone.is_err(), "the key opens nothing any more");
}

#[tokio::test]
async fn a_link_outlives_the_pools_restart_and_nobody_else_gets_it() {
    let (bench, client, url) = bench(false).await;
    let keys: Vec<PrivateKey> = (0..8).map(|_| PrivateKey::generate().unwrap()).collect();
    let key = |n: usize| keys[n].public().to_string();
    let (_, first) = join(&client, &url, &key(0), "a", None).await;
    let token = first["token"].as_str().unwrap().to_owned();
    let (status, again) = join(&client, &url, &key(0), "a", None).await;
    assert_eq!((status, &again["address"], &again["token"]), (200, &first["address"], &Value::Null));
    assert_eq!(join(&client, &url, &key(0), "b", None).await.0, 409, "the key is another's");
    let inside: SocketAddr = "10.77.0.1:50051".parse().unwrap();
    let link = tunnel(&keys[0], &first).await;
    drop(link.connect(inside).await.unwrap());
    let (status, taken) = join(&client, &url, &key(1), "a", Some("wrong")).await;
    assert_eq!((status, &taken["error"]["code"]), (409, &json!("ADDRESS_TAKEN")), "the link is in use");
    drop(link);
    let (status, rotated) = join(&client, &url, &key(1), "a", Some(&token)).await;
    assert_eq!((status, &rotated["address"]), (200, &first["address"]), "a new key, the same address");
    assert_ne!(rotated["token"], first["token"]);
    let Bench { pool, config, dir } = bench;
    let udp = pool.udp_addr().unwrap();
    pool.shutdown().await;
    let mut config = config;
    config.vpn.as_mut().unwrap().udp_addr = udp;
    let pool = hivemind_local_pool::LocalPool::start(config.clone()).await.unwrap();
    let link = tunnel(&keys[1], &rotated).await;
    drop(link.connect(inside).await.expect("key and address were kept"));
    // The network has five addresses for workers.
    let url = format!("https://{}", pool.http_addr());
    for (number, name) in ["c", "d", "e", "f"].iter().enumerate() {
        assert_eq!(join(&client, &url, &key(2 + number), name, None).await.0, 200, "{name}");
    }
    let (status, full) = join(&client, &url, &key(7), "g", None).await;
    assert_eq!((status, &full["error"]["code"]), (503, &json!("NO_ADDRESS")));
    pool.shutdown().await;
    drop(dir);
}

#[tokio::test]
async fn what_is_no_key_and_who_asks_too_often_is_refused() {
    let (bench, client, url) = bench(false).await;
    let good = PrivateKey::generate().unwrap().public().to_string();
    for key in ["", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", &good[1..]] {
        assert_eq!(join(&client, &url, key, "a", None).await.0, 400, "{key}");
    }
    for install in ["", "../x", &"i".repeat(500)] {
        assert_eq!(join(&client, &url, &good, install, None).await.0, 400, "{install}");
    }
    let body = json!({ "public_key": good, "install_id": "a", "private_key": "x" });
    let more = client.post(format!("{url}/api/vpn/join")).json(&body).send().await.unwrap();
    assert_eq!(more.status(), 400, "fields that do not belong here are not taken");
    let mut last = 0;
    for _ in 0..30 {
        last = join(&client, &url, "x", "a", None).await.0;
    }
    assert_eq!(last, 429);
    // Without TLS there is nothing to read, and a pool without links says so.
    let plain = format!("http://{}/api/vpn/public-key", bench.pool.http_addr());
    assert!(client.get(plain).send().await.is_err());
    let without = Bench::start().await;
    let asked = format!("http://{}/api/vpn/public-key", without.pool.http_addr());
    let answer = reqwest::Client::builder().no_proxy().build().unwrap().get(asked).send().await.unwrap();
    assert_eq!(answer.status(), 404);
}
