//! Ways out of the box, tried by one program inside it.

use crate::case::{Case, Seen};
use crate::container::STAGE;
use hivemind_domain::limits::TaskLimits;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

const PROBE: &str = include_str!("probes/escape.py");

/// Every probe by name; each must be denied.
pub fn cases() -> Vec<Case> {
    named(PROBE).into_iter().map(|name| probed(name, found)).collect()
}

/// The names in a probe script: the first argument of every call of `probe` or `holds`.
pub(crate) fn named(script: &str) -> Vec<String> {
    let calls = script.lines().filter_map(|line| {
        let line = line.trim_start();
        let rest = line.strip_prefix("probe('").or_else(|| line.strip_prefix("holds('"))?;
        rest.split('\'').next().map(str::to_owned)
    });
    calls.collect()
}

/// A case that asks what a probe found.
pub(crate) fn probed(name: String, found: fn() -> &'static HashMap<String, String>) -> Case {
    let wanted = name.clone();
    let run = move |_: &std::path::Path| {
        let outcome = found().get(&wanted).cloned();
        Seen::plain(outcome.unwrap_or_else(|| "no word of it".to_owned()))
    };
    Case {
        name,
        built: "a Python program in the standard image".to_owned(),
        expected: "denied".to_owned(),
        run: Box::new(run),
    }
}

/// What the one run found: name and outcome.
fn found() -> &'static HashMap<String, String> {
    static FOUND: OnceLock<HashMap<String, String>> = OnceLock::new();
    FOUND.get_or_init(|| read(PROBE))
}

/// Runs a probe script and reads its `name=outcome` lines.
pub(crate) fn read(script: &str) -> HashMap<String, String> {
    let ended = STAGE.run(&[("main.py", script)], TaskLimits::default(), Duration::from_secs(240));
    assert!(ended.said("end"), "the probe did not come to its end: {ended:?}");
    let lines = ended.lines.iter().filter_map(|line| line.split_once('='));
    lines.map(|(name, outcome)| (name.to_owned(), outcome.to_owned())).collect()
}
