//! A Unix socket, and descriptors beside its bytes.

use crate::problem;
use hivemind_control::ApiError;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;

/// What lets us carry an interface's packets: its descriptor.
pub(crate) type Handle = OwnedFd;

/// The way to the service.
pub(super) struct Wire(UnixStream);

impl Wire {
    /// Connects.
    pub(super) async fn connect(path: &Path) -> Result<Self, ApiError> {
        UnixStream::connect(path).await.map(Self).map_err(|error| problem::service(&error, path))
    }

    /// Writes all of it.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes).await
    }

    /// Takes bytes, 0 at the end, and a descriptor that came with them.
    pub(super) async fn read(&mut self, bytes: &mut [u8]) -> io::Result<(usize, Option<Handle>)> {
        self.0.async_io(Interest::READABLE, || take(&self.0, bytes)).await
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "one of what can come beside bytes is looked for")]
fn take(stream: &UnixStream, bytes: &mut [u8]) -> io::Result<(usize, Option<Handle>)> {
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut beside = RecvAncillaryBuffer::new(&mut room);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let got = recvmsg(stream, &mut [IoSliceMut::new(bytes)], &mut beside, flags)?;
    let handle = beside.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut handles) => handles.next(),
        _ => None,
    });
    Ok((got.bytes, handle))
}
