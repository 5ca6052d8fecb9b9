//! Two ends of a tunnel with a long line between them, which loses datagrams and lets some overtake others. Nothing
//! here is about speed: `cargo xtask bench --only L6` measures that.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "all of this file is tests")]

#[path = "../examples/slow_path/line.rs"]
#[allow(dead_code, reason = "the measurement tells more of it")]
mod line;

use hivemind_wireguard::{
    PeerConfig, PrivateKey, PublicKey, Tunnel, TunnelConfig, TunnelListener, TunnelStream,
};
use line::{Line, Relay};
use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LONG: Duration = Duration::from_secs(60);
/// What is told or given back at once takes no longer, and what is given up after a while longer: 30 s.
const SOON: Duration = Duration::from_secs(8);
/// Short enough for a test, long enough that much is under way at once.
const LINE: Line =
    Line { delay: Duration::from_millis(10), lost: 0, late: 0, rate: 0, queue: 0, mtu: 1500, seed: 6 };

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

async fn end(key: &PrivateKey, ours: &str, peer: PublicKey, other: &str, to: Option<SocketAddr>) -> Tunnel {
    let config = TunnelConfig {
        private_key: key.clone(),
        addresses: vec![ours.parse().unwrap()],
        mtu: 1200,
        bind: loopback(),
        connections: 64,
    };
    let peer = PeerConfig {
        public_key: peer,
        preshared: None,
        endpoint: to,
        allowed_ips: vec![other.parse().unwrap()],
        keepalive: 0,
    };
    Tunnel::start(config, vec![peer]).await.unwrap()
}

struct Ends {
    pool: Tunnel,
    worker: Tunnel,
    listener: TunnelListener,
    relay: Relay,
}

async fn ends(line: Line) -> Ends {
    let (ours, theirs) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    let pool = end(&theirs, "10.8.0.1/24", ours.public(), "10.8.0.2/32", None).await;
    let [near, far] = [(); 2].map(|()| UdpSocket::bind(loopback()).unwrap());
    let relay = Relay::lay(near, far, pool.status().local, line);
    let worker = end(&ours, "10.8.0.2/32", theirs.public(), "10.8.0.0/24", Some(relay.near)).await;
    worker.session(&theirs.public(), LONG).await.unwrap();
    let listener = pool.listen(1).unwrap();
    Ends { pool, worker, listener, relay }
}

impl Ends {
    async fn connect(&mut self) -> (TunnelStream, TunnelStream) {
        let (ours, theirs) =
            tokio::join!(self.worker.connect("10.8.0.1:1".parse().unwrap()), self.listener.accept());
        (ours.unwrap(), theirs.unwrap())
    }

    /// Until no connection is left on either side but those that wait for the next.
    async fn calm(&self, waiting: usize) {
        let calm = async {
            while self.worker.status().connections > 0 || self.pool.status().connections > waiting {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let counts = || (self.worker.status().connections, self.pool.status().connections);
        assert!(tokio::time::timeout(SOON, calm).await.is_ok(), "{:?} are left of 0 and {waiting}", counts());
    }
}

/// Bytes of which no two pieces of a packet's size are the same.
fn payload(megabytes: u32, salt: u32) -> Vec<u8> {
    (0..megabytes * 250_000).flat_map(|number| (number ^ salt).to_le_bytes()).collect()
}

async fn gives(mut stream: impl AsyncWriteExt + Unpin, bytes: Vec<u8>) {
    stream.write_all(&bytes).await.unwrap();
    stream.shutdown().await.unwrap();
}

async fn takes(mut stream: impl AsyncReadExt + Unpin) -> Vec<u8> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.unwrap();
    all
}

/// Both ways at once, on each of so many connections.
async fn all_arrives(line: Line, megabytes: u32, connections: u32) -> Ends {
    let mut ends = ends(line).await;
    let mut jobs = Vec::new();
    for number in 0..connections {
        let (ours, theirs) = ends.connect().await;
        let (up, down) = (payload(megabytes, number), payload(megabytes, !number));
        jobs.push(tokio::spawn(async move {
            let ((our_read, our_write), (their_read, their_write)) =
                (tokio::io::split(ours), tokio::io::split(theirs));
            let ((), (), came_up, came_down) = tokio::join!(
                gives(our_write, up.clone()),
                gives(their_write, down.clone()),
                takes(their_read),
                takes(our_read)
            );
            assert!(came_up == up, "connection {number}, up: {} of {} bytes", came_up.len(), up.len());
            assert!(
                came_down == down,
                "connection {number}, down: {} of {} bytes",
                came_down.len(),
                down.len()
            );
        }));
    }
    for job in jobs {
        tokio::time::timeout(LONG, job).await.expect("it arrives in time").unwrap();
    }
    ends
}

#[tokio::test]
async fn all_arrives_over_a_long_line() {
    let ends = all_arrives(LINE, 8, 1).await;
    ends.calm(2).await;
}

#[tokio::test]
async fn all_arrives_though_datagrams_are_lost_and_overtaken() {
    let ends = all_arrives(Line { lost: 300, late: 50, ..LINE }, 2, 3).await;
    ends.calm(2).await;
    let counts = ends.relay.end();
    let [lost, late] = [&counts.lost, &counts.late].map(|count| count.load(Ordering::Relaxed));
    assert!(lost >= 5 && late >= 30, "the line was too good: {lost} lost, {late} overtaken");
}

#[tokio::test]
async fn packets_of_1200_bytes_fit_through_a_line_of_1280() {
    let ends = all_arrives(Line { mtu: 1280, ..LINE }, 1, 1).await;
    assert_eq!(ends.relay.end().too_large.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn who_sends_on_is_told_at_once_that_nobody_reads() {
    let mut ends = ends(LINE).await;
    let (mut ours, mut theirs) = ends.connect().await;
    let served = tokio::spawn(async move {
        let chunk = vec![7; 64 * 1024];
        loop {
            if let Err(error) = theirs.write_all(&chunk).await {
                return error.kind();
            }
        }
    });
    ours.read_exact(&mut [0; 100_000]).await.unwrap();
    drop(ours);
    // Without being told it would fill its buffer and wait for the other end's, for ever.
    let told = tokio::time::timeout(SOON, served).await.expect("told").unwrap();
    assert!(matches!(told, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{told:?}");
    ends.calm(2).await;
}

#[tokio::test]
async fn what_was_written_arrives_though_the_stream_was_dropped() {
    let mut ends = ends(LINE).await;
    let (mut ours, mut theirs) = ends.connect().await;
    // Something that nobody will read lies there by then.
    theirs.write_all(b"unread").await.unwrap();
    let sent = payload(1, 5);
    ours.write_all(&sent).await.unwrap();
    drop(ours);
    let mut came = vec![0; sent.len()];
    tokio::time::timeout(LONG, theirs.read_exact(&mut came)).await.expect("all of it").unwrap();
    assert!(came == sent);
    drop(theirs);
    ends.calm(2).await;
}

#[tokio::test]
async fn who_reads_nothing_holds_up_nobody_else() {
    let mut ends = ends(LINE).await;
    let (_unread, mut blocked) = ends.connect().await;
    let writing = tokio::spawn(async move { blocked.write_all(&payload(20, 1)).await });
    let (mut ours, mut theirs) = ends.connect().await;
    theirs.write_all(b"beside it").await.unwrap();
    let mut came = [0; 9];
    tokio::time::timeout(LONG, ours.read_exact(&mut came)).await.expect("beside it").unwrap();
    assert!(!writing.is_finished(), "20 MB fit into no buffer");
    writing.abort();
}
