//! Between worker and pool, one call at a time: it refuses what it is told to refuse, and passes on the rest.

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// A method's name, without its service, and the gRPC code that its calls get.
type Order = Option<(&'static str, u32)>;

#[derive(Default)]
struct Desk {
    order: Order,
    refused: u64,
}

/// Speaks HTTP/2 without TLS on both sides. Dropped, it closes.
pub struct Middleman {
    pub address: SocketAddr,
    desk: Arc<Mutex<Desk>>,
    accepting: JoinHandle<()>,
}

impl Drop for Middleman {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Middleman {
    pub async fn before(pool: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let desk = Arc::<Mutex<Desk>>::default();
        let client = Client::builder(TokioExecutor::new()).http2_only(true).build(HttpConnector::new());
        let told = Arc::clone(&desk);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (desk, client) = (Arc::clone(&told), client.clone());
                tokio::spawn(async move {
                    let service =
                        service_fn(move |request| answer(Arc::clone(&desk), client.clone(), pool, request));
                    let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, desk, accepting }
    }

    /// From now on; nothing lets everything pass. Gives how many calls were refused since the last order.
    pub fn refuse(&self, order: Order) -> u64 {
        let mut desk = self.desk.lock().expect("a desk");
        desk.order = order;
        std::mem::take(&mut desk.refused)
    }
}

async fn answer(
    desk: Arc<Mutex<Desk>>,
    client: Client<HttpConnector, Incoming>,
    pool: SocketAddr,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let method = request.uri().path().rsplit('/').next().unwrap_or_default();
    let code = {
        let mut desk = desk.lock().expect("a desk");
        let code = desk.order.filter(|(refused, _)| *refused == method).map(|(_, code)| code);
        desk.refused += u64::from(code.is_some());
        code
    };
    if let Some(code) = code {
        return Ok(refusal(code));
    }
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = format!("http://{pool}{path}").parse::<Uri>().expect("an address");
    // A pool that hangs up is unavailable: code 14.
    Ok(client.request(request).await.map_or_else(|_| refusal(14), |answer| answer.map(BodyExt::boxed_unsync)))
}

fn refusal(code: u32) -> Response<Body> {
    let nothing = Empty::new().map_err(|never: Infallible| match never {}).boxed_unsync();
    let answer = Response::builder()
        .header("content-type", "application/grpc")
        .header("grpc-status", code)
        .header("grpc-message", "refused on the way");
    answer.body(nothing).expect("an answer")
}
