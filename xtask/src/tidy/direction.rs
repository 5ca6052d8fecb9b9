//! Who may depend on whom.

use anyhow::Result;

use super::Finding;
use crate::folders::Folders;

/// One room and the rooms it may know. What is not listed is forbidden.
const ALLOWED: &[(&str, &[&str])] = &[
    ("hivemind-domain", &[]),
    ("hivemind-control", &["hivemind-domain"]),
    // Runs in containers: it carries nothing that it does not need there.
    ("hivemind-companion", &["hivemind-mux"]),
    ("hivemind-proto", &[]),
    // A language of its own: it could serve any program.
    ("hivemind-managed-function", &[]),
    // The words between relay and worker: also part of the static companion.
    ("hivemind-mux", &[]),
    // Believes nobody: what decides about other programs depends on none of them.
    ("hivemind-update", &[]),
    ("hivemind-worker-core", &["hivemind-control", "hivemind-domain"]),
    // Adapters: the ports, and the types that the ports speak.
    (
        "hivemind-pool-client",
        &["hivemind-control", "hivemind-domain", "hivemind-proto", "hivemind-worker-core"],
    ),
    ("hivemind-engine", &["hivemind-control", "hivemind-domain", "hivemind-mux", "hivemind-worker-core"]),
    ("hivemind-egress", &["hivemind-domain", "hivemind-worker-core"]),
    // In front of an engine that it knows by the port alone.
    ("hivemind-functions", &["hivemind-domain", "hivemind-managed-function", "hivemind-worker-core"]),
    ("hivemind-host", &["hivemind-control", "hivemind-domain", "hivemind-worker-core"]),
    (
        "hivemind-vpn",
        &["hivemind-control", "hivemind-netd-protocol", "hivemind-wireguard", "hivemind-worker-core"],
    ),
    // The privileged program: the words, and the reader that judges what a tunnel may be.
    ("hivemind-netd-protocol", &[]),
    ("hivemind-netd", &["hivemind-netd-protocol", "hivemind-wireguard"]),
    ("hivemind-store", &["hivemind-control", "hivemind-domain", "hivemind-worker-core"]),
    // Keys, configuration and tunnel: nothing of ours, so that a privileged program could use the reader alone.
    ("hivemind-wireguard", &[]),
    ("hivemind-local-pool", &["hivemind-domain", "hivemind-proto", "hivemind-wireguard"]),
    ("hivemind-local-api", &["hivemind-control", "hivemind-domain"]),
    // What tray and command line say in both languages.
    ("hivemind-words", &["hivemind-control"]),
    ("hivemind-tray", &["hivemind-control", "hivemind-domain", "hivemind-words"]),
    ("hivemind-testkit", &["hivemind-control", "hivemind-domain", "hivemind-worker-core"]),
    (
        "hivemind-app",
        &[
            "hivemind-control",
            "hivemind-domain",
            "hivemind-egress",
            "hivemind-engine",
            "hivemind-functions",
            "hivemind-host",
            "hivemind-local-api",
            "hivemind-local-pool",
            "hivemind-pool-client",
            "hivemind-store",
            "hivemind-tray",
            "hivemind-update",
            "hivemind-vpn",
            "hivemind-words",
            "hivemind-worker-core",
        ],
    ),
    ("hivemind-window", &["hivemind-control", "hivemind-local-api"]),
    // Public surfaces only: programs, and the clients of their protocols.
    (
        "hivemind-product-tests",
        &["hivemind-control", "hivemind-domain", "hivemind-local-api", "hivemind-proto"],
    ),
    // Hostile inputs for what reads from outside.
    (
        "hivemind-hostile",
        &[
            "hivemind-control",
            "hivemind-domain",
            "hivemind-egress",
            "hivemind-engine",
            "hivemind-local-api",
            "hivemind-managed-function",
            "hivemind-netd",
            "hivemind-netd-protocol",
            "hivemind-pool-client",
            "hivemind-proto",
            "hivemind-store",
            "hivemind-tray",
            "hivemind-wireguard",
            "hivemind-words",
            "hivemind-worker-core",
        ],
    ),
    ("xtask", &[]),
];

/// Rooms that a room may know in its tests only: its real counterpart, and the fakes.
const ALLOWED_IN_TESTS: &[(&str, &[&str])] = &[
    ("hivemind-app", &["hivemind-testkit"]),
    ("hivemind-engine", &["hivemind-testkit"]),
    ("hivemind-functions", &["hivemind-control", "hivemind-testkit"]),
    ("hivemind-host", &["hivemind-testkit"]),
    ("hivemind-local-api", &["hivemind-testkit"]),
    ("hivemind-local-pool", &["hivemind-testkit"]),
    // Its client, as the worker has it.
    ("hivemind-netd", &["hivemind-control", "hivemind-testkit", "hivemind-vpn", "hivemind-worker-core"]),
    ("hivemind-pool-client", &["hivemind-local-pool", "hivemind-testkit"]),
    ("hivemind-vpn", &["hivemind-domain", "hivemind-local-pool", "hivemind-pool-client", "hivemind-words"]),
    // The embeddable pool is the other side of every product test, and adds its books up; the rows of the table of
    // faults count, and break wires, in the same way everywhere.
    ("hivemind-product-tests", &["hivemind-local-pool", "hivemind-testkit"]),
    ("hivemind-store", &["hivemind-testkit"]),
    ("hivemind-testkit", &["hivemind-egress", "hivemind-engine", "hivemind-store"]),
    ("hivemind-tray", &["hivemind-testkit"]),
    ("hivemind-worker-core", &["hivemind-testkit"]),
];

/// Libraries that one room keeps to itself.
const KEPT: &[(&str, &[&str])] = &[
    ("tauri", &["hivemind-window"]),
    ("tauri-build", &["hivemind-window"]),
    ("bollard", &["hivemind-engine", "hivemind-hostile"]),
    ("rusqlite", &["hivemind-store", "hivemind-local-pool"]),
    ("tonic", &["hivemind-proto", "hivemind-pool-client", "hivemind-local-pool"]),
    ("ksni", &["hivemind-tray"]),
    ("boringtun", &["hivemind-wireguard"]),
    ("smoltcp", &["hivemind-wireguard"]),
    ("rtnetlink", &["hivemind-netd"]),
    ("tun-rs", &["hivemind-netd"]),
    ("wireguard-nt", &["hivemind-netd"]),
];

/// A dependency as declared.
#[derive(Debug, Clone)]
pub struct Edge {
    pub from: String,
    pub to: String,
    pub in_tests: bool,
    /// Whether `to` is a room of this house.
    pub ours: bool,
}

/// Reads the declared dependencies of all rooms.
pub fn read(folders: &Folders) -> Result<Vec<Edge>> {
    let metadata = cargo_metadata::MetadataCommand::new().current_dir(&folders.root).no_deps().exec()?;
    let rooms: Vec<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let mut edges = Vec::new();
    for package in &metadata.packages {
        for dependency in &package.dependencies {
            edges.push(Edge {
                from: package.name.to_string(),
                to: dependency.name.clone(),
                in_tests: dependency.kind == cargo_metadata::DependencyKind::Development,
                ours: rooms.contains(&dependency.name.as_str()),
            });
        }
        if !ALLOWED.iter().any(|(room, _)| *room == package.name.as_str()) {
            // A room the table does not know depends on itself: reported as unknown below.
            let name = package.name.to_string();
            edges.push(Edge { from: name.clone(), to: name, in_tests: false, ours: true });
        }
    }
    Ok(edges)
}

/// The edges that the tables do not allow.
pub fn check(edges: &[Edge]) -> Vec<Finding> {
    edges.iter().filter_map(broken).collect()
}

fn broken(edge: &Edge) -> Option<Finding> {
    let Edge { from, to, in_tests, ours } = edge;
    if *ours {
        let Some(allowed) = look_up(ALLOWED, from) else {
            return Some(Finding::new(
                from,
                "is not in the table of directions (xtask/src/tidy/direction.rs)",
            ));
        };
        let tests = if *in_tests { look_up(ALLOWED_IN_TESTS, from).unwrap_or_default() } else { &[] };
        if allowed.contains(&to.as_str()) || tests.contains(&to.as_str()) {
            return None;
        }
        let allowed = if allowed.is_empty() { "nothing of ours".to_owned() } else { allowed.join(", ") };
        return Some(Finding::new(from, format!("must not depend on {to}; it may know {allowed}")));
    }
    // Tests may speak to the real thing behind a room.
    let keepers = look_up(KEPT, to)?;
    (!in_tests && !keepers.contains(&from.as_str()))
        .then(|| Finding::new(from, format!("must not depend on {to}; only {} may", keepers.join(", "))))
}

fn look_up<'a>(table: &'a [(&str, &'a [&'a str])], name: &str) -> Option<&'a [&'a str]> {
    table.iter().find(|(room, _)| *room == name).map(|(_, known)| *known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(from: &str, to: &str, in_tests: bool) -> Edge {
        Edge { from: from.into(), to: to.into(), in_tests, ours: to.starts_with("hivemind-") }
    }

    #[test]
    fn the_arrows_of_the_table_pass() {
        assert!(broken(&edge("hivemind-engine", "hivemind-worker-core", false)).is_none());
        assert!(broken(&edge("hivemind-engine", "bollard", false)).is_none());
        assert!(broken(&edge("hivemind-pool-client", "hivemind-local-pool", true)).is_none());
        assert!(broken(&edge("hivemind-app", "serde", false)).is_none());
    }

    #[test]
    fn a_planted_arrow_is_found() {
        for (from, to, in_tests) in [
            ("hivemind-domain", "hivemind-control", false),
            ("hivemind-engine", "hivemind-store", false),
            ("hivemind-engine", "hivemind-store", true),
            ("hivemind-pool-client", "hivemind-local-pool", false),
            ("hivemind-window", "hivemind-worker-core", false),
            ("hivemind-app", "hivemind-testkit", false),
            ("hivemind-app", "tauri", false),
            ("hivemind-worker-core", "bollard", false),
            ("hivemind-newcomer", "hivemind-newcomer", false),
        ] {
            assert!(broken(&edge(from, to, in_tests)).is_some(), "{from} -> {to}");
        }
    }

    #[test]
    fn adapters_never_see_each_other() {
        let adapters = ["engine", "host", "store", "pool-client"].map(|name| format!("hivemind-{name}"));
        for from in &adapters {
            for to in adapters.iter().filter(|to| *to != from) {
                assert!(broken(&edge(from, to, false)).is_some(), "{from} -> {to}");
            }
        }
    }

    #[test]
    fn the_table_has_no_circle() {
        let mut open: Vec<&str> = ALLOWED.iter().map(|(room, _)| *room).collect();
        loop {
            let before = open.len();
            let left = open.clone();
            open.retain(|room| look_up(ALLOWED, room).unwrap_or_default().iter().any(|to| left.contains(to)));
            if open.len() == before {
                break;
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }
}
