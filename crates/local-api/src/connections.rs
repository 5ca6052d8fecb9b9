//! Accepting connections and serving HTTP/1 on them, within bounds of number and time.

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::future::Future;
use std::io;
use std::net::IpAddr;
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

/// The two ends of a connection over TCP; nothing where there are no addresses.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ends {
    /// This computer's address at which it arrived.
    pub(crate) here: Option<IpAddr>,
    /// Who called.
    pub(crate) there: Option<IpAddr>,
}

/// Where connections come from.
pub(crate) trait Accept: Send {
    type Stream: Send + 'static;

    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Stream, Ends)>> + Send;
}

/// Serves until `shutdown`, at most `most` connections at once; more wait in the operating system's queue. `greet` is
/// what happens on a new connection before its first request.
pub(crate) async fn serve<A, G, F, S>(
    mut from: A,
    greet: G,
    router: Router,
    most: usize,
    shutdown: CancellationToken,
) where
    A: Accept,
    G: Fn(A::Stream) -> F,
    F: Future<Output = io::Result<S>> + Send + 'static,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
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
            Ok((stream, ends)) => {
                let (router, shutdown) = (router.clone(), shutdown.clone());
                let greeting = greet(stream);
                tracker.spawn(async move {
                    let _seat = seat;
                    let greeted = tokio::select! {
                        greeted = timeout(HEAD_TIME, greeting) => greeted,
                        () = shutdown.cancelled() => return,
                    };
                    match greeted {
                        Ok(Ok(stream)) => converse(stream, ends, router, shutdown).await,
                        Ok(Err(error)) => tracing::debug!(%error, "a caller spoke something else"),
                        Err(_) => tracing::debug!("a caller said nothing"),
                    }
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

async fn converse<S>(stream: S, ends: Ends, router: Router, shutdown: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(ends);
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
