//! A wire that misbehaves as told: TCP or, on Unix, a socket in the file system.

use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How the wire is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// As it should be.
    Clear,
    /// Connections open, nothing passes in either direction, nobody is told: a partition, or a half-open link.
    Silent,
    /// New connections are closed at once; standing ones go on.
    Refusing,
    /// What the client says arrives, what the server says does not: half of a half-open link.
    Deaf,
    /// What passes takes its time: bytes per second.
    Slow(u32),
    /// What the client asks for reaches the server; the first byte of an answer breaks the connection.
    CutAnswers,
}

#[derive(Clone, Copy)]
struct State {
    weather: Weather,
    /// Rises with every order to break what stands.
    breaks: u32,
}

/// Where a proxy leads.
#[derive(Debug, Clone)]
enum Target {
    Tcp(SocketAddr),
    #[cfg(unix)]
    Unix(PathBuf),
}

/// A proxy. Dropped, it closes.
pub struct FaultProxy {
    /// Where clients connect, in TCP.
    pub address: Option<SocketAddr>,
    /// Where clients connect, in the file system.
    pub path: Option<PathBuf>,
    state: watch::Sender<State>,
    passed: Arc<AtomicU64>,
    left: Arc<AtomicI64>,
    accepting: JoinHandle<()>,
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

impl FaultProxy {
    /// A proxy on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn tcp(to: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (state, passed, left) = Self::parts();
        let wire = Wire { state: state.subscribe(), passed: passed.clone(), left: left.clone() };
        let target = Target::Tcp(to);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let _ = client.set_nodelay(true);
                tokio::spawn(wire.clone().join(Box::new(client), target.clone()));
            }
        });
        Ok(Self { address: Some(address), path: None, state, passed, left, accepting })
    }

    /// A proxy at `path` to the socket `to`.
    ///
    /// # Errors
    /// When the socket cannot be made.
    #[cfg(unix)]
    pub fn unix(path: &Path, to: &Path) -> io::Result<Self> {
        let listener = tokio::net::UnixListener::bind(path)?;
        let (state, passed, left) = Self::parts();
        let wire = Wire { state: state.subscribe(), passed: passed.clone(), left: left.clone() };
        let target = Target::Unix(to.to_owned());
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(wire.clone().join(Box::new(client), target.clone()));
            }
        });
        Ok(Self { address: None, path: Some(path.to_owned()), state, passed, left, accepting })
    }

    fn parts() -> (watch::Sender<State>, Arc<AtomicU64>, Arc<AtomicI64>) {
        let state = watch::Sender::new(State { weather: Weather::Clear, breaks: 0 });
        (state, Arc::default(), Arc::new(AtomicI64::new(i64::MAX)))
    }

    /// From now on.
    pub fn set(&self, weather: Weather) {
        self.state.send_modify(|state| state.weather = weather);
    }

    /// Breaks every standing connection.
    pub fn break_all(&self) {
        self.state.send_modify(|state| state.breaks += 1);
    }

    /// Breaks whatever connection carries the last of so many more bytes, once.
    pub fn break_after(&self, bytes: u32) {
        self.left.store(i64::from(bytes), Ordering::SeqCst);
    }

    /// Bytes that passed, both ways.
    #[must_use]
    pub fn passed(&self) -> u64 {
        self.passed.load(Ordering::SeqCst)
    }
}

#[derive(Clone)]
struct Wire {
    state: watch::Receiver<State>,
    passed: Arc<AtomicU64>,
    left: Arc<AtomicI64>,
}

impl Wire {
    async fn join(self, client: Box<dyn Stream>, target: Target) {
        if self.state.borrow().weather == Weather::Refusing {
            return;
        }
        let server: Box<dyn Stream> = match target {
            Target::Tcp(to) => match TcpStream::connect(to).await {
                Ok(server) => {
                    let _ = server.set_nodelay(true);
                    Box::new(server)
                }
                Err(_) => return,
            },
            #[cfg(unix)]
            Target::Unix(to) => match tokio::net::UnixStream::connect(to).await {
                Ok(server) => Box::new(server),
                Err(_) => return,
            },
        };
        let breaks = self.state.borrow().breaks;
        let mut broken = self.state.clone();
        let (from_client, to_client) = tokio::io::split(client);
        let (from_server, to_server) = tokio::io::split(server);
        let up = self.clone().pump(from_client, to_server, false);
        let down = self.pump(from_server, to_client, true);
        // Either way's end, when it is no orderly end of one side, ends both.
        let both = async {
            tokio::pin!(up, down);
            tokio::select! {
                ended = &mut up => if ended { down.await; },
                ended = &mut down => if ended { up.await; },
            }
        };
        tokio::select! {
            () = both => {}
            _ = broken.wait_for(|state| state.breaks != breaks) => {}
        }
    }

    /// Carries bytes one way; true when this side has ended in order.
    async fn pump(
        mut self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
        answers: bool,
    ) -> bool {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let read = match from.read(&mut buffer).await {
                Ok(0) => return to.shutdown().await.is_ok(),
                Ok(read) => read,
                Err(_) => return false,
            };
            loop {
                let weather = self.state.borrow_and_update().weather;
                match weather {
                    Weather::Clear | Weather::Refusing => break,
                    Weather::Deaf if !answers => break,
                    Weather::CutAnswers if !answers => break,
                    Weather::CutAnswers => return false,
                    Weather::Slow(rate) => {
                        let seconds = read as f64 / f64::from(rate.max(1));
                        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
                        break;
                    }
                    Weather::Silent | Weather::Deaf => {
                        if self.state.changed().await.is_err() {
                            return false;
                        }
                    }
                }
            }
            let many = i64::try_from(read).unwrap_or(i64::MAX);
            let before = self.left.load(Ordering::SeqCst);
            if before != i64::MAX && self.left.fetch_sub(many, Ordering::SeqCst) <= many {
                self.left.store(i64::MAX, Ordering::SeqCst);
                return false;
            }
            self.passed.fetch_add(read as u64, Ordering::SeqCst);
            if to.write_all(&buffer[..read]).await.is_err() {
                return false;
            }
        }
    }
}
