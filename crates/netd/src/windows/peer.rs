//! Who speaks.

use hivemind_netd_protocol::Refused;
use std::path::{Path, PathBuf};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};

/// The worker's program beside this one.
const WORKER: &str = "hivemind-worker.exe";

fn running(pid: u32) -> Option<PathBuf> {
    let mut system = System::new().ok()?;
    let pid = Pid::from_u32(pid);
    let what = ProcessRefreshKind::nothing().with_exe(UpdateKind::Always);
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, what);
    system.process(pid)?.exe().map(Path::to_owned)
}

/// Looks at the other end. Which users may open the pipe is its own list of rights.
///
/// # Errors
/// [`Refused::Program`].
pub(super) fn check(pid: u32) -> Result<(), Refused> {
    let real = |path: &Path| path.canonicalize().ok();
    let theirs = running(pid).and_then(|path| real(&path)).ok_or(Refused::Program)?;
    let own = std::env::current_exe().map_err(|_| Refused::Program)?;
    let ours = real(&own.with_file_name(WORKER)).ok_or(Refused::Program)?;
    if ours == theirs { Ok(()) } else { Err(Refused::Program) }
}
