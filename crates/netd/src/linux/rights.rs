//! Rights that this program gives up before it listens.

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, set_capabilities,
    set_no_new_privs,
};
use std::io;

/// Keeps `CAP_NET_ADMIN` alone, where it was given, for this thread and those that it starts. Whether it was given.
///
/// # Errors
/// The system does not let go of the others.
pub fn keep_network_rights_alone() -> io::Result<bool> {
    set_no_new_privs(true)?;
    clear_ambient_capability_set()?;
    let kept = capabilities(None)?.permitted & CapabilitySet::NET_ADMIN;
    set_capabilities(
        None,
        CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() },
    )?;
    Ok(!kept.is_empty())
}
