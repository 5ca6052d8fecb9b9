//! Many connections over one pair of byte streams: the words that the relay beside a task and the worker speak over
//! the relay's standard input and output.
//!
//! A frame is eight bytes of head and at most 16 KiB of content; numbers are big-endian:
//!
//! ```text
//! stream u32 │ kind u8 │ zero u8 │ length u16 │ content
//! ```
//!
//! | kind | from | content | means |
//! |---|---|---|---|
//! | 1 ready | relay | `hivemind-mux 1`, on stream 0 | first word: it listens |
//! | 2 open | relay | none | a new connection; numbers rise from 1 and are never used twice |
//! | 3 data | both | 1 byte to 16 KiB | bytes of a connection, never more than the other side's window |
//! | 4 end | both | none | no more bytes come from this side |
//! | 5 reset | both | none | the connection is gone; later frames about it are ignored |
//! | 6 window | both | u32 | so many more bytes may be sent |
//!
//! Every connection begins with a window of [`WINDOW`] bytes each way, and at most [`MAX_STREAMS`] are open: this
//! bounds the memory of both sides. Whoever breaks a rule is hung up on.
//!
//! Architecture invariant: no input or output here, and nothing of ours is known: it is part of the static companion,
//! too.

use std::collections::VecDeque;

/// Bytes of a head.
pub const HEAD_BYTES: usize = 8;
/// Most bytes of content.
pub const MAX_CONTENT: usize = 16 * 1024;
/// Bytes that may be on the way in each direction of a connection.
pub const WINDOW: u32 = 64 * 1024;
/// Connections open at once.
pub const MAX_STREAMS: usize = 64;
/// What the relay says first.
pub const GREETING: &[u8] = b"hivemind-mux 1";
/// Where the relay listens.
pub const PORT: u16 = 3128;

/// What a frame is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The relay listens.
    Ready,
    /// A new connection.
    Open,
    /// Bytes.
    Data,
    /// No more bytes from this side.
    End,
    /// The connection is gone.
    Reset,
    /// More bytes may be sent.
    Window,
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Which connection.
    pub stream: u32,
    /// What about it.
    pub kind: Kind,
    /// Content.
    pub content: Vec<u8>,
}

/// A broken rule: the other side cannot be trusted any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MuxError {
    /// No such kind, a reserved byte that is not zero, or a content of the wrong length.
    #[error("a frame that is none")]
    Frame,
    /// More bytes than the window allows.
    #[error("more bytes than the window allows")]
    Window,
    /// A number used twice, or too many connections.
    #[error("a connection that may not be opened")]
    Stream,
}

impl Frame {
    /// A frame without content.
    #[must_use]
    pub fn bare(stream: u32, kind: Kind) -> Self {
        Self { stream, kind, content: Vec::new() }
    }

    /// Bytes of a connection; more than [`MAX_CONTENT`] are cut off.
    #[must_use]
    pub fn data(stream: u32, bytes: &[u8]) -> Self {
        let content = bytes.get(..bytes.len().min(MAX_CONTENT)).unwrap_or_default().to_vec();
        Self { stream, kind: Kind::Data, content }
    }

    /// Room for so many more bytes.
    #[must_use]
    pub fn window(stream: u32, bytes: u32) -> Self {
        Self { stream, kind: Kind::Window, content: bytes.to_be_bytes().to_vec() }
    }

    /// The first word.
    #[must_use]
    pub fn ready() -> Self {
        Self { stream: 0, kind: Kind::Ready, content: GREETING.to_vec() }
    }

    /// How much a window frame adds; zero for other frames.
    #[must_use]
    pub fn credit(&self) -> u32 {
        let bytes = <[u8; 4]>::try_from(self.content.as_slice());
        if self.kind == Kind::Window { bytes.map_or(0, u32::from_be_bytes) } else { 0 }
    }

    /// Appends the frame as it travels.
    pub fn write(&self, into: &mut Vec<u8>) {
        let kind = match self.kind {
            Kind::Ready => 1,
            Kind::Open => 2,
            Kind::Data => 3,
            Kind::End => 4,
            Kind::Reset => 5,
            Kind::Window => 6,
        };
        let length = u16::try_from(self.content.len()).unwrap_or(0);
        into.extend_from_slice(&self.stream.to_be_bytes());
        into.extend_from_slice(&[kind, 0]);
        into.extend_from_slice(&length.to_be_bytes());
        into.extend_from_slice(&self.content);
    }
}

/// Cuts a byte stream into frames.
#[derive(Debug, Default)]
pub struct Reader {
    bytes: VecDeque<u8>,
}

impl Reader {
    /// Adds what was read.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    /// The next whole frame.
    ///
    /// # Errors
    /// When the bytes are no frame.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, MuxError> {
        if self.bytes.len() < HEAD_BYTES {
            return Ok(None);
        }
        let byte = |at: usize| self.bytes.get(at).copied().unwrap_or_default();
        let stream = u32::from_be_bytes([byte(0), byte(1), byte(2), byte(3)]);
        let length = usize::from(u16::from_be_bytes([byte(6), byte(7)]));
        let kind = match byte(4) {
            1 => Kind::Ready,
            2 => Kind::Open,
            3 => Kind::Data,
            4 => Kind::End,
            5 => Kind::Reset,
            6 => Kind::Window,
            _ => return Err(MuxError::Frame),
        };
        let fits = match kind {
            Kind::Ready => length == GREETING.len() && stream == 0,
            Kind::Data => (1..=MAX_CONTENT).contains(&length) && stream != 0,
            Kind::Window => length == 4 && stream != 0,
            Kind::Open | Kind::End | Kind::Reset => length == 0 && stream != 0,
        };
        if !fits || byte(5) != 0 {
            return Err(MuxError::Frame);
        }
        if self.bytes.len() < HEAD_BYTES + length {
            return Ok(None);
        }
        let content = self.bytes.drain(..HEAD_BYTES + length).skip(HEAD_BYTES).collect();
        Ok(Some(Frame { stream, kind, content }))
    }
}

/// The two windows of one connection, seen from one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    may_send: u32,
    may_come: u32,
    consumed: u32,
}

impl Default for Windows {
    fn default() -> Self {
        Self { may_send: WINDOW, may_come: WINDOW, consumed: 0 }
    }
}

impl Windows {
    /// How many bytes may be sent now.
    #[must_use]
    pub fn room(&self) -> usize {
        usize::try_from(self.may_send).unwrap_or(usize::MAX)
    }

    /// Counts bytes that are sent; never more than [`Self::room`].
    pub fn sent(&mut self, bytes: usize) {
        self.may_send = self.may_send.saturating_sub(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    /// The other side gave more room.
    ///
    /// # Errors
    /// When the window would grow beyond [`WINDOW`].
    pub fn credited(&mut self, bytes: u32) -> Result<(), MuxError> {
        let grown = self.may_send.checked_add(bytes).filter(|sum| *sum <= WINDOW);
        self.may_send = grown.ok_or(MuxError::Window)?;
        Ok(())
    }

    /// Counts bytes that came.
    ///
    /// # Errors
    /// When they are more than was allowed.
    pub fn came(&mut self, bytes: usize) -> Result<(), MuxError> {
        let left = u32::try_from(bytes).ok().and_then(|bytes| self.may_come.checked_sub(bytes));
        self.may_come = left.ok_or(MuxError::Window)?;
        Ok(())
    }

    /// Counts bytes that were passed on; says how much room to give back, in steps of half a window.
    #[must_use]
    pub fn consumed(&mut self, bytes: usize) -> Option<u32> {
        self.consumed = self.consumed.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        if self.consumed < WINDOW / 2 {
            return None;
        }
        let give = std::mem::take(&mut self.consumed);
        self.may_come = self.may_come.saturating_add(give);
        Some(give)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_any_cutting() {
        let frames = [
            Frame::ready(),
            Frame::bare(1, Kind::Open),
            Frame::data(1, &[7; MAX_CONTENT]),
            Frame::window(1, 32_768),
            Frame::bare(u32::MAX, Kind::End),
            Frame::bare(2, Kind::Reset),
        ];
        let mut bytes = Vec::new();
        frames.iter().for_each(|frame| frame.write(&mut bytes));
        for step in [1, 7, 4096, bytes.len()] {
            let (mut reader, mut read) = (Reader::default(), Vec::new());
            for piece in bytes.chunks(step) {
                reader.push(piece);
                while let Some(frame) = reader.next_frame().expect("frames") {
                    read.push(frame);
                }
            }
            assert_eq!(read, frames, "in steps of {step}");
        }
        assert_eq!((frames[3].credit(), frames[2].credit()), (32_768, 0));
    }

    #[test]
    fn what_is_no_frame_is_refused_from_its_head() {
        for head in [
            [0, 0, 0, 1, 0, 0, 0, 0],
            [0, 0, 0, 1, 7, 0, 0, 0],
            [0, 0, 0, 1, 2, 1, 0, 0],
            [0, 0, 0, 1, 2, 0, 0, 1],
            [0, 0, 0, 0, 2, 0, 0, 0],
            [0, 0, 0, 0, 3, 0, 0, 1],
            [0, 0, 0, 1, 3, 0, 0, 0],
            [0, 0, 0, 1, 3, 0, 0x40, 1],
            [0, 0, 0, 1, 6, 0, 0, 3],
            [0, 0, 0, 1, 1, 0, 0, 14],
            [0, 0, 0, 0, 1, 0, 0, 13],
        ] {
            let mut reader = Reader::default();
            reader.push(&head);
            assert_eq!(reader.next_frame(), Err(MuxError::Frame), "{head:?}");
        }
    }

    #[test]
    fn nobody_gets_more_room_than_a_window() {
        let mut own = Windows::default();
        own.came(WINDOW as usize).expect("a whole window");
        assert_eq!(own.came(1), Err(MuxError::Window));
        assert_eq!(own.consumed(WINDOW as usize / 2 - 1), None);
        assert_eq!(own.consumed(1), Some(WINDOW / 2));
        own.came(WINDOW as usize / 2).expect("what was given back");
        assert_eq!(own.came(1), Err(MuxError::Window));
        assert_eq!(own.credited(1), Err(MuxError::Window), "the sending window is full");
        own.sent(10);
        assert_eq!((own.room(), own.credited(10), own.credited(1)), (65_526, Ok(()), Err(MuxError::Window)));
        assert_eq!(own.credited(u32::MAX), Err(MuxError::Window));
    }
}
