//! Bridges between byte streams of the engine and blocking code that reads or writes archives.

use bytes::{Buf, Bytes, BytesMut};
use std::io::{self, Read, Write};
use tokio::sync::mpsc;

/// Bytes are handed over in pieces of about this size.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces in flight: what bounds the memory of a transfer.
pub(crate) const PIECES: usize = 4;

/// The writing end, for blocking code. Fails when the reader has gone.
#[derive(Debug)]
pub(crate) struct ChannelWriter {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    buffer: BytesMut,
}

impl ChannelWriter {
    pub(crate) fn new(pieces: mpsc::Sender<io::Result<Bytes>>) -> Self {
        Self { pieces, buffer: BytesMut::with_capacity(PIECE_BYTES) }
    }
}

impl Write for ChannelWriter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let taken = data.len().min(PIECE_BYTES);
        self.buffer.extend_from_slice(data.get(..taken).unwrap_or_default());
        if self.buffer.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = self.buffer.split().freeze();
        self.buffer.reserve(PIECE_BYTES);
        self.pieces.blocking_send(Ok(piece)).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    }
}

/// The reading end, for blocking code.
#[derive(Debug)]
pub(crate) struct ChannelReader {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
}

impl ChannelReader {
    pub(crate) fn new(pieces: mpsc::Receiver<io::Result<Bytes>>) -> Self {
        Self { pieces, current: Bytes::new() }
    }
}

impl Read for ChannelReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() {
            match self.pieces.blocking_recv() {
                None => return Ok(0),
                Some(piece) => self.current = piece?,
            }
        }
        let taken = self.current.len().min(buffer.len());
        if let Some(room) = buffer.get_mut(..taken) {
            self.current.copy_to_slice(room);
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_errors_travel() {
        let (sender, receiver) = mpsc::channel(PIECES);
        let writing = std::thread::spawn(move || {
            let mut writer = ChannelWriter::new(sender.clone());
            writer.write_all(&[7; 200_000]).expect("written");
            writer.flush().expect("flushed");
            sender.blocking_send(Err(io::Error::other("broken"))).expect("sent");
        });
        let mut read = Vec::new();
        let error = ChannelReader::new(receiver).read_to_end(&mut read).expect_err("the error");
        writing.join().expect("joined");
        assert_eq!((read.len(), error.to_string().as_str()), (200_000, "broken"));
    }

    #[test]
    fn writing_to_nobody_fails() {
        let (sender, receiver) = mpsc::channel(1);
        drop(receiver);
        let mut writer = ChannelWriter::new(sender);
        assert!(writer.write_all(&[0; PIECE_BYTES]).is_err());
    }
}
