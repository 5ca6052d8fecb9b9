//! Opens the connection.

use crate::config::V1Config;
use crate::discovery::{self, Target};
use crate::failure::{protocol, unreachable};
use crate::link::{Protection, plain};
use hivemind_worker_core::port::{PoolError, PoolErrorKind};
use std::time::Duration;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};

const CONNECT: Duration = Duration::from_secs(10);

/// A standing connection and what protects it.
#[derive(Clone)]
pub(crate) struct Connected {
    pub(crate) channel: Channel,
    pub(crate) protection: Protection,
}

/// Finds the pool and connects.
pub(crate) async fn dial(config: &V1Config) -> Result<Connected, PoolError> {
    let target = discovery::find(&config.master_url, &config.address).await?;
    if target.tls { encrypted(&target).await } else { unencrypted(&target, config.allow_unencrypted).await }
}

fn endpoint(url: String) -> Result<Endpoint, PoolError> {
    let endpoint =
        Endpoint::from_shared(url).map_err(|_| protocol("the pool's address for calls is not valid"))?;
    Ok(endpoint
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(2 << 20))
}

async fn encrypted(target: &Target) -> Result<Connected, PoolError> {
    let host = if target.host.contains(':') { format!("[{}]", target.host) } else { target.host.clone() };
    let tls = ClientTlsConfig::new().with_webpki_roots().domain_name(target.host.clone());
    let channel = endpoint(format!("https://{host}:{}", target.port))?
        .tls_config(tls)
        .map_err(|e| protocol(format!("encryption cannot be set up: {e}")))?
        .connect()
        .await
        .map_err(|_| unreachable("the pool does not answer, or its certificate is not valid"))?;
    Ok(Connected { channel, protection: Protection::Tls })
}

/// The name is resolved here and the resolved address is dialled, so that what was judged is what is used.
async fn unencrypted(target: &Target, allowed: bool) -> Result<Connected, PoolError> {
    let addresses = tokio::net::lookup_host((target.host.as_str(), target.port))
        .await
        .map_err(|_| unreachable("the pool's name cannot be found"))?;
    let mut last = unreachable("the pool's name has no address");
    for address in addresses {
        let protection = plain(address.ip());
        if protection == Protection::None && !allowed {
            last = PoolError::new(
                PoolErrorKind::Unencrypted,
                "the link to this pool would not be encrypted; allow that in the settings, or use https",
            );
            continue;
        }
        match endpoint(format!("http://{address}"))?.connect().await {
            Ok(channel) => return Ok(Connected { channel, protection }),
            Err(_) => last = unreachable("the pool does not answer"),
        }
    }
    Err(last)
}
