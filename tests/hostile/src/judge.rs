//! Runs cases and says which did not end as expected.

use crate::case::{Case, Seen};
use crate::cost::{Cost, MOST_BYTES, MOST_TIME};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

/// What a group came to.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Cases that ran.
    pub ran: usize,
    /// One line for each that did not end as expected.
    pub unexpected: Vec<String>,
    /// The largest memory that one took, in bytes.
    pub most_bytes: u64,
    /// The longest time that one took.
    pub longest: Duration,
    /// Cases that are expected to be taken for what they are.
    pub harmless: usize,
    /// One line for each case: name, outcome, cost.
    pub lines: Vec<String>,
}

/// How to run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// Puts a worker that accepts everything in the place of ours: every case that expects a refusal must then be
    /// reported.
    pub plant: bool,
}

/// Runs `cases` one after the other.
pub fn run(cases: Vec<Case>, manner: Manner) -> Tally {
    let mut tally = Tally::default();
    for case in cases {
        let Case { name, built, expected, run } = case;
        let (seen, strays) = if manner.plant { (Seen::plain("taken"), None) } else { observe(run) };
        tally.ran += 1;
        tally.harmless += usize::from(expected == "taken");
        let mut wrong = Vec::new();
        if seen.outcome != expected {
            wrong.push(format!("expected \"{expected}\", got \"{}\"", seen.outcome));
        }
        wrong.extend(strays);
        if let Some(cost) = seen.cost {
            tally.most_bytes = tally.most_bytes.max(cost.bytes);
            tally.longest = tally.longest.max(cost.time);
            wrong.extend(too_costly(cost));
        }
        tally.lines.push(format!("{name}\t{}\t{}", seen.outcome, shown(seen.cost)));
        if !wrong.is_empty() {
            tally.unexpected.push(format!("{name} ({built}): {}", wrong.join("; ")));
        }
    }
    tally
}

fn too_costly(cost: Cost) -> Vec<String> {
    let mut wrong = Vec::new();
    if cost.bytes > MOST_BYTES {
        wrong.push(format!("it took {} KiB of memory", cost.bytes / 1024));
    }
    // Without optimization everything takes several times as long; the limit is for what is shipped.
    let most = if cfg!(debug_assertions) { 10 * MOST_TIME } else { MOST_TIME };
    if cost.time > most {
        wrong.push(format!("it took {} ms", cost.time.as_millis()));
    }
    wrong
}

fn shown(cost: Option<Cost>) -> String {
    cost.map(|cost| format!("{} KiB, {} ms", cost.bytes / 1024, cost.time.as_millis())).unwrap_or_default()
}

/// Runs one case in a folder with a watched surrounding.
fn observe(run: Box<dyn FnOnce(&Path) -> Seen + Send>) -> (Seen, Option<String>) {
    let outer = tempfile::tempdir().expect("a folder");
    let inner = outer.path().join("a/b/c/d");
    std::fs::create_dir_all(&inner).expect("folders");
    std::fs::write(outer.path().join("secret"), "the host's secret").expect("written");
    let before = files_below(outer.path(), &inner);
    let seen = catch_unwind(AssertUnwindSafe(|| run(&inner)));
    let seen = seen.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words");
        Seen::plain(format!("panicked: {text}"))
    });
    let after = files_below(outer.path(), &inner);
    let strays: Vec<_> = before.symmetric_difference(&after).cloned().collect();
    let strays = (!strays.is_empty()).then(|| format!("files outside changed: {strays:?}"));
    (seen, strays)
}

/// Path and content's length of every file outside of `own`.
fn files_below(folder: &Path, own: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path == own {
                continue;
            }
            let kind = entry.metadata().expect("metadata");
            found.insert(format!("{} {}", path.display(), if kind.is_dir() { 0 } else { kind.len() }));
            if kind.is_dir() {
                open.push(path);
            }
        }
    }
    found
}
