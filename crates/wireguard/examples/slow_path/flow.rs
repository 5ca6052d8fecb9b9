//! Bytes as fast as they go, counted where they arrive.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

const CHUNK: usize = 64 * 1024;

/// To the peer, or from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Up,
    Down,
}

impl Way {
    pub const BOTH: [(Self, &'static str); 2] = [(Self::Up, "up"), (Self::Down, "down")];
}

/// Bytes that arrived, wherever that was.
pub type Arrived = Arc<AtomicU64>;

async fn take(mut stream: impl AsyncRead + Unpin, arrived: &AtomicU64) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(read @ 1..) = stream.read(&mut chunk).await {
        arrived.fetch_add(read as u64, Ordering::Relaxed);
    }
}

async fn give(mut stream: impl AsyncWrite + Unpin) {
    let chunk = vec![7; CHUNK];
    while stream.write_all(&chunk).await.is_ok() {}
}

/// The peer: is told which way, then takes or gives until the other end stops.
pub async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, arrived: Arrived) {
    match stream.read_u8().await {
        Ok(b'u') => take(stream, &arrived).await,
        Ok(_) => give(stream).await,
        Err(_) => {}
    }
}

/// Megabits a second over a fresh connection, its beginning included.
pub async fn measure(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    way: Way,
    arrived: &Arrived,
    look: Duration,
) -> f64 {
    arrived.store(0, Ordering::Relaxed);
    stream.write_all(if way == Way::Up { b"u" } else { b"d" }).await.unwrap();
    let moving = async {
        match way {
            Way::Up => give(stream).await,
            Way::Down => take(stream, arrived).await,
        }
    };
    let ended = tokio::time::timeout(look, moving).await;
    assert!(ended.is_err(), "the connection ended before its time");
    arrived.load(Ordering::Relaxed) as f64 * 8.0 / 1e6 / look.as_secs_f64()
}
