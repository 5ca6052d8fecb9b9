//! What a web page of somebody else, or anybody without the session, sends to the monitor's port. Whatever it is, no
//! command may reach the worker and no byte of its state may leave. The same at the local network's door; and what
//! whoever may only look sends to change something.

mod doors;
mod wire;

use crate::case::{Case, Seen};
use async_trait::async_trait;
use hivemind_control::{ApiError, Control, ErrorCode, EventStream, Snapshot, Subscription, subscription};
use hivemind_local_api::Rights;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{broadcast, watch};

/// Stands in the worker's state; must never be read.
const CANARY: &str = "canary-7f3a91";

/// Remembers that it was asked.
pub(crate) struct Watched {
    calls: Mutex<Vec<&'static str>>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    events: broadcast::Sender<hivemind_control::Event>,
}

impl Watched {
    /// A worker whose state holds `text`.
    pub(crate) fn new(text: &str) -> Arc<Self> {
        let snapshot = Snapshot { version: text.to_owned(), ..Snapshot::default() };
        Arc::new(Self {
            calls: Mutex::default(),
            snapshots: watch::Sender::new(Arc::new(snapshot)),
            events: broadcast::Sender::new(8),
        })
    }

    /// What it was asked since the last look.
    pub(crate) fn take_calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn called(&self, name: &'static str) -> Result<Value, ApiError> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(name);
        let snapshot = serde_json::to_value(&**self.snapshots.borrow());
        snapshot.map_err(|error| ApiError::new(ErrorCode::Internal, error.to_string()))
    }
}

macro_rules! watched {
    ($($(#[doc = $doc:literal])* $access:ident $name:ident($request:ty) -> $response:ty;)*) => {
        #[async_trait]
        impl Control for Watched {
            $(async fn $name(&self, _request: $request) -> Result<$response, ApiError> {
                let answer = self.called(stringify!($name))?;
                serde_json::from_value(answer).map_err(|e| ApiError::new(ErrorCode::Internal, e.to_string()))
            })*

            fn subscribe(&self) -> EventStream {
                let _ = self.called("subscribe");
                subscription(Subscription { snapshots: self.snapshots.subscribe(), events: self.events.subscribe() })
            }
        }
    };
}

hivemind_control::control_commands!(watched);

/// Where a request is sent, with a session of which rights at hand.
#[derive(Debug, Clone, Copy)]
enum Door {
    Loopback(Rights),
    /// The local network's, encrypted.
    Lan(Rights),
    /// The same port, without encryption.
    LanPlain,
}

/// A request: what is sent, with `{port}`, `{token}` and `{code}` (of the other door) filled in.
struct Attack {
    name: String,
    built: String,
    door: Door,
    request: String,
    /// What must come: `refused`, or `page` for the page itself, which holds nothing.
    expected: &'static str,
}

fn post(path: &str, host: &str, headers: &[&str], body: &str) -> String {
    let more: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n{body}"
    )
}

fn get(path: &str, host: &str, headers: &[&str]) -> String {
    let more: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n")
}

const OURS: &str = "127.0.0.1:{port}";
const JSON: &str = "Content-Type: application/json";
const OWN: &str = "X-HiveMind: 1";
/// The session of the owner's browser, which another site's request carries only if the cookie were let out.
const COOKIE: &str = "Cookie: hivemind_{port}={token}";

fn attacks() -> Vec<Attack> {
    let mut list = Vec::new();
    let mut add = |name: String, built: &str, request: String| {
        let (built, door) = (built.to_owned(), Door::Loopback(Rights::All));
        list.push(Attack { name, built, door, request, expected: "refused" });
    };
    // With the owner's own session: what another site, or a name that was bound to this address, could send.
    for (name, header) in [
        ("other site", "Origin: https://evil.example"),
        ("null origin", "Origin: null"),
        ("file origin", "Origin: file://"),
        ("other port", "Origin: http://127.0.0.1:1"),
        ("https of ours", "Origin: https://127.0.0.1:{port}"),
        ("longer name", "Origin: http://127.0.0.1:{port}.evil.example"),
        ("name of ours inside", "Origin: http://evil.example/http://127.0.0.1:{port}"),
        ("localhost for 127.0.0.1", "Origin: http://localhost:{port}"),
        ("two origins", "Origin: http://127.0.0.1:{port}\r\nOrigin: https://evil.example"),
        ("empty origin", "Origin: "),
        ("cross-site", "Sec-Fetch-Site: cross-site"),
        ("same-site", "Sec-Fetch-Site: same-site"),
        ("nonsense site", "Sec-Fetch-Site: yes"),
        ("two sites", "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site"),
    ] {
        let built = "with the session and our header";
        add(format!("stop, {name}"), built, post("/rpc/stop", OURS, &[JSON, OWN, COOKIE, header], "null"));
        add(format!("events, {name}"), built, get("/events", OURS, &[OWN, COOKIE, header]));
    }
    for host in [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1.evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.1:{port}",
        "2130706433:{port}",
        "0x7f000001:{port}",
        "0.0.0.0:{port}",
        "[::ffff:127.0.0.1]:{port}",
        "localhost.:{port}",
        "localhost@evil.example:{port}",
        "",
    ] {
        let built = "a name bound to this address, with the session";
        add(format!("stop, host {host:?}"), built, post("/rpc/stop", host, &[JSON, OWN, COOKIE], "null"));
    }
    add(
        "stop, two hosts".into(),
        "two Host headers",
        post("/rpc/stop", OURS, &["Host: evil.example", JSON, OWN, COOKIE], "null"),
    );
    add(
        "stop, address with another name".into(),
        "the request line names another host",
        post("http://evil.example/rpc/stop", OURS, &[JSON, OWN, COOKIE], "null"),
    );
    for (name, headers) in [
        ("without our header", vec![JSON, COOKIE]),
        ("our header twice", vec![JSON, OWN, OWN, COOKIE]),
        ("our header with another value", vec![JSON, "X-HiveMind: 2", COOKIE]),
        ("as a form", vec!["Content-Type: application/x-www-form-urlencoded", OWN, COOKIE]),
        ("as plain text", vec!["Content-Type: text/plain", OWN, COOKIE]),
        ("as a multipart form", vec!["Content-Type: multipart/form-data; boundary=x", OWN, COOKIE]),
        ("without a type", vec![OWN, COOKIE]),
        ("no session", vec![JSON, OWN]),
        ("an empty session", vec![JSON, OWN, "Cookie: hivemind_{port}="]),
        ("a guessed session", vec![JSON, OWN, "Cookie: hivemind_{port}=00000000000000000000000000000000"]),
        ("the session of another port", vec![JSON, OWN, "Cookie: hivemind_1={token}"]),
        ("the session under another name", vec![JSON, OWN, "Cookie: session={token}"]),
        ("the session in small letters of a bearer", vec![JSON, OWN, "Authorization: bearer {token}x"]),
        ("basic", vec![JSON, OWN, "Authorization: Basic aGl2ZW1pbmQ6aGl2ZW1pbmQ="]),
    ] {
        add(format!("stop {name}"), "a simple request", post("/rpc/stop", OURS, &headers, "null"));
    }
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"] {
        let request = post("/rpc/stop", OURS, &[JSON, OWN, COOKIE], "null").replacen("POST", method, 1);
        add(format!("{method} stop"), "another method, with the session", request);
    }
    for path in ["/rpc/stop", "/rpc/snapshot", "/rpc/logout", "/events", "/metrics"] {
        add(format!("GET {path} without a session"), "an address in a link or picture", get(path, OURS, &[]));
    }
    add(
        "a WebSocket".into(),
        "an upgrade with the session",
        get(
            "/events",
            OURS,
            &[
                "Upgrade: websocket",
                "Connection: Upgrade",
                "Sec-WebSocket-Key: x",
                "Origin: https://evil.example",
                COOKIE,
            ],
        ),
    );
    for (name, path) in [
        ("pair", "/rpc/pair"),
        ("quit", "/rpc/quit"),
        ("unknown", "/rpc/eval"),
        ("climbing", "/rpc/../rpc/quit"),
    ] {
        let built = "with session, origin and header: for the owner's own socket alone, or nothing";
        let headers = [JSON, OWN, COOKIE, "Origin: http://127.0.0.1:{port}"];
        add(format!("{name} from a paired page"), built, post(path, OURS, &headers, "null"));
    }
    add(
        "a body of a gigabyte announced".into(),
        "a length that is a lie",
        post("/rpc/stop", OURS, &[JSON, OWN, COOKIE], "null").replacen(
            "Content-Length: 4",
            "Content-Length: 1073741824",
            1,
        ),
    );
    list.push(Attack {
        name: "the page itself without a session".into(),
        built: "its text holds no state".into(),
        door: Door::Loopback(Rights::All),
        request: get("/", OURS, &[]),
        expected: "page",
    });
    list
}

/// All cases of the group.
#[must_use]
pub fn cases() -> Vec<Case> {
    let case = |attack: Attack| Case {
        name: attack.name,
        built: attack.built,
        expected: attack.expected.to_owned(),
        run: Box::new(move |_| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a loop");
            Seen::plain(runtime.block_on(wire::send(attack.door, &attack.request)))
        }),
    };
    attacks().into_iter().chain(doors::attacks()).map(case).collect()
}
