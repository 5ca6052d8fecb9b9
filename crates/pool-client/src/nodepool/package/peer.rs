//! Brings a package from a peer: a handshake as of a torrent, then pieces as JSON in frames with their length before.

use super::Wish;
use super::hash::{InfoHash, MOST_PIECES, PIECE, Pieces, count};
use crate::failure::{disk, protocol, unreachable};
use crate::nodepool::proxy;
use hivemind_worker_core::port::PoolError;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Time for a handshake, and for each piece.
const STALL: Duration = Duration::from_secs(60);
/// Largest frame: a piece as numbers in decimal with commas and a space, and some more.
const MOST_FRAME: usize = 4 << 20;

/// The 68 bytes that both sides begin with.
pub(crate) fn handshake(hash: InfoHash, peer_id: &str) -> [u8; 68] {
    let mut bytes = [0; 68];
    bytes[0] = 19;
    bytes[1..20].copy_from_slice(b"BitTorrent protocol");
    bytes[28..48].copy_from_slice(&hash.0);
    for (to, from) in bytes[48..].iter_mut().zip(peer_id.bytes().chain(std::iter::repeat(b'-'))) {
        *to = from;
    }
    bytes
}

#[derive(Serialize)]
struct Wanted<'a> {
    info_hash: &'a str,
    piece_index: u64,
}

#[derive(Deserialize)]
struct Piece {
    ok: bool,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    piece_index: u64,
    #[serde(default)]
    data: Option<Vec<u8>>,
    #[serde(default)]
    total_length: u64,
    #[serde(default)]
    piece_count: u64,
}

/// The request for a piece, with its length before.
pub(crate) fn request(hash: InfoHash, piece_index: u64) -> Vec<u8> {
    let info_hash = hash.to_string();
    let body = serde_json::to_vec(&Wanted { info_hash: &info_hash, piece_index }).unwrap_or_default();
    let mut frame = u32::try_from(body.len()).unwrap_or(0).to_be_bytes().to_vec();
    frame.extend(body);
    frame
}

/// Writes the package into `file`, which is empty, and gives its pieces' hashes.
pub(crate) async fn download(
    peer: SocketAddr,
    hash: InfoHash,
    wish: &Wish<'_>,
    file: &mut File,
) -> Result<Pieces, PoolError> {
    let connected = proxy::connect(wish.proxy, peer).await;
    let mut stream = connected.map_err(|_| unreachable("a peer with the package does not answer"))?;
    talk(&mut stream, hash, wish.peer_id, wish.most, file).await
}

/// The same over any stream.
pub(crate) async fn talk(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    hash: InfoHash,
    peer_id: &str,
    most: u64,
    file: &mut (impl AsyncWrite + Unpin),
) -> Result<Pieces, PoolError> {
    let mut theirs = [0; 68];
    in_time(async {
        stream.write_all(&handshake(hash, peer_id)).await?;
        stream.read_exact(&mut theirs).await
    })
    .await?;
    if theirs[..20] != handshake(hash, peer_id)[..20] || theirs[28..48] != hash.0 {
        return Err(protocol("a peer answers for another package"));
    }
    let mut pieces = Pieces::default();
    let (mut total, mut index) = (None, 0);
    loop {
        in_time(stream.write_all(&request(hash, index))).await?;
        let frame = frame(stream).await?;
        let piece: Piece =
            serde_json::from_slice(&frame).map_err(|_| protocol("a peer's answer cannot be read"))?;
        drop(frame);
        if !piece.ok {
            return Err(protocol(format!("a peer refuses: {:.120}", piece.message.unwrap_or_default())));
        }
        let length = *total.get_or_insert(piece.total_length);
        if length == 0 || length > most || count(length) > MOST_PIECES {
            return Err(protocol(format!("the package has {length} bytes, at most {most} are taken")));
        }
        let expected = PIECE.min(length - index * PIECE);
        let data = piece.data.unwrap_or_default();
        let fits = piece.piece_index == index
            && piece.total_length == length
            && piece.piece_count == count(length)
            && data.len() as u64 == expected;
        if !fits {
            return Err(protocol("a peer contradicts itself about the package's pieces"));
        }
        file.write_all(&data).await.map_err(|error| disk(&error))?;
        pieces.add(&data);
        index += 1;
        if index == count(length) {
            return Ok(pieces);
        }
    }
}

async fn frame(stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, PoolError> {
    in_time(async {
        let length = stream.read_u32().await? as usize;
        if length > MOST_FRAME {
            return Err(std::io::Error::from(std::io::ErrorKind::FileTooLarge));
        }
        // What is announced is not yet what comes.
        let mut body = Vec::new();
        stream.take(length as u64).read_to_end(&mut body).await?;
        if body.len() == length { Ok(body) } else { Err(std::io::ErrorKind::UnexpectedEof.into()) }
    })
    .await
}

async fn in_time<T>(work: impl Future<Output = std::io::Result<T>>) -> Result<T, PoolError> {
    match tokio::time::timeout(STALL, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::FileTooLarge => {
            Err(protocol("a peer's answer is larger than a piece can be"))
        }
        Ok(Err(_)) => Err(unreachable("a peer with the package broke off")),
        Err(_) => Err(unreachable("a peer with the package has fallen silent")),
    }
}
