//! Requests and answers.

use crate::Secret;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// The first word of every conversation.
    Hello(Hello),
    /// Make the tunnel. One that is there and is another is taken down first.
    Up(Box<Up>),
    /// How the tunnel is.
    Status,
    /// Take the tunnel down.
    Down,
}

/// The first word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// [`crate::VERSION`].
    pub version: u16,
}

impl Request {
    /// The first word, as this version says it.
    #[must_use]
    pub fn hello() -> Self {
        Self::Hello(Hello { version: crate::VERSION })
    }
}

/// What the tunnel is to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Up {
    /// Addresses and sizes.
    pub network: Network,
    /// Only where the system's own WireGuard runs the tunnel ([`Kind::Driver`]). Elsewhere the keys stay with the
    /// worker, and a request with them is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<Keys>,
}

/// Addresses and sizes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// This computer's addresses in the tunnel, one or two.
    pub addresses: Vec<IpNet>,
    /// What is reached through it, at most 16 networks.
    pub allowed_ips: Vec<IpNet>,
    /// Bytes of one packet inside.
    pub mtu: u16,
    /// Where the pool's end is: it must not lie inside.
    pub endpoint: SocketAddr,
}

/// Keys, for a driver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// Ours.
    pub private_key: Secret,
    /// The pool's public key.
    pub public_key: Secret,
    /// The secret beside the keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preshared: Option<Secret>,
    /// UDP port to send from; 0 for any.
    pub listen_port: u16,
    /// Seconds between packets that keep a router's way open; 0 for none.
    pub keepalive: u16,
}

/// How tunnels are made on this system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An interface whose packets the client carries: its descriptor comes with the answer to `Up`.
    Packets,
    /// A driver of the system carries them.
    Driver,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To `Hello`.
    Welcome {
        /// [`crate::VERSION`].
        version: u16,
        /// How tunnels are made here.
        kind: Kind,
    },
    /// To `Up` and `Down`: it is done.
    Done,
    /// To `Status`.
    Status(State),
    /// It is not done.
    Refused(Refused),
}

/// How the tunnel is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Whether the interface is there.
    pub up: bool,
    /// Seconds since the last handshake, where a driver carries the packets.
    pub handshake_s: Option<u64>,
    /// Bytes from the pool, where a driver carries the packets.
    pub received: u64,
    /// Bytes to the pool, where a driver carries the packets.
    pub sent: u64,
}

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// Another user.
    User,
    /// Another program than the worker.
    Program,
    /// Larger than a frame may be.
    Oversize,
    /// Not one of the four verbs, or a field too much, too few, or wrong.
    Malformed,
    /// Another version of the words.
    Version,
    /// The first word was not `Hello`, or it came twice.
    Order,
    /// Too many conversations at once.
    Busy,
    /// What a tunnel may never be: a full tunnel, public or special addresses, an endpoint inside. The rule's word.
    Rule(String),
    /// A network of this computer has the same addresses.
    Overlap {
        /// Of the request.
        wanted: IpNet,
        /// There already.
        there: IpNet,
    },
    /// Keys that are not needed, or not there.
    Keys,
    /// An interface of that name is there and is not ours.
    Taken,
    /// The driver's library beside the service is not the one that it was made for.
    Library {
        /// SHA-256 of what is there, in hexadecimal; `None` when nothing is.
        found: Option<String>,
    },
    /// The service lacks the right to change the network.
    Permission,
    /// The system refused; the number of its error, 0 when it gave none.
    System(i32),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = match self {
            Self::User => "it serves another user",
            Self::Program => "it serves the installed worker alone, and this is another program",
            Self::Oversize => "the request was too large",
            Self::Malformed => "the request was not understood",
            Self::Version => "it is of another version than the worker",
            Self::Order => "the request came out of order",
            Self::Busy => "it is busy",
            Self::Keys => "it was given keys that it does not take, or none where it needs them",
            Self::Taken => "an interface named hivemind0 is already there",
            Self::Permission => "it lacks the right to change this computer's network",
            Self::Library { found: None } => "wireguard.dll is not beside it",
            Self::Library { found: Some(hash) } => {
                let text = "wireguard.dll beside it is not the one that it was made for, and was not loaded";
                return write!(f, "{text} (its SHA-256 is {hash})");
            }
            Self::Rule(word) => return write!(f, "a tunnel of the system may not be so ({word})"),
            Self::Overlap { wanted, there } => {
                return write!(f, "{wanted} would take traffic of {there}, which this computer already uses");
            }
            Self::System(0) => "the system refused, and gave no reason",
            Self::System(number) => {
                let error = std::io::Error::from_raw_os_error(*number);
                return write!(f, "the system refused: {error}");
            }
        };
        f.write_str(plain)
    }
}
