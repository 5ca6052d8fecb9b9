//! The control API's two listeners, and the client of the first.
//!
//! One router stands behind both. The owner's socket ([`SocketListener`]: a Unix domain socket of mode 0600, on
//! Windows a named pipe for the current user) carries every command; the window and the command line use it through
//! [`SocketClient`]. The browser listener ([`BrowserListener`]: loopback TCP) carries the UI, and to a paired page
//! everything but [`Access::Own`](hivemind_control::Access::Own).
//!
//! Architecture invariants: nothing here decides anything about tasks; nothing listens on an address that is not
//! loopback; a browser request is judged once, in `guard`, before any handler sees it.

mod assets;
mod browser;
mod client;
mod connections;
mod events;
mod failure;
mod guard;
mod metrics;
mod pages;
mod router;
mod serve_error;
mod sessions;
mod socket;

pub use browser::{BrowserListener, serve_browser};
pub use client::SocketClient;
pub use metrics::{OPENMETRICS, openmetrics};
pub use serve_error::ServeError;
pub use sessions::Sessions;
pub use socket::{SocketListener, serve_socket};
