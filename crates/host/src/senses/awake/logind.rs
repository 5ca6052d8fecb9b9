//! Holding sleep off through logind.

use super::super::bus::{ANSWER, connect, exists, proxy};
use super::super::login::{MANAGER, SERVICE};
use zbus::Connection;
use zbus::zvariant::OwnedFd;

/// What is held off, the most first: a system may let a program hold off idleness alone.
const HELD_OFF: [&str; 2] = ["sleep:idle", "idle"];

/// The connection is part of it: logind lets go of nothing before the descriptor is closed, but the bus may. The system
/// lets go by itself when this process ends.
pub(in super::super) async fn hold(address: Option<String>) -> Option<(Connection, OwnedFd)> {
    let bus = connect(address.as_deref()).await?;
    if !exists(&bus, SERVICE).await {
        tracing::warn!("the computer is not kept awake: there is no logind");
        return None;
    }
    let manager = proxy(&bus, MANAGER.0, MANAGER.1, MANAGER.2).await.ok()?;
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
