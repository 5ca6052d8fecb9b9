//! Each failure of the private link, with its word and its sentence.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "all of this file is tests")]

use async_trait::async_trait;
use hivemind_control::{ApiError, ErrorCode, LinkState};
use hivemind_vpn::{Carriage, Link, LinkConfigSource};
use hivemind_worker_core::port::{Dialer, LinkDesk, LinkMember, LinkOffer, PrivateLink, SecretError, Vault};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::sync::Arc;

const OURS: &str = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
const POOL: &str = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=";
const OTHER: &str = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";

/// A computer without a keyring.
struct NoVault;

#[async_trait]
impl Vault for NoVault {
    async fn key(&self, _: &str) -> Result<Option<String>, SecretError> {
        Ok(None)
    }

    async fn keep_key(&self, _: &str, _: &str) -> Result<bool, SecretError> {
        Ok(false)
    }
}

/// A pool that says what it is told to say.
#[derive(Clone)]
struct Desk {
    offer: LinkOffer,
    full: bool,
}

#[async_trait]
impl LinkDesk for Desk {
    async fn offer(&self) -> Result<LinkOffer, ApiError> {
        Ok(self.offer.clone())
    }

    async fn join(&self, _: &str, _: Option<&str>) -> Result<LinkMember, ApiError> {
        if self.full {
            return Err(ApiError::new(ErrorCode::LinkAddressTaken, "there is no address left"));
        }
        let (offer, address) = (self.offer.clone(), "10.8.0.2/32".to_owned());
        Ok(LinkMember { offer, address, keepalive: 25, token: None })
    }
}

struct Setting {
    folder: tempfile::TempDir,
    desk: Desk,
    system: Option<PathBuf>,
    /// Takes datagrams and never answers: what a firewall looks like from here.
    wall: UdpSocket,
}

impl Setting {
    fn new() -> Self {
        let wall = UdpSocket::bind("127.0.0.1:0").unwrap();
        let offer = LinkOffer {
            public_key: POOL.into(),
            endpoint: wall.local_addr().unwrap().to_string(),
            allowed_ips: "10.8.0.0/24".into(),
            clock_skew_s: Some(0),
        };
        let desk = Desk { offer, full: false };
        Self { folder: tempfile::tempdir().unwrap(), desk, system: None, wall }
    }

    /// A file that somebody else made.
    fn write_file(&self) {
        let text = format!(
            "[Interface]\nPrivateKey = {OURS}\nAddress = 10.8.0.2/32\n[Peer]\nPublicKey = {POOL}\nEndpoint = {}\nAllowedIPs = 10.8.0.0/24\n",
            self.wall.local_addr().unwrap()
        );
        std::fs::write(self.folder.path().join("wg0.conf"), text).unwrap();
    }

    async fn fails(self, offered: bool) -> ApiError {
        let source = LinkConfigSource {
            file: self.folder.path().join("wg0.conf"),
            state: self.folder.path().join("private-link.json"),
            pool: "https://pool.example".into(),
        };
        let carriage: Carriage = Arc::new(move || self.system.clone());
        let link =
            Link::new(source, Arc::new(self.desk.clone()), Arc::new(NoVault), Arc::new(Vec::new), carriage);
        let error = link.ready(offered).await.unwrap_err();
        let view = link.view();
        assert_eq!((view.state, view.problem.as_ref()), (LinkState::Down, Some(&error)));
        error
    }
}

#[tokio::test]
async fn datagrams_that_go_nowhere() {
    let setting = Setting::new();
    setting.write_file();
    let wall = setting.wall.local_addr().unwrap();
    let error = setting.fails(false).await;
    assert_eq!(error.code, ErrorCode::LinkNoHandshake);
    let said = format!(
        "the pool's private link at UDP {wall} does not answer: a firewall may block it, or the pool has forgotten this computer"
    );
    assert_eq!(error.message, said);
}

#[tokio::test]
async fn a_wrong_key() {
    let mut setting = Setting::new();
    setting.write_file();
    setting.desk.offer.public_key = OTHER.into();
    let error = setting.fails(false).await;
    assert_eq!(error.code, ErrorCode::LinkNoHandshake);
    assert_eq!(
        error.message,
        "the pool has another key than the file of the private link says: renew the key"
    );
}

#[tokio::test]
async fn a_wrong_clock() {
    let mut setting = Setting::new();
    setting.desk.offer.clock_skew_s = Some(-7200);
    let error = setting.fails(true).await;
    assert_eq!(error.code, ErrorCode::LinkClock);
    assert_eq!(
        error.message,
        "this computer's clock is 7200 s ahead of the pool's; the private link is not used"
    );
}

#[tokio::test]
async fn no_address_left() {
    let mut setting = Setting::new();
    setting.desk.full = true;
    let error = setting.fails(true).await;
    assert_eq!(error.code, ErrorCode::LinkAddressTaken);
    assert_eq!(error.message, "there is no address left", "the pool's own words");
}

#[tokio::test]
async fn no_file_and_no_offer() {
    let setting = Setting::new();
    let file = setting.folder.path().join("wg0.conf");
    let error = setting.fails(false).await;
    assert_eq!(error.code, ErrorCode::LinkFailed);
    assert_eq!(error.message, format!("the private link has no file: {}", file.display()));
}

#[tokio::test]
async fn a_file_that_says_too_much_is_told_with_line_key_and_reason() {
    for (line, key, reason, sentence) in [
        ("PostUp = true", "PostUp", "command", "it would run a command on this computer"),
        ("DNS = 8.8.8.8", "DNS", "dns", "the computer's name resolution is never changed"),
        ("Table = off", "Table", "routing", "the computer's routing is never changed"),
        ("SaveConfig = true", "SaveConfig", "save-config", "only the owner and this program write the file"),
    ] {
        let setting = Setting::new();
        setting.write_file();
        let file = setting.folder.path().join("wg0.conf");
        let text = std::fs::read_to_string(&file).unwrap().replace("[Peer]", &format!("{line}\n[Peer]"));
        std::fs::write(&file, text).unwrap();
        let error = setting.fails(false).await;
        assert_eq!(error.code, ErrorCode::LinkConfigRefused);
        let said = format!(
            "the configuration of the private link is refused (line 4, {key}): {sentence}; it would be taken with AllowedIPs = 10.8.0.0/24 alone"
        );
        assert_eq!(error.message, said);
        let told = |name: &str| error.facts.get(name).map(String::as_str);
        assert_eq!((told("line"), told("key"), told("reason")), (Some("4"), Some(key), Some(reason)));
        assert_eq!((told("network"), told("left_out")), (Some("10.8.0.0/24"), Some(key)));
    }
}

#[cfg(target_os = "linux")]
mod service {
    use super::*;
    use hivemind_netd_protocol::{Answer, Kind, Refused, VERSION, encode};
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;

    #[tokio::test]
    async fn the_service_is_missing() {
        let mut setting = Setting::new();
        setting.write_file();
        let socket = setting.folder.path().join("netd");
        setting.system = Some(socket.clone());
        let error = setting.fails(false).await;
        assert_eq!(error.code, ErrorCode::LinkServiceMissing);
        let said = format!(
            "the network service hivemind-netd cannot be used: {}: No such file or directory (os error 2)",
            socket.display()
        );
        assert_eq!(error.message, said);
    }

    /// What a service that answers so is told as.
    async fn answered(answers: Vec<Answer>) -> ApiError {
        let mut setting = Setting::new();
        setting.write_file();
        let socket = setting.folder.path().join("netd");
        let listener = UnixListener::bind(&socket).unwrap();
        setting.system = Some(socket);
        let service = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0; 4096];
            for answer in answers {
                let length = stream.read(&mut buffer).unwrap();
                let said = String::from_utf8_lossy(&buffer[2..length]).into_owned();
                // The key stays here.
                assert!(!said.contains(OURS) && !said.contains("key"), "{said}");
                stream.write_all(&encode(&answer).unwrap()).unwrap();
            }
        });
        let error = setting.fails(false).await;
        service.join().unwrap();
        error
    }

    #[tokio::test]
    async fn the_service_may_not_or_will_not() {
        let hello = Answer::Welcome { version: VERSION, kind: Kind::Packets };
        for (why, code, sentence) in [
            (Refused::User, ErrorCode::LinkPermission, "it serves another user"),
            (
                Refused::Program,
                ErrorCode::LinkPermission,
                "it serves the installed worker alone, and this is another program",
            ),
            (Refused::Version, ErrorCode::LinkServiceMissing, "it is of another version than the worker"),
        ] {
            let error = answered(vec![Answer::Refused(why)]).await;
            assert_eq!(error.code, code);
            assert_eq!(error.message, format!("the network service hivemind-netd refused: {sentence}"));
        }
        let net = |text: &str| text.parse().unwrap();
        for (why, code, sentence) in [
            (
                Refused::Permission,
                ErrorCode::LinkPermission,
                "it lacks the right to change this computer's network",
            ),
            (
                Refused::Overlap { wanted: net("10.8.0.0/24"), there: net("10.8.0.0/16") },
                ErrorCode::LinkConfigRefused,
                "10.8.0.0/24 would take traffic of 10.8.0.0/16, which this computer already uses",
            ),
            (Refused::Taken, ErrorCode::LinkFailed, "an interface named hivemind0 is already there"),
        ] {
            let error = answered(vec![hello.clone(), Answer::Refused(why)]).await;
            assert_eq!(error.code, code);
            assert_eq!(error.message, format!("the network service hivemind-netd refused: {sentence}"));
        }
        let error = answered(vec![hello, Answer::Done]).await;
        assert_eq!(error.code, ErrorCode::LinkServiceMissing, "no descriptor came");
    }
}
