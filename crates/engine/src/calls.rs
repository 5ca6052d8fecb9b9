use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the requests that really went to the engine, by what they ask for.
#[derive(Debug, Default)]
pub struct ApiCallCounter {
    counts: [AtomicU64; NAMES.len()],
}

const NAMES: [&str; 20] = [
    "version",
    "info",
    "events",
    "image_inspect",
    "image_pull",
    "create",
    "upload",
    "start",
    "logs",
    "stats",
    "inspect",
    "stop",
    "download",
    "remove",
    "list",
    "attach",
    "volumes",
    "update",
    "pause",
    "unpause",
];

impl ApiCallCounter {
    /// Requests so far, by name; names never asked for are left out.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<&'static str, u64> {
        NAMES
            .iter()
            .copied()
            .zip(&self.counts)
            .map(|(name, count)| (name, count.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    /// All requests so far.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|c| c.load(Ordering::Relaxed)).sum()
    }

    /// Requests so far that belong to tasks: all but `version`, `info`, the one `events` stream, and the
    /// `update`s, `pause`s and `unpause`s that follow the owner.
    #[must_use]
    pub fn of_tasks(&self) -> u64 {
        let shared = ["version", "info", "events", "update", "pause", "unpause"];
        self.snapshot().iter().filter(|(name, _)| !shared.contains(name)).map(|(_, count)| count).sum()
    }

    pub(crate) fn add(&self, method: &str, path: &str) {
        let name = name_of(method, path);
        if let Some((_, count)) = NAMES.iter().zip(&self.counts).find(|(n, _)| **n == name) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn name_of(method: &str, path: &str) -> &'static str {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    // The client may put an API version such as `v1.41` in front.
    let parts = match parts.first() {
        Some(first) if first.starts_with('v') && first.contains('.') => parts.get(1..).unwrap_or_default(),
        _ => parts.as_slice(),
    };
    match (method, parts) {
        ("GET", ["version"]) => "version",
        ("GET", ["info"]) => "info",
        ("GET", ["events"]) => "events",
        ("POST", ["images", "create"]) => "image_pull",
        (_, ["images", ..]) => "image_inspect",
        ("POST", ["containers", "create"]) => "create",
        ("GET", ["containers", "json"]) => "list",
        ("PUT", ["containers", _, "archive"]) => "upload",
        ("GET", ["containers", _, "archive"]) => "download",
        ("POST", ["containers", _, "start"]) => "start",
        ("POST", ["containers", _, "stop"]) => "stop",
        ("POST", ["containers", _, "attach"]) => "attach",
        ("GET", ["containers", _, "logs"]) => "logs",
        ("GET", ["containers", _, "stats"]) => "stats",
        ("POST", ["containers", _, "update"]) => "update",
        ("POST", ["containers", _, "pause"]) => "pause",
        ("POST", ["containers", _, "unpause"]) => "unpause",
        ("DELETE", ["containers", _]) => "remove",
        (_, ["volumes", ..]) => "volumes",
        _ => "inspect",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_named_with_and_without_a_version() {
        let calls = ApiCallCounter::default();
        calls.add("POST", "/containers/create");
        calls.add("POST", "/v1.41/containers/abc/start");
        calls.add("GET", "/images/docker.io/library/busybox:1/json");
        calls.add("GET", "/events");
        let names: Vec<_> = calls.snapshot().into_iter().collect();
        assert_eq!(names, [("create", 1), ("events", 1), ("image_inspect", 1), ("start", 1)]);
        assert_eq!((calls.total(), calls.of_tasks()), (4, 3));
    }
}
