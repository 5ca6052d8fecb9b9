//! Tells the pool what this computer is, and decides how work comes from it.

use super::push::listener;
use super::state::Way;
use super::wishes::Work;
use super::words::{call, taken};
use super::{BEAT, LEASE, NodePool, UNARY, ledger, standing};
use crate::failure::protocol;
use hivemind_control::{Reach, ReachWhy};
use hivemind_domain::ids::{InstallId, NodeId};
use hivemind_domain::resources::{Capabilities, GIB, MIB, Resources};
use hivemind_proto::nodepool as wire;
use hivemind_worker_core::port::{PoolError, PoolErrorKind, Registered};
use std::net::SocketAddr;
use std::sync::Arc;

/// An address for computers that nobody dials; the pool wants one all the same.
const NOWHERE: &str = "pull.invalid:1";

pub(super) async fn register(
    pool: &NodePool,
    install: &InstallId,
    capabilities: &Capabilities,
) -> Result<Registered, PoolError> {
    let worker = worker_id(install);
    let node = NodeId::new(worker.clone()).map_err(|error| protocol(error.to_string()))?;
    let spec = spec(capabilities);
    let way = choose(pool).await?;
    if way.is_push() {
        // The listener knows who this is before the pool may call.
        pool.state().worker = Some(worker.clone());
        let told = push(pool, &worker, &way, spec.clone()).await;
        if told.is_err() {
            pool.state().worker = None;
        }
        told?;
    } else {
        pull(pool, &worker, spec.clone()).await?;
    }
    let trust = standing::trust(pool, &worker).await?;
    let level = standing::level(trust.as_ref())?;
    let earner = ledger::earner(pool);
    let mut state = pool.state();
    (state.worker, state.spec, state.way, state.standing) = (Some(worker), Some(spec), way, None);
    // The pool may have forgotten what it was told.
    state.lent = None;
    Ok(Registered { node, trust: level, heartbeat_every: BEAT, lease: LEASE, earner })
}

/// The way of work from now on, with its listener if it needs one.
async fn choose(pool: &NodePool) -> Result<Way, PoolError> {
    let wishes = pool.wishes();
    let at = pool.state().connected.as_ref().map(|connected| connected.at);
    let at = at.ok_or_else(|| crate::failure::unreachable("not connected to the pool"))?;
    let turned = pool.state().turn;
    let pulled = match (wishes.work, turned, wishes.proxy) {
        (Work::Pull, ..) => Some(ReachWhy::Chosen),
        (_, _, Some(_)) => Some(ReachWhy::ThroughProxy),
        (Work::Auto, Some(why), _) => Some(why),
        (Work::Auto | Work::Push, ..) => None,
    };
    if let Some(why) = pulled {
        pool.set_listener(None);
        return Ok(Way::pull(why));
    }
    let Some(own) = listener::own_address(at).filter(|own| listener::may_serve(*own)) else {
        pool.set_listener(None);
        return Ok(Way::pull(ReachWhy::NoOverlayAddress));
    };
    let why = if own.is_loopback() { ReachWhy::SameComputer } else { ReachWhy::Overlay };
    if let Some(address) = pool.listens_for(at.ip()).filter(|address| address.ip() == own) {
        return Ok(Way { reach: Reach::Push, why, address: address.to_string() });
    }
    // A former one lets go of its port first.
    pool.set_listener(None);
    let to = Arc::downgrade(&pool.0);
    match listener::listen(SocketAddr::new(own, wishes.port), at.ip(), to).await {
        Ok(listener) => {
            let address = listener.address.to_string();
            pool.set_listener(Some(listener));
            Ok(Way { reach: Reach::Push, why, address })
        }
        Err(error) => {
            tracing::warn!(%error, port = wishes.port, "no listener for the pool's calls: work is pulled");
            Ok(Way::pull(ReachWhy::PortTaken))
        }
    }
}

/// A computer that the pool may dial, though nobody answers there, loses trust. Before the pool knows that it must not,
/// this one has nothing that a task could want.
async fn pull(pool: &NodePool, worker: &str, spec: wire::ResourceSpec) -> Result<(), PoolError> {
    match settle(pool, worker, false, None).await {
        Ok(()) => {}
        Err(error) if matches!(error.kind, PoolErrorKind::NodeUnknown | PoolErrorKind::Protocol) => {
            tell(pool, worker, NOWHERE, wire::ResourceSpec::default()).await?;
            settle(pool, worker, false, None).await?;
        }
        Err(error) => return Err(error),
    }
    tell(pool, worker, NOWHERE, spec).await
}

async fn push(pool: &NodePool, worker: &str, way: &Way, spec: wire::ResourceSpec) -> Result<(), PoolError> {
    tell(pool, worker, &way.address, spec).await?;
    settle(pool, worker, true, None).await
}

async fn tell(pool: &NodePool, worker: &str, ip: &str, spec: wire::ResourceSpec) -> Result<(), PoolError> {
    let session = pool.state().session()?;
    let request = wire::RegisterWorkerNodeRequest {
        username: session.username,
        ip: ip.to_owned(),
        resources: Some(spec),
        location: String::new(),
        worker_id: worker.to_owned(),
        token: session.token,
    };
    let answer = call(UNARY, pool.nodes()?.register_worker_node(request)).await?;
    taken(answer.success, &answer.status_message)
}

/// Settings are read and written whole: whether the pool may push, and what it may count on.
async fn settle(
    pool: &NodePool,
    worker: &str,
    enabled: bool,
    lent: Option<Resources>,
) -> Result<(), PoolError> {
    let token = pool.state().session()?.token;
    let mut client = pool.master()?;
    let asked = wire::GetProviderWorkerSettingsRequest { token: token.clone(), worker_id: worker.to_owned() };
    let answer = call(UNARY, client.get_provider_worker_settings(asked)).await?;
    taken(answer.success, &answer.message)?;
    let now = answer.settings.unwrap_or_default();
    let mut wanted = wire::ProviderWorkerSettings { enabled, ..now };
    if let Some(lent) = lent {
        // 0 would mean without limit.
        wanted.cpu_cores_limit = small(u64::from(lent.cpu_millis / 1000)).max(1);
        wanted.memory_gb_limit = small(lent.memory_bytes / GIB).max(1);
    }
    if wanted == now {
        return Ok(());
    }
    let settings = Some(wanted);
    let request = wire::UpdateProviderWorkerSettingsRequest { token, worker_id: worker.to_owned(), settings };
    let answer = call(UNARY, client.update_provider_worker_settings(request)).await?;
    taken(answer.success, &answer.message)
}

/// Keeps the pool's settings in step with what the owner lends: a pool that pushes goes by them.
pub(super) async fn keep_in_step(pool: &NodePool) -> Result<(), PoolError> {
    let lent = {
        let state = pool.state();
        let lent = state.pushed.whole_offer().filter(|lent| state.way.is_push() && state.lent != Some(*lent));
        lent.zip(state.worker.clone())
    };
    if let Some((lent, worker)) = lent {
        settle(pool, &worker, true, Some(lent)).await?;
        pool.state().lent = Some(lent);
    }
    Ok(())
}

/// Pushing has shown not to work: from now on work is pulled.
pub(super) async fn turn(pool: &NodePool) -> Result<(), PoolError> {
    let (why, spec, worker) = {
        let mut state = pool.state();
        if state.way.is_push() && state.pushed.is_doubtful() {
            state.turn = Some(ReachWhy::TokensRefused);
        }
        let turned = state.turn.filter(|_| state.way.is_push() && pool.wishes().work == Work::Auto);
        let Some(why) = turned else { return Ok(()) };
        (why, state.spec.clone().unwrap_or_default(), state.worker()?)
    };
    tracing::warn!(?why, "work is pulled from now on");
    pull(pool, &worker, spec).await?;
    pool.set_listener(None);
    let mut state = pool.state();
    state.way = Way::pull(why);
    state.standing = None;
    Ok(())
}

/// This computer's name at the network: the same after every start, another on every computer.
pub(super) fn worker_id(install: &InstallId) -> String {
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
