//! What another program could say to the privileged one: words out of order, frames that are none, and tunnels that
//! may not be. Each is said to the very code that answers on the socket; nothing may be made.

use crate::case::{Case, Seen};
use crate::cost::measured;
use hivemind_netd::{Desk, Handle, Judged, System, Wire, converse};
use hivemind_netd_protocol::{Answer, Frames, Kind, Refused, State};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Everything that is said, and what was answered.
struct Spoken<'a> {
    words: &'a [u8],
    piece: usize,
    heard: Vec<u8>,
}

impl Wire for Spoken<'_> {
    async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(self.piece).min(self.words.len());
        let (now, later) = self.words.split_at(length);
        buffer[..length].copy_from_slice(now);
        self.words = later;
        Ok(length)
    }

    async fn send(&mut self, frame: &[u8], _: Option<Handle>) -> io::Result<()> {
        self.heard.extend_from_slice(frame);
        Ok(())
    }
}

/// Counts what would have been made, and panics on what must never come so far.
struct Watchful(Arc<AtomicUsize>);

impl System for Watchful {
    type Link = ();

    fn kind(&self) -> Kind {
        Kind::Packets
    }

    async fn up(&mut self, wanted: &Judged) -> Result<(), Refused> {
        let public: IpAddr = [8, 8, 8, 8].into();
        for net in &wanted.config.peer.allowed_ips {
            assert!(net.prefix_len() >= 16 && !net.contains(&public), "{net}");
            assert!(!net.contains(&wanted.endpoint.ip()), "{net}");
        }
        assert!((576..=1420).contains(&wanted.config.mtu) && !wanted.config.addresses.is_empty());
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn down(&mut self, (): ()) {}

    fn handle(&self, (): &()) -> io::Result<Option<Handle>> {
        Ok(None)
    }

    fn state(&self, (): &()) -> State {
        State { up: true, handshake_s: None, received: 0, sent: 0 }
    }
}

/// Says it all; what was answered last, and how many interfaces were made.
fn say(words: &[u8], piece: usize) -> (Option<Answer>, usize) {
    let made = Arc::new(AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut spoken = Spoken { words, piece, heard: Vec::new() };
    runtime.block_on(async {
        let desk = Desk::new(Watchful(Arc::clone(&made)), Duration::from_secs(60));
        let seat = desk.seat().expect("a seat");
        converse(&mut spoken, seat).await;
    });
    let (mut frames, mut last) = (Frames::default(), None);
    for part in spoken.heard.chunks(512) {
        frames.push(part).expect("our own frames");
        while let Some(answer) = frames.take::<Answer>().expect("our own words") {
            last = Some(answer);
        }
    }
    (last, made.load(Ordering::SeqCst))
}

fn frame(body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).expect("short");
    [&length.to_be_bytes()[..], body].concat()
}

const HELLO: &str = r#"{"hello":{"version":1}}"#;

fn up(addresses: &str, allowed: &str, mtu: &str, endpoint: &str, more: &str) -> String {
    format!(
        r#"{{"up":{{"network":{{"addresses":{addresses},"allowed_ips":{allowed},"mtu":{mtu},"endpoint":{endpoint}}}{more}}}}}"#
    )
}

const OURS: &str = r#"["10.77.0.2/32"]"#;
const POOL: &str = r#"["10.77.0.0/24"]"#;
const END: &str = r#""203.0.113.2:51820""#;

struct List(Vec<Case>);

impl List {
    fn bytes(&mut self, name: &str, built: &str, expected: &str, words: Vec<u8>) {
        let run = Box::new(move |_: &std::path::Path| {
            let ((answer, made), cost) = measured(|| say(&words, usize::MAX));
            let said = match answer {
                None => "nothing answered".to_owned(),
                Some(Answer::Refused(why)) => format!("refused ({})", word(&why)),
                Some(other) => format!("{other:?}"),
            };
            let outcome = if made == 0 { said } else { format!("{said}; {made} interfaces") };
            Seen { outcome, cost: Some(cost) }
        });
        self.0.push(Case { name: name.into(), built: built.into(), expected: expected.into(), run });
    }

    /// After a proper hello.
    fn body(&mut self, name: &str, built: &str, expected: &str, body: &[u8]) {
        self.bytes(name, built, expected, [frame(HELLO.as_bytes()), frame(body)].concat());
    }

    fn rule(&mut self, name: &str, word: &str, body: &str) {
        self.body(name, "hello, then a tunnel", &format!("refused ({word})"), body.as_bytes());
    }
}

fn word(why: &Refused) -> String {
    match why {
        Refused::Rule(word) => word.clone(),
        other => format!("{other:?}").to_lowercase(),
    }
}

/// All of them.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut list = List(Vec::new());
    order(&mut list);
    frames(&mut list);
    words(&mut list);
    tunnels(&mut list);
    list.0
}

fn order(list: &mut List) {
    let good = up(OURS, POOL, "1220", END, "");
    for (name, body) in [("status", r#""status""#), ("down", r#""down""#), ("up", good.as_str())] {
        let built = "the first word is not hello";
        list.bytes(&format!("{name} before hello"), built, "refused (order)", frame(body.as_bytes()));
    }
    list.body("hello twice", "hello, hello", "refused (order)", HELLO.as_bytes());
    for version in ["0", "2", "65535"] {
        let body = format!(r#"{{"hello":{{"version":{version}}}}}"#);
        list.bytes(
            &format!("version {version}"),
            "another version",
            "refused (version)",
            frame(body.as_bytes()),
        );
    }
    list.bytes("silence", "nothing is said", "nothing answered", Vec::new());
}

fn frames(list: &mut List) {
    for length in [0_u16, 4097, 8192, 32_768, u16::MAX] {
        let words = [&length.to_be_bytes()[..], b"{}"].concat();
        list.bytes(&format!("length {length}"), "a length that no frame has", "refused (oversize)", words);
    }
    for (name, words) in [
        ("one byte", vec![0]),
        ("a length alone", vec![0, 9]),
        ("half a frame", frame(HELLO.as_bytes())[..9].to_vec()),
    ] {
        list.bytes(name, "ends too early", "nothing answered", words);
    }
    let flood = [frame(HELLO.as_bytes()), vec![0xff; 100_000]].concat();
    list.bytes("a flood after hello", "100,000 bytes", "refused (oversize)", flood);
    list.bytes("a web request", "GET / HTTP/1.1", "refused (oversize)", b"GET / HTTP/1.1\r\n\r\n".to_vec());
    let padded = [HELLO.as_bytes(), &[b' '; 4000]].concat();
    let said = format!("{:?}", Answer::Welcome { version: 1, kind: Kind::Packets });
    list.bytes("hello with room around", "white space inside of the frame", &said, frame(&padded));
}

fn words(list: &mut List) {
    let deep = "[".repeat(4000);
    let long_verb = format!("\"{}\"", "a".repeat(4000));
    let many = format!("[{}1]", "1,".repeat(2000));
    for (name, body) in [
        ("empty object", "{}"),
        ("null", "null"),
        ("a number", "5"),
        ("a list", r#"["status"]"#),
        ("an unknown verb", r#""exec""#),
        ("a verb in capitals", r#""STATUS""#),
        ("a verb with a value", r#"{"status":{"path":"/etc/passwd"}}"#),
        ("down with a name", r#"{"down":"eth0"}"#),
        ("two verbs", r#"{"status":null,"down":null}"#),
        ("two words in one frame", r#""status""down""#),
        ("rubbish behind a word", r#""status" ; reboot"#),
        ("deep nesting", deep.as_str()),
        ("a long verb", long_verb.as_str()),
        ("many numbers", many.as_str()),
        ("hello without a version", r#"{"hello":{}}"#),
        ("hello with more", r#"{"hello":{"version":1,"user":"root"}}"#),
        ("hello with a text", r#"{"hello":{"version":"1"}}"#),
        ("hello with a fraction", r#"{"hello":{"version":1.5}}"#),
        ("hello with a large number", r#"{"hello":{"version":65536}}"#),
        ("hello below zero", r#"{"hello":{"version":-1}}"#),
        ("up without anything", r#"{"up":{}}"#),
        ("up with null", r#"{"up":null}"#),
        ("up with a list", r#"{"up":[]}"#),
        ("a comment", "// x\n\"status\""),
        ("an open text", "\"status"),
        ("an escaped verb with a null", "\"status\\u0000\""),
    ] {
        list.body(name, "hello, then words that are none", "refused (malformed)", body.as_bytes());
    }
    for (name, body) in [
        ("not UTF-8", &b"\"\xff\xfe\""[..]),
        ("a byte order mark", b"\xef\xbb\xbf\"status\""),
        ("zeros", &[0; 64]),
    ] {
        list.body(name, "hello, then bytes that are no text", "refused (malformed)", body);
    }
    let more = |name: &str| format!(r#","{name}":"x""#);
    for field in
        ["PostUp", "dns", "table", "interface", "name", "path", "script", "fwmark", "gateway", "user"]
    {
        let body = up(OURS, POOL, "1220", END, &more(field));
        list.body(
            &format!("a field {field}"),
            "a tunnel with a field more",
            "refused (malformed)",
            body.as_bytes(),
        );
    }
    for (name, addresses, allowed, mtu, end) in [
        ("a line in an address", r#"["10.77.0.2/32\nPostUp = true"]"#, POOL, "1220", END),
        ("a command in a network", OURS, r#"["10.77.0.0/24; reboot"]"#, "1220", END),
        ("a substitution", OURS, r#"["$(reboot)/24"]"#, "1220", END),
        ("an address without a length", r#"["10.77.0.2"]"#, POOL, "1220", END),
        ("a length above 32", OURS, r#"["10.77.0.0/33"]"#, "1220", END),
        ("a length below zero", OURS, r#"["10.77.0.0/-1"]"#, "1220", END),
        ("hexadecimal digits", OURS, r#"["0x0a4d0000/24"]"#, "1220", END),
        ("a short address", OURS, r#"["10.77/16"]"#, "1220", END),
        ("a size as text", OURS, POOL, r#""1220""#, END),
        ("a size below zero", OURS, POOL, "-5", END),
        ("a size above 16 bits", OURS, POOL, "65536", END),
        ("a fraction as size", OURS, POOL, "1e3", END),
        ("a name as endpoint", OURS, POOL, "1220", r#""pool.example:51820""#),
        ("an endpoint without a port", OURS, POOL, "1220", r#""203.0.113.2""#),
        ("a port above 16 bits", OURS, POOL, "1220", r#""203.0.113.2:65536""#),
        ("an endpoint that is a path", OURS, POOL, "1220", r#""/run/x""#),
        ("addresses as one text", r#""10.77.0.2/32""#, POOL, "1220", END),
    ] {
        let body = up(addresses, allowed, mtu, end, "");
        list.body(name, "a tunnel whose words are none", "refused (malformed)", body.as_bytes());
    }
    let twice = up(OURS, POOL, r#"1220,"mtu":9000"#, END, "");
    list.body("a field twice", "a tunnel with one field twice", "refused (malformed)", twice.as_bytes());
    let key = r#""kMoy1Wmgbn4ACUC8r8RkpNuzCVzQRmGJpzbxlzlY6jA=""#;
    let keys = format!(r#","keys":{{"private_key":{key},"public_key":{key},"listen_port":0,"keepalive":0}}"#);
    list.rule("keys that are not wanted", "keys", &up(OURS, POOL, "1220", END, &keys));
    let short = keys.replace("kMoy", "");
    list.rule("a short key", "malformed", &up(OURS, POOL, "1220", END, &short));
}

fn tunnels(list: &mut List) {
    for (allowed, word) in [
        (r#"["0.0.0.0/0"]"#, "full-tunnel"),
        (r#"["::/0"]"#, "full-tunnel"),
        (r#"["0.0.0.0/1","128.0.0.0/1"]"#, "full-tunnel"),
        (r#"["10.77.0.0/24","0.0.0.0/0"]"#, "full-tunnel"),
        (r#"["10.77.0.9/0"]"#, "full-tunnel"),
        (r#"["10.0.0.0/8"]"#, "too-wide"),
        (r#"["172.16.0.0/12"]"#, "too-wide"),
        (r#"["192.168.0.0/15"]"#, "too-wide"),
        (r#"["fd00::/8"]"#, "too-wide"),
        (r#"["8.8.8.0/24"]"#, "public-address"),
        (r#"["1.1.1.1/32"]"#, "public-address"),
        (r#"["2001:4860::/48"]"#, "public-address"),
        (r#"["127.0.0.0/24"]"#, "special-address"),
        (r#"["169.254.169.254/32"]"#, "special-address"),
        (r#"["224.0.0.0/24"]"#, "special-address"),
        (r#"["fe80::/64"]"#, "special-address"),
        (r#"["ff02::/64"]"#, "special-address"),
        ("[]", "missing"),
    ] {
        list.rule(&format!("networks {allowed}"), word, &up(OURS, allowed, "1220", END, ""));
    }
    let seventeen: Vec<String> = (0..17).map(|n| format!("\"10.77.{n}.0/24\"")).collect();
    let seventeen = format!("[{}]", seventeen.join(","));
    list.rule("17 networks", "too-large", &up(OURS, &seventeen, "1220", END, ""));
    for (addresses, word) in [
        ("[]", "missing"),
        (r#"["10.77.0.0/24"]"#, "address"),
        (r#"["10.77.0.255/24"]"#, "address"),
        (r#"["8.8.8.8/32"]"#, "public-address"),
        (r#"["127.0.0.1/32"]"#, "special-address"),
        (r#"["10.77.0.2/32","10.77.0.3/32","10.77.0.4/32"]"#, "too-large"),
    ] {
        list.rule(&format!("addresses {addresses}"), word, &up(addresses, POOL, "1220", END, ""));
    }
    for mtu in ["0", "1", "575", "1421", "9000", "65535"] {
        list.rule(&format!("packets of {mtu}"), "number", &up(OURS, POOL, mtu, END, ""));
    }
    for (end, word) in [
        (r#""10.77.0.1:51820""#, "endpoint-inside"),
        (r#""[::ffff:10.77.0.1]:51820""#, "endpoint-inside"),
        (r#""0.0.0.0:51820""#, "endpoint"),
        (r#""255.255.255.255:51820""#, "endpoint"),
        (r#""224.0.0.1:51820""#, "endpoint"),
        (r#""169.254.1.1:51820""#, "endpoint"),
        (r#""[::]:51820""#, "endpoint"),
        (r#""[fe80::1]:51820""#, "endpoint"),
        (r#""203.0.113.2:0""#, "endpoint"),
    ] {
        list.rule(&format!("endpoint {end}"), word, &up(OURS, POOL, "1220", end, ""));
    }
}

/// Whatever is said, in whatever pieces: an end, and nothing made that may not be.
pub(crate) fn fuzz(data: &[u8]) {
    let Some((piece, words)) = data.split_first() else { return };
    let (whole, made) = say(words, usize::MAX);
    let (parts, again) = say(words, usize::from(*piece).max(1));
    assert_eq!((whole, made), (parts, again), "pieces make no difference");
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let good = up(OURS, POOL, "1220", END, "");
    let bad = up(OURS, r#"["0.0.0.0/0"]"#, "1220", END, "");
    let frames = |bodies: &[&str]| {
        let all: Vec<u8> = bodies.iter().flat_map(|body| frame(body.as_bytes())).collect();
        [&[7][..], &all].concat()
    };
    vec![
        frames(&[HELLO, &good, r#""status""#, r#""down""#]),
        frames(&[HELLO, &bad]),
        frames(&[r#""down""#]),
        vec![1, 0xff, 0xff, b'{'],
    ]
}
