//! The dialect of the live network: every connection is opened from here, but for the pool's own calls where it pushes.
//!
//! The pool knows no leases and hears no heartbeats as `hivemind.v1` does. It takes a task back when it has heard
//! nothing of it for 30 s, so that every heartbeat of the port tells each held task's use. A task that cannot be run
//! here is never told as a failure, which would cost trust: pulled, it is left alone; pushed, its call is refused.

mod attempts;
mod beat;
mod complete;
mod dial;
mod function;
mod lease;
mod ledger;
mod output;
pub(crate) mod package;
mod proxy;
mod pull;
pub(crate) mod push;
mod refusals;
mod registration;
mod report;
mod session;
mod standing;
mod state;
mod wishes;
mod words;

pub use wishes::{CALLED_AT, NetworkWishes, Work, WrongWish};

use crate::failure::{protocol, unreachable};
use crate::guard::Guarded;
use async_trait::async_trait;
use hivemind_domain::ids::{InstallId, TaskKey};
use hivemind_domain::resources::{Capabilities, GIB};
use hivemind_domain::task::{Credit, HandBack, PackageRef};
use hivemind_proto::nodepool as wire;
use hivemind_proto::nodepool::batch_runtime_service_client::BatchRuntimeServiceClient;
use hivemind_proto::nodepool::master_node_service_client::MasterNodeServiceClient;
use hivemind_proto::nodepool::node_manager_service_client::NodeManagerServiceClient;
use hivemind_proto::nodepool::user_service_client::UserServiceClient;
use hivemind_worker_core::port::{
    Assigned, Durable, HeartbeatAnswer, Journal, Ledger, Offer, Pool, PoolError, PoolErrorKind, Registered,
    Report, ResultHeader, StatusAnswer, StatusReport, Tokens,
};
use push::listener::Listener;
use state::{Session, State};
use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use words::{call, taken};

/// Where the network's pool answers inside its overlay.
pub const DEFAULT_ADDRESS: &str = "100.64.0.1:50051";
/// Time for a short call.
const UNARY: Duration = Duration::from_secs(10);
/// Between reports about status and tasks: the network wants both every 10 s.
const BEAT: Duration = Duration::from_secs(8);
/// The pool takes a task back this long after it heard of it last.
const LEASE: Duration = Duration::from_secs(30);
/// Time for one report, so that two may get lost within a lease.
const REPORT: Duration = Duration::from_secs(5);
/// A refused report is told again after this: the pool may just be writing the task's row.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a package is looked for; trackers forget after 5 minutes.
const GONE_AFTER: Duration = Duration::from_secs(300);
/// Largest answer that is read.
const MOST_ANSWER: usize = 256 << 10;
/// Reports at once.
const MOST_HELD: usize = 256;
/// Most bytes of a package of which nothing else is known.
const PACKAGE: u64 = GIB;

/// How to reach a pool of the live network.
#[derive(Debug, Clone)]
pub struct NodePoolConfig {
    /// `host:port` for calls; empty means [`DEFAULT_ADDRESS`].
    pub address: String,
    /// Whether the owner accepts a link without encryption.
    pub allow_unencrypted: bool,
    /// This installation.
    pub install: InstallId,
    /// What the owner wishes.
    pub wishes: NetworkWishes,
}

/// A pool of the live network.
#[derive(Clone)]
pub struct NodePool(Arc<Inner>);

impl Deref for NodePool {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// What all hands on a pool share.
pub struct Inner {
    config: NodePoolConfig,
    /// Numbers the attempts: the network does not.
    journal: Option<Arc<dyn Journal>>,
    state: Mutex<State>,
    listener: Mutex<Option<Listener>>,
    pulling: Arc<tokio::sync::Mutex<()>>,
    /// The worker asks for work.
    asks: Notify,
    /// Something was pushed for it.
    offered: Notify,
    /// A heartbeat would bring news.
    news: Notify,
    /// Bytes of packages.
    moved: AtomicU64,
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wishes(&self) -> &NetworkWishes {
        &self.config.wishes
    }

    /// Where calls of a pool at this address are heard.
    fn listens_for(&self, pool: IpAddr) -> Option<SocketAddr> {
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        listener.as_ref().filter(|listener| listener.serves(pool)).map(|listener| listener.address)
    }

    fn set_listener(&self, listener: Option<Listener>) {
        *self.listener.lock().unwrap_or_else(PoisonError::into_inner) = listener;
    }

    fn channel(&self) -> Result<Guarded, PoolError> {
        let state = self.state();
        let connected = state.connected.as_ref();
        connected.map(dial::Connected::channel).ok_or_else(|| unreachable("not connected to the pool"))
    }

    fn users(&self) -> Result<UserServiceClient<Guarded>, PoolError> {
        Ok(UserServiceClient::new(self.channel()?).max_decoding_message_size(MOST_ANSWER))
    }

    fn nodes(&self) -> Result<NodeManagerServiceClient<Guarded>, PoolError> {
        Ok(NodeManagerServiceClient::new(self.channel()?).max_decoding_message_size(MOST_ANSWER))
    }

    fn master(&self) -> Result<MasterNodeServiceClient<Guarded>, PoolError> {
        Ok(MasterNodeServiceClient::new(self.channel()?).max_decoding_message_size(MOST_ANSWER))
    }

    fn batches(&self) -> Result<BatchRuntimeServiceClient<Guarded>, PoolError> {
        Ok(BatchRuntimeServiceClient::new(self.channel()?).max_decoding_message_size(MOST_ANSWER))
    }

    /// Who calls, and as which computer.
    fn caller(&self) -> Result<(Session, String), PoolError> {
        let state = self.state();
        Ok((state.session()?, state.worker()?))
    }
}

impl NodePool {
    /// An adapter that is not connected yet.
    #[must_use]
    pub fn new(config: NodePoolConfig) -> Self {
        Self::with(config, None)
    }

    /// The same, which goes on counting attempts where the journal ends.
    #[must_use]
    pub fn with(config: NodePoolConfig, journal: Option<Arc<dyn Journal>>) -> Self {
        Self(Arc::new(Inner {
            config,
            journal,
            state: Mutex::default(),
            listener: Mutex::default(),
            pulling: Arc::default(),
            asks: Notify::new(),
            offered: Notify::new(),
            news: Notify::new(),
            moved: AtomicU64::new(0),
        }))
    }

    async fn sign_in(&self, username: &str, password: &str) -> Result<Tokens, PoolError> {
        let request = wire::LoginRequest { username: username.to_owned(), password: password.to_owned() };
        let mut client = self.users()?;
        let answer = call(UNARY, client.login(request)).await?;
        taken(answer.success, &answer.status_message)?;
        let tokens = session::tokens(username, password, answer.token)?;
        self.keep(&tokens);
        Ok(tokens)
    }

    fn keep(&self, tokens: &Tokens) {
        let session = Session { username: tokens.username.clone(), token: tokens.session.clone() };
        self.state().session = Some(session);
    }

    /// Tells the pool this computer's status without waiting for the next heartbeat.
    fn tell_soon(&self) {
        let pool = self.clone();
        tokio::spawn(async move {
            if let Err(error) = beat::tell_status(&pool).await {
                tracing::debug!(%error, "the status was not told");
            }
        });
    }
}

#[async_trait]
impl Pool for NodePool {
    fn dialect(&self) -> &'static str {
        "nodepool"
    }

    fn link(&self) -> String {
        self.state().connected.as_ref().map(|c| c.protection.word().to_owned()).unwrap_or_default()
    }

    async fn connect(&self) -> Result<(), PoolError> {
        self.state().connected = None;
        let address = if self.config.address.is_empty() { DEFAULT_ADDRESS } else { &self.config.address };
        let connected = dial::dial(address, self.config.allow_unencrypted, self.wishes().proxy).await?;
        self.state().connected = Some(connected);
        Ok(())
    }

    async fn disconnect(&self) {
        self.state().connected = None;
    }

    async fn login(&self, username: &str, password: &str, _: &InstallId) -> Result<Tokens, PoolError> {
        self.sign_in(username, password).await
    }

    async fn refresh(&self, refresh: &str) -> Result<Tokens, PoolError> {
        let (username, password) = session::credentials(refresh)?;
        self.sign_in(&username, &password).await
    }

    async fn resume(&self, tokens: &Tokens) {
        self.keep(tokens);
    }

    async fn logout(&self) -> Result<(), PoolError> {
        // The network revokes nothing: its token ends by itself.
        self.state().session = None;
        Ok(())
    }

    async fn register(
        &self,
        install: &InstallId,
        _: &str,
        capabilities: &Capabilities,
    ) -> Result<Registered, PoolError> {
        registration::register(self, install, capabilities).await
    }

    async fn heartbeat(&self, held: &[TaskKey]) -> Result<HeartbeatAnswer, PoolError> {
        beat::heartbeat(self, held).await
    }

    async fn news(&self) {
        self.news.notified().await;
    }

    async fn sign_off(&self) -> Result<(), PoolError> {
        if self.state().worker.is_none() {
            return Ok(());
        }
        self.state().paused = true;
        // First of all: the pool's answer may take longer than anybody waits for it.
        self.set_listener(None);
        let told = beat::tell_status(self).await;
        self.state().worker = None;
        told
    }

    async fn report_status(&self, report: &StatusReport) -> Result<StatusAnswer, PoolError> {
        if beat::note(&mut self.state(), report) {
            beat::tell_status(self).await?;
        }
        Ok(StatusAnswer::default())
    }

    async fn next_task(&self, offer: Offer) -> Result<Option<Assigned>, PoolError> {
        let push = self.state().way.is_push();
        if push {
            return push::next::next(self, offer).await;
        }
        // What can be run without an engine is not seen before it is pulled.
        if !offer.containers {
            tokio::time::sleep(UNARY).await;
            return Ok(None);
        }
        pull::next(self, offer.free).await
    }

    async fn report(
        &self,
        key: &TaskKey,
        reports: mpsc::Receiver<Report>,
        durable: mpsc::Sender<Durable>,
    ) -> Result<(), PoolError> {
        report::run(self, key, reports, durable).await
    }

    async fn fetch(&self, key: &TaskKey, package: &PackageRef, into: &Path) -> Result<(), PoolError> {
        let place = package::place::read(&package.id, key.task.as_str()).map_err(protocol)?;
        let (pool, peer_id, most, since) = {
            let mut state = self.state();
            let pool = state.connected.as_ref().map(|connected| connected.at.ip());
            let peer_id = state.worker().unwrap_or_default();
            let held = state.held(key);
            (pool, peer_id, held.most_bytes.unwrap_or(PACKAGE), held.since)
        };
        let pool = pool.ok_or_else(|| unreachable("not connected to the pool"))?;
        let proxy = self.wishes().proxy;
        let wish = package::Wish { place: &place, pool, proxy, peer_id: &peer_id, most };
        let fetched = package::fetch(&wish, into).await;
        if fetched.is_ok()
            && let Ok(package) = tokio::fs::metadata(into).await
        {
            self.moved.fetch_add(package.len(), Ordering::Relaxed);
        }
        match fetched {
            // Trackers forget: what did not come until then does not come at all.
            Err(error) if error.kind == PoolErrorKind::Unreachable && since.elapsed() > GONE_AFTER => {
                Err(PoolError::new(PoolErrorKind::NotFound, error.message))
            }
            other => other,
        }
    }

    fn moved_bytes(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    async fn submit(&self, header: &ResultHeader, file: Option<&Path>) -> Result<Credit, PoolError> {
        if header.function {
            return function::submit(self, header, file).await;
        }
        complete::submit(self, header).await
    }

    async fn settlement(&self, key: &TaskKey, _: &str) -> Result<Credit, PoolError> {
        complete::settlement(self, key).await
    }

    async fn hand_back(&self, key: &TaskKey, _: HandBack, message: &str) -> Result<(), PoolError> {
        complete::leave(self, key, message);
        Ok(())
    }

    async fn balance(&self) -> Result<i64, PoolError> {
        let token = self.state().session()?.token;
        let mut client = self.users()?;
        let request = wire::GetBalanceRequest { username: String::new(), token };
        let answer = call(UNARY, client.get_balance(request)).await?;
        taken(answer.success, &answer.status_message)?;
        Ok(answer.balance)
    }

    async fn ledger(&self) -> Result<Option<Ledger>, PoolError> {
        ledger::read(self).await.map(Some)
    }
}
