//! The one way out of a task's network namespace.

use async_trait::async_trait;
use hivemind_domain::hosts::HostRule;
use hivemind_domain::ids::TaskKey;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};

/// A connection that a task opened to its proxy, however its bytes travel.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// What a container may reach.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetworkGrant {
    /// Hosts, on the ports they name.
    pub hosts: Vec<HostRule>,
    /// Bytes in both directions together; what goes beyond is cut off.
    pub max_bytes: u64,
}

/// What went through so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Bytes to the task.
    pub received: u64,
    /// Bytes from the task.
    pub sent: u64,
    /// Connections that were refused.
    pub refused: u64,
}

/// Serves the connections of tasks. It decides alone where they may lead.
pub trait Egress: Send + Sync + 'static {
    /// A session for one container; everything that it opens is counted together.
    fn open(&self, key: &TaskKey, grant: &NetworkGrant) -> Arc<dyn EgressSession>;

    /// Bytes that went through all sessions since the start.
    fn moved_bytes(&self) -> u64 {
        0
    }
}

/// The connections of one container.
#[async_trait]
pub trait EgressSession: Send + Sync + 'static {
    /// Serves one connection to its end.
    async fn serve(&self, stream: Box<dyn ByteStream>);

    /// What went through so far.
    fn traffic(&self) -> Traffic;

    /// Sentences about what was refused since the last call, at most a few; printable.
    fn take_refusals(&self) -> Vec<String>;
}
