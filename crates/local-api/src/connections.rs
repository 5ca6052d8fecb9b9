//! Accepting connections and serving HTTP/1 on them, within bounds of number and time.

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// Time for a request's head, and for an idle kept-alive connection.
const HEAD_TIME: Duration = Duration::from_secs(10);
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
/// Answers under way get this long when the worker ends.
const GOODBYE: Duration = Duration::from_secs(2);

/// Where connections come from.
pub(crate) trait Accept: Send {
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    fn accept(&mut self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// Serves until `shutdown`, at most `most` connections at once; more wait in the operating system's queue.
pub(crate) async fn serve(mut from: impl Accept, router: Router, most: usize, shutdown: CancellationToken) {
    let seats = Arc::new(Semaphore::new(most));
    let tracker = TaskTracker::new();
    loop {
        let next = async {
            let seat = Arc::clone(&seats).acquire_owned().await;
            (from.accept().await, seat)
        };
        let (accepted, seat) = tokio::select! {
            next = next => next,
            () = shutdown.cancelled() => break,
        };
        match accepted {
            Ok(stream) => {
                let (router, shutdown) = (router.clone(), shutdown.clone());
                tracker.spawn(async move {
                    let _seat = seat;
                    converse(stream, router, shutdown).await;
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely; asking again at once would spin.
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(Duration::from_millis(200)).await;
            }
        }
    }
    drop(from);
    tracker.close();
    let _ = timeout(GOODBYE * 2, tracker.wait()).await;
}

async fn converse<S>(stream: S, router: Router, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        router.clone().oneshot(request.map(Body::new))
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            timeout(GOODBYE, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a local connection ended early");
    }
}
