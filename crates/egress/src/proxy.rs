use crate::outside::{Connector, Internet, Resolver};
use crate::session::Session;
use hivemind_domain::ids::TaskKey;
use hivemind_worker_core::port::{Egress, EgressSession, NetworkGrant};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How much patience and room one container gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyLimits {
    /// Connections at once.
    pub connections: usize,
    /// For the head of a request.
    pub head_within: Duration,
    /// For the name service.
    pub resolve_within: Duration,
    /// For one connection to open.
    pub connect_within: Duration,
    /// Without a byte either way.
    pub idle: Duration,
}

impl Default for ProxyLimits {
    /// 32 connections: browsers open 6 per host, installers fewer.
    fn default() -> Self {
        Self {
            connections: 32,
            head_within: Duration::from_secs(30),
            resolve_within: Duration::from_secs(15),
            connect_within: Duration::from_secs(15),
            idle: Duration::from_secs(120),
        }
    }
}

/// Where names and connections come from.
pub(crate) struct Outside {
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) connector: Arc<dyn Connector>,
    /// Bytes of all sessions.
    pub(crate) moved: AtomicU64,
}

/// The proxy.
pub struct EgressProxy {
    outside: Arc<Outside>,
    limits: ProxyLimits,
}

impl Default for EgressProxy {
    fn default() -> Self {
        Self::new(Arc::new(Internet), Arc::new(Internet), ProxyLimits::default())
    }
}

impl EgressProxy {
    /// A proxy with another outside than the internet.
    #[must_use]
    pub fn new(resolver: Arc<dyn Resolver>, connector: Arc<dyn Connector>, limits: ProxyLimits) -> Self {
        Self { outside: Arc::new(Outside { resolver, connector, moved: AtomicU64::new(0) }), limits }
    }
}

impl Egress for EgressProxy {
    fn open(&self, key: &TaskKey, grant: &NetworkGrant) -> Arc<dyn EgressSession> {
        Arc::new(Session::new(key.clone(), grant, Arc::clone(&self.outside), self.limits))
    }

    fn moved_bytes(&self) -> u64 {
        self.outside.moved.load(Ordering::Relaxed)
    }
}
