//! The local network's door over real sockets: what it takes, what it refuses, and that it closes.

use crate::fake::FakeWorker;
use crate::http::{Answer, request};
use crate::tls::shake;
use hivemind_local_api::{LanDoor, LanIdentity, LanState, Rights, Sessions, Surroundings, Via};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::rustls::{SupportedProtocolVersion, version};
use tokio_util::sync::{CancellationToken, DropGuard};

const NEW: &[&SupportedProtocolVersion] = &[&version::TLS13];
const PATIENCE: Duration = Duration::from_secs(20);

struct Site {
    worker: Arc<FakeWorker>,
    sessions: Arc<Sessions>,
    door: Arc<LanDoor>,
    port: u16,
    fingerprint: String,
    _end: DropGuard,
}

impl Site {
    /// A door at any free port.
    async fn open() -> Self {
        let (worker, sessions, end) =
            (FakeWorker::new(), Arc::new(Sessions::new()), CancellationToken::new());
        let door = LanDoor::new(sessions.clone(), Surroundings::new("Sofa".into(), Vec::new), || {
            LanIdentity::make("Sofa").map_err(std::io::Error::other)
        });
        tokio::spawn(Arc::clone(&door).keep(worker.clone(), end.clone()));
        let mut site =
            Self { worker, sessions, door, port: 0, fingerprint: String::new(), _end: end.drop_guard() };
        site.switch_on().await;
        site
    }

    async fn switch_on(&mut self) {
        self.door.set(Some(0));
        loop {
            match self.door.look() {
                LanState::Served { port, fingerprint, .. } => {
                    (self.port, self.fingerprint) = (port, fingerprint);
                    return;
                }
                LanState::Off => sleep(Duration::from_millis(5)).await,
                failed @ LanState::Failed { .. } => panic!("{failed:?}"),
            }
        }
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn cookie(&self, rights: Rights) -> String {
        let token = self.sessions.new_session(Via::Lan, rights).unwrap();
        format!("Cookie: __Host-hivemind_{}={token}", self.port)
    }

    /// Sends exactly `text` over TLS and reads until the end.
    async fn raw(&self, text: &str) -> Answer {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let mut stream = shake(stream, &self.fingerprint, NEW).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
        Answer::read(answer)
    }

    async fn get(&self, path: &str, headers: &[&str]) -> Answer {
        let host = format!("Host: {}", self.host());
        self.raw(&request("GET", path, &[&[host.as_str()], headers].concat(), "")).await
    }

    /// A command as a page of this door sends it.
    async fn rpc(&self, cookie: &str, name: &str, body: &str) -> Answer {
        let headers = self.page_headers(cookie);
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        self.raw(&request("POST", &format!("/rpc/{name}"), &headers, body)).await
    }

    fn page_headers(&self, cookie: &str) -> Vec<String> {
        vec![
            format!("Host: {}", self.host()),
            format!("Origin: https://{}", self.host()),
            "Sec-Fetch-Site: same-origin".into(),
            "X-HiveMind: 1".into(),
            "Content-Type: application/json".into(),
            cookie.to_owned(),
        ]
    }

    fn code(&self, rights: Rights) -> String {
        self.sessions.invite(Via::Lan, rights).unwrap().url.rsplit('=').next().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_device_that_pins_the_certificate_is_paired_once_and_looks() {
    let site = Site::open().await;
    let link = site.sessions.invite(Via::Lan, Rights::Look).unwrap();
    assert!(link.url.starts_with("https://") && link.read_only && link.expires_in_seconds == 120, "{link:?}");
    assert_eq!(link.certificate_sha256.as_deref(), Some(site.fingerprint.as_str()));
    let path = format!("/pair?code={}", link.url.rsplit('=').next().unwrap());
    let paired = site.get(&path, &["Sec-Fetch-Site: none"]).await;
    assert_eq!((paired.status, paired.header("location")), (303, Some("/")));
    let cookie = paired.header("set-cookie").unwrap().to_owned();
    for part in ["; path=/", "; httponly", "; samesite=strict", "; secure"] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    assert!(cookie.starts_with("__host-hivemind_") && !cookie.contains("domain"), "{cookie}");
    let again = site.get(&path, &[]).await;
    assert_eq!((again.status, again.header("set-cookie")), (403, None), "used twice");
    let cookie =
        format!("Cookie: __Host-{}", cookie.split(';').next().unwrap().strip_prefix("__host-").unwrap());
    assert_eq!(site.rpc(&cookie, "snapshot", "null").await.status, 200);
    assert_eq!(site.worker.take_calls().len(), 1);
    for name in ["stop", "start", "login", "set_setting", "invite", "pair", "quit"] {
        let answer = site.rpc(&cookie, name, r#"{"lan":true,"full":false}"#).await;
        assert_eq!((answer.status, answer.code()), (403, "READ_ONLY".into()), "{name}");
    }
    assert_eq!(site.worker.take_calls(), []);
    assert!(site.get("/", &[]).await.header("content-security-policy").is_some());
}

#[tokio::test]
async fn full_rights_from_the_network_end_where_it_is_decided_who_looks_in() {
    let site = Site::open().await;
    let cookie = site.cookie(Rights::All);
    assert_eq!(site.rpc(&cookie, "stop", "null").await.status, 200);
    let theme = r#"{"key":"theme","value":"dark"}"#;
    assert_ne!(site.rpc(&cookie, "set_setting", theme).await.status, 403);
    assert_eq!(site.worker.take_calls().len(), 2);
    for (name, body) in [
        ("set_setting", r#"{"key":"monitor_on_lan","value":"true"}"#),
        ("set_setting", r#"{"key":"monitor-on-lan","value":null}"#),
        ("set_setting", r#"{"key":"theme","key":"monitor_lan_port","value":"1"}"#),
        ("set_setting", r#"{"key":"monitor_port","value":"1"}"#),
        ("set_setting", r#"{"\u006bey":"monitor_port","value":"1"}"#),
        ("invite", r#"{"lan":true,"full":false}"#),
        ("invite", r#"{"lan":false,"full":true}"#),
        ("pair", "null"),
        ("quit", "null"),
    ] {
        let answer = site.rpc(&cookie, name, body).await;
        assert_eq!((answer.status, answer.code()), (403, "FORBIDDEN".into()), "{name} {body}");
    }
    assert_eq!(site.worker.take_calls(), []);
}

#[tokio::test]
async fn sessions_and_codes_of_one_door_open_nothing_at_the_other() {
    let site = Site::open().await;
    let loopback = site.sessions.new_token().unwrap();
    for cookie in [
        format!("Cookie: __Host-hivemind_{}={loopback}", site.port),
        format!("Cookie: hivemind_{}={loopback}", site.port),
        format!("Authorization: Bearer {loopback}"),
        site.cookie(Rights::All).replace("__Host-", ""),
    ] {
        let answer = site.rpc(&cookie, "snapshot", "null").await;
        assert_eq!((answer.status, answer.code()), (401, "NOT_PAIRED".into()), "{cookie}");
    }
    assert_eq!(site.worker.take_calls(), []);
}

#[tokio::test]
async fn what_is_not_this_computers_page_is_refused() {
    let site = Site::open().await;
    let (port, cookie) = (site.port, site.cookie(Rights::All));
    let ask = async |without: &str, with: &str| {
        let own = site.page_headers(&cookie);
        let kept = own.iter().map(String::as_str).filter(|header| !header.starts_with(without));
        let headers: Vec<&str> = kept.chain((!with.is_empty()).then_some(with)).collect();
        site.raw(&request("POST", "/rpc/stop", &headers, "null")).await.status
    };
    assert_eq!(ask("nothing", "").await, 200, "unchanged it is served");
    assert_eq!(site.worker.take_calls().len(), 1);
    for host in [
        "evil.example",
        &format!("evil.example:{port}"),
        "127.0.0.1",
        "127.0.0.1:1",
        &format!("127.0.0.2:{port}"),
        &format!("localhost:{port}"),
        &format!("[::1]:{port}"),
        &format!("0.0.0.0:{port}"),
        &format!("sofa.:{port}"),
        &format!("sofa.example:{port}"),
        "sofa",
        "",
    ] {
        assert_eq!(ask("Host", &format!("Host: {host}")).await, 421, "{host}");
    }
    for origin in [
        "null",
        "https://evil.example",
        &format!("http://127.0.0.1:{port}"),
        "https://127.0.0.1",
        &format!("https://sofa:{port}"),
        &format!("https://127.0.0.1:{port}.evil.example"),
    ] {
        assert_eq!(ask("Origin", &format!("Origin: {origin}")).await, 403, "{origin}");
    }
    assert_eq!(ask("Sec-Fetch-Site", "Sec-Fetch-Site: cross-site").await, 403);
    assert_eq!(ask("X-HiveMind", "").await, 403);
    assert_eq!(ask("Content-Type", "Content-Type: text/plain").await, 415);
    assert_eq!(ask("Cookie", "").await, 401);
    assert_eq!(site.worker.take_calls(), []);
    for host in [format!("sofa:{port}"), format!("SOFA.local:{port}")] {
        let own = site.page_headers(&cookie);
        let changed: Vec<String> = own.iter().map(|header| header.replace(&site.host(), &host)).collect();
        let changed: Vec<&str> = changed.iter().map(String::as_str).collect();
        assert_eq!(site.raw(&request("POST", "/rpc/stop", &changed, "null")).await.status, 200, "{host}");
    }
}

#[tokio::test]
async fn plain_http_older_tls_and_other_certificates_get_nowhere() {
    let site = Site::open().await;
    let text = request("GET", "/healthz", &[&format!("Host: {}", site.host())], "");
    let mut plain = TcpStream::connect(("127.0.0.1", site.port)).await.unwrap();
    plain.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, plain.read_to_end(&mut answer)).await.unwrap();
    assert!(!answer.starts_with(b"HTTP/"), "{}", String::from_utf8_lossy(&answer));
    let dial = || TcpStream::connect(("127.0.0.1", site.port));
    let older = shake(dial().await.unwrap(), &site.fingerprint, &[&version::TLS12]).await;
    assert!(older.is_err(), "TLS 1.2");
    let other = shake(dial().await.unwrap(), &"0".repeat(64), NEW).await;
    assert!(other.is_err(), "another certificate");
    assert!(shake(dial().await.unwrap(), &site.fingerprint, NEW).await.is_ok());
    let silent = dial().await.unwrap();
    let mut rest = Vec::new();
    let (mut reading, _held) = silent.into_split();
    let closed = timeout(Duration::from_secs(15), reading.read_to_end(&mut rest)).await;
    assert!(closed.is_ok(), "who says nothing is closed within fifteen seconds");
}

#[tokio::test]
async fn who_guesses_has_to_wait_even_with_the_right_code() {
    let site = Site::open().await;
    let right = site.code(Rights::Look);
    for n in 0..5 {
        let stale = site.get(&format!("/pair?code={n:032x}"), &[]).await;
        assert!(stale.status == 403 && stale.body.contains("open --lan"), "{n}: {}", stale.body);
    }
    for code in ["00112233445566778899aabbccddeeff", &right] {
        let answer = site.get(&format!("/pair?code={code}"), &[]).await;
        assert_eq!((answer.status, answer.header("set-cookie")), (429, None));
    }
    let waits = site.get("/pair?code=0", &["Accept-Language: zh-TW"]).await;
    assert!(waits.status == 429 && waits.body.contains("請等待一分鐘"), "{}", waits.body);
    assert_eq!(site.get("/healthz", &[]).await.status, 200, "nothing else is refused");
}

#[tokio::test]
async fn switched_off_the_port_is_closed_streams_end_and_nobody_is_remembered() {
    let mut site = Site::open().await;
    let (cookie, port) = (site.cookie(Rights::All), site.port);
    let code = site.code(Rights::Look);
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut stream = shake(stream, &site.fingerprint, NEW).await.unwrap();
    let host = format!("Host: {}", site.host());
    stream.write_all(request("GET", "/events", &[&host, &cookie], "").as_bytes()).await.unwrap();
    let mut head = vec![0; 4096];
    let n = stream.read(&mut head).await.unwrap();
    assert!(String::from_utf8_lossy(&head[..n]).contains("x-hivemind-rights: operate"));

    site.door.set(None);
    let closed = timeout(Duration::from_secs(1), async {
        while TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(closed.await.is_ok(), "the port is closed within a second");
    assert_eq!(site.door.look(), LanState::Off);
    let mut rest = Vec::new();
    let ended = timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the stream ends");
    assert!(site.sessions.invite(Via::Lan, Rights::Look).is_err());

    let before = site.fingerprint.clone();
    site.switch_on().await;
    assert_ne!(site.fingerprint, before, "this one keeps no certificate");
    let token = cookie.rsplit('=').next().unwrap();
    let cookie = format!("Cookie: __Host-hivemind_{}={token}", site.port);
    assert_eq!(site.rpc(&cookie, "snapshot", "null").await.status, 401, "forgotten");
    assert_eq!(site.get(&format!("/pair?code={code}"), &[]).await.status, 403, "forgotten too");
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_and_the_door_opens_elsewhere() {
    let mut site = Site::open().await;
    let taken = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    site.door.set(Some(port));
    let told = timeout(PATIENCE, async {
        while !matches!(site.door.look(), LanState::Failed { .. }) {
            sleep(Duration::from_millis(5)).await;
        }
    });
    told.await.unwrap();
    assert_eq!(site.door.look(), LanState::Failed { port, why: None });
    assert!(TcpStream::connect(("127.0.0.1", site.port)).await.is_err(), "the one before is closed");
    drop(taken);
    site.door.set(None);
    while site.door.look() != LanState::Off {
        sleep(Duration::from_millis(5)).await;
    }
    site.switch_on().await;
    assert_eq!(site.get("/healthz", &[]).await.status, 200);
}
