//! One connection inside the tunnel.

use super::driver::Shared;
use crate::clock::now;
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::{RecvError, State};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A TCP connection through the tunnel. Dropped, it still sends what was written; an other end that sends more is
/// told at once that nobody reads it.
pub struct TunnelStream {
    shared: Arc<Shared>,
    handle: SocketHandle,
    peer: SocketAddr,
}

impl std::fmt::Debug for TunnelStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TunnelStream").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl TunnelStream {
    pub(super) fn open(shared: Arc<Shared>, to: SocketAddr) -> io::Result<Self> {
        if shared.is_closed() {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let handle = shared.with(|state, _| {
            if !state.peers.can_reach(to.ip()) {
                return Err(io::Error::new(io::ErrorKind::HostUnreachable, "no such address in the tunnel"));
            }
            state.stack.open(to)
        })?;
        shared.wake();
        Ok(Self { shared, handle, peer: to })
    }

    pub(super) fn accepted(shared: Arc<Shared>, handle: SocketHandle, peer: SocketAddr) -> Self {
        Self { shared, handle, peer }
    }

    /// The other end's address inside the tunnel.
    #[must_use]
    pub fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    pub(super) async fn established(&self) -> io::Result<()> {
        std::future::poll_fn(|context| {
            self.shared.with(|state, _| {
                let socket = state.stack.socket(self.handle);
                match socket.state() {
                    State::SynSent | State::SynReceived => {
                        socket.register_send_waker(context.waker());
                        Poll::Pending
                    }
                    State::Closed => Poll::Ready(Err(io::Error::from(io::ErrorKind::ConnectionRefused))),
                    State::Listen
                    | State::Established
                    | State::FinWait1
                    | State::FinWait2
                    | State::CloseWait
                    | State::Closing
                    | State::LastAck
                    | State::TimeWait => Poll::Ready(Ok(())),
                }
            })
        })
        .await
    }
}

impl Drop for TunnelStream {
    fn drop(&mut self) {
        self.shared.with(|state, _| state.stack.release(self.handle, now()));
        self.shared.wake();
    }
}

impl AsyncRead for TunnelStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let (answer, opened) = self.shared.with(|state, _| {
            let socket = state.stack.socket(self.handle);
            let (queued, half) = (socket.recv_queue(), socket.recv_capacity() / 2);
            if socket.can_recv() {
                let read = socket.recv(|bytes| {
                    let taken = bytes.len().min(buffer.remaining());
                    buffer.put_slice(&bytes[..taken]);
                    (taken, ())
                });
                // The other end waits for room only when there was little.
                let opened = queued >= half && socket.recv_queue() < half;
                return (Poll::Ready(read.map_err(|_| io::ErrorKind::ConnectionReset.into())), opened);
            }
            if socket.may_recv() {
                socket.register_recv_waker(context.waker());
                return (Poll::Pending, false);
            }
            let ended = match socket.recv(|_| (0, ())) {
                Err(RecvError::InvalidState) => Err(io::ErrorKind::ConnectionReset.into()),
                Ok(()) | Err(RecvError::Finished) => Ok(()),
            };
            (Poll::Ready(ended), false)
        });
        if opened {
            self.shared.wake();
        }
        answer
    }
}

impl AsyncWrite for TunnelStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let answer = self.shared.with(|state, _| {
            let socket = state.stack.socket(self.handle);
            if !socket.may_send() {
                return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
            }
            let room = state.stack.room(self.handle, now()).min(bytes.len());
            if room == 0 && !bytes.is_empty() {
                state.stack.socket(self.handle).register_send_waker(context.waker());
                return Poll::Pending;
            }
            let written = state.stack.write(self.handle, &bytes[..room]);
            Poll::Ready(written.map_err(|_| io::ErrorKind::BrokenPipe.into()))
        });
        if answer.is_ready() {
            self.shared.wake();
        }
        answer
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shared.with(|state, _| state.stack.socket(self.handle).close());
        self.shared.wake();
        Poll::Ready(Ok(()))
    }
}
