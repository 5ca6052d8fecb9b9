//! Numbered checks with proof and fix: what is found is gathered here, `judge` says what it means, and `rehearse` lets
//! each check fail without anything being broken.

mod judge;
mod page;
mod rehearse;

use super::desktop::{LanPage, TrayIcon};
use super::{Shared, lock};
use crate::port::{EngineError, EngineInfo, LinkTraffic, Tuning};
use hivemind_control::{ApiError, DoctorReport, ErrorCode, PoolState, PrivateLinkView, Snapshot};
pub use rehearse::{FAULTS, rehearse};
use std::sync::Arc;

/// Everything that the checks look at.
#[derive(Debug, Clone)]
struct Facts {
    engine: Result<EngineInfo, EngineError>,
    /// The owner's standard image.
    image: String,
    snapshot: Snapshot,
    /// What carries the calls to the pool.
    carrier: String,
    /// How many seconds the pool's clock is ahead of ours, where the pool tells its time.
    clock_skew_s: Option<i64>,
    /// The private link, unless it is switched off.
    link: Option<(PrivateLinkView, LinkTraffic)>,
    /// Bytes used and all bytes of the disk; 0 before it was looked at.
    disk: (u64, u64),
    bounds_disk: bool,
    tokens_in_file: bool,
    sandbox: Sandbox,
    /// Whether browsers are served; nothing where this program has no page.
    monitor: Option<bool>,
    port: u64,
    /// The page's door to the local network.
    lan: LanPage,
    tray: TrayIcon,
    /// What the window needs and this system does not have.
    window_lacks: Option<&'static str>,
    /// Settings of the system.
    tuning: Tuning,
}

impl Facts {
    /// An obstacle of this kind; there may be others, graver ones too.
    fn problem(&self, code: ErrorCode) -> Option<&ApiError> {
        self.snapshot.status.problems.iter().find(|problem| problem.code == code)
    }
}

/// What is known about the box.
#[derive(Debug, Clone)]
enum Sandbox {
    Trying,
    Untried,
    /// How many attempts, and what got through.
    Tried(usize, Vec<String>),
}

/// Looks at everything now.
pub(super) async fn examine(shared: &Shared) -> DoctorReport {
    judge::judge(&gather(shared).await)
}

async fn gather(shared: &Shared) -> Facts {
    let ports = &shared.ports;
    let snapshot = Arc::clone(&shared.snapshots.borrow());
    let (engine, clock_skew_s) = tokio::join!(ports.engine.verify(), clock_skew_s(shared, &snapshot));
    let host = Arc::clone(&ports.host);
    let tuning = tokio::task::spawn_blocking(move || host.tuning()).await.unwrap_or_default();
    let settings = ports.settings.current();
    let readings = lock(&shared.readings).latest();
    let sandbox = match shared.proof.try_lock() {
        Err(_) => Sandbox::Trying,
        Ok(last) => match &*last {
            None => Sandbox::Untried,
            Some(proof) => {
                let broken = proof.broken().map(|attack| attack.what.clone()).collect();
                Sandbox::Tried(proof.attacks.len(), broken)
            }
        },
    };
    Facts {
        engine,
        image: settings.worker_image(),
        snapshot: Snapshot::clone(&snapshot),
        carrier: ports.pool.link(),
        clock_skew_s,
        link: ports.private_link.as_ref().map(|link| (link.view(), link.traffic())),
        disk: (readings.disk_used_bytes, readings.disk_total_bytes),
        bounds_disk: ports.engine.bounds_disk(),
        tokens_in_file: ports.secrets.in_file(),
        sandbox,
        monitor: ports.desktop.serves_browsers(),
        port: settings.integer("monitor_port"),
        lan: ports.desktop.lan(),
        tray: ports.desktop.tray_icon(),
        window_lacks: ports.desktop.window_lacks(),
        tuning,
    }
}

/// A pool that is not asked otherwise is not asked for its time.
async fn clock_skew_s(shared: &Shared, snapshot: &Snapshot) -> Option<i64> {
    match snapshot.pool.state {
        PoolState::Online | PoolState::AuthRequired | PoolState::Rejected => {
            shared.ports.pool.clock_skew_s().await
        }
        PoolState::Idle | PoolState::Connecting | PoolState::Registering | PoolState::Backoff => None,
    }
}
