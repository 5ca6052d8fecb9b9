//! A port inside the tunnel.

use super::driver::Shared;
use super::stream::TunnelStream;
use crate::clock::now;
use std::io;
use std::sync::Arc;
use std::task::Poll;

/// Takes connections on one port of the tunnel.
pub struct TunnelListener {
    shared: Arc<Shared>,
    port: u16,
}

impl std::fmt::Debug for TunnelListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TunnelListener").field("port", &self.port).finish_non_exhaustive()
    }
}

impl TunnelListener {
    pub(super) fn open(shared: Arc<Shared>, port: u16) -> io::Result<Self> {
        if shared.is_closed() {
            return Err(io::ErrorKind::NotConnected.into());
        }
        shared.with(|state, _| state.stack.listen(port))?;
        Ok(Self { shared, port })
    }

    /// The next connection; the other end's address is the stream's.
    ///
    /// # Errors
    /// The tunnel was closed.
    pub async fn accept(&mut self) -> io::Result<TunnelStream> {
        std::future::poll_fn(|context| {
            if self.shared.is_closed() {
                return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
            }
            self.shared.with(|state, _| {
                if let Some((handle, peer)) = state.stack.take(self.port) {
                    return Poll::Ready(Ok(TunnelStream::accepted(Arc::clone(&self.shared), handle, peer)));
                }
                if let Some(listening) = state.stack.listening(self.port) {
                    listening.waker = Some(context.waker().clone());
                }
                Poll::Pending
            })
        })
        .await
    }
}

impl Drop for TunnelListener {
    fn drop(&mut self) {
        self.shared.with(|state, _| state.stack.unlisten(self.port, now()));
        self.shared.wake();
    }
}
