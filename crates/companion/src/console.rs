//! What this program says: single lines on the task's own standard streams.

use std::io::Write;

/// Exit code of a wrong command line.
pub const WRONG_USAGE: u8 = 2;

/// One line on standard error, where the task's log shows it. Nobody listening is fine.
pub fn error(line: &str) {
    let _ = writeln!(std::io::stderr(), "hivemind: {line}");
}

/// One line on standard output.
pub fn answer(line: &str) {
    let mut output = std::io::stdout();
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}
