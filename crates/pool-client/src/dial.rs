//! Opens the connection.

use crate::config::V1Config;
use crate::discovery::{self, Inside, Target};
use crate::failure::{nameless, protocol, unreachable};
use crate::link::{Protection, plain};
use crate::tls::{self, Pin};
use hivemind_control::{ApiError, ErrorCode};
use hivemind_worker_core::port::{Dialer, PoolError, PoolErrorKind};
use hyper_util::rt::TokioIo;
use rustls::CertificateError;
use rustls::pki_types::ServerName;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::{Channel, Endpoint, Uri};

/// For the connection with its handshake.
const CONNECT: Duration = Duration::from_secs(10);
/// Addresses of one name that are tried.
const MOST_ADDRESSES: usize = 16;
/// For the answer of name servers; where they are silent, the system asks for much longer.
const LOOKUP: Duration = Duration::from_secs(8);

/// The addresses of a name, or that nobody says them.
pub(crate) async fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, PoolError> {
    let found = tokio::time::timeout(LOOKUP, tokio::net::lookup_host((host, port))).await;
    let found = found.ok().and_then(Result::ok).ok_or_else(|| nameless(host))?;
    Ok(found.take(MOST_ADDRESSES).collect())
}

/// A standing connection and what protects it.
#[derive(Clone)]
pub(crate) struct Connected {
    pub(crate) channel: Channel,
    pub(crate) protection: Protection,
}

/// Finds the pool and connects.
pub(crate) async fn dial(
    config: &V1Config,
    pin: Option<Pin>,
    dialer: Option<&Arc<dyn Dialer>>,
) -> Result<Connected, PoolError> {
    let target = discovery::find(config, pin).await?;
    if let Some(dialer) = dialer
        && let Some(inside) = way_inside(&target, dialer.as_ref())
    {
        match through(dialer, inside).await {
            Ok(connected) => return Ok(connected),
            Err(error) if inside.required || config.tunnel_only => return Err(error),
            // Health says so too: the link's own view holds the problem.
            Err(error) => tracing::warn!(%error, "the pool is reached without the private link"),
        }
    } else if config.tunnel_only {
        let text = "the pool offers no private link, and the settings allow no other way";
        return Err(unreachable(text).under(ErrorCode::LinkFailed));
    }
    if target.tls {
        encrypted(&target, pin).await
    } else {
        unencrypted(&target, config.allow_unencrypted).await
    }
}

/// Whether calls go through a private link: the pool offers one, or one on this computer leads to its address.
fn way_inside(target: &Target, dialer: &dyn Dialer) -> Option<Inside> {
    let covered = || {
        let ip = target.host.parse().ok().filter(|ip| dialer.covers(*ip))?;
        Some(Inside { address: SocketAddr::new(ip, target.port), required: true, offered: false })
    };
    target.inside.or_else(covered)
}

/// Through the private link, which encrypts.
async fn through(dialer: &Arc<dyn Dialer>, inside: Inside) -> Result<Connected, PoolError> {
    let down = |e: ApiError| unreachable(e.message).under(e.code);
    dialer.ready(inside.offered).await.map_err(down)?;
    let (address, dialer) = (inside.address, Arc::clone(dialer));
    let connect = tower::service_fn(move |_: Uri| {
        let dialer = Arc::clone(&dialer);
        async move { dialer.dial(address).await.map(TokioIo::new) }
    });
    let channel = endpoint(format!("http://{address}"))?
        .connect_with_connector(connect)
        .await
        .map_err(|_| unreachable("the pool does not answer through its private link"))?;
    Ok(Connected { channel, protection: Protection::Tunnel })
}

/// The refusal of a link that nothing protects.
pub(crate) fn unprotected() -> PoolError {
    PoolError::new(
        PoolErrorKind::Unencrypted,
        "the link to this pool would not be encrypted; use https, or set allow_unencrypted_pool",
    )
}

pub(crate) fn endpoint(url: String) -> Result<Endpoint, PoolError> {
    let endpoint =
        Endpoint::from_shared(url).map_err(|_| protocol("the pool's address for calls is not valid"))?;
    Ok(endpoint
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .http2_max_header_list_size(16 << 10)
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(2 << 20))
}

async fn encrypted(target: &Target, pin: Option<Pin>) -> Result<Connected, PoolError> {
    let Target { host, port, .. } = target.clone();
    let wrong = |_| protocol("the pool's name cannot stand in a certificate");
    let name = ServerName::try_from(host.clone()).map_err(wrong)?;
    let connector = TlsConnector::from(Arc::new(tls::for_calls(pin)?));
    let bracketed = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let https: Uri = format!("https://{bracketed}:{port}")
        .parse()
        .map_err(|_| protocol("the pool's address for calls is not valid"))?;
    let addresses: Arc<[SocketAddr]> = look_up(&host, port).await?.into();
    let connect = tower::service_fn(move |_: Uri| {
        let (addresses, name, connector) = (Arc::clone(&addresses), name.clone(), connector.clone());
        async move {
            let handshake = async {
                let tcp = TcpStream::connect(&*addresses).await?;
                tcp.set_nodelay(true)?;
                connector.connect(name, tcp).await
            };
            let late = |_| Err(io::Error::from(io::ErrorKind::TimedOut));
            tokio::time::timeout(CONNECT, handshake).await.unwrap_or_else(late).map(TokioIo::new)
        }
    });
    // tonic would set up TLS itself for an https address; calls still say https.
    let channel = endpoint(format!("http://{bracketed}:{port}"))?
        .origin(https)
        .connect_with_connector(connect)
        .await
        .map_err(|e| not_connected(&e, pin.is_some()))?;
    Ok(Connected { channel, protection: Protection::Tls })
}

/// A certificate that is not believed is worth its own words: the owner may be spied on, or has to pin anew.
/// Of one that is out of its time nothing else was looked at: the clock may be wrong, or the certificate.
pub(crate) fn not_connected(error: &(dyn Error + 'static), pinned: bool) -> PoolError {
    match of_tls(error) {
        // A pinned certificate is judged by itself, whatever its dates.
        Some(rustls::Error::InvalidCertificate(_)) if pinned => {
            unreachable("the pool shows another certificate than the pinned one")
                .under(ErrorCode::PoolUntrusted)
        }
        Some(rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. },
        )) => unreachable("by this computer's clock the pool's certificate is not valid yet")
            .under(ErrorCode::ClockWrong),
        Some(rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => unreachable("by this computer's clock the pool's certificate has expired")
            .under(ErrorCode::ClockWrong),
        Some(rustls::Error::InvalidCertificate(_)) => {
            unreachable("the pool's certificate is not valid").under(ErrorCode::PoolUntrusted)
        }
        Some(_) => unreachable("the encryption of the link to the pool failed"),
        None => unreachable("the pool does not answer"),
    }
}

/// What TLS says in the chain of causes. An error of the system hides the one that it wraps from those who only ask
/// for its source.
fn of_tls<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    if let Some(told) = error.downcast_ref::<rustls::Error>() {
        return Some(told);
    }
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    match wrapped {
        Some(inner) => of_tls(inner),
        None => error.source().and_then(of_tls),
    }
}

/// The name is resolved here and the resolved address is dialled, so that what was judged is what is used.
async fn unencrypted(target: &Target, allowed: bool) -> Result<Connected, PoolError> {
    let addresses = look_up(&target.host, target.port).await?;
    let mut last = unreachable("the pool's name has no address");
    for address in addresses {
        let protection = plain(address.ip());
        if protection == Protection::None && !allowed {
            last = unprotected();
            continue;
        }
        match endpoint(format!("http://{address}"))?.connect().await {
            Ok(channel) => return Ok(Connected { channel, protection }),
            Err(_) => last = unreachable("the pool does not answer"),
        }
    }
    Err(last)
}
