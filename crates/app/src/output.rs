//! The only place that prints. The worker makes text from tasks and pools printable before it tells it; a terminal does
//! whatever it is told, so nothing else leaves here either, whoever said it.

use crate::words::words;
use hivemind_control::ApiError;
use hivemind_domain::text::{is_unsafe, plain_line};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;
use unicode_width::UnicodeWidthStr;

/// The longest line, in bytes: as long as a line of a task's output can be.
const LONGEST: usize = 16 * 1024;

/// One line on standard output, whatever the text holds. A reader that has gone away is no error.
pub(crate) fn line(text: impl AsRef<str>) {
    put(&plain_line(text.as_ref(), LONGEST));
}

/// The lines of a text on standard output, as they are divided.
pub(crate) fn lines(text: impl AsRef<str>) {
    text.as_ref().lines().for_each(line);
}

fn put(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

/// One JSON value on one line: every character of it, those that a terminal must not be given by their numbers.
pub(crate) fn json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => put(&numbered(&text)),
        Err(error) => note(words().no_json(&error)),
    }
}

/// JSON whose texts hold no unsafe character any more; outside of texts JSON has none.
fn numbered(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        if is_unsafe(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(safe, "\\u{unit:04x}");
            }
        } else {
            safe.push(c);
        }
    }
    safe
}

/// One line on standard error, for progress and warnings, whatever the text holds.
pub(crate) fn note(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "{}", plain_line(text.as_ref(), LONGEST));
}

/// The lines of a text on standard error, as they are divided.
pub(crate) fn notes(text: impl AsRef<str>) {
    text.as_ref().lines().for_each(note);
}

/// Prints an error and gives its exit code.
pub(crate) fn failure(as_json: bool, error: &anyhow::Error) -> ExitCode {
    if as_json {
        match error.downcast_ref::<ApiError>() {
            Some(error) => json(&serde_json::json!({ "error": error })),
            None => {
                json(&serde_json::json!({ "error": { "code": "INTERNAL", "message": format!("{error:#}") } }))
            }
        }
    } else {
        let words = words();
        note(words.failure(error));
        if let Some(fix) = words.fix(error) {
            note(format!("  {fix}"));
        }
    }
    crate::exit::of(error)
}

/// A text in a column of so many places; a Chinese character takes two of them.
pub(crate) fn padded(text: &str, columns: usize) -> String {
    let mut padded = text.to_owned();
    padded.extend(std::iter::repeat_n(' ', columns.saturating_sub(text.width())));
    padded
}

/// A table with columns as wide as they must be.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) {
    // What is not printed has no width.
    let shown = |row: &Vec<String>| row.iter().map(|cell| plain_line(cell, LONGEST)).collect::<Vec<_>>();
    let rows: Vec<_> = rows.iter().map(shown).collect();
    let mut widths: Vec<usize> = head.iter().map(|h| h.width()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let print = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (cell, width) in cells.zip(&widths) {
            text.push_str(&padded(cell, width + 2));
        }
        line(text.trim_end());
    };
    print(&mut head.iter().copied());
    for row in &rows {
        print(&mut row.iter().map(String::as_str));
    }
}

/// Bytes as people read them.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{n} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// Milliseconds as people read them.
pub(crate) fn duration(ms: u64) -> String {
    words().duration(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_carry_units() {
        assert_eq!(
            (bytes(999).as_str(), bytes(1536).as_str(), bytes(5 << 30).as_str()),
            ("999 B", "1.5 KiB", "5.0 GiB")
        );
        assert_eq!(
            (duration(7), duration(1500), duration(61_000)),
            ("7 ms".into(), "1.5 s".into(), "1 min 1 s".into())
        );
        assert_eq!(duration(3_720_000), "1 h 2 min");
    }

    #[test]
    fn json_keeps_every_character_and_gives_none_to_the_terminal() {
        let said = "a\u{1b}[2J\u{9b}\u{7f}\u{202e}\u{e0041}\\n繁體";
        let json = numbered(&serde_json::to_string(said).unwrap());
        assert!(!json.chars().any(is_unsafe), "{json:?}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), said);
    }

    #[test]
    fn chinese_characters_take_two_places() {
        assert_eq!(padded("狀態", 6), "狀態  ");
        assert_eq!((padded("STATE", 6).as_str(), padded("狀態", 3).as_str()), ("STATE ", "狀態"));
    }
}
