//! The control API's listeners, and the client of the first.
//!
//! One router stands behind all. The owner's socket ([`SocketListener`]: a Unix domain socket of mode 0600, on
//! Windows a named pipe for the current user) carries every command; the window and the command line use it through
//! [`SocketClient`]. The browser listener ([`BrowserListener`]: loopback TCP) carries the UI, and to a paired page
//! everything but [`Access::Own`](hivemind_control::Access::Own). The local network's door ([`LanDoor`]: TLS, closed
//! until its owner opens it) is a listener of its own, with sessions of its own.
//!
//! Architecture invariants: nothing here decides anything about tasks; but for `lan`, nothing listens on an address
//! that is not loopback; a browser request is judged once, in `guard`, before any handler sees it; what a session may
//! call is judged once, in `router`.

mod assets;
mod browser;
mod client;
mod connections;
mod door;
mod events;
mod explained;
mod failure;
mod guard;
mod identity;
mod lan;
mod metrics;
mod pages;
mod qr;
mod router;
mod serve_error;
mod sessions;
mod socket;
mod surroundings;
mod tongue;
mod tries;

pub use browser::{BrowserListener, serve_browser};
pub use client::SocketClient;
pub use identity::{IdentityError, LanIdentity};
pub use lan::{LanDoor, LanState};
pub use metrics::{OPENMETRICS, openmetrics};
pub use serve_error::ServeError;
pub use sessions::{Rights, Sessions, Via};
pub use socket::{SocketListener, serve_socket};
pub use surroundings::Surroundings;
