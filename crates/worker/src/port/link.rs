//! The private link: connections to the pool that nobody on the way can read, without rights on this computer.

use crate::port::{ByteStream, SecretError};
use async_trait::async_trait;
use hivemind_control::{ApiError, PrivateLinkView};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What a pool says about its end of private links. Unchecked: it is only believed once it has passed the reader of
/// link configurations.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkOffer {
    /// Its public key.
    pub public_key: String,
    /// `host:port` of its datagrams.
    pub endpoint: String,
    /// Addresses that lead into the link.
    pub allowed_ips: String,
    /// How far the pool's clock is from this computer's, in seconds; absent when it did not say.
    pub clock_skew_s: Option<i64>,
}

/// What a computer gets that joins.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkMember {
    /// As offered.
    pub offer: LinkOffer,
    /// The address for this computer.
    pub address: String,
    /// Seconds between packets that keep a router's way open.
    pub keepalive: u16,
    /// Proof for later that it is the same computer; only told to new ones.
    pub token: Option<String>,
}

/// Where a pool tells its public key and takes ours, over HTTPS.
#[async_trait]
pub trait LinkDesk: Send + Sync + 'static {
    /// What the pool offers.
    async fn offer(&self) -> Result<LinkOffer, ApiError>;

    /// Joins with a public key; nothing else of our keys is sent.
    async fn join(&self, public_key: &str, token: Option<&str>) -> Result<LinkMember, ApiError>;
}

/// Connects through the private link.
#[async_trait]
pub trait Dialer: Send + Sync + 'static {
    /// Whether an address lies inside a link that is set up on this computer.
    fn covers(&self, ip: IpAddr) -> bool;

    /// Brings the link up, and makes one first where there is none and the pool `offers` it.
    async fn ready(&self, offered: bool) -> Result<(), ApiError>;

    /// Opens a connection inside.
    async fn dial(&self, to: SocketAddr) -> std::io::Result<Box<dyn ByteStream>>;
}

/// What the link has carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkTraffic {
    /// Age of the last handshake; `None` without a session.
    pub handshake_age: Option<Duration>,
    /// Bytes from the pool.
    pub received: u64,
    /// Bytes to the pool.
    pub sent: u64,
}

/// The link as its owner sees it.
#[async_trait]
pub trait PrivateLink: Send + Sync + 'static {
    /// Where it stands.
    fn view(&self) -> PrivateLinkView;

    /// What it has carried.
    fn traffic(&self) -> LinkTraffic;

    /// Makes a new key, tells the pool, and starts anew.
    async fn renew(&self) -> Result<(), ApiError>;

    /// The owner chose anew what carries it: a link in use is started anew by itself, soon after.
    fn reconsider(&self);

    /// Takes a refused file of another program without what is refused, and starts anew.
    async fn narrow(&self) -> Result<(), ApiError>;
}

/// Keys in the system's keyring.
#[async_trait]
pub trait Vault: Send + Sync + 'static {
    /// A kept key.
    async fn key(&self, name: &str) -> Result<Option<String>, SecretError>;

    /// Keeps a key; `false` when there is no keyring on this system.
    async fn keep_key(&self, name: &str, key: &str) -> Result<bool, SecretError>;
}
