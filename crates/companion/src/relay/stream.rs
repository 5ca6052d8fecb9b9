//! One connection of the task.

use hivemind_mux::{Frame, Kind, MAX_CONTENT, MuxError, Windows};
use rustix::event::PollFlags;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Lives,
    /// Both sides have ended it.
    Done,
    /// It broke: the worker has to be told.
    Broken,
}

pub(super) struct Stream {
    number: u32,
    socket: TcpStream,
    windows: Windows,
    /// From the worker, not yet taken by the task; within the window.
    pending: VecDeque<u8>,
    /// The task sends no more.
    task_ended: bool,
    /// The worker sends no more.
    worker_ended: bool,
    /// The task was told so.
    shut: bool,
}

impl Stream {
    pub(super) fn new(number: u32, socket: TcpStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        socket.set_nodelay(true)?;
        let (windows, pending) = (Windows::default(), VecDeque::new());
        Ok(Self { number, socket, windows, pending, task_ended: false, worker_ended: false, shut: false })
    }

    pub(super) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// What to wait for; `room` says whether more may wait for the worker.
    pub(super) fn wants(&self, room: bool) -> PollFlags {
        let mut wanted = PollFlags::empty();
        if self.may_read(room) {
            wanted |= PollFlags::IN;
        }
        if !self.pending.is_empty() {
            wanted |= PollFlags::OUT;
        }
        wanted
    }

    fn may_read(&self, room: bool) -> bool {
        room && !self.task_ended && self.windows.room() > 0
    }

    /// Takes a frame from the worker.
    pub(super) fn hear(&mut self, frame: &Frame, waiting: &mut Vec<u8>) -> Result<Fate, MuxError> {
        match frame.kind {
            Kind::Data if self.worker_ended => Err(MuxError::Frame),
            Kind::Data => {
                self.windows.came(frame.content.len())?;
                self.pending.extend(&frame.content);
                Ok(self.push(waiting))
            }
            Kind::End => {
                self.worker_ended = true;
                Ok(self.push(waiting))
            }
            Kind::Window => {
                self.windows.credited(frame.credit())?;
                Ok(Fate::Lives)
            }
            Kind::Reset => Ok(Fate::Done),
            Kind::Ready | Kind::Open => Err(MuxError::Frame),
        }
    }

    /// Moves what can be moved.
    pub(super) fn serve(&mut self, waiting: &mut Vec<u8>, room: bool) -> Fate {
        let mut fate = self.push(waiting);
        if fate == Fate::Lives && self.may_read(room) {
            fate = self.pull(waiting);
        }
        fate
    }

    /// From the worker to the task.
    fn push(&mut self, waiting: &mut Vec<u8>) -> Fate {
        while !self.pending.is_empty() {
            let (front, _) = self.pending.as_slices();
            match self.socket.write(front) {
                Ok(0) => return Fate::Broken,
                Ok(written) => {
                    self.pending.drain(..written);
                    if let Some(more) = self.windows.consumed(written) {
                        Frame::window(self.number, more).write(waiting);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Fate::Lives,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Fate::Broken,
            }
        }
        if self.worker_ended && !self.shut {
            self.shut = true;
            let _ = self.socket.shutdown(Shutdown::Write);
        }
        self.fate()
    }

    /// From the task to the worker.
    fn pull(&mut self, waiting: &mut Vec<u8>) -> Fate {
        let mut piece = [0; MAX_CONTENT];
        let most = self.windows.room().min(MAX_CONTENT);
        match self.socket.read(piece.get_mut(..most).unwrap_or_default()) {
            Ok(0) => {
                self.task_ended = true;
                Frame::bare(self.number, Kind::End).write(waiting);
                self.fate()
            }
            Ok(read) => {
                self.windows.sent(read);
                Frame::data(self.number, piece.get(..read).unwrap_or_default()).write(waiting);
                Fate::Lives
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                Fate::Lives
            }
            Err(_) => Fate::Broken,
        }
    }

    fn fate(&self) -> Fate {
        if self.task_ended && self.shut { Fate::Done } else { Fate::Lives }
    }
}
