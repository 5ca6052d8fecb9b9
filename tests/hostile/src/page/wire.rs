//! The page behind its doors, and what comes back from them.

use super::{CANARY, Door, Watched};
use hivemind_control::Control;
use hivemind_local_api::{
    BrowserListener, LanDoor, LanIdentity, LanState, Rights, Sessions, Surroundings, Via,
};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, version};
use tokio_util::sync::CancellationToken;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Both doors before one worker.
struct Site {
    worker: Arc<Watched>,
    sessions: Arc<Sessions>,
    here: SocketAddr,
    lan: SocketAddr,
    certificate: CertificateDer<'static>,
}

async fn open(end: &CancellationToken) -> Site {
    let worker = Watched::new(CANARY);
    let sessions = Arc::new(Sessions::new());
    let control: Arc<dyn Control> = Arc::<Watched>::clone(&worker);
    let listener = BrowserListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await.expect("a port");
    let here = listener.address();
    tokio::spawn(listener.serve(Arc::clone(&control), Arc::clone(&sessions), end.clone()));
    let pem = LanIdentity::make("sofa").expect("a certificate").to_pem().to_owned();
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).expect("a certificate");
    let door = LanDoor::new(Arc::clone(&sessions), Surroundings::new("sofa".into(), Vec::new), move || {
        LanIdentity::from_pem(pem.clone()).map_err(std::io::Error::other)
    });
    door.set(Some(0));
    tokio::spawn(Arc::clone(&door).keep(control, end.clone()));
    let port = loop {
        match door.look() {
            LanState::Served { port, .. } => break port,
            LanState::Off => tokio::time::sleep(Duration::from_millis(2)).await,
            LanState::Failed { why, .. } => panic!("the door does not open: {why:?}"),
        }
    };
    Site { worker, sessions, here, lan: SocketAddr::from((Ipv4Addr::LOCALHOST, port)), certificate }
}

/// What comes of a request, in words.
pub(super) async fn send(door: Door, request: &str) -> String {
    let end = CancellationToken::new();
    let site = open(&end).await;
    let (via, rights, other, at) = match door {
        Door::Loopback(rights) => (Via::Loopback, rights, Via::Lan, site.here),
        Door::Lan(rights) => (Via::Lan, rights, Via::Loopback, site.lan),
        Door::LanPlain => (Via::Lan, Rights::All, Via::Loopback, site.lan),
    };
    let token = site.sessions.new_session(via, rights).expect("a token");
    let code = site.sessions.invite(other, Rights::All).expect("a code").url;
    let code = code.rsplit('=').next().expect("a code");
    let port = at.port().to_string();
    let request = request.replace("{port}", &port).replace("{token}", &token).replace("{code}", code);
    let exchanged = async {
        let stream = TcpStream::connect(at).await.expect("connected");
        match door {
            Door::Loopback(_) | Door::LanPlain => exchange(stream, &request).await,
            Door::Lan(_) => exchange(encrypted(stream, &site.certificate).await, &request).await,
        }
    };
    let answer = tokio::time::timeout(PATIENCE, exchanged).await;
    end.cancel();
    let calls = site.worker.take_calls();
    match answer {
        _ if !calls.is_empty() => format!("the worker was asked: {calls:?}"),
        Err(_) => "no answer".to_owned(),
        Ok(text) if text.contains(CANARY) => "state was read".to_owned(),
        Ok(text) if text.to_ascii_lowercase().contains("access-control-allow-origin") => "let in".to_owned(),
        Ok(text) if text.to_ascii_lowercase().contains("set-cookie") => "paired".to_owned(),
        Ok(text) if text.starts_with("HTTP/1.1 4") || text.is_empty() => "refused".to_owned(),
        // Words of TLS to whoever does not speak it: that it does not go on.
        Ok(text) if matches!(door, Door::LanPlain) && text.starts_with('\u{15}') => "refused".to_owned(),
        Ok(text) if text.starts_with("HTTP/1.1 200") && text.contains("<html") => "page".to_owned(),
        Ok(text) => format!("answered {}", text.lines().next().unwrap_or_default()),
    }
}

async fn encrypted(
    stream: TcpStream,
    certificate: &CertificateDer<'static>,
) -> impl AsyncRead + AsyncWrite + Unpin {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS13])
        .expect("TLS 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("sofa").expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.expect("a handshake")
}

/// The answer as text; nothing when the connection is closed without one.
async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> String {
    // It may hang up before all of it is sent.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = (&mut stream).take(1 << 20).read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}
