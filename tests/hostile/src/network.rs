//! Ways to anything on the network: straight from the task's namespace, and through the worker's proxy.

use crate::case::{Case, Seen};
use crate::escape::{named, probed, read};
use async_trait::async_trait;
use hivemind_domain::hosts::HostRule;
use hivemind_domain::ids::{TaskId, TaskKey};
use hivemind_egress::{Connector, EgressProxy, ProxyLimits, Resolver};
use hivemind_worker_core::port::{ByteStream, Egress, NetworkGrant};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const PROBE: &str = include_str!("probes/network.py");
const PUBLIC: &str = "93.184.216.34";

/// Probes from the inside, then the proxy.
pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = named(PROBE).into_iter().map(|name| probed(name, found)).collect();
    cases.extend(proxied());
    cases
}

/// What needs no container engine.
pub fn proxied() -> Vec<Case> {
    let mut list = Vec::new();
    for address in FORBIDDEN {
        list.push(asks(
            format!("name that leads to {address}"),
            "cdn.example.org:443",
            address,
            "403, nothing reached",
        ));
        let host = if address.contains(':') { format!("[{address}]") } else { (*address).to_owned() };
        list.push(asks(format!("address {address}"), &format!("{host}:443"), PUBLIC, "403, nothing reached"));
    }
    for spelling in SPELLINGS {
        list.push(asks(
            format!("spelled {spelling}"),
            &format!("{spelling}:443"),
            "127.0.0.1",
            "403, nothing reached",
        ));
    }
    for (what, target) in [
        ("a host that was not declared", "evil.org:443"),
        ("the parent of a declared name", "example.org:443"),
        ("a name that ends alike", "evilexample.org:443"),
        ("a name that begins alike", "pypi.org.evil.org:443"),
        ("another port", "pypi.org:22"),
        ("the mail port", "pypi.org:25"),
        ("port 0", "pypi.org:0"),
        ("localhost", "localhost:443"),
        ("the engine's host", "host.docker.internal:443"),
        ("the metadata service by name", "metadata.google.internal:80"),
    ] {
        let expected = if what == "port 0" { "400, nothing reached" } else { "403, nothing reached" };
        list.push(asks(what.to_owned(), target, PUBLIC, expected));
    }
    list.push(asks("the declared host".to_owned(), "pypi.org:443", PUBLIC, "200, 93.184.216.34:443 reached"));
    list.push(asks(
        "a declared subdomain".to_owned(),
        "cdn.example.org:443",
        PUBLIC,
        "200, 93.184.216.34:443 reached",
    ));
    list
}

/// Hosts a task declared.
pub fn grant(hosts: &[&str]) -> NetworkGrant {
    let hosts = hosts.iter().map(|host| HostRule::parse(host).expect("a rule")).collect();
    NetworkGrant { hosts, max_bytes: 1 << 20 }
}

/// Every name leads to one address; what was connected to is remembered.
struct Paper {
    answer: IpAddr,
    reached: Mutex<Vec<SocketAddr>>,
}

#[async_trait]
impl Resolver for Paper {
    async fn resolve(&self, _name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec![self.answer])
    }
}

#[async_trait]
impl Connector for Paper {
    fn source(&self, to: SocketAddr) -> io::Result<IpAddr> {
        let source = if to.is_ipv4() { "192.168.1.10" } else { "2a01:1:2:300::10" };
        Ok(source.parse().expect("an address"))
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<Box<dyn ByteStream>> {
        self.reached.lock().expect("lock").push(to);
        let (ours, _theirs) = tokio::io::duplex(64);
        Ok(Box::new(ours))
    }
}

/// A case that asks the proxy for `target` while every name leads to `answer`.
fn asks(name: String, target: &str, answer: &str, expected: &str) -> Case {
    let (target, answer) = (target.to_owned(), answer.parse().expect("an address"));
    let run = move |_: &std::path::Path| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Seen::plain(runtime.block_on(ask(&target, answer)))
    };
    Case {
        name: format!("proxy: {name}"),
        built: "a CONNECT request".to_owned(),
        expected: expected.to_owned(),
        run: Box::new(run),
    }
}

async fn ask(target: &str, answer: IpAddr) -> String {
    let paper = Arc::new(Paper { answer, reached: Mutex::default() });
    let proxy = EgressProxy::new(paper.clone(), paper.clone(), ProxyLimits::default());
    let key = TaskKey { task: TaskId::new("t").expect("an id"), attempt: 1 };
    let session = proxy.open(&key, &grant(&["pypi.org", "*.example.org"]));
    let (mut task, ours) = tokio::io::duplex(64 << 10);
    let request = format!("CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n\r\n");
    task.write_all(request.as_bytes()).await.expect("room");
    task.shutdown().await.expect("shut down");
    let mut said = Vec::new();
    let _ = tokio::join!(session.serve(Box::new(ours)), task.read_to_end(&mut said));
    let said = String::from_utf8_lossy(&said).into_owned();
    let status = said.split(' ').nth(1).unwrap_or("no answer");
    let reached = paper.reached.lock().expect("lock").clone();
    match reached.as_slice() {
        [] => format!("{status}, nothing reached"),
        [one] => format!("{status}, {one} reached"),
        many => format!("{status}, {many:?} reached"),
    }
}

fn found() -> &'static HashMap<String, String> {
    static FOUND: OnceLock<HashMap<String, String>> = OnceLock::new();
    FOUND.get_or_init(|| read(PROBE))
}

/// Addresses that no task may reach.
const FORBIDDEN: &[&str] = &[
    "127.0.0.1",
    "127.0.0.53",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.17.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.255.255",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "100.127.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a00:1::",
    "2001:0:a00:1::",
    "fe80::1",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "ff05::2",
    "2001:db8::1",
    "100::1",
];

/// Spellings of addresses that some library understands.
const SPELLINGS: &[&str] = &[
    "2130706433",
    "017700000001",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "127.1",
    "127.0.1",
    "127.0.0.1.",
    "0",
    "0x0",
    "010.0.0.1",
    "0xa9fea9fe",
    "2852039166",
    "169.254.43518",
    "1.2.3.4.5",
];
