use hivemind_domain::hosts::HostError;

/// Why a connection is refused. The sentence is told to the task and to the owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The request cannot be read, or can be read in more than one way.
    #[error("bad request: {0}")]
    Request(&'static str),
    /// The host is none, or is written in a way that hides what it is.
    #[error("the host {host} {why}")]
    Host {
        /// As asked for, printable.
        host: String,
        /// Why.
        why: HostError,
    },
    /// Not on the list.
    #[error("{host}:{port} is not among the hosts this task may reach")]
    NotAllowed {
        /// Host.
        host: String,
        /// Port.
        port: u16,
    },
    /// One of its addresses is not on the public internet.
    #[error("{host} leads to {what}, which no task may reach")]
    Address {
        /// Host.
        host: String,
        /// Such as `a private network`.
        what: &'static str,
    },
    /// The name has no address.
    #[error("{host} cannot be resolved")]
    Unresolved {
        /// Host.
        host: String,
    },
    /// Nobody answers there.
    #[error("{host}:{port} cannot be reached")]
    Unreachable {
        /// Host.
        host: String,
        /// Port.
        port: u16,
    },
    /// The traffic that was granted is used up.
    #[error("the task has used the {0} bytes of traffic it was granted")]
    Traffic(u64),
    /// Too many connections at once.
    #[error("the task has {0} connections open, more are not allowed")]
    Connections(usize),
}

impl Refusal {
    /// Status code of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Request(_) => 400,
            Self::Host { .. } | Self::NotAllowed { .. } | Self::Address { .. } | Self::Traffic(_) => 403,
            Self::Connections(_) => 429,
            Self::Unresolved { .. } | Self::Unreachable { .. } => 502,
        }
    }

    /// The whole answer.
    #[must_use]
    pub(crate) fn answer(&self) -> String {
        let reason = match self.status() {
            400 => "Bad Request",
            403 => "Forbidden by the worker",
            429 => "Too Many Connections",
            _ => "Bad Gateway",
        };
        let body = format!("hivemind-worker: {self}\n");
        let status = self.status();
        let length = body.len();
        format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        )
    }
}
