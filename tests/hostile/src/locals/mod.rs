//! Another user of this computer, and what lies where the worker expects its own: links to other files, pipes, devices,
//! files and folders of somebody else. Nothing of ours may be read or changed, and nothing of that kind may be used.

mod other;
mod planted;

use crate::case::Case;

/// The number that the user nobody has on every Linux.
const NOBODY: u32 = 65534;
/// Stands in every file of ours; must never be read by somebody else.
const CANARY: &str = "canary-3c81f6";

/// All cases of the group.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut cases = other::cases();
    cases.extend(planted::cases());
    cases
}

/// What is missing here for a second user: the right to become one, or a program that dials a socket as one.
#[must_use]
pub fn missing() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("only root can be another user too");
    }
    let perl = std::process::Command::new("perl").args(["-MIO::Socket::UNIX", "-e", "1"]).status();
    (!perl.is_ok_and(|ended| ended.success())).then_some("there is no perl with IO::Socket::UNIX")
}
