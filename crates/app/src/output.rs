//! The only place that prints. Text from tasks and pools is made printable before it comes here.

use hivemind_control::ApiError;
use serde::Serialize;
use std::io::Write;
use std::process::ExitCode;

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
        Err(error) => note(format!("a value could not be written as JSON: {error}")),
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
        let code =
            error.downcast_ref::<ApiError>().map(|e| format!(" [{}]", e.code.word())).unwrap_or_default();
        note(format!("error: {error:#}{code}"));
    }
    crate::exit::of(error)
}

/// A table with columns as wide as they must be.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<usize> = head.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let print = |cells: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (cell, width) in cells.zip(&widths) {
            text.push_str(cell);
            let pad = width.saturating_sub(cell.chars().count()) + 2;
            text.extend(std::iter::repeat_n(' ', pad));
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
    let s = ms / 1000;
    match s {
        0 => format!("{ms} ms"),
        1..=59 => format!("{}.{} s", s, ms % 1000 / 100),
        60..=3599 => format!("{} min {} s", s / 60, s % 60),
        _ => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
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
}
