//! The dialect `hivemind.v1` over gRPC.

use crate::check;
use crate::config::V1Config;
use crate::dial::{Connected, dial};
use crate::discovery;
use crate::failure::{failed, protocol, unreachable, within};
use crate::guard::Guarded;
use crate::tls::Pin;
use async_trait::async_trait;
use hivemind_domain::ids::{InstallId, TaskKey};
use hivemind_domain::resources::Capabilities;
use hivemind_domain::task::{Credit, HandBack, PackageRef};
use hivemind_proto::limits::{MAX_HELD, MAX_MESSAGE_BYTES};
use hivemind_proto::v1;
use hivemind_proto::v1::account_service_client::AccountServiceClient;
use hivemind_proto::v1::node_service_client::NodeServiceClient;
use hivemind_proto::v1::task_service_client::TaskServiceClient;
use hivemind_worker_core::port::{
    Assigned, Dialer, Durable, HeartbeatAnswer, Offer, Pool, PoolError, PoolErrorKind, Registered, Report,
    ResultHeader, StatusAnswer, StatusReport, Tokens,
};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};

mod encode;
mod fetch;
mod report;
mod submit;

/// Time for a short call.
const UNARY: Duration = Duration::from_secs(10);
/// Heartbeats come every second: one that takes longer than this is as good as lost.
const HEARTBEAT: Duration = Duration::from_secs(3);
/// Time the pool may hold a call for work, and what we give it on top.
const LONG_POLL: Duration = Duration::from_secs(25);
const LONG_POLL_SLACK: Duration = Duration::from_secs(10);

#[derive(Default)]
struct State {
    connected: Option<Connected>,
    session: Option<MetadataValue<Ascii>>,
    node: Option<String>,
}

/// A pool that speaks `hivemind.v1`.
pub struct V1Pool {
    config: V1Config,
    pin: Option<Pin>,
    dialer: Option<Arc<dyn Dialer>>,
    state: Mutex<State>,
    /// Bytes of packages and outputs.
    moved: AtomicU64,
}

impl V1Pool {
    /// An adapter that is not connected yet.
    #[must_use]
    pub fn new(config: V1Config) -> Self {
        Self { config, pin: None, dialer: None, state: Mutex::default(), moved: AtomicU64::new(0) }
    }

    /// Believes this one certificate for calls, named by the SHA-256 of its DER form in hexadecimal digits, and no
    /// other. An empty text pins nothing.
    ///
    /// # Errors
    /// When the text names no SHA-256.
    pub fn pinned(mut self, certificate_sha256: &str) -> Result<Self, PoolError> {
        self.pin = Pin::parse(certificate_sha256)?;
        Ok(self)
    }

    /// Goes through a private link where the pool offers one, or where its address lies in one.
    #[must_use]
    pub fn through(mut self, dialer: Arc<dyn Dialer>) -> Self {
        self.dialer = Some(dialer);
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn channel(&self) -> Result<Guarded, PoolError> {
        let state = self.state();
        state
            .connected
            .as_ref()
            .map(|c| Guarded::new(c.channel.clone()))
            .ok_or_else(|| unreachable("not connected to the pool"))
    }

    fn node(&self) -> Result<String, PoolError> {
        let missing = || PoolError::new(PoolErrorKind::NodeUnknown, "this computer is not registered");
        self.state().node.clone().ok_or_else(missing)
    }

    /// A request that carries the session.
    fn signed<T>(&self, message: T) -> Result<Request<T>, PoolError> {
        let session = self.state().session.clone();
        let session =
            session.ok_or_else(|| PoolError::new(PoolErrorKind::Unauthenticated, "nobody is signed in"))?;
        let mut request = Request::new(message);
        request.metadata_mut().insert("authorization", session);
        Ok(request)
    }

    fn keep(&self, tokens: &Tokens) -> Result<(), PoolError> {
        let mut value = MetadataValue::try_from(format!("Bearer {}", tokens.session))
            .map_err(|_| protocol("the session token cannot be sent"))?;
        value.set_sensitive(true);
        self.state().session = Some(value);
        Ok(())
    }

    fn accounts(&self) -> Result<AccountServiceClient<Guarded>, PoolError> {
        Ok(AccountServiceClient::new(self.channel()?).max_decoding_message_size(MAX_MESSAGE_BYTES))
    }

    fn nodes(&self) -> Result<NodeServiceClient<Guarded>, PoolError> {
        Ok(NodeServiceClient::new(self.channel()?).max_decoding_message_size(MAX_MESSAGE_BYTES))
    }

    fn tasks(&self) -> Result<TaskServiceClient<Guarded>, PoolError> {
        Ok(TaskServiceClient::new(self.channel()?).max_decoding_message_size(MAX_MESSAGE_BYTES))
    }
}

#[async_trait]
impl Pool for V1Pool {
    fn link(&self) -> String {
        self.state().connected.as_ref().map(|c| c.protection.word().to_owned()).unwrap_or_default()
    }

    async fn clock_skew_s(&self) -> Option<i64> {
        discovery::clock_skew(&self.config, self.pin).await
    }

    async fn connect(&self) -> Result<(), PoolError> {
        self.state().connected = None;
        let connected = dial(&self.config, self.pin, self.dialer.as_ref()).await?;
        self.state().connected = Some(connected);
        Ok(())
    }

    async fn disconnect(&self) {
        self.state().connected = None;
    }

    async fn login(&self, username: &str, password: &str, install: &InstallId) -> Result<Tokens, PoolError> {
        let request = v1::LoginRequest {
            username: username.to_owned(),
            password: password.to_owned(),
            install_id: install.to_string(),
        };
        let mut client = self.accounts()?;
        let answer = within(UNARY, async { client.login(request).await.map_err(failed) }).await?;
        let tokens = check::tokens(answer.into_inner().session)?;
        self.keep(&tokens)?;
        Ok(tokens)
    }

    async fn refresh(&self, refresh: &str) -> Result<Tokens, PoolError> {
        let request = v1::RefreshRequest {
            refresh_token: refresh.to_owned(),
            install_id: self.config.install.to_string(),
        };
        let mut client = self.accounts()?;
        let answer = within(UNARY, async { client.refresh(request).await.map_err(failed) }).await?;
        let tokens = check::tokens(answer.into_inner().session)?;
        self.keep(&tokens)?;
        Ok(tokens)
    }

    async fn resume(&self, tokens: &Tokens) {
        if let Err(error) = self.keep(tokens) {
            tracing::warn!(%error, "a kept session cannot be used");
        }
    }

    async fn logout(&self) -> Result<(), PoolError> {
        let request = self.signed(v1::LogoutRequest {});
        self.state().session = None;
        let mut client = self.accounts()?;
        let request = request?;
        within(UNARY, async { client.logout(request).await.map_err(failed) }).await?;
        Ok(())
    }

    async fn register(
        &self,
        install: &InstallId,
        hostname: &str,
        capabilities: &Capabilities,
    ) -> Result<Registered, PoolError> {
        let request = self.signed(v1::RegisterNodeRequest {
            install_id: install.to_string(),
            hostname: hostname.to_owned(),
            worker_version: self.config.version.clone(),
            protocol_version: hivemind_proto::limits::PROTOCOL_VERSION,
            capabilities: Some(encode::capabilities(capabilities)),
        })?;
        let mut client = self.nodes()?;
        let answer = within(UNARY, async { client.register_node(request).await.map_err(failed) }).await?;
        let registered = check::registered(answer.into_inner())?;
        self.state().node = Some(registered.node.to_string());
        Ok(registered)
    }

    async fn sign_off(&self) -> Result<(), PoolError> {
        let Some(node_id) = self.state().node.take() else { return Ok(()) };
        let leaving = v1::HeartbeatRequest { node_id, held: Vec::new(), leaving: true };
        let request = self.signed(leaving)?;
        let mut client = self.nodes()?;
        within(HEARTBEAT, async { client.heartbeat(request).await.map_err(failed) }).await?;
        Ok(())
    }

    async fn heartbeat(&self, held: &[TaskKey]) -> Result<HeartbeatAnswer, PoolError> {
        let held = held.iter().take(MAX_HELD).map(encode::key).collect();
        let request = self.signed(v1::HeartbeatRequest { node_id: self.node()?, held, leaving: false })?;
        let mut client = self.nodes()?;
        let answer = within(HEARTBEAT, async { client.heartbeat(request).await.map_err(failed) }).await?;
        check::heartbeat(answer.into_inner())
    }

    async fn report_status(&self, report: &StatusReport) -> Result<StatusAnswer, PoolError> {
        let request = self.signed(encode::status(self.node()?, report))?;
        let mut client = self.nodes()?;
        let answer =
            within(UNARY, async { client.report_node_status(request).await.map_err(failed) }).await?;
        check::status(answer.into_inner())
    }

    async fn next_task(&self, offer: Offer) -> Result<Option<Assigned>, PoolError> {
        let wait_ms = u32::try_from(LONG_POLL.as_millis()).unwrap_or(u32::MAX);
        let request = self.signed(v1::AssignTaskRequest {
            node_id: self.node()?,
            free: Some(encode::resources(offer.free)),
            running: offer.running,
            wait_ms,
        })?;
        let mut client = self.tasks()?;
        let call = async { client.assign_task(request).await.map_err(failed) };
        check::assigned(within(LONG_POLL + LONG_POLL_SLACK, call).await?.into_inner())
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
        fetch::run(self, key, package, into).await
    }

    fn moved_bytes(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    async fn submit(&self, header: &ResultHeader, file: Option<&Path>) -> Result<Credit, PoolError> {
        submit::run(self, header, file).await
    }

    async fn settlement(&self, key: &TaskKey, sha256: &str) -> Result<Credit, PoolError> {
        submit::settlement(self, key, sha256).await
    }

    async fn hand_back(&self, key: &TaskKey, reason: HandBack, message: &str) -> Result<(), PoolError> {
        let by = v1::cancel_task_request::By::HandBack(encode::hand_back(key, reason, message));
        let request = self.signed(v1::CancelTaskRequest { by: Some(by) })?;
        let mut client = self.tasks()?;
        within(UNARY, async { client.cancel_task(request).await.map_err(failed) }).await?;
        Ok(())
    }

    async fn balance(&self) -> Result<i64, PoolError> {
        let request = self.signed(v1::GetBalanceRequest {})?;
        let mut client = self.accounts()?;
        let answer = within(UNARY, async { client.get_balance(request).await.map_err(failed) }).await?;
        check::balance(answer.into_inner().balance_cpt)
    }
}
