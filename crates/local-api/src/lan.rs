//! The listener for the local network: open only while its owner wants it, encrypted, and closed to everybody who is
//! not near.

use crate::connections::{self, Accept, Ends};
use crate::door::{BrowserDoor, Neighbourhood};
use crate::identity::LanIdentity;
use crate::router::{Door, Room, router};
use crate::sessions::{LanPlace, Sessions};
use crate::surroundings::Surroundings;
use crate::tries::Tries;
use hivemind_control::Control;
use socket2::{Domain, Protocol, Socket, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const MAX_CONNECTIONS: usize = 64;
/// Callers waiting in the operating system's queue.
const BACKLOG: i32 = 64;

/// How the local network is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LanState {
    /// Not at all, as its owner wants it.
    Off,
    /// Encrypted, to whoever is paired.
    Served {
        /// Where, on all addresses.
        port: u16,
        /// Addresses of the page, the likeliest first.
        addresses: Vec<String>,
        /// SHA-256 of the certificate in hexadecimal digits.
        fingerprint: String,
    },
    /// Not at all, against its owner's wish.
    Failed {
        /// The port that was wanted.
        port: u16,
        /// Why, as the end of a sentence; nothing when another program has the port.
        why: Option<String>,
    },
}

/// Where the certificate comes from: asked for each time the door is opened. May wait for the disk.
type Keeper = Box<dyn Fn() -> io::Result<LanIdentity> + Send + Sync>;

/// The switch of the local network's door, and what is behind it.
pub struct LanDoor {
    wish: watch::Sender<Option<u16>>,
    state: Mutex<LanState>,
    sessions: Arc<Sessions>,
    around: Arc<Surroundings>,
    identity: Keeper,
}

impl std::fmt::Debug for LanDoor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LanDoor").field("state", &*self.state()).finish_non_exhaustive()
    }
}

impl LanDoor {
    /// A door that is closed.
    #[must_use]
    pub fn new(
        sessions: Arc<Sessions>,
        around: Surroundings,
        identity: impl Fn() -> io::Result<LanIdentity> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            wish: watch::Sender::new(None),
            state: Mutex::new(LanState::Off),
            sessions,
            around: Arc::new(around),
            identity: Box::new(identity),
        })
    }

    /// Opens the door at a port (0 takes any free one), or closes it. It happens as soon as [`LanDoor::keep`] runs.
    pub fn set(&self, port: Option<u16>) {
        self.wish.send_if_modified(|wish| {
            let other = *wish != port;
            *wish = port;
            other
        });
    }

    /// How the local network is served now.
    #[must_use]
    pub fn look(&self) -> LanState {
        let mut state = self.state().clone();
        if let LanState::Served { port, addresses, .. } = &mut state {
            let page = |ip: IpAddr| format!("https://{}/", SocketAddr::new(ip, *port));
            *addresses = self.around.addresses().into_iter().map(page).collect();
            addresses.extend(self.around.names().last().map(|name| format!("https://{name}:{port}/")));
        }
        state
    }

    /// Opens and closes as it is wished, until `shutdown`.
    pub async fn keep(self: Arc<Self>, control: Arc<dyn Control>, shutdown: CancellationToken) {
        let mut wish = self.wish.subscribe();
        while !shutdown.is_cancelled() {
            let wanted = *wish.borrow_and_update();
            let end = shutdown.child_token();
            let serving = match wanted {
                None => None,
                Some(port) => Arc::clone(&self).open(port, Arc::clone(&control), end.clone()).await,
            };
            tokio::select! {
                _ = wish.changed() => {}
                () = shutdown.cancelled() => {}
            }
            end.cancel();
            self.sessions.serve_lan_at(None);
            *self.state() = LanState::Off;
            if let Some(serving) = serving {
                let _ = serving.await;
            }
        }
    }

    /// Listens and serves, or notes why not.
    async fn open(
        self: Arc<Self>,
        port: u16,
        control: Arc<dyn Control>,
        end: CancellationToken,
    ) -> Option<tokio::task::JoinHandle<()>> {
        let door = Arc::clone(&self);
        let made = tokio::task::spawn_blocking(move || {
            let identity = (door.identity)()?;
            Ok((identity, listen(port)?))
        });
        let made = made.await.unwrap_or_else(|broken| Err(io::Error::other(broken)));
        let bound = made.and_then(|(identity, listener)| {
            let port = listener.local_addr()?.port();
            Ok((identity, TcpListener::from_std(listener)?, port))
        });
        let (identity, listener, port) = match bound {
            Ok(bound) => bound,
            Err(error) => {
                tracing::warn!(%error, port, "the local network is not served");
                let why = (error.kind() != io::ErrorKind::AddrInUse).then(|| error.to_string());
                *self.state() = LanState::Failed { port, why };
                return None;
            }
        };
        let fingerprint = identity.fingerprint().to_owned();
        tracing::info!(port, fingerprint, "the monitor page is served to the local network");
        let around = Arc::clone(&self.around);
        self.sessions.serve_lan_at(Some(LanPlace { port, fingerprint: fingerprint.clone(), around }));
        *self.state() = LanState::Served { port, addresses: Vec::new(), fingerprint };
        let to = Neighbourhood::Lan { around: Arc::clone(&self.around), tries: Tries::default() };
        let door = BrowserDoor { sessions: Arc::clone(&self.sessions), port, to };
        let room = Room::new(control, Door::Browser(Arc::new(door)), end.clone());
        let callers = Callers { listener, around: Arc::clone(&self.around) };
        let acceptor = identity.acceptor();
        let greet = move |stream| acceptor.accept(stream);
        Some(tokio::spawn(connections::serve(callers, greet, router(room), MAX_CONNECTIONS, end)))
    }

    fn state(&self) -> MutexGuard<'_, LanState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All addresses of this computer, of both kinds where the system has both.
fn listen(port: u16) -> io::Result<std::net::TcpListener> {
    let both = bind(Domain::IPV6, (Ipv6Addr::UNSPECIFIED, port).into());
    match both {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            bind(Domain::IPV4, (Ipv4Addr::UNSPECIFIED, port).into())
        }
        done => done,
    }
}

fn bind(kind: Domain, address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(kind, Type::STREAM, Some(Protocol::TCP))?;
    if kind == Domain::IPV6 {
        socket.set_only_v6(false)?;
    }
    // Connections of a door that was just closed do not hold its port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Whoever calls from nearby.
struct Callers {
    listener: TcpListener,
    around: Arc<Surroundings>,
}

impl Accept for Callers {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, Ends)> {
        loop {
            let (stream, caller) = self.listener.accept().await?;
            let there = caller.ip().to_canonical();
            if !self.around.is_near(there) {
                tracing::debug!(%there, "a caller from elsewhere was not let in");
                continue;
            }
            // Who has hung up already is noticed at the first word.
            let _ = stream.set_nodelay(true);
            let here = stream.local_addr().ok().map(|address| address.ip().to_canonical());
            return Ok((stream, Ends { here, there: Some(there) }));
        }
    }
}
