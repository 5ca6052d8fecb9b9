//! The other end of private links: a WireGuard endpoint of our own that leads to the pool's gRPC and nowhere else.

mod io;
mod registry;

pub(crate) use io::TunnelIo;

use crate::config::VpnConfig;
use crate::error::PoolError;
use crate::guarded::Guarded;
use crate::pool::Pool;
use crate::rate::RateLimit;
use crate::{clock, identity};
use hivemind_domain::ids::InstallId;
use hivemind_wireguard::{
    DEFAULT_MTU, IpNet, PeerConfig, PeerStatus, PrivateKey, PublicKey, Tunnel, TunnelConfig, TunnelError,
    TunnelListener,
};
use registry::{Entry, Joined};
use sha2::{Digest, Sha256};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The port of the pool's calls inside the tunnel.
const GRPC_PORT: u16 = 50051;
/// Connections inside the tunnel at once.
const CONNECTIONS: usize = 4096;
/// Seconds between packets with which workers keep their routers' ways open.
pub(crate) const KEEPALIVE: u16 = 25;
/// Joins per address in a minute.
const JOINS_PER_MINUTE: u32 = 20;
/// Bytes of a token.
const TOKEN_BYTES: usize = 32;

/// Why somebody cannot join, or is not known.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Every address is given away.
    Full,
    /// The computer has another key, and the caller does not show that it is the same computer.
    Taken,
    /// The token belongs to nobody.
    Unknown,
    /// Too often.
    TooOften(Duration),
    /// The key is no key.
    Key,
    /// The pool failed.
    Pool(PoolError),
}

impl From<PoolError> for Refused {
    fn from(error: PoolError) -> Self {
        Self::Pool(error)
    }
}

/// What a worker gets.
#[derive(Debug)]
pub(crate) struct Membership {
    /// Its address.
    pub(crate) address: IpAddr,
    /// Proof for later that it is the same computer; only told when it is made.
    pub(crate) token: Option<String>,
}

/// The endpoint.
pub(crate) struct Gateway {
    tunnel: Tunnel,
    config: VpnConfig,
    public_key: PublicKey,
    own: IpAddr,
    joins: Guarded<RateLimit>,
    /// One at a time, so that no address is given twice.
    one_join: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("public_key", &self.public_key).finish_non_exhaustive()
    }
}

impl Gateway {
    /// Opens the UDP socket with the pool's kept key and the peers that have joined before.
    pub(crate) async fn start(pool: &Pool, config: VpnConfig) -> Result<Arc<Self>, PoolError> {
        let key = kept_key(&pool.config.data_dir.join("vpn.key"))?;
        let network = config.network.trunc();
        let own = network.hosts().next().ok_or(PoolError::field("vpn.network", "a network with hosts"))?;
        let peers = pool.db.call(registry::all).await?;
        let settings = TunnelConfig {
            private_key: key.clone(),
            addresses: vec![
                IpNet::new(own, network.prefix_len()).map_err(|e| PoolError::Internal(e.to_string()))?,
            ],
            mtu: DEFAULT_MTU,
            bind: config.udp_addr,
            connections: CONNECTIONS,
        };
        let peers = peers.into_iter().filter(|entry| network.contains(&entry.address)).map(peer).collect();
        let tunnel = Tunnel::start(settings, peers).await.map_err(|error| match error {
            TunnelError::Socket { address, error } => PoolError::Listen { addr: address, source: error },
            error @ (TunnelError::Random | TunnelError::Taken | TunnelError::Full | TunnelError::Closed) => {
                PoolError::Internal(error.to_string())
            }
        })?;
        tracing::info!(udp = %tunnel.status().local, %network, "private links are taken");
        Ok(Arc::new(Self {
            tunnel,
            config: VpnConfig { network, ..config },
            public_key: key.public(),
            own,
            joins: Guarded::default(),
            one_join: tokio::sync::Mutex::default(),
        }))
    }

    /// Takes connections to the calls' port inside the tunnel.
    pub(crate) fn listener(&self) -> Result<TunnelListener, PoolError> {
        Ok(self.tunnel.listen(GRPC_PORT)?)
    }

    pub(crate) fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// Where calls go inside the tunnel.
    pub(crate) fn grpc(&self) -> SocketAddr {
        SocketAddr::new(self.own, GRPC_PORT)
    }

    /// Whether calls are taken only inside.
    pub(crate) fn is_required(&self) -> bool {
        self.config.required
    }

    pub(crate) fn udp_addr(&self) -> SocketAddr {
        self.tunnel.status().local
    }

    /// Where workers send their datagrams, as they were told; `host` is the name under which they asked.
    pub(crate) fn endpoint(&self, host: Option<&str>) -> String {
        if let Some(named) = &self.config.public_endpoint {
            return named.clone();
        }
        let local = self.udp_addr();
        match host.filter(|_| local.ip().is_unspecified()) {
            Some(host) => format!("{host}:{}", local.port()),
            None => local.to_string(),
        }
    }

    /// What leads into the tunnel on a worker's side: this pool alone.
    pub(crate) fn allowed_ips(&self) -> IpNet {
        IpNet::from(self.own)
    }

    pub(crate) async fn join(
        &self,
        pool: &Pool,
        from: IpAddr,
        key: &str,
        install: InstallId,
        token: Option<&str>,
    ) -> Result<Membership, Refused> {
        let (now, name) = (clock::mono(), from.to_string());
        let wait = self.joins.with(|joins| {
            let wait = joins.exceeded(&name, JOINS_PER_MINUTE, now);
            joins.count(&name, now);
            wait
        });
        if let Some(wait) = wait {
            return Err(Refused::TooOften(wait));
        }
        let key: PublicKey = key.parse().map_err(|_| Refused::Key)?;
        if key == self.public_key {
            return Err(Refused::Key);
        }
        let _alone = self.one_join.lock().await;
        let mut bytes = [0; TOKEN_BYTES];
        rand::RngCore::fill_bytes(&mut rand::rng(), &mut bytes);
        let fresh = hex::encode(bytes);
        let entry = registry::Wish {
            public_key: key,
            install: install.to_string(),
            token: token.map(hash),
            fresh: hash(&fresh),
            made_ms: clock::wall_ms(),
        };
        let (network, own) = (self.config.network, self.own);
        let silent = self.silent();
        let joined = pool.db.call(move |t| registry::join(t, entry, network, own, &silent)).await?;
        let (entry, gone, token) = match joined {
            Joined::Known(entry) => (entry, None, None),
            Joined::New(entry, gone) => (entry, gone, Some(fresh)),
            Joined::Taken => return Err(Refused::Taken),
            Joined::Full => return Err(Refused::Full),
        };
        if let Some(gone) = gone {
            self.tunnel.remove_peer(&gone);
        }
        let address = entry.address;
        match self.tunnel.add_peer(peer(entry)) {
            // Known to the tunnel already.
            Ok(()) | Err(TunnelError::Taken) => Ok(Membership { address, token }),
            Err(error) => Err(PoolError::Internal(error.to_string()).into()),
        }
    }

    /// Peers without a session now: their addresses may be given to others when there is no other.
    fn silent(&self) -> Vec<PublicKey> {
        let silent = |peer: &PeerStatus| peer.handshake_age.is_none();
        self.tunnel.status().peers.iter().filter(|peer| silent(peer)).map(|peer| peer.public_key).collect()
    }

    pub(crate) async fn leave(&self, pool: &Pool, token: &str) -> Result<(), Refused> {
        let hashed = hash(token);
        let gone = pool.db.call(move |t| registry::leave(t, hashed)).await?.ok_or(Refused::Unknown)?;
        self.tunnel.remove_peer(&gone);
        Ok(())
    }

    /// How the caller's own link looks from here.
    pub(crate) async fn status(
        &self,
        pool: &Pool,
        token: &str,
    ) -> Result<(IpAddr, Option<PeerStatus>), Refused> {
        let hashed = hash(token);
        let entry = pool.db.call(move |t| registry::by_token(t, hashed)).await?.ok_or(Refused::Unknown)?;
        let status = self.tunnel.status().peers.into_iter().find(|peer| peer.public_key == entry.public_key);
        Ok((entry.address, status))
    }

    pub(crate) fn close(&self) {
        self.tunnel.close();
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

fn peer(entry: Entry) -> PeerConfig {
    PeerConfig {
        public_key: entry.public_key,
        preshared: None,
        endpoint: None,
        allowed_ips: vec![IpNet::from(entry.address)],
        keepalive: 0,
    }
}

/// The pool's key, made at the first start.
fn kept_key(path: &Path) -> Result<PrivateKey, PoolError> {
    let wrong = |error: hivemind_wireguard::KeyError| PoolError::Internal(format!("vpn.key: {error}"));
    match std::fs::read_to_string(path) {
        Ok(text) => PrivateKey::parse(text.trim()).map_err(wrong),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = PrivateKey::generate().map_err(wrong)?;
            identity::write_private(path, key.reveal().as_bytes())?;
            Ok(key)
        }
        Err(error) => Err(error.into()),
    }
}
