//! Text that wants to be more than text: terminal commands, turned directions, markup, forged lines. On every way by
//! which it comes to people it must end as one printable line.

mod desk;
mod stranger;
mod terminal;

use crate::case::{Case, Seen};
use hivemind_control::{ApiError, ErrorCode, OwnLogQuery};
use hivemind_domain::text::plain_line;
use hivemind_store::OwnLog;
use serde::Deserialize;
use std::io::Write;
use std::path::Path;

/// What is tried, and what it wants. The page's browser test reads the same list.
const LIST: &str = include_str!("../texts.json");

/// One of the list.
#[derive(Deserialize)]
struct Text {
    name: String,
    text: String,
    /// So often; for what is too long to be written down.
    #[serde(default = "once")]
    times: usize,
}

fn once() -> usize {
    1
}

/// The ways by which text comes to people; what the page makes of it is `ui/e2e/hostile.test.ts`.
const WAYS: &[&str] = &[
    "a line",
    "an error",
    "a fact of an error",
    "the worker's log",
    "the command line",
    "the tray",
    #[cfg(target_os = "linux")]
    "the tray's host",
    "a notice",
];

/// The longest line, in bytes, with what stands around a text.
const LONGEST: usize = 4096 + 64;

/// All cases of the group.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for way in WAYS {
        for Text { name, text, times } in texts() {
            let text = text.repeat(times);
            cases.push(Case {
                name: format!("{name}, {way}"),
                built: format!("{} bytes", text.len()),
                expected: "inert".to_owned(),
                run: Box::new(move |folder| Seen::plain(outcome(way, &text, folder))),
            });
        }
    }
    cases
}

fn texts() -> Vec<Text> {
    serde_json::from_str(LIST).expect("the list is JSON")
}

fn outcome(way: &str, text: &str, folder: &Path) -> String {
    match way {
        "the command line" => terminal::judge(text, folder).unwrap_or_else(|| "inert".to_owned()),
        "the tray" => judge(&desk::tray(text)),
        #[cfg(target_os = "linux")]
        "the tray's host" => desk::handed(text).map_or_else(|wrong| wrong, |lines| judge(&lines)),
        "a notice" => judge(&desk::notices(text)),
        _ => judge(&shown(way, text, folder)),
    }
}

/// The lines that people get to see.
fn shown(way: &str, text: &str, folder: &Path) -> Vec<String> {
    match way {
        "a line" => vec![plain_line(text, 500)],
        "an error" => vec![ApiError::new(ErrorCode::Internal, text).message],
        "a fact of an error" => {
            let error = ApiError::new(ErrorCode::Internal, "x").with("fact", text);
            error.facts.into_values().collect()
        }
        _ => {
            let log = OwnLog::open(folder).expect("a log");
            write!(log.event(), "2026-11-21T14:34:05Z  INFO before {text} after").expect("gathered");
            let page = log.page(&OwnLogQuery::default()).expect("a page");
            let raw = std::fs::read_to_string(log.path()).expect("text");
            let mut lines: Vec<String> = page.lines.into_iter().map(|line| line.text).collect();
            lines.extend(raw.lines().map(str::to_owned));
            // The page and the file must tell the same one line.
            if lines.len() == 2 { lines } else { vec![format!("{} lines\n", lines.len())] }
        }
    }
}

fn judge(lines: &[String]) -> String {
    lines.iter().find_map(|line| fault(line, LONGEST)).unwrap_or_else(|| "inert".to_owned())
}

/// Why a line is more than a printable line.
fn fault(line: &str, longest: usize) -> Option<String> {
    if let Some(c) = line.chars().find(|c| c.is_control()) {
        return Some(format!("a control: U+{:04X}", u32::from(c)));
    }
    // Written down once more, so that a mistake in the code's own list is seen.
    let hidden = |c: &char| {
        matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e01ef}')
    };
    if let Some(c) = line.chars().find(hidden) {
        return Some(format!("an invisible mark: U+{:04X}", u32::from(c)));
    }
    (line.len() > longest).then(|| format!("{} bytes", line.len()))
}
