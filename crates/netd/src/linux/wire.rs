//! A Unix socket that carries frames, and descriptors beside them.

use crate::wire::{Handle, Wire};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::UnixStream;

/// A client's socket.
pub struct SocketWire(UnixStream);

impl SocketWire {
    /// Takes a socket.
    #[must_use]
    pub fn new(stream: UnixStream) -> Self {
        Self(stream)
    }
}

impl Wire for SocketWire {
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).await
    }

    async fn send(&mut self, frame: &[u8], handle: Option<Handle>) -> io::Result<()> {
        let Some(handle) = handle else { return self.0.write_all(frame).await };
        let sent = self
            .0
            .async_io(Interest::WRITABLE, || {
                let handles = [handle.as_fd()];
                let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
                let mut beside = SendAncillaryBuffer::new(&mut room);
                beside.push(SendAncillaryMessage::ScmRights(&handles));
                Ok(sendmsg(&self.0, &[IoSlice::new(frame)], &mut beside, SendFlags::NOSIGNAL)?)
            })
            .await?;
        self.0.write_all(frame.get(sent..).unwrap_or_default()).await
    }
}
