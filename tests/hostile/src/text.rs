//! Text that wants to be more than text: terminal commands, turned directions, markup, forged lines. On every way by
//! which it comes to people it must end as one printable line.

use crate::case::{Case, Seen};
use hivemind_control::{ApiError, ErrorCode, OwnLogQuery};
use hivemind_domain::text::plain_line;
use hivemind_store::OwnLog;
use std::io::Write;
use std::path::Path;

/// What is tried, and what it wants.
const TEXTS: &[(&str, &str)] = &[
    ("colour", "\u{1b}[31mred\u{1b}[0m"),
    ("clear the screen", "\u{1b}[2J\u{1b}[H"),
    ("set the title", "\u{1b}]0;root@bank\u{7}"),
    ("write the clipboard", "\u{1b}]52;c;cm0gLXJmIC8=\u{7}"),
    ("a link that lies", "\u{1b}]8;;https://evil.example\u{1b}\\https://bank.example\u{1b}]8;;\u{1b}\\"),
    ("ask the terminal", "\u{1b}[6n\u{1b}[c\u{5}"),
    ("device control", "\u{1b}P$q\"p\u{1b}\\"),
    ("C1 introducer", "\u{9b}31m\u{9d}0;x\u{9c}"),
    ("application command", "\u{1b}_Gf=24\u{1b}\\"),
    ("move up and overwrite", "fine\u{1b}[1A\u{1b}[2Kforged"),
    ("backspaces", "evil\u{8}\u{8}\u{8}\u{8}good"),
    ("return to the line's begin", "evil\rgood"),
    ("a forged line", "end\n2026-11-21T00:00:00Z ERROR all money is gone"),
    ("a forged line, Windows", "end\r\nERROR forged"),
    ("vertical tab and form feed", "a\u{b}b\u{c}c"),
    ("next line", "a\u{85}b"),
    ("line separator", "a\u{2028}b\u{2029}c"),
    ("right to left override", "evil\u{202e}gpj.exe"),
    ("isolates", "\u{2066}a\u{2067}b\u{2068}c\u{2069}"),
    ("marks of direction", "a\u{200e}b\u{200f}c\u{61c}d"),
    ("zero width", "pa\u{200b}y\u{200c}p\u{200d}al\u{feff}"),
    ("soft hyphen", "pay\u{ad}pal"),
    ("tags nobody sees", "a\u{e0041}\u{e0042}b"),
    ("notes between lines", "a\u{fff9}b\u{fffa}c\u{fffb}"),
    ("null byte", "a\0b"),
    ("delete", "a\u{7f}b"),
    ("bell", "\u{7}\u{7}\u{7}"),
    ("markup", "<img src=x onerror=alert(1)>"),
    ("an end of script", "</script><script>alert(1)</script>"),
    ("an attribute", "\" onmouseover=\"alert(1)"),
    ("a template", "{{constructor.constructor('alert(1)')()}}"),
    ("a formula", "=HYPERLINK(\"https://evil.example\")"),
    ("a format", "%s%n%x{}{0}"),
    ("very long", "long"),
];

/// The ways by which text comes to people.
const WAYS: &[&str] = &["a line", "an error", "a fact of an error", "the worker's log"];

fn text_of(name: &str, text: &str) -> String {
    if name == "very long" { "\u{1b}[31mx".repeat(100_000) } else { text.to_owned() }
}

/// All cases of the group.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for way in WAYS {
        for (name, text) in TEXTS {
            let text = text_of(name, text);
            cases.push(Case {
                name: format!("{name}, {way}"),
                built: format!("{} bytes", text.len()),
                expected: "inert".to_owned(),
                run: Box::new(move |folder| Seen::plain(judge(&shown(way, &text, folder)))),
            });
        }
    }
    cases
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
    for line in lines {
        if let Some(c) = line.chars().find(|c| c.is_control()) {
            return format!("a control: U+{:04X}", u32::from(c));
        }
        let turning = |c: &char| {
            matches!(c, '\u{61c}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
        };
        if let Some(c) = line.chars().find(turning) {
            return format!("an invisible mark: U+{:04X}", u32::from(c));
        }
        if line.len() > 4096 + 64 {
            return format!("{} bytes", line.len());
        }
    }
    "inert".to_owned()
}
