//! The worker's end of a relay: frames in, connections for the proxy out.

use crate::connection::failed;
use bollard::container::LogOutput;
use bollard::errors::Error;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};
use hivemind_domain::text::plain_line;
use hivemind_mux::{Frame, GREETING, Kind, MAX_CONTENT, MAX_STREAMS, MuxError, Reader, WINDOW, Windows};
use hivemind_worker_core::port::{EgressSession, EngineError};
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;

/// Frames that wait for the relay.
const WAITING: usize = 32;
/// Bytes between a connection and the proxy, beside the window.
const BETWEEN: usize = 16 * 1024;
/// A connection that the proxy has ended may stay half open for this long.
const LINGER: Duration = Duration::from_secs(10);

/// What a relay's standard streams are here.
pub(super) type Input = Pin<Box<dyn AsyncWrite + Send>>;
pub(super) type Output = BoxStream<'static, Result<LogOutput, Error>>;

/// Carries connections until the relay is gone or breaks a rule. Tells `ready` when it listens.
pub(super) async fn carry(
    mut output: Output,
    input: Input,
    session: Arc<dyn EgressSession>,
    ready: oneshot::Sender<()>,
) -> Result<(), EngineError> {
    let (frames, waiting) = mpsc::channel(WAITING);
    let writing = tokio::spawn(write(input, waiting)).map(|_| ());
    let mut hub = Hub { frames, session, streams: HashMap::new(), last: 0, ready: Some(ready) };
    let mut reader = Reader::default();
    let mut running = JoinSet::new();
    tokio::pin!(writing);
    let broken = |error: MuxError| failed(format!("the relay broke the rules: {error}"));
    loop {
        tokio::select! {
            piece = output.next() => match piece {
                Some(Ok(LogOutput::StdOut { message })) => reader.push(&message),
                Some(Ok(LogOutput::StdErr { message } | LogOutput::Console { message })) => {
                    let said = plain_line(&String::from_utf8_lossy(&message), 300);
                    tracing::warn!(said, "a relay says");
                }
                Some(Ok(LogOutput::StdIn { .. })) => {}
                Some(Err(error)) => return Err(crate::failure::translate("hear the relay", &error)),
                None => return Err(failed("the relay ended")),
            },
            Some(ended) = running.join_next() => {
                if let Ok(number) = ended {
                    hub.streams.remove(&number);
                }
                continue;
            }
            () = &mut writing => return Err(failed("the relay does not listen any more")),
        }
        while let Some(frame) = reader.next_frame().map_err(broken)? {
            hub.hear(frame, &mut running).map_err(broken)?;
        }
    }
}

async fn write(mut input: Input, mut waiting: mpsc::Receiver<Frame>) {
    let mut bytes = Vec::new();
    while let Some(frame) = waiting.recv().await {
        bytes.clear();
        frame.write(&mut bytes);
        if input.write_all(&bytes).await.is_err() || input.flush().await.is_err() {
            return;
        }
    }
}

struct Hub {
    frames: mpsc::Sender<Frame>,
    session: Arc<dyn EgressSession>,
    streams: HashMap<u32, Stream>,
    /// Number of the newest connection.
    last: u32,
    ready: Option<oneshot::Sender<()>>,
}

/// The loop's end of a connection.
struct Stream {
    side: Arc<Side>,
    /// Absent once the task's side has ended. Never holds more than a window.
    inbound: Option<mpsc::UnboundedSender<Vec<u8>>>,
    gone: Option<oneshot::Sender<()>>,
}

#[derive(Default)]
struct Side {
    windows: Mutex<Windows>,
    room: Notify,
}

impl Side {
    fn windows(&self) -> MutexGuard<'_, Windows> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hub {
    fn hear(&mut self, frame: Frame, running: &mut JoinSet<u32>) -> Result<(), MuxError> {
        match (frame.kind, self.ready.take()) {
            (Kind::Ready, Some(ready)) if frame.content == GREETING => {
                let _ = ready.send(());
                return Ok(());
            }
            (Kind::Ready, _) | (_, Some(_)) => return Err(MuxError::Frame),
            (Kind::Open | Kind::Data | Kind::End | Kind::Reset | Kind::Window, None) => {}
        }
        if frame.kind == Kind::Open {
            return self.open(frame.stream, running);
        }
        // Connections that ended here may still be spoken of.
        let Some(stream) = self.streams.get_mut(&frame.stream) else {
            return if frame.stream <= self.last { Ok(()) } else { Err(MuxError::Stream) };
        };
        match frame.kind {
            Kind::Data => {
                stream.side.windows().came(frame.content.len())?;
                let inbound = stream.inbound.as_ref().ok_or(MuxError::Frame)?;
                // Nobody takes it any more: the connection is about to end.
                let _ = inbound.send(frame.content);
            }
            Kind::End => stream.inbound = None,
            Kind::Window => {
                stream.side.windows().credited(frame.credit())?;
                stream.side.room.notify_one();
            }
            Kind::Reset => {
                if let Some(gone) = stream.gone.take() {
                    let _ = gone.send(());
                }
            }
            Kind::Ready | Kind::Open => return Err(MuxError::Frame),
        }
        Ok(())
    }

    fn open(&mut self, number: u32, running: &mut JoinSet<u32>) -> Result<(), MuxError> {
        // The relay forgets a connection a moment before we do.
        if number <= self.last || self.streams.len() >= 2 * MAX_STREAMS {
            return Err(MuxError::Stream);
        }
        self.last = number;
        let (inbound, pieces) = mpsc::unbounded_channel();
        let (gone, reset) = oneshot::channel();
        let side = Arc::new(Side::default());
        let stream = Stream { side: Arc::clone(&side), inbound: Some(inbound), gone: Some(gone) };
        self.streams.insert(number, stream);
        let connection = Connection { number, side, frames: self.frames.clone() };
        let session = Arc::clone(&self.session);
        running.spawn(async move {
            tokio::select! {
                () = connection.serve(session, pieces) => {}
                _ = reset => {}
            }
            number
        });
        Ok(())
    }
}

/// One connection at work.
struct Connection {
    number: u32,
    side: Arc<Side>,
    frames: mpsc::Sender<Frame>,
}

impl Connection {
    async fn serve(&self, session: Arc<dyn EgressSession>, pieces: mpsc::UnboundedReceiver<Vec<u8>>) {
        let (ours, theirs) = tokio::io::duplex(BETWEEN);
        let (read, write) = tokio::io::split(ours);
        let outbound = async {
            session.serve(Box::new(theirs)).await;
        };
        let inward = self.inward(pieces, write);
        tokio::pin!(inward);
        let proxied = async {
            tokio::join!(outbound, self.outward(read));
        };
        tokio::pin!(proxied);
        let taken = tokio::select! {
            () = &mut inward => true,
            () = &mut proxied => false,
        };
        if taken {
            proxied.await;
        } else if tokio::time::timeout(LINGER, inward).await.is_err() {
            self.say(Frame::bare(self.number, Kind::Reset)).await;
        }
    }

    /// From the task to the proxy. What the proxy does not want is dropped, so that the task sees its answer.
    async fn inward(&self, mut pieces: mpsc::UnboundedReceiver<Vec<u8>>, mut proxy: WriteHalf<DuplexStream>) {
        let mut wanted = true;
        while let Some(piece) = pieces.recv().await {
            wanted = wanted && proxy.write_all(&piece).await.is_ok();
            let more = self.side.windows().consumed(piece.len());
            if let Some(more) = more {
                self.say(Frame::window(self.number, more)).await;
            }
        }
        let _ = proxy.shutdown().await;
    }

    /// From the proxy to the task.
    async fn outward(&self, mut proxy: ReadHalf<DuplexStream>) {
        let mut piece = vec![0; MAX_CONTENT];
        loop {
            let room = self.side.windows().room().min(MAX_CONTENT);
            if room == 0 {
                self.side.room.notified().await;
                continue;
            }
            match proxy.read(piece.get_mut(..room).unwrap_or_default()).await {
                Ok(0) | Err(_) => break,
                Ok(read) => {
                    self.side.windows().sent(read);
                    self.say(Frame::data(self.number, piece.get(..read).unwrap_or_default())).await;
                }
            }
        }
        self.say(Frame::bare(self.number, Kind::End)).await;
    }

    async fn say(&self, frame: Frame) {
        // Without a reader the whole relay is about to end.
        let _ = self.frames.send(frame).await;
    }
}

const _: () = assert!(WINDOW as usize >= MAX_CONTENT, "a frame fits into a window");
