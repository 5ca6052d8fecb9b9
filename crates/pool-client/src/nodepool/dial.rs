//! Opens the connection. The network speaks plaintext; what protects it is the overlay, or that it stays on this
//! computer.

use super::proxy;
use crate::dial::{endpoint, unprotected};
use crate::failure::{nameless, protocol, unreachable};
use crate::guard::Guarded;
use crate::link::{Protection, plain};
use hivemind_worker_core::port::PoolError;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::Duration;
use tonic::transport::{Channel, Uri};

const LOOKUP: Duration = Duration::from_secs(10);

/// A standing connection.
#[derive(Clone)]
pub(crate) struct Connected {
    channel: Channel,
    pub(crate) protection: Protection,
    /// Where the pool answers.
    pub(crate) at: SocketAddr,
}

impl Connected {
    pub(crate) fn channel(&self) -> Guarded {
        Guarded::new(self.channel.clone())
    }
}

/// The name is resolved here and the resolved address is dialled, so that what was judged is what is used.
pub(crate) async fn dial(
    address: &str,
    allow_unencrypted: bool,
    proxy: Option<SocketAddr>,
) -> Result<Connected, PoolError> {
    let address = address.strip_prefix("http://").unwrap_or(address).trim_end_matches('/');
    let spelled = address.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains(['/', '@', ' ']) && port.parse::<u16>().is_ok_and(|port| port != 0)
    });
    if !spelled || address.len() > 300 {
        return Err(protocol("the pool's address for calls must be host:port"));
    }
    let lookup = tokio::time::timeout(LOOKUP, tokio::net::lookup_host(address)).await;
    let found = lookup.ok().and_then(Result::ok);
    let found = found.ok_or_else(|| nameless(address.rsplit_once(':').map_or(address, |(host, _)| host)))?;
    let mut last = unreachable("the pool's name has no address");
    for address in found.take(16) {
        if proxy.is_some() && address.is_ipv6() {
            last = protocol("through a proxy the pool is reached at an IPv4 address only");
            continue;
        }
        let protection = plain(address.ip());
        if protection == Protection::None && !allow_unencrypted {
            last = unprotected();
            continue;
        }
        let connect =
            tower::service_fn(
                move |_: Uri| async move { proxy::connect(proxy, address).await.map(TokioIo::new) },
            );
        match endpoint(format!("http://{address}"))?.connect_with_connector(connect).await {
            Ok(channel) => return Ok(Connected { channel, protection, at: address }),
            Err(_) => last = unreachable("the pool does not answer"),
        }
    }
    Err(last)
}
