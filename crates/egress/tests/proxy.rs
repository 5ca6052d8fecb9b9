//! The proxy against a hostile name service: what is asked for, what is answered, what is connected to.

#![expect(clippy::expect_used, reason = "helpers of tests count as tests")]

use async_trait::async_trait;
use hivemind_domain::hosts::HostRule;
use hivemind_domain::ids::{TaskId, TaskKey};
use hivemind_egress::{Connector, EgressProxy, ProxyLimits, Resolver};
use hivemind_worker_core::port::{ByteStream, Egress, EgressSession, NetworkGrant};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

const PUBLIC: &str = "93.184.216.34";

/// A name service and an internet made of paper. Each question takes the next answer; the last one stays.
#[derive(Default)]
struct Paper {
    answers: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    connected: Mutex<Vec<SocketAddr>>,
    /// What a server there was sent.
    heard: Arc<Mutex<Vec<u8>>>,
    source: Mutex<Option<IpAddr>>,
    silent: bool,
}

impl Paper {
    fn name(&self, name: &str, answers: &[&[&str]]) {
        let read = |list: &&[&str]| list.iter().map(|ip| ip.parse().expect("an address")).collect();
        let answers = answers.iter().map(read).collect();
        self.answers.lock().expect("lock").insert(name.to_owned(), answers);
    }

    fn connected(&self) -> Vec<SocketAddr> {
        std::mem::take(&mut self.connected.lock().expect("lock"))
    }

    fn heard(&self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut *self.heard.lock().expect("lock"))).into_owned()
    }
}

#[async_trait]
impl Resolver for Paper {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let mut answers = self.answers.lock().expect("lock");
        let list = answers.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(if list.len() > 1 { list.remove(0) } else { list.first().cloned().unwrap_or_default() })
    }
}

#[async_trait]
impl Connector for Paper {
    fn source(&self, to: SocketAddr) -> io::Result<IpAddr> {
        let usual = if to.is_ipv4() { "192.168.1.10" } else { "2a01:1:2:300::10" };
        Ok(self.source.lock().expect("lock").unwrap_or(usual.parse().expect("an address")))
    }

    /// A server that answers whatever it hears with `ok`, and ends when the other side does.
    async fn connect(&self, to: SocketAddr) -> io::Result<Box<dyn ByteStream>> {
        self.connected.lock().expect("lock").push(to);
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        let (heard, silent) = (Arc::clone(&self.heard), self.silent);
        tokio::spawn(async move {
            let mut piece = [0; 4096];
            let mut first = true;
            while let Ok(read @ 1..) = theirs.read(&mut piece).await {
                heard.lock().expect("lock").extend_from_slice(&piece[..read]);
                if first && !silent {
                    let _ = theirs.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
                    first = false;
                }
            }
        });
        Ok(Box::new(ours))
    }
}

fn session(paper: &Arc<Paper>, hosts: &str, max_bytes: u64) -> Arc<dyn EgressSession> {
    counted(paper, hosts, max_bytes).0
}

fn counted(paper: &Arc<Paper>, hosts: &str, max_bytes: u64) -> (Arc<dyn EgressSession>, EgressProxy) {
    let limits = ProxyLimits {
        connections: 3,
        head_within: Duration::from_secs(5),
        idle: Duration::from_secs(20),
        ..ProxyLimits::default()
    };
    let proxy = EgressProxy::new(paper.clone(), paper.clone(), limits);
    let key = TaskKey { task: TaskId::new("t").expect("an id"), attempt: 1 };
    let hosts = HostRule::parse_list(hosts).expect("rules");
    (proxy.open(&key, &NetworkGrant { hosts, max_bytes }), proxy)
}

fn dial(session: &Arc<dyn EgressSession>) -> DuplexStream {
    let (task, proxy) = tokio::io::duplex(64 * 1024);
    let session = Arc::clone(session);
    tokio::spawn(async move { session.serve(Box::new(proxy)).await });
    task
}

/// Sends a request and reads the answer to its end.
async fn ask(session: &Arc<dyn EgressSession>, request: &str) -> String {
    let mut task = dial(session);
    let _ = task.write_all(request.as_bytes()).await;
    if request.starts_with("CONNECT") {
        let _ = task.shutdown().await;
    }
    let mut answer = Vec::new();
    let reading = tokio::time::timeout(Duration::from_secs(60), task.read_to_end(&mut answer)).await;
    assert!(reading.is_ok(), "no end: {request:?}");
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("none")
}

/// Addresses no task may reach, with what they are.
const FORBIDDEN: &[&str] = &[
    "127.0.0.1",
    "127.0.0.53",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "172.17.0.1",
    "192.168.0.1",
    "192.168.255.255",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "::127.0.0.1",
    "::192.168.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:93.184.216.34",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "2002:a00:1::",
    "2001:0:a00:1::",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd12:3456:789a::1",
    "ff02::1",
    "ff05::2",
    "2001:db8::1",
    "2001:10::1",
    "2001:2::1",
    "100::1",
    "3fff::1",
    "5f00::1",
];

/// Spellings of addresses that some resolver or library understands.
const SPELLINGS: &[&str] = &[
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "0177.0.0.01",
    "127.1",
    "127.0.1",
    "127.0.0.1.",
    "0",
    "0x0",
    "00.0.0.0",
    "010.0.0.1",
    "0xa9fea9fe",
    "2852039166",
    "169.254.43518",
    "0251.0376.0251.0376",
    "1.2.3.4.5",
    "[fe80::1%eth0]",
    "[fe80::1%25eth0]",
    "[::1%lo]",
    "[127.0.0.1]",
    "[0x7f.1]",
    "localhost",
    "LOCALHOST.",
    "a.localhost",
    "ip6-localhost",
    "router",
    "nas.local",
    "host.docker.internal",
    "gateway.docker.internal",
    "metadata.google.internal",
    "kubernetes.default.svc.internal",
    "fritz.box.home.arpa",
    "task",
    "%31%32%37.0.0.1",
    "127。0。0。1",
    "①②⑦.0.0.1",
];

#[tokio::test(start_paused = true)]
async fn no_probe_reaches_anything_but_the_allow_list() {
    let paper = Arc::new(Paper::default());
    let mut probes = 0;
    // Everything is declared, so that only the addresses stand in the way.
    let all = "*.rebind.example.org, ok.example.org";
    let guarded = session(&paper, all, u64::MAX);
    for (number, address) in FORBIDDEN.iter().enumerate() {
        let name = format!("n{number}.rebind.example.org");
        for (answers, port) in
            [(&[*address][..], 443), (&[PUBLIC, *address][..], 443), (&[*address, PUBLIC][..], 80)]
        {
            paper.name(&name, &[answers]);
            let request = if port == 443 {
                format!("CONNECT {name}:443 HTTP/1.1\r\n\r\n")
            } else {
                format!("GET http://{name}/latest/meta-data/ HTTP/1.1\r\n\r\n")
            };
            let answer = ask(&guarded, &request).await;
            assert_eq!(status(&answer), "403", "{address} by name: {answer}");
            assert!(answer.contains("leads to"), "names the rule: {answer}");
            probes += 1;
        }
        // The same as a literal that the task declared, and the owner allowed by mistake.
        let literal = if address.contains(':') { format!("[{address}]") } else { (*address).to_owned() };
        let declared = session(&paper, &literal, u64::MAX);
        for session in [&declared, &guarded] {
            let answer = ask(session, &format!("CONNECT {literal}:443 HTTP/1.1\r\n\r\n")).await;
            assert_eq!(status(&answer), "403", "{literal}: {answer}");
            probes += 1;
        }
    }
    for spelling in SPELLINGS {
        for request in [
            format!("CONNECT {spelling}:443 HTTP/1.1\r\n\r\n"),
            format!("GET http://{spelling}/ HTTP/1.1\r\n\r\n"),
        ] {
            let answer = ask(&guarded, &request).await;
            assert!(matches!(status(&answer), "403" | "400"), "{spelling}: {answer}");
            probes += 1;
        }
    }
    assert_eq!(paper.connected(), [], "nothing was connected to");
    // The control: what is allowed passes, so the probes were refused for their own sake.
    paper.name("ok.example.org", &[&[PUBLIC]]);
    assert_eq!(status(&ask(&guarded, "CONNECT ok.example.org:443 HTTP/1.1\r\n\r\n").await), "200");
    assert_eq!(paper.connected(), [SocketAddr::new(PUBLIC.parse().expect("an address"), 443)]);
    assert!(guarded.traffic().refused >= 200);
    println!("network probes: {probes}, unexpected outcomes: 0");
}

#[tokio::test(start_paused = true)]
async fn a_name_is_resolved_once_and_its_checked_address_is_used() {
    let paper = Arc::new(Paper::default());
    let session = session(&paper, "rebind.example.org", u64::MAX);
    paper.name("rebind.example.org", &[&[PUBLIC], &["127.0.0.1"]]);
    assert_eq!(status(&ask(&session, "CONNECT rebind.example.org:443 HTTP/1.1\r\n\r\n").await), "200");
    assert_eq!(paper.connected(), [SocketAddr::new(PUBLIC.parse().expect("an address"), 443)]);
    // Its second answer is judged for itself.
    let second = ask(&session, "CONNECT rebind.example.org:443 HTTP/1.1\r\n\r\n").await;
    assert_eq!((status(&second), paper.connected()), ("403", Vec::new()));
}

#[tokio::test(start_paused = true)]
async fn this_computers_own_public_address_and_its_house_are_refused() {
    let paper = Arc::new(Paper::default());
    let session = session(&paper, "own.example.org", u64::MAX);
    for (address, source) in [(PUBLIC, PUBLIC), ("2a01:1:2:3ff::5", "2a01:1:2:300::10")] {
        paper.name("own.example.org", &[&[address]]);
        *paper.source.lock().expect("lock") = Some(source.parse().expect("an address"));
        let answer = ask(&session, "CONNECT own.example.org:443 HTTP/1.1\r\n\r\n").await;
        assert_eq!((status(&answer), paper.connected()), ("403", Vec::new()), "{address}");
    }
}

#[tokio::test(start_paused = true)]
async fn hosts_and_ports_that_were_not_declared_are_refused() {
    let paper = Arc::new(Paper::default());
    for name in ["a.org", "b.a.org", "c.org", "d.org"] {
        paper.name(name, &[&[PUBLIC]]);
    }
    let session = session(&paper, "a.org, *.c.org, d.org:8443", u64::MAX);
    for (target, expected) in [
        ("a.org:443", "200"),
        ("A.ORG.:443", "200"),
        ("a.org:80", "200"),
        ("a.org:22", "403"),
        ("a.org:25", "403"),
        ("b.a.org:443", "403"),
        ("c.org:443", "403"),
        ("d.org:443", "403"),
        ("d.org:8443", "200"),
        ("93.184.216.34:443", "403"),
        ("a.org.evil.org:443", "403"),
        ("evila.org:443", "403"),
    ] {
        let answer = ask(&session, &format!("CONNECT {target} HTTP/1.1\r\n\r\n")).await;
        assert_eq!(status(&answer), expected, "{target}: {answer}");
    }
    let sentence = session.take_refusals().join("\n");
    assert!(sentence.contains("b.a.org:443 is not among the hosts this task may reach"), "{sentence}");
    assert!(session.take_refusals().is_empty(), "told once");
}

#[tokio::test(start_paused = true)]
async fn a_second_request_cannot_hide_behind_the_first() {
    let paper = Arc::new(Paper::default());
    paper.name("a.org", &[&[PUBLIC]]);
    let session = session(&paper, "a.org", u64::MAX);
    let hidden = "GET http://a.org/hidden HTTP/1.1\r\nHost: internal\r\n\r\n";
    for (request, heard) in [
        (
            format!(
                "GET http://a.org/x HTTP/1.1\r\nHost: evil\r\nProxy-Authorization: Basic x\r\n\r\n{hidden}"
            ),
            "GET /x HTTP/1.1\r\nHost: a.org\r\nConnection: close\r\n\r\n",
        ),
        (
            format!("POST http://a.org/ HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi{hidden}"),
            "POST / HTTP/1.1\r\nHost: a.org\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi",
        ),
        (
            format!(
                "POST http://a.org/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n{hidden}"
            ),
            "POST / HTTP/1.1\r\nHost: a.org\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        ),
    ] {
        let mut task = dial(&session);
        task.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = [0; 40];
        task.read_exact(&mut answer).await.expect("answered");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(paper.heard(), heard);
    }
}

#[tokio::test(start_paused = true)]
async fn traffic_is_counted_and_cut_off() {
    let paper = Arc::new(Paper::default());
    paper.name("a.org", &[&[PUBLIC]]);
    let (session, proxy) = counted(&paper, "a.org", 100_000);
    let mut task = dial(&session);
    task.write_all(b"CONNECT a.org:443 HTTP/1.1\r\n\r\n").await.expect("sent");
    let mut ready = [0; 39];
    task.read_exact(&mut ready).await.expect("connected");
    let mut sent = 0_u64;
    while task.write_all(&[7; 1000]).await.is_ok() && sent < 10_000_000 {
        sent += 1000;
        tokio::task::yield_now().await;
    }
    assert!(sent < 400_000, "it was cut off: {sent}");
    let traffic = session.traffic();
    assert_eq!(traffic.sent + traffic.received, 100_000, "what is used up stays used up");
    assert!(paper.heard().len() <= 100_000);
    let moved = proxy.moved_bytes();
    assert!((50_000..=100_000).contains(&moved), "what really moved, for all sessions: {moved}");
    let refused = ask(&session, "CONNECT a.org:443 HTTP/1.1\r\n\r\n").await;
    assert_eq!(status(&refused), "403", "{refused}");
    assert!(session.take_refusals().iter().any(|told| told.contains("100000 bytes of traffic")));
}

#[tokio::test(start_paused = true)]
async fn connections_are_limited_and_idle_ones_end() {
    let paper = Arc::new(Paper { silent: true, ..Paper::default() });
    paper.name("a.org", &[&[PUBLIC]]);
    let session = session(&paper, "a.org", u64::MAX);
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut task = dial(&session);
        task.write_all(b"CONNECT a.org:443 HTTP/1.1\r\n\r\n").await.expect("sent");
        let mut ready = [0; 39];
        task.read_exact(&mut ready).await.expect("connected");
        open.push(task);
    }
    assert_eq!(status(&ask(&session, "CONNECT a.org:443 HTTP/1.1\r\n\r\n").await), "429");
    // Nothing moves: they end by themselves, and their places are free.
    for task in &mut open {
        assert_eq!(task.read(&mut [0; 8]).await.ok(), Some(0));
    }
    assert_eq!(status(&ask(&session, "CONNECT a.org:443 HTTP/1.1\r\n\r\n").await), "200");
    // A request that never ends is given up as well.
    let mut slow = dial(&session);
    slow.write_all(b"CONNECT a.org:443 HTTP/1.1\r\nX: ").await.expect("sent");
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.expect("answered");
    assert_eq!(status(&answer), "400");
}

#[tokio::test(start_paused = true)]
async fn names_without_addresses_and_dead_servers_are_told() {
    let paper = Arc::new(Paper::default());
    let crowd: Vec<String> = (0..100).map(|n| format!("93.184.216.{n}")).collect();
    let crowd: Vec<&str> = crowd.iter().map(String::as_str).collect();
    paper.name("empty.org", &[&[]]);
    paper.name("crowd.org", &[&crowd]);
    let session = session(&paper, "gone.org, empty.org, crowd.org", u64::MAX);
    for name in ["gone.org", "empty.org", "crowd.org"] {
        let answer = ask(&session, &format!("CONNECT {name}:443 HTTP/1.1\r\n\r\n")).await;
        assert_eq!(status(&answer), "502", "{name}: {answer}");
    }
    assert_eq!(paper.connected(), [], "nothing was connected to");
}
