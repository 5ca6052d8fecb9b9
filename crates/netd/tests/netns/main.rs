//! The real program in a network namespace of its own, with `CAP_NET_ADMIN` and nothing else: exactly one interface
//! and the pool's route appear and vanish; strangers are refused.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "all of this file is tests, against a real program and real time"
)]

mod client;
mod service;
mod space;

use client::{Client, serde_json};
use hivemind_netd_protocol::{Answer, Network, Refused, Request, State, Up};
use service::Service;
use space::{Space, run};
use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Somebody without rights, and somebody else.
const NOBODY: &str = "65534";
const OTHER: &str = "65533";
const LONG: Duration = Duration::from_secs(60);
/// How the right is asked for.
const ONE: &str = ",+net_admin";
/// What each thread of the service may: one right, which it has, and could not get another.
const NETWORK: &str = "Inh:0000000000000000 Prm:0000000000001000 Eff:0000000000001000 Bnd:0000000000001000 \
    Amb:0000000000000000";

fn up(allowed: &[&str]) -> Request {
    Request::Up(Box::new(Up {
        network: Network {
            addresses: vec!["10.77.0.2/32".parse().unwrap()],
            allowed_ips: allowed.iter().map(|net| net.parse().unwrap()).collect(),
            mtu: 1220,
            endpoint: "192.168.55.1:51820".parse().unwrap(),
        },
        keys: None,
    }))
}

const POOL: &[&str] = &["10.77.0.0/24"];

/// A folder that everybody may look into, with both programs; the service's user may write there.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("hivemind-netd-").tempdir().unwrap();
    let own = std::env::current_exe().unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_hivemind-netd"), folder.path().join("hivemind-netd")).unwrap();
    for name in ["client", "stranger"] {
        std::fs::copy(&own, folder.path().join(name)).unwrap();
    }
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    folder
}

#[test]
fn one_interface_and_one_route_come_and_go_and_strangers_are_refused() {
    let name = "one_interface_and_one_route_come_and_go_and_strangers_are_refused";
    let space = match Space::lay("one") {
        Ok(space) if Path::new("/dev/net/tun").exists() => space,
        Ok(_) => return println!("SKIPPED {name}: there is no /dev/net/tun"),
        Err(why) => return println!("SKIPPED {name}: {why}"),
    };
    let folder = folder();
    let before = space.as_it_is();
    let mut service = Service::start(&space, folder.path(), ONE);
    assert_eq!(service.rights(), BTreeSet::from([NETWORK.to_owned()]));
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.child.id())).unwrap();
    assert!(status.contains(&format!("Uid:\t{NOBODY}")) && status.contains("NoNewPrivs:\t1"), "{status}");

    // The socket is its user's; even where it is not, the service looks who speaks.
    let mode = std::fs::metadata(&service.socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    std::fs::set_permissions(&service.socket, std::fs::Permissions::from_mode(0o666)).unwrap();
    let other = Client::start(&folder.path().join("client"), OTHER, &service.socket).say("hear").0;
    assert_eq!(serde_json::<Answer>(&other), Answer::Refused(Refused::User));
    let other = Client::start(&folder.path().join("stranger"), NOBODY, &service.socket).say("hear").0;
    assert_eq!(serde_json::<Answer>(&other), Answer::Refused(Refused::Program));

    let mut client = Client::start(&folder.path().join("client"), NOBODY, &service.socket);
    assert_eq!(client.refused(&Request::Status), Refused::Order);
    client.say("open");
    assert!(matches!(client.send(&Request::hello()).0, Answer::Welcome { .. }));

    // What may not be: refused by the rules or by what is there, and nothing has changed.
    for (allowed, word) in [
        (&["0.0.0.0/0"][..], "full-tunnel"),
        (&["0.0.0.0/1", "128.0.0.0/1"], "full-tunnel"),
        (&["8.8.8.0/24"], "public-address"),
        (&["127.0.0.0/24"], "special-address"),
        (&["10.0.0.0/8"], "too-wide"),
        (&["192.168.55.0/24"], "endpoint-inside"),
        (&[], "missing"),
    ] {
        assert_eq!(client.refused(&up(allowed)), Refused::Rule(word.into()), "{allowed:?}");
    }
    for taken in ["192.168.55.128/25", "10.99.7.0/24", "10.99.0.0/16"] {
        let why = client.refused(&up(&[taken]));
        assert!(matches!(why, Refused::Overlap { .. }), "{taken}: {why:?}");
    }
    assert_eq!(space.as_it_is(), before);

    let (answer, handles) = client.send(&up(POOL));
    assert_eq!((answer, handles), (Answer::Done, 1), "its packets' descriptor comes with the answer");
    assert_eq!(
        service.rights(),
        BTreeSet::from([NETWORK.to_owned()]),
        "threads that work on the tunnel have no more"
    );
    let during = space.as_it_is();
    assert!(before.is_subset(&during), "nothing that was there changes: {:?}", before.difference(&during));
    let new: Vec<&str> = during.difference(&before).map(String::as_str).collect();
    for line in &new {
        println!("appeared: {line}");
    }
    let of = |start: &str| new.iter().filter(|line| line.starts_with(start)).count();
    assert_eq!((of("-o link:"), of("-o addr:"), of("rule:"), of("-6 rule:")), (1, 1, 0, 0), "{new:?}");
    assert!(new.iter().all(|line| line.contains("hivemind0")), "{new:?}");
    assert!(new.iter().any(|line| line.contains("mtu 1220")), "{new:?}");
    // The pool's route, and what the kernel notes about the address itself.
    let routes: Vec<&&str> = new.iter().filter(|line| line.starts_with("route")).collect();
    let main: Vec<_> = routes.iter().filter(|line| !line.contains("table local")).collect();
    assert_eq!(main.len(), 1, "{routes:?}");
    assert!(main[0].contains("10.77.0.0/24 dev hivemind0"), "{main:?}");
    assert!(!new.iter().any(|line| line.contains("default") && line.contains("route")), "{new:?}");
    assert_eq!(client.send(&up(POOL)), (Answer::Done, 2), "the same again is the same");
    assert_eq!(space.as_it_is(), during);
    let state = State { up: true, handshake_s: None, received: 0, sent: 0 };
    assert_eq!(client.send(&Request::Status).0, Answer::Status(state));

    // Down although the client still holds the descriptors.
    assert_eq!(client.send(&Request::Down).0, Answer::Done);
    space.until(&before, "after Down");
    client.send(&up(POOL));
    assert_eq!(space.as_it_is().len(), during.len());
    drop(client);
    space.until(&before, "when the client is gone");

    let mut client = Client::start(&folder.path().join("client"), NOBODY, &service.socket);
    client.send(&Request::hello());
    client.send(&up(POOL));
    service.signal("-TERM");
    space.until(&before, "when the service ends");
    assert!(!service.socket.exists());
    client.say("close");
}

#[test]
fn an_interface_of_another_is_left_alone_and_a_missing_right_is_said() {
    let name = "an_interface_of_another_is_left_alone_and_a_missing_right_is_said";
    let space = match Space::lay("two") {
        Ok(space) => space,
        Err(why) => return println!("SKIPPED {name}: {why}"),
    };
    let folder = folder();
    run("ip", &["-n", &space.0, "link", "add", "hivemind0", "type", "veth", "peer", "name", "far1"]).unwrap();
    let before = space.as_it_is();
    let service = Service::start(&space, folder.path(), ONE);
    let mut client = Client::start(&folder.path().join("client"), NOBODY, &service.socket);
    client.send(&Request::hello());
    assert_eq!(client.refused(&up(POOL)), Refused::Taken);
    assert_eq!(space.as_it_is(), before);
    drop((client, service));
    run("ip", &["-n", &space.0, "link", "delete", "hivemind0"]).unwrap();
    // Without the right.
    let service = Service::start(&space, folder.path(), "");
    let mut client = Client::start(&folder.path().join("client"), NOBODY, &service.socket);
    client.send(&Request::hello());
    assert_eq!(client.refused(&up(POOL)), Refused::Permission);
}

#[test]
fn rights_that_were_given_beside_the_one_are_given_up() {
    let name = "rights_that_were_given_beside_the_one_are_given_up";
    let space = match Space::lay("three") {
        Ok(space) => space,
        Err(why) => return println!("SKIPPED {name}: {why}"),
    };
    let folder = folder();
    let service = Service::start(&space, folder.path(), ",+net_admin,+net_raw,+sys_ptrace");
    // What it could never get is decided by whoever starts it: that set alone cannot be given up without a right more.
    let bounded = NETWORK.replace("Bnd:0000000000001000", "Bnd:0000000000083000");
    assert_eq!(service.rights(), BTreeSet::from([bounded]));
}

#[test]
fn words_that_are_none_end_the_conversation_and_the_service_lives_on() {
    let name = "words_that_are_none_end_the_conversation_and_the_service_lives_on";
    let space = match Space::lay("four") {
        Ok(space) => space,
        Err(why) => return println!("SKIPPED {name}: {why}"),
    };
    let folder = folder();
    let before = space.as_it_is();
    let service = Service::start(&space, folder.path(), ONE);
    let mut client = Client::start(&folder.path().join("client"), NOBODY, &service.socket);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let frame = |body: &str| [&u16::try_from(body.len()).unwrap().to_be_bytes(), body.as_bytes()].concat();
    for (bytes, why) in [
        (vec![0x10, 0x01], Refused::Oversize),
        (vec![0xff; 9000], Refused::Oversize),
        (vec![0, 0], Refused::Oversize),
        (frame("{}"), Refused::Malformed),
        (frame("\"status\" "), Refused::Order),
        (frame("{\"exec\":\"/bin/sh\"}"), Refused::Malformed),
        (frame("{\"hello\":{\"version\":1,\"name\":\"eth0\"}}"), Refused::Malformed),
        (frame("{\"hello\":{\"version\":2}}"), Refused::Version),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), Refused::Oversize),
    ] {
        client.say("open");
        let (said, _) = client.say(&format!("raw {}", hex(&bytes)));
        assert_eq!(serde_json::<Answer>(&said), Answer::Refused(why), "{bytes:02x?}");
        assert_eq!(client.say("hear").0, "ended", "{bytes:02x?}");
    }
    // Half a frame, then silence.
    client.say("open");
    let begun = Instant::now();
    assert_eq!(client.say(&format!("raw {}", hex(&frame("{\"hello\"")[..6]))).0, "ended");
    let took = begun.elapsed();
    println!("half a frame was waited for {took:.1?}");
    assert!((Duration::from_secs(4)..Duration::from_secs(20)).contains(&took), "{took:?}");
    // Four at once, and no more; one that goes makes room.
    for _ in 0..4 {
        client.say("open");
        assert!(matches!(client.send(&Request::hello()).0, Answer::Welcome { .. }));
        client.say("keep");
    }
    client.say("open");
    let fifth = client.say("hear").0;
    assert_eq!(serde_json::<Answer>(&fifth), Answer::Refused(Refused::Busy));
    client.say("close");
    let begun = Instant::now();
    loop {
        client.say("open");
        match client.send(&Request::hello()).0 {
            Answer::Welcome { .. } => break,
            other => assert!(begun.elapsed() < LONG, "{other:?}"),
        }
    }
    let none = State { up: false, handshake_s: None, received: 0, sent: 0 };
    assert_eq!(client.send(&Request::Status).0, Answer::Status(none));
    assert_eq!(space.as_it_is(), before);
    assert_eq!(service.rights(), BTreeSet::from([NETWORK.to_owned()]));
}

#[test]
fn words_of_the_command_line_are_judged() {
    let refused = |arguments: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_hivemind-netd")).args(arguments).output().unwrap();
        let mut said = String::new();
        done.stderr.as_slice().read_to_string(&mut said).unwrap();
        assert!(!done.status.success() && said.contains("usage"), "{arguments:?}: {said}");
    };
    refused(&[]);
    refused(&["--socket", "/tmp/x"]);
    refused(&["--socket", "x", "--program", "/bin/true"]);
    refused(&["--socket", "/tmp/x", "--program", "/bin/true", "--away", "61"]);
    refused(&["--socket", "/tmp/x", "--program", "/bin/true", "--exec", "x"]);
}
