//! A session that may look: every command that reads, and no other.

use crate::http::{Site, request};
use hivemind_control::{Access, COMMANDS};
use hivemind_local_api::{Rights, Via};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn looking(site: &Site) -> String {
    let token = site.sessions.new_session(Via::Loopback, Rights::Look).unwrap();
    format!("Cookie: hivemind_{}={token}", site.address.port())
}

#[tokio::test]
async fn a_link_for_looking_makes_a_session_that_looks() {
    let site = Site::open().await;
    let link = site.sessions.invite(Via::Loopback, Rights::Look).unwrap();
    assert!(link.read_only && link.certificate_sha256.is_none() && !link.qr.is_empty());
    let path = link.url.split_once(&site.host()).unwrap().1;
    let paired = site.get(path, &[]).await;
    assert_eq!(paired.status, 303);
    let cookie = format!("Cookie: {}", paired.header("set-cookie").unwrap().split(';').next().unwrap());
    assert_eq!(site.get(path, &[]).await.status, 403, "once");
    let stopped = site.rpc_as(&cookie, "stop", "null").await;
    assert_eq!((stopped.status, stopped.code()), (403, "READ_ONLY".into()));
    assert_eq!(site.worker.take_calls(), []);
    assert_eq!(site.rpc_as(&cookie, "snapshot", "null").await.status, 200);
    assert_eq!(site.get("/metrics", &[&cookie]).await.status, 200);
}

#[tokio::test]
async fn it_is_served_every_command_that_reads_and_no_other() {
    let site = Site::open().await;
    let cookie = looking(&site);
    for info in COMMANDS {
        // Whatever the request says.
        for body in
            ["null", "{}", r#"{"lan":false,"full":false}"#, r#"{"key":"theme","value":"dark"}"#, "not json"]
        {
            let answer = site.rpc_as(&cookie, info.name, body).await;
            let refused = (answer.status, answer.code()) == (403, "READ_ONLY".into());
            assert_eq!(refused, info.access != Access::Read, "{} {body}: {}", info.name, answer.body);
        }
    }
    let changes = |name: &str| COMMANDS.iter().any(|info| info.name == name && info.access != Access::Read);
    let asked = site.worker.take_calls();
    assert!(asked.len() > 10, "{asked:?}");
    assert!(!asked.iter().any(|(name, _)| changes(name)), "{asked:?}");
    assert!(COMMANDS.iter().filter(|info| info.access != Access::Read).count() > 15);
}

#[tokio::test]
async fn a_page_is_told_what_it_may_do() {
    let site = Site::open().await;
    for (cookie, word) in [(looking(&site), "look"), (site.cookie(), "all")] {
        let mut stream = TcpStream::connect(site.address).await.unwrap();
        let host = format!("Host: {}", site.host());
        stream.write_all(request("GET", "/events", &[&host, &cookie], "").as_bytes()).await.unwrap();
        let mut head = vec![0; 2048];
        let n = stream.read(&mut head).await.unwrap();
        let head = String::from_utf8_lossy(&head[..n]).into_owned();
        assert!(head.contains(&format!("x-hivemind-rights: {word}\r\n")), "{head}");
    }
}
