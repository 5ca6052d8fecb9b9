//! Which addresses a package may be fetched from: the pool's own, and the overlay network (100.64.0.0/10). Requesters
//! write these addresses; the contributor's own network and computer are no business of theirs.

use hivemind_worker_core::port::PoolError;
use reqwest::Url;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::failure::{protocol, unreachable};
use crate::link::{Protection, plain};

const LOOKUP: Duration = Duration::from_secs(10);

/// Whether a connection may go there. `pool` is where the pool itself answers.
pub(crate) fn may_dial(to: IpAddr, pool: IpAddr) -> bool {
    // An address in IPv6 clothes is judged without them, and dialled as it was judged.
    let (to, pool) = (to.to_canonical(), pool.to_canonical());
    let nowhere = to.is_unspecified() || to.is_multicast();
    !nowhere && (to == pool || (plain(to) == Protection::Overlay && !matches!(to, IpAddr::V6(_))))
}

/// The addresses behind a page's host that may be dialled; what is judged here is what is dialled.
pub(crate) async fn judged(url: &Url, pool: IpAddr) -> Result<Vec<SocketAddr>, PoolError> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(80);
    let bare = host.trim_matches(['[', ']']);
    let found = match bare.parse::<IpAddr>() {
        Ok(ip) => vec![SocketAddr::new(ip, port)],
        Err(_) => {
            let found = tokio::time::timeout(LOOKUP, tokio::net::lookup_host((bare, port))).await;
            let found = found.ok().and_then(Result::ok);
            found.ok_or_else(|| unreachable("the host of the package cannot be found"))?.take(16).collect()
        }
    };
    let kept: Vec<_> = found.into_iter().filter(|address| may_dial(address.ip(), pool)).collect();
    if kept.is_empty() {
        return Err(protocol("the package lies outside the pool's network, where this computer does not go"));
    }
    Ok(kept)
}
