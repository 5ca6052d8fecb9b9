//! The groups by name.

use crate::case::Case;
use crate::judge::Tally;
use crate::{
    archives, escape, exhaustion, live, messages, netd, network, page, pushes, races, results, text,
    wireguard,
};

/// What a group needs to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing but this computer.
    Nothing,
    /// A Docker engine with the test images.
    Engine,
    /// Another user of this computer.
    SecondUser,
}

/// What a group needs.
#[must_use]
pub fn needs(group: &str) -> Needs {
    match group {
        "archives" | "results" | "messages" | "live" | "pushes" | "wireguard" | "netd" | "text" | "page" => {
            Needs::Nothing
        }
        "locals" => Needs::SecondUser,
        _ => Needs::Engine,
    }
}

/// The group's cases; none for a name that is not in the list.
#[must_use]
pub fn cases(group: &str) -> Vec<Case> {
    match group {
        "archives" => archives::cases(),
        "results" => results::cases(),
        "messages" => messages::cases(),
        "live" => live::cases(),
        "pushes" => pushes::cases(),
        "wireguard" => wireguard::cases(),
        "text" => text::cases(),
        "page" => page::cases(),
        "netd" => netd::cases(),
        #[cfg(unix)]
        "locals" => crate::locals::cases(),
        "races" => races::cases(),
        "escape" => escape::cases(),
        "network" => network::cases(),
        "exhaustion" => exhaustion::cases(),
        _ => Vec::new(),
    }
}

/// How many inputs a group's run came to.
#[must_use]
pub fn count(group: &str, tally: &Tally) -> usize {
    if group == "races" { tally.ran * races::TRIES } else { tally.ran }
}
