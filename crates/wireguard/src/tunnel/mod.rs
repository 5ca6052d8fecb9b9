//! A tunnel inside the process: WireGuard on a UDP socket of its own, and a TCP/IP stack above it. One task drives
//! both; connections are ordinary byte streams.

mod acknowledged;
mod device;
mod driver;
mod listener;
#[cfg(unix)]
mod packets;
mod peer;
mod peers;
mod room;
mod segment;
mod stack;
mod stream;

pub use listener::TunnelListener;
#[cfg(unix)]
pub use packets::PacketTunnel;
pub use stream::TunnelStream;

use crate::clock::now;
use crate::keys::{PresharedKey, PrivateKey, PublicKey};
use driver::{Shared, State};
use ipnet::IpNet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// Time for a connection inside the tunnel, handshake included.
const CONNECT: Duration = Duration::from_secs(10);
/// How often a wait looks whether the handshake is there.
const LOOK: Duration = Duration::from_millis(20);

/// One end of a tunnel.
#[derive(Debug, Clone)]
pub struct TunnelConfig {
    /// Our key.
    pub private_key: PrivateKey,
    /// Our addresses in the tunnel.
    pub addresses: Vec<IpNet>,
    /// Bytes of one packet inside the tunnel.
    pub mtu: u16,
    /// Where the UDP socket binds; port 0 for any.
    pub bind: SocketAddr,
    /// Most connections at once. More are refused.
    pub connections: usize,
}

/// Another end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerConfig {
    /// Its key.
    pub public_key: PublicKey,
    /// The secret beside the keys.
    pub preshared: Option<PresharedKey>,
    /// Where it is; without, it has to speak first.
    pub endpoint: Option<SocketAddr>,
    /// Its addresses in the tunnel. Packets from others are dropped.
    pub allowed_ips: Vec<IpNet>,
    /// Seconds between packets that keep the way through a router open; 0 for none.
    pub keepalive: u16,
}

/// Why a tunnel cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    /// The UDP socket cannot be had.
    #[error("no UDP socket on {address}: {error}")]
    Socket {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
    /// Another peer has the key or an address.
    #[error("another peer has this key or address")]
    Taken,
    /// More peers than the tunnel can tell apart.
    #[error("the tunnel has no room for another peer")]
    Full,
    /// The tunnel was closed.
    #[error("the tunnel is closed")]
    Closed,
}

/// How one peer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerStatus {
    /// Its key.
    pub public_key: PublicKey,
    /// Where it was heard last.
    pub endpoint: Option<SocketAddr>,
    /// Age of the last handshake; `None` when there is no session.
    pub handshake_age: Option<Duration>,
    /// How long nothing was heard from it; `None` when nothing ever was.
    pub silent_for: Option<Duration>,
    /// Bytes of packets from it.
    pub received: u64,
    /// Bytes of packets to it.
    pub sent: u64,
    /// Handshakes since the start.
    pub handshakes: u64,
}

/// How a tunnel is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TunnelStatus {
    /// Where its UDP socket is.
    pub local: SocketAddr,
    /// Bytes of one packet inside.
    pub mtu: u16,
    /// Standing connections.
    pub connections: usize,
    /// Its peers.
    pub peers: Vec<PeerStatus>,
}

/// A running tunnel; it ends when the last of its handles is dropped.
#[derive(Clone)]
pub struct Tunnel {
    held: Arc<Held>,
}

struct Held {
    shared: Arc<Shared>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl std::fmt::Debug for Tunnel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tunnel").finish_non_exhaustive()
    }
}

impl Tunnel {
    /// Opens the UDP socket, and begins a handshake with every peer whose endpoint is known.
    ///
    /// # Errors
    /// The socket cannot be had, or two peers are the same.
    pub async fn start(config: TunnelConfig, peers: Vec<PeerConfig>) -> Result<Self, TunnelError> {
        let socket =
            driver::bind(config.bind).map_err(|error| TunnelError::Socket { address: config.bind, error })?;
        let mut state = State::new(&config)?;
        for peer in peers {
            state.peers.add(peer)?;
        }
        let shared = Arc::new(Shared::new(socket, state, config.mtu));
        shared.with(|state, out| state.greet(now(), out));
        tokio::spawn(driver::run(Arc::clone(&shared)));
        shared.wake();
        Ok(Self { held: Arc::new(Held { shared }) })
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.held.shared
    }

    /// Opens a connection to an address inside the tunnel.
    ///
    /// # Errors
    /// No peer has the address, it refuses, does not answer within 10 s, or there are too many connections.
    pub async fn connect(&self, to: SocketAddr) -> io::Result<TunnelStream> {
        let stream = TunnelStream::open(Arc::clone(self.shared()), to)?;
        match tokio::time::timeout(CONNECT, stream.established()).await {
            Ok(done) => done.map(|()| stream),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no answer through the tunnel")),
        }
    }

    /// Takes connections on a port of our addresses.
    ///
    /// # Errors
    /// The port is taken.
    pub fn listen(&self, port: u16) -> io::Result<TunnelListener> {
        TunnelListener::open(Arc::clone(self.shared()), port)
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> TunnelStatus {
        self.shared().status()
    }

    /// Whether a peer has the address.
    #[must_use]
    pub fn covers(&self, ip: IpAddr) -> bool {
        self.shared().with(|state, _| state.peers.route(ip).is_some())
    }

    /// Adds a peer.
    ///
    /// # Errors
    /// Its key or an address of it is another peer's.
    pub fn add_peer(&self, peer: PeerConfig) -> Result<(), TunnelError> {
        let done = self.shared().with(|state, out| {
            let key = peer.public_key;
            state.peers.add(peer)?;
            state.peers.begin(&key, now(), out);
            Ok(())
        });
        self.shared().wake();
        done
    }

    /// Removes a peer; its connections end.
    pub fn remove_peer(&self, key: &PublicKey) {
        self.shared().with(|state, _| state.remove(key));
        self.shared().wake();
    }

    /// Tells where a peer is now, and begins a handshake with it there.
    pub fn set_endpoint(&self, key: &PublicKey, endpoint: SocketAddr) {
        self.shared().with(|state, out| state.peers.move_to(key, endpoint, now(), out));
        self.shared().wake();
    }

    /// Begins a handshake with every peer whose endpoint is known: the network has changed, or the computer woke up.
    pub fn refresh(&self) {
        self.shared().with(|state, out| state.greet(now(), out));
        self.shared().wake();
    }

    /// Waits for a session with a peer.
    ///
    /// # Errors
    /// `TimedOut`, or the tunnel was closed.
    pub async fn session(&self, key: &PublicKey, within: Duration) -> io::Result<()> {
        let until = now() + within;
        loop {
            let status = self.status();
            let peer = status.peers.iter().find(|peer| peer.public_key == *key);
            if peer.is_some_and(|peer| peer.handshake_age.is_some()) {
                return Ok(());
            }
            if self.shared().is_closed() {
                return Err(io::ErrorKind::NotConnected.into());
            }
            if now() >= until {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the other end does not answer"));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Ends it: every connection is reset, the socket is closed.
    pub fn close(&self) {
        self.shared().close();
    }
}
