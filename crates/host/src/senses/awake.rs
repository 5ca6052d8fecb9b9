//! Keeps the computer from going to sleep by itself, through logind.

use super::bus::{ANSWER, connect, exists};
use super::login::{MANAGER, SERVICE};
use hivemind_worker_core::port::Wanted;
use tokio::sync::watch;
use zbus::Connection;
use zbus::zvariant::OwnedFd;

/// What is held off, the most first: a system may let a program hold off idleness alone.
const HELD_OFF: [&str; 2] = ["sleep:idle", "idle"];

/// Holds sleep off while that is wanted. The system lets go by itself when this process ends.
pub(super) async fn keep(address: Option<String>, mut wanted: watch::Receiver<Wanted>) {
    while wanted.wait_for(|wanted| wanted.awake).await.is_ok() {
        let hold = hold(address.as_deref()).await;
        let unwanted = wanted.wait_for(|wanted| !wanted.awake).await.is_err();
        if hold.is_some() {
            drop(hold);
            tracing::info!("the computer may sleep again");
        }
        if unwanted {
            break;
        }
    }
    // The other sensors go on.
    std::future::pending::<()>().await;
}

/// The connection is part of it: logind lets go of nothing before the descriptor is closed, but the bus may.
async fn hold(address: Option<&str>) -> Option<(Connection, OwnedFd)> {
    let bus = connect(address).await?;
    if !exists(&bus, SERVICE).await {
        tracing::warn!("the computer is not kept awake: there is no logind");
        return None;
    }
    let manager = super::bus::proxy(&bus, MANAGER.0, MANAGER.1, MANAGER.2).await.ok()?;
    for what in HELD_OFF {
        let asked = (what, "HiveMind Worker", "A task computes", "block");
        match tokio::time::timeout(ANSWER, manager.call("Inhibit", &asked)).await {
            Ok(Ok(hold)) => {
                tracing::info!(what, "the computer is kept awake");
                return Some((bus, hold));
            }
            Ok(Err(error)) => tracing::warn!(what, %error, "the system does not let sleep be held off"),
            Err(_) => tracing::warn!(what, "the system does not say whether sleep is held off"),
        }
    }
    None
}
