//! The dialect of the live network, as a worker that pulls its work: every connection is opened from here.
//!
//! The pool knows no leases and hears no heartbeats as `hivemind.v1` does. It takes a task back when it has heard
//! nothing of it for 30 s, so that every heartbeat of the port tells each held task's use. A task that cannot be run
//! here is never told as a failure, which would cost trust: it is left alone.

mod complete;
mod dial;
mod lease;
mod output;
pub(crate) mod package;
mod pull;
mod refusals;
mod report;
mod session;
mod state;
mod words;

use crate::failure::{protocol, unreachable};
use crate::guard::Guarded;
use async_trait::async_trait;
use hivemind_domain::ids::{InstallId, NodeId, TaskKey};
use hivemind_domain::resources::{Capabilities, GIB, MIB, TrustLevel};
use hivemind_domain::task::{Credit, HandBack, PackageRef};
use hivemind_proto::nodepool as wire;
use hivemind_proto::nodepool::batch_runtime_service_client::BatchRuntimeServiceClient;
use hivemind_proto::nodepool::master_node_service_client::MasterNodeServiceClient;
use hivemind_proto::nodepool::node_manager_service_client::NodeManagerServiceClient;
use hivemind_proto::nodepool::user_service_client::UserServiceClient;
use hivemind_worker_core::port::{
    Assigned, Durable, HeartbeatAnswer, Journal, Offer, Pool, PoolError, PoolErrorKind, Registered, Report,
    ResultHeader, StatusAnswer, StatusReport, Tokens,
};
use state::{Session, State};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
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
/// Below this score the pool gives no work.
const LEAST_TRUST: i64 = 20;
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
}

/// A pool of the live network.
pub struct NodePool {
    config: NodePoolConfig,
    /// Numbers the attempts: the network does not.
    journal: Option<Arc<dyn Journal>>,
    state: Arc<Mutex<State>>,
    pulling: Arc<tokio::sync::Mutex<()>>,
    /// Bytes of packages.
    moved: AtomicU64,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl NodePool {
    /// An adapter that is not connected yet.
    #[must_use]
    pub fn new(config: NodePoolConfig) -> Self {
        Self {
            config,
            journal: None,
            state: Arc::default(),
            pulling: Arc::default(),
            moved: AtomicU64::new(0),
        }
    }

    /// Goes on counting attempts where the journal ends.
    #[must_use]
    pub fn counting_from(mut self, journal: Arc<dyn Journal>) -> Self {
        self.journal = Some(journal);
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
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

    async fn register_with(&self, worker: &str, spec: wire::ResourceSpec) -> Result<(), PoolError> {
        let session = self.state().session()?;
        let request = wire::RegisterWorkerNodeRequest {
            username: session.username,
            // Nobody dials a computer that pulls; the pool wants an address all the same.
            ip: "pull.invalid:1".to_owned(),
            resources: Some(spec),
            location: String::new(),
            worker_id: worker.to_owned(),
            token: session.token,
        };
        let mut client = self.nodes()?;
        let answer = call(UNARY, client.register_worker_node(request)).await?;
        taken(answer.success, &answer.status_message)
    }

    /// Keeps the pool from dialling this computer: settings are read and written whole.
    async fn pull_only(&self, worker: &str) -> Result<(), PoolError> {
        let token = self.state().session()?.token;
        let mut client = self.master()?;
        let asked =
            wire::GetProviderWorkerSettingsRequest { token: token.clone(), worker_id: worker.to_owned() };
        let answer = call(UNARY, client.get_provider_worker_settings(asked)).await?;
        taken(answer.success, &answer.message)?;
        let settings = answer.settings.unwrap_or_default();
        if !settings.enabled {
            return Ok(());
        }
        let settings = Some(wire::ProviderWorkerSettings { enabled: false, ..settings });
        let request =
            wire::UpdateProviderWorkerSettingsRequest { token, worker_id: worker.to_owned(), settings };
        let answer = call(UNARY, client.update_provider_worker_settings(request)).await?;
        taken(answer.success, &answer.message)
    }

    /// How far the pool trusts this computer; absent when it does not say.
    async fn trust(&self, worker: &str) -> Result<Option<wire::WorkerTrust>, PoolError> {
        let token = self.state().session()?.token;
        let mut client = self.master()?;
        let request = wire::GetWorkerTrustProfileRequest { token, worker_id: worker.to_owned() };
        let answer = call(UNARY, client.get_worker_trust_profile(request)).await;
        match answer {
            Ok(answer) => Ok(answer.trust.filter(|_| answer.success)),
            Err(error) if error.kind == PoolErrorKind::Protocol => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn tell_status(&self) -> Result<(), PoolError> {
        let (session, worker_id) = self.caller()?;
        let (status, usage) = {
            let state = self.state();
            let status = match (state.paused, state.tasks.is_empty()) {
                (true, _) => "OFFLINE",
                (false, true) => "IDLE",
                (false, false) => "BUSY",
            };
            (status, state.usage)
        };
        let request = wire::RunningStatusRequest {
            username: session.username,
            status: status.to_owned(),
            usage: Some(usage),
            token: session.token,
            worker_id,
        };
        let mut client = self.nodes()?;
        let answer = call(REPORT, client.report_status(request)).await?;
        taken(answer.success, &answer.status_message)
    }

    /// Tells every held task's use, and gives the ones that are ours no longer.
    async fn tell_tasks(&self, held: &[TaskKey]) -> Result<Vec<TaskKey>, PoolError> {
        let (session, worker_id) = self.caller()?;
        let mut calls = JoinSet::new();
        for key in held.iter().take(MOST_HELD) {
            let usage = {
                let mut state = self.state();
                let held = state.held(key);
                if held.completing {
                    continue;
                }
                held.usage
            };
            let request = wire::TaskUsageRequest {
                task_id: key.task.to_string(),
                usage: Some(usage),
                token: session.token.clone(),
                worker_id: worker_id.clone(),
            };
            let (key, mut client) = (key.clone(), self.nodes()?);
            calls.spawn(async move {
                let told = tell_task(&mut client, request.clone()).await;
                if told.as_ref().is_err_and(|error| error.kind == PoolErrorKind::StaleAttempt) {
                    tokio::time::sleep(AGAIN).await;
                    return (key, tell_task(&mut client, request).await);
                }
                (key, told)
            });
        }
        let (mut void, mut failed) = (Vec::new(), Ok(()));
        while let Some(done) = calls.join_next().await {
            match done {
                Ok((_, Ok(()))) => {}
                Ok((key, Err(error))) if error.kind == PoolErrorKind::StaleAttempt => void.push(key),
                // Words that mean nothing to us are no reason to end a task.
                Ok((_, Err(error))) if error.kind == PoolErrorKind::Protocol => {
                    tracing::warn!(%error, "a report about a task was refused");
                }
                Ok((_, Err(error))) => failed = Err(error),
                Err(_) => failed = Err(unreachable("a report about a task broke off")),
            }
        }
        failed?;
        // Its completion may have been taken, and our own record of that lost: the ledger knows.
        let mut lost = Vec::new();
        for key in void {
            if complete::earned(self, &key).await?.is_none() {
                lost.push(key);
            }
        }
        let mut state = self.state();
        // It may have been completed while the report was under way.
        lost.retain(|key| !state.held(key).completing);
        for key in &lost {
            state.tasks.remove(key);
            state.notice(&format!(
                "task {} is no longer this computer's: it was cancelled or taken back",
                key.task
            ));
        }
        Ok(lost)
    }
}

async fn tell_task(
    client: &mut NodeManagerServiceClient<Guarded>,
    request: wire::TaskUsageRequest,
) -> Result<(), PoolError> {
    let answer = call(REPORT, client.task_usage(request)).await?;
    taken(answer.success, &answer.status_message)
}

/// This computer's name at the network: the same after every start, another on every computer.
fn worker_id(install: &InstallId) -> String {
    format!("hw-{install}").chars().take(63).collect()
}

fn small(value: u64) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

fn spec(capabilities: &Capabilities) -> wire::ResourceSpec {
    let vram: u64 = capabilities.gpus.iter().map(|gpu| gpu.memory_bytes).fold(0, u64::saturating_add);
    let disk = small(capabilities.disk_free_bytes / GIB);
    wire::ResourceSpec {
        cpu_cores: small(u64::from(capabilities.cpu_cores)),
        memory_mb: small(capabilities.memory_bytes / MIB),
        gpu_count: small(capabilities.gpus.len() as u64),
        gpu_name: capabilities.gpus.first().map(|gpu| gpu.name.clone()).unwrap_or_default(),
        vram_mb: small(vram / MIB),
        // As the network's own worker reckons it, for an idle computer.
        cpu_score: small(u64::from(capabilities.cpu_cores).saturating_mul(100)),
        gpu_score: small((vram / GIB).saturating_mul(100)),
        storage_total_gb: disk,
        storage_available_gb: disk,
    }
}

/// Percent without nonsense: the pool's database takes finite numbers only.
fn percent(value: f32) -> f32 {
    if value.is_finite() { value.clamp(0.0, 100.0) } else { 0.0 }
}

fn share(part: u64, whole: u64) -> f32 {
    if whole == 0 { 0.0 } else { percent((part as f64 * 100.0 / whole as f64) as f32) }
}

fn trust_level(trust: Option<&wire::WorkerTrust>) -> Result<TrustLevel, PoolError> {
    let Some(trust) = trust else { return Ok(TrustLevel::Low) };
    if trust.banned || trust.score < LEAST_TRUST {
        let why = if trust.banned { "banned" } else { "below 20" };
        let text = format!(
            "the pool gives this computer no work: its trust is {} ({why}); only the pool's \
            administrator can change that",
            trust.score
        );
        return Err(PoolError::new(PoolErrorKind::Refused, text));
    }
    // Computers begin at 100 and gain one with every task.
    Ok(match trust.score {
        ..100 => TrustLevel::Low,
        100..200 => TrustLevel::Medium,
        _ => TrustLevel::High,
    })
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
        let connected = dial::dial(address, self.config.allow_unencrypted).await?;
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
        let worker = worker_id(install);
        let node = NodeId::new(worker.clone()).map_err(|error| protocol(error.to_string()))?;
        // A computer that the pool may dial, though nobody answers there, loses trust. Before the pool knows that it
        // must not, this one has nothing that a task could want.
        match self.pull_only(&worker).await {
            Ok(()) => {}
            Err(error) if matches!(error.kind, PoolErrorKind::NodeUnknown | PoolErrorKind::Protocol) => {
                self.register_with(&worker, wire::ResourceSpec::default()).await?;
                self.pull_only(&worker).await?;
            }
            Err(error) => return Err(error),
        }
        self.register_with(&worker, spec(capabilities)).await?;
        let trust = self.trust(&worker).await?;
        let level = trust_level(trust.as_ref())?;
        self.state().worker = Some(worker);
        Ok(Registered { node, trust: level, heartbeat_every: BEAT, lease: LEASE })
    }

    async fn heartbeat(&self, held: &[TaskKey]) -> Result<HeartbeatAnswer, PoolError> {
        self.tell_status().await?;
        let void = self.tell_tasks(held).await?;
        let mut state = self.state();
        // What is delivered, and has nothing more to come, is forgotten here.
        state.tasks.retain(|key, task| held.contains(key) || task.completing || task.since.elapsed() < LEASE);
        let notices = state.notices.drain(..).collect();
        Ok(HeartbeatAnswer { lease: LEASE, void, notices, ..HeartbeatAnswer::default() })
    }

    async fn sign_off(&self) -> Result<(), PoolError> {
        if self.state().worker.is_none() {
            return Ok(());
        }
        self.state().paused = true;
        let told = self.tell_status().await;
        self.state().worker = None;
        told
    }

    async fn report_status(&self, report: &StatusReport) -> Result<StatusAnswer, PoolError> {
        let paused = !report.paused.is_empty();
        let changed = {
            let metrics = &report.metrics;
            let gpu = metrics.gpus.first();
            let mut state = self.state();
            state.usage = wire::ResourceUsage {
                cpu_percent: percent(metrics.cpu_percent),
                memory_percent: share(metrics.memory_used_bytes, metrics.memory_total_bytes),
                gpu_percent: gpu.and_then(|gpu| gpu.percent).map_or(0.0, percent),
                vram_percent: gpu.map_or(0.0, |gpu| {
                    share(gpu.memory_used_bytes.unwrap_or(0), gpu.memory_total_bytes.unwrap_or(0))
                }),
                storage_percent: share(metrics.disk_used_bytes, metrics.disk_total_bytes),
            };
            for task in &report.tasks {
                if let Some(held) = state.tasks.get_mut(&task.key) {
                    held.usage = wire::ResourceUsage {
                        cpu_percent: percent(task.average.cpu_percent),
                        memory_percent: percent(task.average.memory_percent),
                        gpu_percent: percent(task.average.gpu_percent),
                        ..wire::ResourceUsage::default()
                    };
                }
            }
            std::mem::replace(&mut state.paused, paused) != paused
        };
        if changed {
            self.tell_status().await?;
        }
        Ok(StatusAnswer::default())
    }

    async fn next_task(&self, offer: Offer) -> Result<Option<Assigned>, PoolError> {
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
            let pool = state.connected.as_ref().map(|connected| connected.ip);
            let peer_id = state.worker().unwrap_or_default();
            let held = state.held(key);
            (pool, peer_id, held.most_bytes.unwrap_or(PACKAGE), held.since)
        };
        let pool = pool.ok_or_else(|| unreachable("not connected to the pool"))?;
        let wish = package::Wish { place: &place, pool, peer_id: &peer_id, most };
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

    async fn submit(&self, header: &ResultHeader, _: Option<&Path>) -> Result<Credit, PoolError> {
        complete::submit(self, header).await
    }

    async fn settlement(&self, key: &TaskKey, _: &str) -> Result<Credit, PoolError> {
        complete::settlement(self, key).await
    }

    async fn hand_back(&self, key: &TaskKey, _: HandBack, message: &str) -> Result<(), PoolError> {
        let mut state = self.state();
        state.tasks.remove(key);
        state.leave(key.task.as_str(), message);
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trust_decides_what_is_taken_and_too_little_is_said() {
        let of = |score, banned| {
            trust_level(Some(&wire::WorkerTrust { score, banned, ..wire::WorkerTrust::default() }))
        };
        for (score, level) in [
            (20, TrustLevel::Low),
            (99, TrustLevel::Low),
            (100, TrustLevel::Medium),
            (1000, TrustLevel::High),
        ] {
            assert_eq!(of(score, false), Ok(level), "{score}");
        }
        for (score, banned) in [(19, false), (-5, false), (1000, true), (i64::MIN, false)] {
            assert_eq!(of(score, banned).unwrap_err().kind, PoolErrorKind::Refused, "{score}");
        }
        assert_eq!(trust_level(None), Ok(TrustLevel::Low));
    }

    #[test]
    fn nonsense_readings_are_not_told() {
        assert_eq!(
            (percent(f32::NAN), percent(-1.0), percent(f32::INFINITY), share(5, 0)),
            (0.0, 0.0, 0.0, 0.0)
        );
        assert_eq!(share(u64::MAX, 1), 100.0);
    }
}
