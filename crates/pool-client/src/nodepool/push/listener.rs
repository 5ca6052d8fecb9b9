//! The listener for the pool's calls: on an address of the overlay, or on loopback; never on another.

use super::inlet::{Bounded, Gate, Guest};
use super::service::Service;
use crate::link::{Protection, plain};
use crate::nodepool::Inner;
use hivemind_proto::nodepool::worker_node_service_server::WorkerNodeServiceServer;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Largest call: source and input of a managed function, each at most 1 MiB, and what is around them.
const MOST_CALL: usize = (2 << 20) + (64 << 10);

/// A listener; it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) address: SocketAddr,
    pool: IpAddr,
    serving: JoinHandle<()>,
}

impl Listener {
    /// Whether it stands, for a pool that answers there.
    pub(crate) fn serves(&self, pool: IpAddr) -> bool {
        self.pool == pool && !self.serving.is_finished()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// This computer's address towards `pool`, as the system would choose it. Nothing is sent.
pub(crate) fn own_address(pool: SocketAddr) -> Option<IpAddr> {
    let any: SocketAddr = if pool.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0_u16; 8], 0).into() };
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(pool).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// Whether the pool may be served there.
pub(crate) fn may_serve(own: IpAddr) -> bool {
    matches!(plain(own), Protection::Overlay | Protection::Loopback)
}

/// Listens at `own` for calls of the pool at `pool`.
pub(crate) async fn listen(own: SocketAddr, pool: IpAddr, to: Weak<Inner>) -> io::Result<Listener> {
    debug_assert!(may_serve(own.ip()), "{own}");
    let listener = TcpListener::bind(own).await?;
    let address = listener.local_addr()?;
    let gate = Gate::default();
    let guests = async_stream(listener, gate, pool);
    let reading = Arc::new(AtomicUsize::new(0));
    let service = WorkerNodeServiceServer::new(Service::new(to, pool)).max_decoding_message_size(MOST_CALL);
    let server = tonic::transport::Server::builder()
        .layer(tower::layer::layer_fn(move |inner| Bounded::new(inner, Arc::clone(&reading))))
        .max_concurrent_streams(16)
        .http2_max_header_list_size(16 << 10)
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .initial_stream_window_size(64 << 10)
        .initial_connection_window_size(256 << 10)
        .add_service(service);
    let serving = tokio::spawn(async move {
        if let Err(error) = server.serve_with_incoming(guests).await {
            tracing::warn!(%error, "the listener for the pool's calls ended");
        }
    });
    Ok(Listener { address, pool, serving })
}

/// Connections, as far as there is room for them.
fn async_stream(
    listener: TcpListener,
    gate: Gate,
    pool: IpAddr,
) -> impl tokio_stream::Stream<Item = io::Result<Guest>> {
    let (guests, coming) = tokio::sync::mpsc::channel(4);
    tokio::spawn(async move {
        loop {
            let (stream, from) = tokio::select! {
                () = guests.closed() => return,
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    // Too many open files, or a guest that left already: it goes on.
                    Err(_) => {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                },
            };
            let Some(room) = gate.enter(from.ip(), pool) else { continue };
            let _ = stream.set_nodelay(true);
            if guests.send(Ok(Guest::new(stream, room))).await.is_err() {
                return;
            }
        }
    });
    tokio_stream::wrappers::ReceiverStream::new(coming)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_overlay_and_loopback_are_served() {
        for (own, may) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("100.64.0.7", true),
            ("100.127.1.1", true),
            ("192.168.1.7", false),
            ("10.0.0.1", false),
            ("0.0.0.0", false),
            ("::", false),
            ("203.0.113.1", false),
            ("fd7a:115c:a1e0::1", false),
        ] {
            assert_eq!(may_serve(own.parse().expect("an address")), may, "{own}");
        }
        let towards = own_address("127.0.0.1:9".parse().expect("an address"));
        assert_eq!(towards, Some(IpAddr::from([127, 0, 0, 1])));
    }
}
