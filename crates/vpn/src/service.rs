//! Speaks with `hivemind-netd`, the one program that may make an interface.
#![cfg(any(target_os = "linux", windows))]

#[cfg(windows)]
mod pipe;
#[cfg(target_os = "linux")]
mod socket;

#[cfg(windows)]
use pipe as wire;
#[cfg(target_os = "linux")]
use socket as wire;

use crate::problem;
use hivemind_control::ApiError;
#[cfg(any(windows, test))]
use hivemind_netd_protocol::State;
use hivemind_netd_protocol::{Answer, Frames, Kind, Refused, Request, Up, VERSION, encode};
use std::io;
use std::path::Path;
use std::time::Duration;
pub(crate) use wire::Handle;
use wire::Wire;

/// Time for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A conversation.
pub(crate) struct Service {
    wire: Wire,
    frames: Frames,
    kind: Kind,
}

impl Service {
    /// Connects, and says hello.
    pub(crate) async fn connect(path: &Path) -> Result<Self, ApiError> {
        let silent = |_| problem::no_service("it cannot be reached in time");
        let wire = tokio::time::timeout(PATIENCE, Wire::connect(path)).await.map_err(silent)??;
        let mut service = Self { wire, frames: Frames::default(), kind: Kind::Packets };
        match service.ask(&Request::hello()).await? {
            (Answer::Welcome { version: VERSION, kind }, _) => service.kind = kind,
            (Answer::Welcome { .. }, _) => return Err(problem::refused(&Refused::Version)),
            (Answer::Done | Answer::Status(_) | Answer::Refused(_), _) => return Err(problem::disorder()),
        }
        Ok(service)
    }

    /// How it makes tunnels.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Asks for the tunnel; what lets us carry its packets, where we do.
    pub(crate) async fn up(&mut self, up: Up) -> Result<Option<Handle>, ApiError> {
        match self.ask(&Request::Up(Box::new(up))).await? {
            (Answer::Done, handle) => Ok(handle),
            (Answer::Welcome { .. } | Answer::Status(_) | Answer::Refused(_), _) => Err(problem::disorder()),
        }
    }

    /// How the tunnel is.
    #[cfg(any(windows, test))]
    pub(crate) async fn status(&mut self) -> Result<State, ApiError> {
        match self.ask(&Request::Status).await? {
            (Answer::Status(state), _) => Ok(state),
            (Answer::Welcome { .. } | Answer::Done | Answer::Refused(_), _) => Err(problem::disorder()),
        }
    }

    /// Ends the tunnel.
    pub(crate) async fn down(&mut self) -> Result<(), ApiError> {
        match self.ask(&Request::Down).await? {
            (Answer::Done, _) => Ok(()),
            (Answer::Welcome { .. } | Answer::Status(_) | Answer::Refused(_), _) => Err(problem::disorder()),
        }
    }

    /// The answer, and what came with it. A refusal is an error.
    async fn ask(&mut self, request: &Request) -> Result<(Answer, Option<Handle>), ApiError> {
        let asked = tokio::time::timeout(PATIENCE, self.exchange(request)).await;
        let silent = |_| problem::no_service("it does not answer");
        match asked.map_err(silent)?.map_err(|error| problem::no_service(&error.to_string()))? {
            (Answer::Refused(why), _) => Err(problem::refused(&why)),
            answered => Ok(answered),
        }
    }

    async fn exchange(&mut self, request: &Request) -> io::Result<(Answer, Option<Handle>)> {
        let frame = encode(request).map_err(io::Error::other)?;
        // Who is turned away is told so before it was heard: the answer counts, not whether all was written.
        let written = self.wire.write(&frame).await;
        let mut handle = None;
        loop {
            let mut bytes = [0; 1024];
            let (length, with) = self.wire.read(&mut bytes).await?;
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
