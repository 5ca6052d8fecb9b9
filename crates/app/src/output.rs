//! The only place that prints. Text from tasks and pools is made printable before it comes here.

use crate::words::words;
use hivemind_control::ApiError;
use serde::Serialize;
use std::io::Write;
use std::process::ExitCode;
use unicode_width::UnicodeWidthStr;

/// One line on standard output. A reader that has gone away is no error.
pub(crate) fn line(text: impl AsRef<str>) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", text.as_ref());
    let _ = out.flush();
}

/// One JSON value on one line.
pub(crate) fn json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => line(text),
        Err(error) => note(words().no_json(&error)),
    }
}

/// One line on standard error, for progress and warnings.
pub(crate) fn note(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text.as_ref());
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
    let mut widths: Vec<usize> = head.iter().map(|h| h.width()).collect();
    for row in rows {
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
    for row in rows {
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
    fn chinese_characters_take_two_places() {
        assert_eq!(padded("狀態", 6), "狀態  ");
        assert_eq!((padded("STATE", 6).as_str(), padded("狀態", 3).as_str()), ("STATE ", "狀態"));
    }
}
