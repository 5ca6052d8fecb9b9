//! Bounds what may come in before anybody has proved anything: connections, bytes and time.

use http_body::Frame;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Bytes;
use tonic::codegen::http::Request;
use tonic::transport::server::{Connected, TcpConnectInfo};

/// Bytes of requests that are being read, all together.
pub(crate) const MOST_READING: usize = 6 << 20;
/// Time for a request to come in.
const READ: Duration = Duration::from_secs(10);
/// Connections from the pool's own address: it may open one for every task.
const POOLS: usize = 96;
/// Connections from elsewhere.
const OTHERS: usize = 8;

/// Room for connections.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    pools: Arc<Semaphore>,
    others: Arc<Semaphore>,
}

impl Default for Gate {
    fn default() -> Self {
        Self { pools: Arc::new(Semaphore::new(POOLS)), others: Arc::new(Semaphore::new(OTHERS)) }
    }
}

impl Gate {
    /// Room for one from there; absent when all is taken.
    pub(crate) fn enter(&self, from: IpAddr, pool: IpAddr) -> Option<OwnedSemaphorePermit> {
        let own = from.to_canonical() == pool.to_canonical();
        let room = if own { &self.pools } else { &self.others };
        Arc::clone(room).try_acquire_owned().ok()
    }
}

/// A connection that keeps its place.
pub(crate) struct Guest {
    stream: TcpStream,
    _room: OwnedSemaphorePermit,
}

impl Guest {
    pub(crate) fn new(stream: TcpStream, room: OwnedSemaphorePermit) -> Self {
        Self { stream, _room: room }
    }
}

impl Connected for Guest {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Gives the service bodies that are bounded in bytes and time.
#[derive(Debug, Clone)]
pub(crate) struct Bounded<S> {
    inner: S,
    reading: Arc<AtomicUsize>,
}

impl<S> Bounded<S> {
    pub(crate) fn new(inner: S, reading: Arc<AtomicUsize>) -> Self {
        Self { inner, reading }
    }
}

impl<S> tower::Service<Request<Body>> for Bounded<S>
where
    S: tower::Service<Request<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let reading = Arc::clone(&self.reading);
        self.inner.call(request.map(|body| Body::new(Counted::new(body, reading))))
    }
}

/// A request's body while it comes in.
struct Counted {
    inner: Body,
    reading: Arc<AtomicUsize>,
    bytes: usize,
    late: Pin<Box<tokio::time::Sleep>>,
}

impl Counted {
    fn new(inner: Body, reading: Arc<AtomicUsize>) -> Self {
        Self { inner, reading, bytes: 0, late: Box::pin(tokio::time::sleep(READ)) }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.reading.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

impl tonic::codegen::Body for Counted {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.late.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(Status::deadline_exceeded("the request came too slowly"))));
        }
        let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            let length = frame.data_ref().map_or(0, Bytes::len);
            self.bytes += length;
            if self.reading.fetch_add(length, Ordering::AcqRel) + length > MOST_READING {
                let full = Status::resource_exhausted("too many requests come in at once");
                return Poll::Ready(Some(Err(full)));
            }
        }
        Poll::Ready(frame)
    }
}
