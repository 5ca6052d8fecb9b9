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

use hivemind_netd_protocol::{Answer, Frames, Network, Refused, Request, State, Up, encode};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Somebody without rights, and somebody else.
const NOBODY: &str = "65534";
const OTHER: &str = "65533";
const LONG: Duration = Duration::from_secs(60);
const SOCKET: &str = "HIVEMIND_TEST_NETD_SOCKET";
const CLIENT: &str = "speaks_for_the_test";

/// Not a test: the program that the service serves, told over its standard input what to say.
#[test]
fn speaks_for_the_test() {
    let Some(socket) = std::env::var_os(SOCKET) else { return };
    let mut stream = None;
    let mut handles = Vec::new();
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        let said = match words.as_slice() {
            ["open"] => {
                stream = Some(UnixStream::connect(&socket).unwrap());
                stream.as_ref().unwrap().set_read_timeout(Some(LONG)).unwrap();
                "open".to_owned()
            }
            ["close"] => {
                stream = None;
                handles.clear();
                "closed".to_owned()
            }
            ["send", request] => {
                let stream = stream.as_mut().unwrap();
                let request: Request = serde_json(request);
                stream.write_all(&encode(&request).unwrap()).unwrap();
                listen(stream, &mut handles)
            }
            ["raw", hex] => {
                let stream = stream.as_mut().unwrap();
                let bytes: Vec<u8> = hex
                    .as_bytes()
                    .chunks(2)
                    .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
                    .collect();
                let _ = stream.write_all(&bytes);
                listen(stream, &mut handles)
            }
            ["hear"] => listen(stream.as_mut().unwrap(), &mut handles),
            ["end"] => return,
            other => panic!("{other:?}"),
        };
        // Tests' own output is told apart by its beginning.
        println!("\n=> {said} {}", handles.len());
    }
}

fn serde_json<T: serde::de::DeserializeOwned>(text: &str) -> T {
    ::serde_json::from_str(text).unwrap()
}

/// One answer as JSON, or `ended`.
fn listen(stream: &mut UnixStream, handles: &mut Vec<std::os::fd::OwnedFd>) -> String {
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
    let mut frames = Frames::default();
    loop {
        let mut bytes = [0; 512];
        let mut room = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut beside = RecvAncillaryBuffer::new(&mut room);
        let got = recvmsg(
            &*stream,
            &mut [std::io::IoSliceMut::new(&mut bytes)],
            &mut beside,
            RecvFlags::CMSG_CLOEXEC,
        );
        let Ok(got) = got else { return "ended".into() };
        if got.bytes == 0 {
            return "ended".into();
        }
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(more) = message {
                handles.extend(more);
            }
        }
        frames.push(&bytes[..got.bytes]).unwrap();
        if let Some(answer) = frames.take::<Answer>().unwrap() {
            return ::serde_json::to_string(&answer).unwrap();
        }
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<String, String> {
    let done = Command::new(program).args(arguments).output().map_err(|e| format!("{program}: {e}"))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    Err(format!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&done.stderr).trim()))
}

struct Space(String);

impl Space {
    fn lay(name: &str) -> Result<Self, String> {
        let space = Self(format!("hmnd-{name}-{}", std::process::id()));
        run("ip", &["netns", "add", &space.0])?;
        let ip = |words: &[&str]| run("ip", &[&["-n", &space.0], words].concat());
        ip(&["link", "set", "lo", "up"])?;
        ip(&["link", "add", "lan0", "type", "veth", "peer", "name", "far0"])?;
        ip(&["addr", "add", "192.168.55.2/24", "dev", "lan0"])?;
        for link in ["lan0", "far0"] {
            // Addresses that come by themselves would change while the test looks.
            ip(&["link", "set", link, "addrgenmode", "none"])?;
            ip(&["link", "set", link, "up"])?;
        }
        ip(&["route", "add", "default", "via", "192.168.55.1"])?;
        ip(&["route", "add", "10.99.0.0/16", "via", "192.168.55.9"])?;
        Ok(space)
    }

    /// Everything that a tunnel could change, line by line.
    fn as_it_is(&self) -> BTreeSet<String> {
        let mut lines = BTreeSet::new();
        for words in
            ["-o link", "-o addr", "route show table all", "-6 route show table all", "rule", "-6 rule"]
        {
            let arguments: Vec<&str> = ["-n", &self.0].into_iter().chain(words.split(' ')).collect();
            for line in run("ip", &arguments).unwrap_or_default().lines() {
                // Link state of what was there before is told with numbers that count up.
                lines.insert(format!("{words}: {}", line.split_whitespace().collect::<Vec<_>>().join(" ")));
            }
        }
        lines.insert(std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default());
        lines
    }

    fn until(&self, wanted: &BTreeSet<String>, what: &str) {
        let begun = Instant::now();
        loop {
            let now = self.as_it_is();
            if now == *wanted {
                return;
            }
            assert!(begun.elapsed() < LONG, "{what}: {:?}", now.symmetric_difference(wanted));
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let _ = run("ip", &["netns", "delete", &self.0]);
    }
}

struct Service {
    child: Child,
    socket: PathBuf,
}

impl Service {
    /// The program as nobody with one right. Its own `/dev/net/tun` is open to all, as on other computers.
    fn start(space: &Space, folder: &Path, away: &str) -> Self {
        let socket = folder.join("socket");
        let script = "mknod \"$1/tun\" c 10 200 2>/dev/null; chmod 666 \"$1/tun\"; \
            mount --bind \"$1/tun\" /dev/net/tun || exit 9; shift; exec \"$@\"";
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", space.0)).args(["unshare", "--mount", "sh", "-c", script]);
        command.arg("sh").arg(folder);
        command.args(["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
        command.args(["--inh-caps=-all,+net_admin", "--ambient-caps=-all,+net_admin"]);
        command.args(["--bounding-set=-all,+net_admin", "--no-new-privs"]);
        command.arg(folder.join("hivemind-netd")).arg("--socket").arg(&socket);
        command.arg("--program").arg(folder.join("client")).args(["--away", away]);
        let child = command.stdin(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while !socket.exists() {
            assert!(begun.elapsed() < LONG, "the service does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, socket }
    }

    fn signal(&mut self, name: &str) {
        run("kill", &[name, &self.child.id().to_string()]).unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Client {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Client {
    fn start(program: &Path, user: &str, socket: &Path) -> Self {
        let mut child = Command::new("setpriv")
            .args([
                "--reuid",
                user,
                "--regid",
                user,
                "--clear-groups",
                "--bounding-set=-all",
                "--inh-caps=-all",
            ])
            .arg(program)
            .args(["--exact", CLIENT, "--nocapture", "--test-threads=1"])
            .env(SOCKET, socket)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut client = Self { child, stdin, stdout };
        client.say("open");
        client
    }

    /// What came back, and how many descriptors there are by now.
    fn say(&mut self, words: &str) -> (String, usize) {
        writeln!(self.stdin, "{words}").unwrap();
        loop {
            let mut line = String::new();
            assert!(self.stdout.read_line(&mut line).unwrap() > 0, "the client ended at {words}");
            if let Some(said) = line.trim().strip_prefix("=> ") {
                let (said, count) = said.rsplit_once(' ').unwrap();
                return (said.to_owned(), count.parse().unwrap());
            }
        }
    }

    fn send(&mut self, request: &Request) -> (Answer, usize) {
        let (said, count) = self.say(&format!("send {}", ::serde_json::to_string(request).unwrap()));
        (serde_json(&said), count)
    }

    fn refused(&mut self, request: &Request) -> Refused {
        match self.send(request).0 {
            Answer::Refused(why) => why,
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

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
    let mut service = Service::start(&space, folder.path(), "1");
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.child.id())).unwrap();
    for line in ["CapEff:\t0000000000001000", "CapPrm:\t0000000000001000", "CapAmb:\t0000000000000000"] {
        assert!(status.contains(line), "{status}");
    }
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
    let service = Service::start(&space, folder.path(), "1");
    let mut client = Client::start(&folder.path().join("client"), NOBODY, &service.socket);
    client.send(&Request::hello());
    assert_eq!(client.refused(&up(POOL)), Refused::Taken);
    assert_eq!(space.as_it_is(), before);
    drop((client, service));
    run("ip", &["-n", &space.0, "link", "delete", "hivemind0"]).unwrap();
    // Without the right.
    let socket = folder.path().join("bare");
    let mut bare = Command::new("nsenter");
    bare.arg(format!("--net=/run/netns/{}", space.0)).arg("setpriv").args([
        "--reuid",
        NOBODY,
        "--regid",
        NOBODY,
        "--clear-groups",
        "--bounding-set=-all",
        "--inh-caps=-all",
    ]);
    bare.arg(folder.path().join("hivemind-netd")).arg("--socket").arg(&socket);
    bare.arg("--program").arg(folder.path().join("client"));
    let child = bare.spawn().unwrap();
    let service = Service { child, socket };
    let begun = Instant::now();
    while !service.socket.exists() {
        assert!(begun.elapsed() < LONG);
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut client = Client::start(&folder.path().join("client"), NOBODY, &service.socket);
    client.send(&Request::hello());
    assert_eq!(client.refused(&up(POOL)), Refused::Permission);
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
