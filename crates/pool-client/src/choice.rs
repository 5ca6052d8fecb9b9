//! Which dialect a pool speaks: what the owner says, else what the pool says of itself, else the live network's.

use crate::config::V1Config;
use crate::discovery::{self, Dialect};
use crate::nodepool::{NetworkWishes, NodePool, NodePoolConfig};
use crate::tls::Pin;
use crate::v1::V1Pool;
use async_trait::async_trait;
use hivemind_domain::ids::{InstallId, TaskKey};
use hivemind_domain::resources::Capabilities;
use hivemind_domain::task::{Credit, HandBack, PackageRef};
use hivemind_worker_core::port::{
    Assigned, Dialer, Durable, HeartbeatAnswer, Journal, Ledger, Offer, Pool, PoolError, PoolErrorKind,
    Registered, Report, ResultHeader, StatusAnswer, StatusReport, Tokens,
};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// What the owner says about the dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// The pool says it.
    Ask,
    /// `hivemind.v1`.
    V1,
    /// The live network's.
    NodePool,
}

impl Wish {
    /// Of the setting's word.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "v1" => Self::V1,
            "nodepool" => Self::NodePool,
            _ => Self::Ask,
        }
    }
}

/// A pool of either dialect; found out when it is connected to.
pub struct AnyPool {
    wish: Wish,
    wishes: NetworkWishes,
    config: V1Config,
    pin: Option<Pin>,
    v1: Arc<V1Pool>,
    journal: Option<Arc<dyn Journal>>,
    chosen: Mutex<Arc<dyn Pool>>,
}

impl AnyPool {
    /// An adapter that is not connected yet. `pin` as for [`V1Pool::pinned`]; it binds pools of `hivemind.v1`, because
    /// the live network shows no certificate.
    ///
    /// # Errors
    /// When the pin names no SHA-256.
    pub fn new(
        config: V1Config,
        wish: Wish,
        pin: &str,
        dialer: Option<Arc<dyn Dialer>>,
        journal: Option<Arc<dyn Journal>>,
        wishes: NetworkWishes,
    ) -> Result<Self, PoolError> {
        let mut v1 = V1Pool::new(config.clone()).pinned(pin)?;
        if let Some(dialer) = dialer {
            v1 = v1.through(dialer);
        }
        let v1 = Arc::new(v1);
        let chosen = Mutex::new(Arc::clone(&v1) as Arc<dyn Pool>);
        let any = Self { wish, wishes, config, pin: Pin::parse(pin)?, v1, journal, chosen };
        if wish == Wish::NodePool {
            any.choose(any.node_pool(any.config.address.clone()));
        }
        Ok(any)
    }

    fn node_pool(&self, address: String) -> Arc<dyn Pool> {
        let config = NodePoolConfig {
            address,
            allow_unencrypted: self.config.allow_unencrypted,
            install: self.config.install.clone(),
            wishes: self.wishes.clone(),
        };
        Arc::new(NodePool::with(config, self.journal.clone()))
    }

    fn chosen(&self) -> Arc<dyn Pool> {
        Arc::clone(&self.chosen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn choose(&self, pool: Arc<dyn Pool>) {
        *self.chosen.lock().unwrap_or_else(PoisonError::into_inner) = pool;
    }

    /// The pool to speak with instead of `tried`, which answered with `error`: one that `hivemind.v1` cannot be spoken
    /// with may be one of the live network.
    async fn instead(&self, tried: &Arc<dyn Pool>, error: &PoolError) -> Option<Arc<dyn Pool>> {
        // An address by hand, and a way that must be private, are of `hivemind.v1` alone.
        let open = self.wish == Wish::Ask && self.config.address.is_empty() && !self.config.tunnel_only;
        if !open || error.kind != PoolErrorKind::Protocol || tried.dialect() != self.v1.dialect() {
            return None;
        }
        let Ok(Dialect::NodePool(address)) = discovery::dialect(&self.config, self.pin).await else {
            return None;
        };
        let mut chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        // Two may find out at once; there is one pool. What it remembers of running tasks stays from now on, for as
        // long as this program runs.
        if Arc::ptr_eq(&chosen, tried) {
            *chosen = self.node_pool(address);
        }
        Some(Arc::clone(&chosen))
    }
}

#[async_trait]
impl Pool for AnyPool {
    fn dialect(&self) -> &'static str {
        self.chosen().dialect()
    }

    fn link(&self) -> String {
        self.chosen().link()
    }

    async fn clock_skew_s(&self) -> Option<i64> {
        self.chosen().clock_skew_s().await
    }

    async fn connect(&self) -> Result<(), PoolError> {
        let pool = self.chosen();
        let Err(error) = pool.connect().await else { return Ok(()) };
        match self.instead(&pool, &error).await {
            Some(other) => other.connect().await,
            None => Err(error),
        }
    }

    async fn disconnect(&self) {
        self.chosen().disconnect().await;
    }

    async fn login(&self, username: &str, password: &str, install: &InstallId) -> Result<Tokens, PoolError> {
        let pool = self.chosen();
        let answer = pool.login(username, password, install).await;
        let Err(error) = &answer else { return answer };
        // Somebody who signs in at once may be first to reach the pool.
        let Some(other) = self.instead(&pool, error).await else { return answer };
        other.connect().await?;
        other.login(username, password, install).await
    }

    async fn refresh(&self, refresh: &str) -> Result<Tokens, PoolError> {
        self.chosen().refresh(refresh).await
    }

    async fn resume(&self, tokens: &Tokens) {
        self.chosen().resume(tokens).await;
    }

    async fn logout(&self) -> Result<(), PoolError> {
        self.chosen().logout().await
    }

    async fn register(
        &self,
        install: &InstallId,
        hostname: &str,
        capabilities: &Capabilities,
    ) -> Result<Registered, PoolError> {
        self.chosen().register(install, hostname, capabilities).await
    }

    async fn heartbeat(&self, held: &[TaskKey]) -> Result<HeartbeatAnswer, PoolError> {
        self.chosen().heartbeat(held).await
    }

    async fn news(&self) {
        self.chosen().news().await;
    }

    async fn sign_off(&self) -> Result<(), PoolError> {
        self.chosen().sign_off().await
    }

    async fn report_status(&self, report: &StatusReport) -> Result<StatusAnswer, PoolError> {
        self.chosen().report_status(report).await
    }

    async fn next_task(&self, offer: Offer) -> Result<Option<Assigned>, PoolError> {
        self.chosen().next_task(offer).await
    }

    async fn report(
        &self,
        key: &TaskKey,
        reports: mpsc::Receiver<Report>,
        durable: mpsc::Sender<Durable>,
    ) -> Result<(), PoolError> {
        self.chosen().report(key, reports, durable).await
    }

    async fn fetch(&self, key: &TaskKey, package: &PackageRef, into: &Path) -> Result<(), PoolError> {
        self.chosen().fetch(key, package, into).await
    }

    fn moved_bytes(&self) -> u64 {
        self.chosen().moved_bytes()
    }

    async fn submit(&self, header: &ResultHeader, file: Option<&Path>) -> Result<Credit, PoolError> {
        self.chosen().submit(header, file).await
    }

    async fn settlement(&self, key: &TaskKey, sha256: &str) -> Result<Credit, PoolError> {
        self.chosen().settlement(key, sha256).await
    }

    async fn hand_back(&self, key: &TaskKey, reason: HandBack, message: &str) -> Result<(), PoolError> {
        self.chosen().hand_back(key, reason, message).await
    }

    async fn balance(&self) -> Result<i64, PoolError> {
        self.chosen().balance().await
    }

    async fn ledger(&self) -> Result<Option<Ledger>, PoolError> {
        self.chosen().ledger().await
    }
}
