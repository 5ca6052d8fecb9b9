//! Speaks with `hivemind-netd`, the one program that may make an interface.
#![cfg(target_os = "linux")]

use crate::problem;
use hivemind_control::ApiError;
use hivemind_netd_protocol::{Answer, Frames, Refused, Request, VERSION, encode};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;

/// Time for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A conversation.
pub(crate) struct Service {
    stream: UnixStream,
    frames: Frames,
}

impl Service {
    /// Connects, and says hello.
    pub(crate) async fn connect(path: &Path) -> Result<Self, ApiError> {
        let stream = UnixStream::connect(path).await.map_err(|error| problem::service(&error, path))?;
        let mut service = Self { stream, frames: Frames::default() };
        service.ask(&Request::hello()).await?;
        Ok(service)
    }

    /// Asks; what came with the answer.
    pub(crate) async fn ask(&mut self, request: &Request) -> Result<Option<OwnedFd>, ApiError> {
        let asked = tokio::time::timeout(PATIENCE, self.exchange(request)).await;
        let silent = |_| problem::no_service("it does not answer");
        let (answer, handle) =
            asked.map_err(silent)?.map_err(|error| problem::no_service(&error.to_string()))?;
        match answer {
            Answer::Refused(why) => Err(problem::refused(&why)),
            Answer::Welcome { version, .. } if version != VERSION => Err(problem::refused(&Refused::Version)),
            Answer::Welcome { .. } | Answer::Done | Answer::Status(_) => Ok(handle),
        }
    }

    async fn exchange(&mut self, request: &Request) -> io::Result<(Answer, Option<OwnedFd>)> {
        let frame = encode(request).map_err(io::Error::other)?;
        // Who is turned away is told so before it was heard: the answer counts, not whether all was written.
        let written = self.stream.write_all(&frame).await;
        let mut handle = None;
        loop {
            let mut bytes = [0; 1024];
            let (length, with) =
                self.stream.async_io(Interest::READABLE, || take(&self.stream, &mut bytes)).await?;
            handle = with.or(handle);
            if length == 0 {
                written?;
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.frames.push(&bytes[..length]).map_err(io::Error::other)?;
            if let Some(answer) = self.frames.take().map_err(io::Error::other)? {
                return Ok((answer, handle));
            }
        }
    }
}

/// Takes bytes, and a descriptor that came with them.
#[expect(clippy::wildcard_enum_match_arm, reason = "one of what can come beside bytes is looked for")]
fn take(stream: &UnixStream, bytes: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
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
