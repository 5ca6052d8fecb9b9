//! What Windows tells. Some of it was run under Wine and none of it on a real Windows; the README says which.

pub(super) mod broadcasts;
pub(super) mod session;

use std::sync::OnceLock;
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

/// Services run in a session of this number, in which nobody works.
const SERVICES: u32 = 0;

/// Whether this process runs in somebody's session. That never changes while it runs.
fn interactive() -> bool {
    static KNOWN: OnceLock<bool> = OnceLock::new();
    // Where it cannot be known, somebody may be there.
    *KNOWN.get_or_init(|| session_number().is_none_or(|number| number != SERVICES))
}

fn session_number() -> Option<u32> {
    let own = sysinfo::get_current_pid().ok()?;
    let mut system = System::new().ok()?;
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), true, ProcessRefreshKind::nothing());
    Some(system.process(own)?.session_id()?.as_u32())
}
