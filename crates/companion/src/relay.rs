//! The relay: listens on 127.0.0.1 in a task's network namespace and carries every connection over its own standard
//! streams to the worker, which alone decides where it may lead. One thread, one `poll`; see `hivemind-mux` for the
//! words.

mod stream;

use hivemind_mux::{Frame, Kind, MAX_STREAMS, MuxError, PORT, Reader};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use stream::{Fate, Stream};

/// Above this much that waits for the worker nothing more is read from the task.
const MAX_WAITING: usize = 256 * 1024;
const PIECE_BYTES: usize = 32 * 1024;

/// Relays until the worker hangs up.
pub fn relay() -> std::process::ExitCode {
    let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)) {
        Ok(listener) => listener,
        Err(error) => {
            crate::console::error(&format!("127.0.0.1:{PORT} cannot be listened on: {error}"));
            return std::process::ExitCode::FAILURE;
        }
    };
    let (input, output) = (io::stdin(), io::stdout());
    match Relay::new(&listener, input.as_fd(), output.as_fd()).and_then(Relay::run) {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            crate::console::error(&format!("the relay ends: {error}"));
            std::process::ExitCode::FAILURE
        }
    }
}

struct Relay<'a> {
    listener: &'a TcpListener,
    input: BorrowedFd<'a>,
    output: BorrowedFd<'a>,
    reader: Reader,
    /// What waits for the worker.
    waiting: Vec<u8>,
    streams: BTreeMap<u32, Stream>,
    next: u32,
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ready {
    Input,
    Output,
    Listener,
    Stream(u32),
}

impl<'a> Relay<'a> {
    fn new(listener: &'a TcpListener, input: BorrowedFd<'a>, output: BorrowedFd<'a>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let flags = rustix::fs::fcntl_getfl(output)?;
        rustix::fs::fcntl_setfl(output, flags | OFlags::NONBLOCK)?;
        let mut waiting = Vec::new();
        Frame::ready().write(&mut waiting);
        Ok(Self {
            listener,
            input,
            output,
            reader: Reader::default(),
            waiting,
            streams: BTreeMap::new(),
            next: 1,
        })
    }

    fn run(mut self) -> io::Result<()> {
        loop {
            for ready in self.wait()? {
                match ready {
                    Ready::Input => {
                        if !self.read_input()? {
                            return Ok(());
                        }
                    }
                    Ready::Output => {
                        if !self.write_output()? {
                            return Ok(());
                        }
                    }
                    Ready::Listener => self.accept()?,
                    Ready::Stream(number) => self.serve(number),
                }
            }
        }
    }

    fn wait(&self) -> io::Result<Vec<Ready>> {
        let mut who = vec![Ready::Input];
        let mut fds = vec![PollFd::from_borrowed_fd(self.input, PollFlags::IN)];
        if !self.waiting.is_empty() {
            who.push(Ready::Output);
            fds.push(PollFd::from_borrowed_fd(self.output, PollFlags::OUT));
        }
        let room = self.waiting.len() < MAX_WAITING;
        if room && self.streams.len() < MAX_STREAMS {
            who.push(Ready::Listener);
            fds.push(PollFd::new(self.listener, PollFlags::IN));
        }
        for (number, stream) in &self.streams {
            let wanted = stream.wants(room);
            // Without a wish it is left out: its hang-up would wake us again and again.
            if !wanted.is_empty() {
                who.push(Ready::Stream(*number));
                fds.push(PollFd::new(stream.socket(), wanted));
            }
        }
        loop {
            match poll(&mut fds, None) {
                Ok(_) => break,
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let ready = fds.iter().zip(who).filter(|(fd, _)| !fd.revents().is_empty());
        Ok(ready.map(|(_, who)| who).collect())
    }

    /// False when the worker hung up.
    fn read_input(&mut self) -> io::Result<bool> {
        let mut piece = [0; PIECE_BYTES];
        match rustix::io::read(self.input, &mut piece) {
            Ok(0) => return Ok(false),
            Ok(read) => self.reader.push(piece.get(..read).unwrap_or_default()),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(error) => return Err(error.into()),
        }
        while let Some(frame) = self.reader.next_frame().map_err(io::Error::other)? {
            self.hear(&frame).map_err(io::Error::other)?;
        }
        Ok(true)
    }

    fn hear(&mut self, frame: &Frame) -> Result<(), MuxError> {
        if matches!(frame.kind, Kind::Ready | Kind::Open) {
            return Err(MuxError::Frame);
        }
        // A frame about a connection that has just ended is no mistake.
        let Some(stream) = self.streams.get_mut(&frame.stream) else { return Ok(()) };
        let fate = stream.hear(frame, &mut self.waiting)?;
        self.follow(frame.stream, fate);
        Ok(())
    }

    fn serve(&mut self, number: u32) {
        let room = self.waiting.len() < MAX_WAITING;
        let Some(stream) = self.streams.get_mut(&number) else { return };
        let fate = stream.serve(&mut self.waiting, room);
        self.follow(number, fate);
    }

    fn follow(&mut self, number: u32, fate: Fate) {
        match fate {
            Fate::Lives => {}
            Fate::Done => {
                self.streams.remove(&number);
            }
            Fate::Broken => {
                self.streams.remove(&number);
                Frame::bare(number, Kind::Reset).write(&mut self.waiting);
            }
        }
    }

    /// False when nobody reads any more.
    fn write_output(&mut self) -> io::Result<bool> {
        match rustix::io::write(self.output, &self.waiting) {
            Ok(written) => {
                self.waiting.drain(..written);
                Ok(true)
            }
            Err(Errno::INTR | Errno::AGAIN) => Ok(true),
            Err(Errno::PIPE) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        let socket = match self.listener.accept() {
            Ok((socket, _)) => socket,
            // The task hung up already, or has used up what it may open: neither is a reason to end.
            Err(_) => return Ok(()),
        };
        let number = self.next;
        let Some(next) = number.checked_add(1) else {
            return Err(io::Error::other("four thousand million connections are enough"));
        };
        self.next = next;
        if let Ok(stream) = Stream::new(number, socket) {
            self.streams.insert(number, stream);
            Frame::bare(number, Kind::Open).write(&mut self.waiting);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
