//! A driver's service, played at a socket.

use super::*;
use crate::carrier::Carrier;
use hivemind_control::ErrorCode;
use hivemind_netd_protocol::{Answer, Frames, Kind, Refused, Request, VERSION, encode};
use hivemind_wireguard::PrivateKey;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener, UnixStream};

const LONG: Duration = Duration::from_secs(20);

/// What was asked, and how the tunnel is.
#[derive(Default)]
struct Played {
    asked: Mutex<Vec<Request>>,
    handshake_s: Mutex<Option<u64>>,
    refuses: Mutex<Option<Refused>>,
    gone: tokio::sync::Notify,
}

impl Played {
    fn open(kind: Kind) -> (Arc<Self>, tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let played = Arc::new(Self::default());
        let player = Arc::clone(&played);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::select! {
                    () = player.converse(stream, kind) => {}
                    () = player.gone.notified() => {}
                }
            }
        });
        (played, folder, path)
    }

    async fn converse(&self, mut stream: UnixStream, kind: Kind) {
        let (mut frames, mut bytes) = (Frames::default(), [0; 1024]);
        loop {
            while let Some(request) = frames.take::<Request>().unwrap() {
                let answer = self.answer(&request, kind);
                self.asked.lock().unwrap().push(request);
                stream.write_all(&encode(&answer).unwrap()).await.unwrap();
            }
            match stream.read(&mut bytes).await {
                Ok(length) if length > 0 => frames.push(&bytes[..length]).unwrap(),
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn answer(&self, request: &Request, kind: Kind) -> Answer {
        if let Some(why) = self.refuses.lock().unwrap().clone() {
            return Answer::Refused(why);
        }
        match request {
            Request::Hello(_) => Answer::Welcome { version: VERSION, kind },
            Request::Up(_) | Request::Down => Answer::Done,
            Request::Status => {
                let handshake_s = *self.handshake_s.lock().unwrap();
                Answer::Status(State { up: true, handshake_s, received: 7, sent: 9 })
            }
        }
    }

    fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

/// A tunnel whose own address is this computer's, so that a call from it arrives somewhere.
fn wanted() -> (TunnelConfig, PeerConfig) {
    let (ours, pool) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let config = TunnelConfig {
        private_key: ours,
        addresses: vec!["127.0.0.1/32".parse().unwrap()],
        mtu: 1420,
        bind: SocketAddr::from(([0, 0, 0, 0], 51999)),
        connections: 0,
    };
    let peer = PeerConfig {
        public_key: pool.public(),
        preshared: None,
        endpoint: Some(SocketAddr::from(([203, 0, 113, 2], 51820))),
        allowed_ips: vec!["10.77.0.0/24".parse().unwrap()],
        keepalive: 25,
    };
    (config, peer)
}

async fn started(path: &Path) -> (DriverCarrier, TunnelConfig, PeerConfig) {
    let (config, peer) = wanted();
    let service = Service::connect(path).await.unwrap();
    assert_eq!(service.kind(), Kind::Driver);
    let carrier = DriverCarrier::start(service, config.clone(), peer.clone()).await.unwrap();
    (carrier, config, peer)
}

async fn until(what: &str, mut there: impl FnMut() -> bool) {
    let wait = async {
        while !there() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LONG, wait).await.unwrap_or_else(|_| panic!("{what} did not happen"));
}

#[tokio::test]
async fn a_driver_is_told_the_keys_and_asked_how_it_goes() {
    let (played, _folder, path) = Played::open(Kind::Driver);
    let (carrier, config, peer) = started(&path).await;
    let asked = played.asked();
    let Some(Request::Up(up)) = asked.get(1) else { panic!("{asked:?}") };
    let keys = up.keys.as_ref().unwrap();
    assert_eq!(keys.private_key.bytes(), config.private_key.bytes());
    assert_eq!(keys.public_key.bytes(), peer.public_key.as_bytes());
    assert_eq!((keys.listen_port, keys.keepalive, &keys.preshared), (51999, 25, &None));
    assert_eq!((up.network.mtu, up.network.endpoint), (1420, peer.endpoint.unwrap()));
    assert_eq!(up.network.allowed_ips, peer.allowed_ips);

    until("an answer", || carrier.peer().is_some()).await;
    assert_eq!(carrier.peer().unwrap().handshakes, 0);
    assert!(!carrier.answers().await, "there is no handshake yet");
    *played.handshake_s.lock().unwrap() = Some(3);
    until("the first handshake", || carrier.peer().is_some_and(|peer| peer.handshakes == 1)).await;
    let told = carrier.peer().unwrap();
    assert_eq!((told.handshake_age, told.received, told.sent), (Some(Duration::from_secs(3)), 7, 9));
    assert!(carrier.answers().await && carrier.is_up());
    // One that gets older is the same; one that is younger is the next.
    *played.handshake_s.lock().unwrap() = Some(181);
    assert!(!carrier.answers().await, "its keys are no longer taken");
    assert_eq!(carrier.peer().unwrap().handshakes, 1);
    *played.handshake_s.lock().unwrap() = Some(0);
    assert!(carrier.answers().await);
    assert_eq!(carrier.peer().unwrap().handshakes, 2);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (called, dialled) = tokio::join!(listener.accept(), carrier.dial(listener.local_addr().unwrap()));
    assert!(dialled.is_ok());
    assert_eq!(called.unwrap().1.ip(), config.addresses[0].addr());
    let other = carrier.dial("[::1]:9".parse().unwrap()).await.err().unwrap();
    assert_eq!(other.kind(), io::ErrorKind::AddrNotAvailable, "it has no such address in the tunnel");

    carrier.close().await;
    assert_eq!(played.asked().last(), Some(&Request::Down));
}

#[tokio::test]
async fn a_service_that_goes_takes_the_tunnel_with_it() {
    let (played, _folder, path) = Played::open(Kind::Driver);
    let (carrier, ..) = started(&path).await;
    until("an answer", || carrier.peer().is_some()).await;
    assert!(carrier.is_up());
    played.gone.notify_one();
    until("the end", || !carrier.is_up()).await;
    assert!(!carrier.answers().await);
}

#[tokio::test]
async fn a_refusal_is_told_with_its_reason() {
    let (played, _folder, path) = Played::open(Kind::Driver);
    let service = Service::connect(&path).await.unwrap();
    *played.refuses.lock().unwrap() = Some(Refused::Library { found: Some("ab12".into()) });
    let (config, peer) = wanted();
    let error = DriverCarrier::start(service, config, peer).await.err().unwrap();
    assert_eq!(error.code, ErrorCode::LinkFailed);
    assert!(error.to_string().contains("wireguard.dll") && error.to_string().contains("ab12"), "{error}");
}

#[tokio::test]
async fn on_this_system_nobody_is_told_the_keys() {
    let (played, _folder, path) = Played::open(Kind::Driver);
    let (config, peer) = wanted();
    let error = Carrier::of_the_system(&path, config, peer).await.err().unwrap();
    assert_eq!(error.code, ErrorCode::LinkServiceMissing);
    assert_eq!(played.asked(), [Request::hello()]);
}
