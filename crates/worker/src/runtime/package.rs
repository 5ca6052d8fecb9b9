//! Files of attempts: brings packages here, through pools that come and go, and removes what a dead worker left.

use super::{Shared, unit};
use crate::port::{PoolError, PoolErrorKind, Spool};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::retry;
use hivemind_domain::task::{PackageRef, Phase, Task};
use std::collections::HashSet;
use std::path::PathBuf;

/// Tries until the package is here, the pool says that it never will be, or the caller drops this.
///
/// # Errors
/// What no further try would change.
pub(super) async fn fetch(shared: &Shared, key: &TaskKey, wanted: &PackageRef) -> Result<PathBuf, PoolError> {
    let path = shared.ports.spool.package(key);
    let mut failures = 0;
    loop {
        match shared.ports.pool.fetch(key, wanted, &path).await {
            Ok(()) => return Ok(path),
            Err(error) => match error.kind {
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
                | PoolErrorKind::Disk => return Err(error),
            },
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
