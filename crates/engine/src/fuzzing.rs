//! Doors for fuzzing into what is private. Only with the feature `fuzzing`.

use crate::policy::MAX_LINE_BYTES;
use crate::run::{Lines, Printed};
use bollard::container::LogOutput;

/// Pieces of a task's output as the engine sends them; the first byte of each says which output it is. Pieces are
/// divided by 0x02.
///
/// # Panics
/// When a line breaks its promises.
pub fn log_lines(data: &[u8]) {
    let mut lines = Lines::default();
    let mut printed = Printed::of_nothing();
    for piece in data.split(|byte| *byte == 2) {
        let Some((kind, message)) = piece.split_first() else { continue };
        let message = message.to_vec().into();
        let piece = if kind % 2 == 0 { LogOutput::StdErr { message } } else { LogOutput::StdOut { message } };
        if let Some(line) = lines.push(&piece) {
            assert!(line.text.len() <= MAX_LINE_BYTES, "{} bytes", line.text.len());
        }
        printed.push(&piece, |_, text| assert!(text.len() <= MAX_LINE_BYTES, "{} bytes", text.len()));
    }
}
