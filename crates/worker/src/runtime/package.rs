//! Files of attempts: brings packages here, through pools that come and go, and removes what a dead worker left.

use super::{Shared, unit};
use crate::core::{Input, Written};
use crate::port::{PoolError, PoolErrorKind, Spool, StoreError};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::retry;
use hivemind_domain::task::{PackageRef, Phase, Task};
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

/// Pause before something that our disk did not take is tried again, and how often.
pub(super) const DISK_RETRY: Duration = Duration::from_secs(5);
const DISK_TRIES: u32 = 60;

/// Tries until the package is here, the pool says that it never will be, our disk has not taken it for minutes, or
/// the caller drops this.
///
/// # Errors
/// What no further try would change.
pub(super) async fn fetch(shared: &Shared, key: &TaskKey, wanted: &PackageRef) -> Result<PathBuf, PoolError> {
    let path = shared.ports.spool.package(key);
    let writing = || Written::Package(key.clone());
    let (mut failures, mut disk_failures) = (0, 0);
    loop {
        let fetched = shared.ports.pool.fetch(key, wanted, &path).await;
        let error = match fetched {
            Err(error) if error.kind == PoolErrorKind::Disk && disk_failures < DISK_TRIES => {
                if disk_failures == 0 {
                    let full = StoreError { disk_full: true, message: error.message };
                    shared.tell(Input::Written(writing(), Err(full))).await;
                }
                disk_failures += 1;
                tokio::time::sleep(DISK_RETRY).await;
                continue;
            }
            Ok(()) if disk_failures > 0 => {
                shared.tell(Input::Written(writing(), Ok(()))).await;
                return Ok(path);
            }
            Ok(()) => return Ok(path),
            Err(error) => error,
        };
        match error.kind {
            PoolErrorKind::Unreachable | PoolErrorKind::Unauthenticated | PoolErrorKind::NodeUnknown => {
                let pause = retry::pause(failures, unit(), error.retry_after);
                failures = failures.saturating_add(1);
                tokio::time::sleep(pause).await;
            }
            PoolErrorKind::WrongCredentials
            | PoolErrorKind::Refused
            | PoolErrorKind::StaleAttempt
            | PoolErrorKind::Conflict
            | PoolErrorKind::Unencrypted
            | PoolErrorKind::NotFound
            | PoolErrorKind::Protocol
            | PoolErrorKind::Disk
            | PoolErrorKind::ResultLost => {
                if error.kind == PoolErrorKind::Disk {
                    // What is there of it may be the very room that everything else waits for.
                    for file in shared.ports.spool.files(key) {
                        super::attempt::remove_file(&file).await;
                    }
                }
                if disk_failures > 0 {
                    shared.tell(Input::Written(writing(), Ok(()))).await;
                }
                return Err(error);
            }
        }
    }
}

/// Removes files of attempts that are over: a worker that died between its last record and the removal left them.
pub(super) async fn sweep(spool: &Spool, unfinished: &[Task]) {
    let needed = unfinished.iter().filter(|task| task.phase < Phase::Reported);
    let needed: HashSet<PathBuf> = needed.flat_map(|task| spool.files(task.key())).collect();
    let Ok(mut entries) = tokio::fs::read_dir(&spool.folder).await else { return };
    while let Ok(Some(entry)) = entries.next_entry().await {
        let path = entry.path();
        let ours = path.file_name().is_some_and(|name| {
            let name = name.to_string_lossy();
            name.contains(".package.zip") || name.contains(".result.zip")
        });
        if ours && !needed.contains(&path) {
            tracing::info!(path = %path.display(), "a left-over file is removed");
            super::attempt::remove_file(&path).await;
        }
    }
}
