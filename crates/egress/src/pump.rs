//! Bytes from one side to the other, counted, capped and timed.

use crate::body::BodyEnd;
use crate::refusal::Refusal;
use hivemind_worker_core::port::Traffic;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

const PIECE_BYTES: usize = 16 * 1024;

/// What one container has moved.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    received: AtomicU64,
    sent: AtomicU64,
    refused: AtomicU64,
    max_bytes: u64,
}

impl Meter {
    pub(crate) fn new(max_bytes: u64) -> Self {
        Self { max_bytes, ..Self::default() }
    }

    pub(crate) fn traffic(&self) -> Traffic {
        Traffic {
            received: self.received.load(Ordering::Relaxed),
            sent: self.sent.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether nothing more may be moved.
    pub(crate) fn is_used_up(&self) -> bool {
        self.left() == 0
    }

    pub(crate) fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    fn left(&self) -> u64 {
        let traffic = self.traffic();
        self.max_bytes.saturating_sub(traffic.received.saturating_add(traffic.sent))
    }
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// From the task.
    Out,
    /// To the task.
    In,
}

/// Why a connection came to its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The traffic is used up.
    UsedUp,
    /// Nothing moved for too long.
    Idle,
    /// One side broke.
    Broken,
    /// The body was not what it said.
    Refused(Refusal),
}

impl From<io::Error> for Stop {
    fn from(_: io::Error) -> Self {
        Self::Broken
    }
}

/// The two ways of one connection.
#[derive(Debug)]
pub(crate) struct Pump<'a> {
    meter: &'a Meter,
    /// Of all sessions.
    moved: &'a AtomicU64,
    idle: Duration,
    moved_at: Mutex<Instant>,
}

impl<'a> Pump<'a> {
    pub(crate) fn new(meter: &'a Meter, moved: &'a AtomicU64, idle: Duration) -> Self {
        Self { meter, moved, idle, moved_at: Mutex::new(Instant::now()) }
    }

    /// Moves bytes until `from` ends; ends `to`'s writing side then. With `body` it stops where the body ends, and
    /// leaves `to` open.
    pub(crate) async fn run(
        &self,
        way: Way,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        mut first: Vec<u8>,
        mut body: Option<BodyEnd>,
    ) -> Result<(), Stop> {
        let mut buffer = vec![0; PIECE_BYTES];
        loop {
            if body.as_ref().is_some_and(BodyEnd::is_done) {
                return Ok(());
            }
            let read = if first.is_empty() { self.read(from, &mut buffer).await? } else { first.len() };
            if read == 0 {
                if body.is_none() {
                    to.shutdown().await?;
                    return Ok(());
                }
                return Err(Stop::Broken);
            }
            let piece =
                if first.is_empty() { buffer.get(..read).unwrap_or_default() } else { first.as_slice() };
            let piece = match &mut body {
                Some(body) => {
                    let taken = body.take(piece).map_err(Stop::Refused)?;
                    piece.get(..taken).unwrap_or_default()
                }
                None => piece,
            };
            self.write(way, to, piece).await?;
            first.clear();
        }
    }

    /// Writes and counts.
    pub(crate) async fn write(
        &self,
        way: Way,
        to: &mut (impl AsyncWrite + Unpin),
        piece: &[u8],
    ) -> Result<(), Stop> {
        let bytes = piece.len() as u64;
        let counter = match way {
            Way::Out => &self.meter.sent,
            Way::In => &self.meter.received,
        };
        if self.meter.left() < bytes {
            // What is used up stays used up, also when this piece was larger than the rest.
            counter.fetch_add(self.meter.left(), Ordering::Relaxed);
            return Err(Stop::UsedUp);
        }
        counter.fetch_add(bytes, Ordering::Relaxed);
        self.moved.fetch_add(bytes, Ordering::Relaxed);
        tokio::time::timeout(self.idle, to.write_all(piece)).await.map_err(|_| Stop::Idle)??;
        self.moved();
        Ok(())
    }

    /// Reads; gives up when nothing moved either way for too long.
    async fn read(&self, from: &mut (impl AsyncRead + Unpin), buffer: &mut [u8]) -> Result<usize, Stop> {
        loop {
            let until = *self.lock() + self.idle;
            match tokio::time::timeout_at(until, from.read(buffer)).await {
                Ok(read) => return Ok(read?),
                Err(_) if *self.lock() + self.idle > Instant::now() => {}
                Err(_) => return Err(Stop::Idle),
            }
        }
    }

    fn moved(&self) {
        *self.lock() = Instant::now();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.moved_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
