//! The monitor page for a phone: closed until its owner opens the local network, then encrypted, and for looking.

use crate::patience::{LONG, until};
use crate::pool::Pool;
use crate::scene::Scene;
use crate::worker::Worker;
use reqwest::{Client, redirect::Policy, tls::TlsInfo};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// A port that nobody has.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a port");
    listener.local_addr().expect("its number").port()
}

fn is_open(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

async fn lan_finding(worker: &Worker<'_>) -> Value {
    let report = worker.call(&["doctor"]).await.lines.pop().expect("a report");
    let findings = report["findings"].as_array().expect("findings");
    findings.iter().find(|finding| finding["check"] == "monitor_lan").expect("its finding").clone()
}

#[tokio::test]
async fn a_phone_looks_in_while_its_owner_wants_it() {
    let Some(scene) = Scene::open("a_phone_looks_in_while_its_owner_wants_it").await else { return };
    let pool = Pool::open(&scene).await;
    let works = pool.person("works").await;
    let mut worker = Worker::contributing(&scene, "worker", &pool, &works).await;
    let port = free_port();
    worker.call(&["settings", "set", "monitor_lan_port", &port.to_string()]).await.ok();
    assert!(!is_open(port), "closed as delivered");
    assert_eq!(worker.call(&["open", "--lan"]).await.error().0, "LAN_NOT_SERVED");
    assert_eq!(lan_finding(&worker).await["level"], "ok");

    worker.call(&["settings", "set", "monitor_on_lan", "true"]).await.ok();
    until("the door is open", LONG, async || is_open(port).then_some(())).await;
    let link = worker.call(&["open", "--lan"]).await.ok();
    let fingerprint = link["certificate_sha256"].as_str().expect("a fingerprint").to_owned();
    assert_eq!((link["read_only"].as_bool(), fingerprint.len()), (Some(true), 64));
    assert!(link["qr"].as_array().is_some_and(|rows| rows.len() > 20), "{link}");
    let told = lan_finding(&worker).await;
    assert_eq!(told["level"], "notice");
    let proof = told["proof"].as_str().expect("a proof");
    // As the browser tells it, so that the two can be compared.
    assert!(
        proof.replace(':', "").to_lowercase().contains(&fingerprint) && proof.contains(&format!(":{port}/")),
        "{proof}"
    );
    let kept = worker.data.join("monitor-lan.pem");
    let mode = std::os::unix::fs::PermissionsExt::mode(&kept.metadata().expect("it is kept").permissions());
    assert_eq!(mode & 0o777, 0o600);

    // The certificate is nobody's but this worker's: what is believed is its SHA-256.
    let phone = Client::builder()
        .redirect(Policy::none())
        .danger_accept_invalid_certs(true)
        .tls_info(true)
        .build()
        .expect("a client");
    let url = link["url"].as_str().expect("an address");
    let (_, path) = url.split_once(&format!(":{port}/")).expect("a path");
    let site = format!("https://127.0.0.1:{port}/");
    let paired = phone.get(format!("{site}{path}")).send().await.expect("an answer");
    assert_eq!(paired.status(), 303);
    let shown =
        paired.extensions().get::<TlsInfo>().and_then(TlsInfo::peer_certificate).expect("a certificate");
    assert_eq!(hex::encode(Sha256::digest(shown)), fingerprint);
    let set = paired.headers()["set-cookie"].to_str().expect("text").to_owned();
    assert!(set.starts_with("__Host-") && set.contains("Secure"), "{set}");
    let cookie = set.split(';').next().expect("the cookie").to_owned();
    assert_eq!(phone.get(format!("{site}{path}")).send().await.expect("an answer").status(), 403, "once");
    let ask = async |name: &str| {
        let request =
            phone.post(format!("{site}rpc/{name}")).header("cookie", &cookie).header("x-hivemind", "1");
        let request = request.header("content-type", "application/json").body("null");
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json::<Value>().await.expect("JSON"))
    };
    let (status, snapshot) = ask("snapshot").await;
    assert_eq!((status, snapshot["account"]["username"].as_str()), (200, Some("works")));
    for name in ["stop", "logout", "set_setting", "invite", "quit", "pair"] {
        let (status, error) = ask(name).await;
        assert_eq!((status, error["code"].as_str()), (403, Some("READ_ONLY")), "{name}");
    }
    assert_eq!(worker.snapshot().await["status"]["contributing"], true);

    worker.kill().await;
    worker.start().await;
    until("the door is open again", LONG, async || is_open(port).then_some(())).await;
    let again = worker.call(&["open", "--lan", "--full"]).await.ok();
    assert_eq!(
        (again["certificate_sha256"].as_str(), again["read_only"].as_bool()),
        (Some(&*fingerprint), Some(false))
    );

    worker.call(&["settings", "set", "monitor_on_lan", "false"]).await.ok();
    until("the door is closed", LONG, async || (!is_open(port)).then_some(())).await;
    assert_eq!(lan_finding(&worker).await["level"], "ok");
}
