//! One line of output on the disk.

use hivemind_worker_core::port::OutputLine;
use std::io::Write as _;

/// A line with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// From 0.
    pub number: u64,
    /// The line.
    pub line: OutputLine,
}

impl Record {
    /// What stands for a line that cannot be read.
    pub(super) fn placeholder(number: u64, time_ns: i64, text: &str) -> Self {
        Self { number, line: OutputLine { stderr: true, time_ns, text: text.to_owned() } }
    }
}

/// Longest record, with every character escaped and its newline.
pub(super) const MOST_BYTES: usize = 6 * MOST_TEXT + 128;
/// Longest text kept; the engine gives no longer ones.
const MOST_TEXT: usize = 16 << 10;

/// Appends a record to `buffer`.
pub(super) fn write(buffer: &mut Vec<u8>, number: u64, line: &OutputLine) {
    let mut end = line.text.len().min(MOST_TEXT);
    while !line.text.is_char_boundary(end) {
        end -= 1;
    }
    let stream = if line.stderr { 'e' } else { 'o' };
    let written = write!(buffer, "{number}\t{}\t{stream}\t", line.time_ns);
    let sum_at = buffer.len();
    buffer.extend_from_slice(b"00000000\t");
    let text_at = buffer.len();
    let text = serde_json::to_writer(&mut *buffer, &line.text[..end]);
    debug_assert!(written.is_ok() && text.is_ok(), "memory takes everything");
    let sum = checksum(number, line.time_ns, line.stderr, &buffer[text_at..]);
    buffer[sum_at..sum_at + 8].copy_from_slice(&hexadecimal(sum));
    buffer.push(b'\n');
}

/// Eight digits.
fn hexadecimal(sum: u32) -> [u8; 8] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    std::array::from_fn(|place| DIGITS[(sum >> (28 - 4 * place)) as usize & 15])
}

/// Reads a record, without its newline; `None` when it is damaged.
pub(super) fn read(bytes: &[u8]) -> Option<Record> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut parts = text.splitn(5, '\t');
    let mut part = || parts.next();
    let (number, time_ns) = (part()?.parse::<u64>().ok()?, part()?.parse::<i64>().ok()?);
    let stderr = match part()? {
        "e" => true,
        "o" => false,
        _ => return None,
    };
    let (sum, text) = (part()?, part()?);
    // Compared as text, so that another spelling of the same number is damage too.
    let right = hexadecimal(checksum(number, time_ns, stderr, text.as_bytes()));
    if sum.as_bytes() != right || number > u64::MAX / 2 {
        return None;
    }
    Some(Record { number, line: OutputLine { stderr, time_ns, text: serde_json::from_str(text).ok()? } })
}

fn checksum(number: u64, time_ns: i64, stderr: bool, text: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&number.to_le_bytes());
    sum.update(&time_ns.to_le_bytes());
    sum.update(&[u8::from(stderr)]);
    sum.update(text);
    sum.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> OutputLine {
        OutputLine { stderr: true, time_ns: -7, text: text.to_owned() }
    }

    #[test]
    fn whatever_was_written_is_read_again() {
        let long = "\u{1}".repeat(MOST_TEXT);
        for text in
            ["", "plain", "tab\tnew\nline\r\"\\", "\u{1b}[31m", "繁體 \u{2028} \u{202E}", "\0", long.as_str()]
        {
            let mut buffer = Vec::new();
            write(&mut buffer, 42, &line(text));
            assert_eq!(buffer.iter().filter(|b| **b == b'\n').count(), 1, "{text:?}");
            assert!(buffer.len() <= MOST_BYTES);
            let back = read(&buffer[..buffer.len() - 1]).unwrap();
            assert_eq!((back.number, back.line), (42, line(text)));
        }
    }

    #[test]
    fn too_long_a_text_is_cut_at_a_character() {
        let mut buffer = Vec::new();
        write(&mut buffer, 0, &line(&"繁".repeat(MOST_TEXT)));
        let back = read(&buffer[..buffer.len() - 1]).unwrap();
        assert_eq!(back.line.text, "繁".repeat(MOST_TEXT / 3));
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let mut buffer = Vec::new();
        write(&mut buffer, 1234, &line("some text\twith \"things\" in it"));
        buffer.pop();
        for at in 0..buffer.len() {
            for bit in 0..8 {
                let mut bad = buffer.clone();
                bad[at] ^= 1 << bit;
                assert_eq!(read(&bad), None, "byte {at} bit {bit}");
            }
        }
    }
}
