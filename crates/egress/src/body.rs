//! The body of a forwarded request: exactly as long as it says, so that no second request hides behind it.

use crate::head::Body;
use crate::refusal::Refusal;

/// Longest line that says how long a chunk is, and longest trailer line.
const MAX_LINE_BYTES: usize = 256;
/// Most bytes of trailers.
const MAX_TRAILER_BYTES: usize = 4096;

/// Follows a body and knows where it ends.
#[derive(Debug)]
pub(crate) struct BodyEnd {
    state: State,
    line: Vec<u8>,
    trailers: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// This many plain bytes, then the end.
    Plain(u64),
    /// The line with a chunk's size.
    Size,
    /// This many bytes of a chunk.
    Chunk(u64),
    /// The line end after a chunk.
    AfterChunk,
    /// Lines after the last chunk.
    Trailers,
    Done,
}

impl BodyEnd {
    pub(crate) fn new(body: Body) -> Self {
        let state = match body {
            Body::Length(0) => State::Done,
            Body::Length(length) => State::Plain(length),
            Body::Chunked => State::Size,
        };
        Self { state, line: Vec::new(), trailers: 0 }
    }

    /// Whether the body is whole.
    pub(crate) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// How many of `bytes` belong to the body.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<usize, Refusal> {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            taken += match self.state {
                State::Done => return Ok(taken),
                State::Plain(left) => {
                    let step = within(left, rest.len());
                    self.state = match left - step as u64 {
                        0 => State::Done,
                        left => State::Plain(left),
                    };
                    step
                }
                State::Chunk(left) => {
                    let step = within(left, rest.len());
                    self.state = match left - step as u64 {
                        0 => State::AfterChunk,
                        left => State::Chunk(left),
                    };
                    step
                }
                State::Size | State::AfterChunk | State::Trailers => {
                    self.byte(rest.first().copied().unwrap_or_default())?;
                    1
                }
            };
        }
        Ok(taken)
    }

    fn byte(&mut self, byte: u8) -> Result<(), Refusal> {
        self.line.push(byte);
        if self.line.len() > MAX_LINE_BYTES {
            return Err(Refusal::Request("a line of the chunked body is too long"));
        }
        if byte != b'\n' {
            return Ok(());
        }
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r\n").ok_or(Refusal::Request("the chunked body is damaged"))?;
        self.state = match (self.state, line) {
            (State::AfterChunk, []) => State::Size,
            (State::Size, digits) => match size_of(digits)? {
                0 => State::Trailers,
                size => State::Chunk(size),
            },
            (State::Trailers, []) => State::Done,
            (State::Trailers, line) => {
                self.trailers += line.len();
                if self.trailers > MAX_TRAILER_BYTES || line.starts_with(b" ") || !line.contains(&b':') {
                    return Err(Refusal::Request("the trailers of the chunked body are damaged"));
                }
                State::Trailers
            }
            _ => return Err(Refusal::Request("the chunked body is damaged")),
        };
        Ok(())
    }
}

fn within(left: u64, have: usize) -> usize {
    usize::try_from(left).unwrap_or(usize::MAX).min(have)
}

/// Plain hexadecimal digits only: chunk extensions are read differently by different programs.
fn size_of(digits: &[u8]) -> Result<u64, Refusal> {
    let plain = (1..=15).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    let text = std::str::from_utf8(digits).ok().filter(|_| plain);
    let size = text.and_then(|text| u64::from_str_radix(text, 16).ok());
    size.ok_or(Refusal::Request("the size of a chunk is no plain number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends_at(body: Body, text: &str, step: usize) -> Option<usize> {
        let (mut end, mut at) = (BodyEnd::new(body), 0);
        while at < text.len() && !end.is_done() {
            let piece = text.as_bytes().get(at..(at + step).min(text.len())).expect("within");
            at += end.take(piece).ok()?;
        }
        end.is_done().then_some(at)
    }

    #[test]
    fn a_body_ends_where_it_says_and_not_later() {
        for step in [1, 2, 3, 1000] {
            assert_eq!(ends_at(Body::Length(3), "abcGET /", step), Some(3));
            assert_eq!(ends_at(Body::Length(0), "GET /", step), Some(0));
            let chunked = "3\r\nabc\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n";
            assert_eq!(ends_at(Body::Chunked, &format!("{chunked}GET /"), step), Some(chunked.len()));
            assert_eq!(ends_at(Body::Chunked, "0\r\n\r\nGET", step), Some(5));
        }
    }

    #[test]
    fn damaged_chunks_are_refused() {
        for text in [
            "3;x=y\r\nabc\r\n0\r\n\r\n",
            " 3\r\nabc\r\n0\r\n\r\n",
            "+3\r\nabc\r\n0\r\n\r\n",
            "0x3\r\nabc\r\n0\r\n\r\n",
            "\r\nabc\r\n0\r\n\r\n",
            "3\nabc\r\n0\r\n\r\n",
            "3\r\nabcd\r\n0\r\n\r\n",
            "FFFFFFFFFFFFFFFFF\r\n",
            "0\r\n folded\r\n\r\n",
            "0\r\nno colon\r\n\r\n",
        ] {
            assert_eq!(ends_at(Body::Chunked, text, 7), None, "{text:?}");
        }
        assert_eq!(ends_at(Body::Chunked, &format!("{}\r\n", "0".repeat(400)), 7), None);
    }
}
