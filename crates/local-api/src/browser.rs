//! The listener for browsers.

use crate::connections::{self, Accept, Ends};
use crate::door::{BrowserDoor, Neighbourhood};
use crate::router::{Door, Room, router};
use crate::serve_error::ServeError;
use crate::sessions::Sessions;
use hivemind_control::Control;
use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

const MAX_CONNECTIONS: usize = 64;

/// Loopback TCP, bound and not yet served.
#[derive(Debug)]
pub struct BrowserListener {
    listener: TcpListener,
    address: SocketAddr,
}

impl BrowserListener {
    /// Listens at a loopback address; port 0 takes any free one.
    ///
    /// # Errors
    /// When the address is not loopback or cannot be had.
    pub async fn bind(address: SocketAddr) -> Result<Self, ServeError> {
        if !address.ip().is_loopback() {
            return Err(ServeError::NotLoopback(address));
        }
        let bind = || ServeError::bind(address.to_string());
        let listener = TcpListener::bind(address).await.map_err(bind())?;
        let address = listener.local_addr().map_err(bind())?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `shutdown`. From the call on, `sessions` gives codes for this address; afterwards none.
    pub async fn serve(
        self,
        control: Arc<dyn Control>,
        sessions: Arc<Sessions>,
        shutdown: CancellationToken,
    ) {
        sessions.serve_at(Some(self.address));
        let to = Neighbourhood::Loopback;
        let door = BrowserDoor { sessions: Arc::clone(&sessions), port: self.address.port(), to };
        let room = Room::new(control, Door::Browser(Arc::new(door)), shutdown.clone());
        let greet = |stream| ready(Ok(stream));
        connections::serve(self.listener, greet, router(room), MAX_CONNECTIONS, shutdown).await;
        sessions.serve_at(None);
    }
}

impl Accept for TcpListener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, Ends)> {
        let (stream, caller) = TcpListener::accept(self).await?;
        stream.set_nodelay(true)?;
        let here = stream.local_addr().ok().map(|address| address.ip().to_canonical());
        Ok((stream, Ends { here, there: Some(caller.ip().to_canonical()) }))
    }
}

/// Binds and serves in one call.
///
/// # Errors
/// As [`BrowserListener::bind`].
pub async fn serve_browser(
    address: SocketAddr,
    control: Arc<dyn Control>,
    sessions: Arc<Sessions>,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    BrowserListener::bind(address).await?.serve(control, sessions, shutdown).await;
    Ok(())
}
