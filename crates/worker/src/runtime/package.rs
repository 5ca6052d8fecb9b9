//! Brings a package onto this computer, through pools that come and go.

use super::{Shared, unit};
use crate::port::{PoolError, PoolErrorKind};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::retry;
use hivemind_domain::task::PackageRef;
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
