//! Tasks with network in a real engine: through relay and proxy to a server of the test, and nowhere else.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests count as tests")]

#[path = "network/dependencies.rs"]
mod dependencies;
#[path = "network/killed.rs"]
mod killed;
#[path = "network/outside.rs"]
mod outside;

use hivemind_domain::hosts::HostRule;
use hivemind_domain::ids::InstallId;
use hivemind_domain::limits::TaskLimits;
use hivemind_egress::{EgressProxy, ProxyLimits};
use hivemind_engine::{Companion, DockerEngine};
use hivemind_testkit::key;
use hivemind_worker_core::port::{ContainerEvent, ContainerPlan, Engine, Exit, NetworkGrant, Told};
use outside::{Outside, docker};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc;
use zip::write::SimpleFileOptions;

/// An engine whose proxy leads to a server of the test.
struct Bench {
    address: String,
    companion: PathBuf,
    outside: Arc<Outside>,
    install: InstallId,
    folder: TempDir,
}

struct Ended {
    exit: Exit,
    lines: Vec<String>,
    network_bytes: u64,
}

impl Bench {
    async fn new(name: &str) -> Option<Self> {
        let (address, companion) = outside::needed()?;
        let install = InstallId::new(format!("net-{name}-{}", std::process::id())).unwrap();
        let (outside, folder) = (Outside::start().await, tempfile::tempdir().unwrap());
        Some(Self { address, companion, outside, install, folder })
    }

    /// A worker's engine, as after a restart.
    fn engine(&self) -> DockerEngine {
        let proxy = EgressProxy::new(self.outside.clone(), self.outside.clone(), ProxyLimits::default());
        let companion = Companion::at(self.companion.clone()).unwrap();
        DockerEngine::connect(Some(&self.address))
            .with_companion(Some(companion))
            .with_egress(Arc::new(proxy))
    }

    fn plan(&self, task: &str, program: &str, hosts: &str) -> ContainerPlan {
        let path = self.folder.path().join(format!("{task}.zip"));
        let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
        zip.start_file("main.py", SimpleFileOptions::default()).unwrap();
        zip.write_all(program.as_bytes()).unwrap();
        zip.finish().unwrap();
        let hosts = HostRule::parse_list(hosts).unwrap();
        ContainerPlan {
            install: self.install.clone(),
            key: key(task, 1),
            image: outside::IMAGE.into(),
            command: Vec::new(),
            package: Some(path),
            limits: TaskLimits::default(),
            array: None,
            dependencies: None,
            network: (!hosts.is_empty()).then_some(NetworkGrant { hosts, max_bytes: 64 << 20 }),
            gpus: Vec::new(),
            images: hivemind_domain::images::ImageRules::everything(),
            function: None,
        }
    }

    fn containers(&self) -> Vec<String> {
        docker(&["ps", "-aq", "--filter", &format!("label=hivemind.install={}", self.install)])
    }

    fn assert_clean(&self) {
        assert_eq!(self.containers(), Vec::<String>::new(), "no container is left");
        let filter = format!("label=hivemind.install={}", self.install);
        assert_eq!(
            docker(&["volume", "ls", "-q", "--filter", &filter]),
            Vec::<String>::new(),
            "no volume is left"
        );
    }
}

/// Follows a container; `until` may let go of it at a line.
async fn follow(engine: &DockerEngine, container: &str, until: Option<&str>) -> Option<Ended> {
    let (events, mut told) = mpsc::channel(64);
    let (mut lines, mut network_bytes) = (Vec::new(), 0);
    let running = engine.run(container, Told::default(), events);
    tokio::pin!(running);
    let mut exit = None;
    loop {
        tokio::select! {
            ended = &mut running, if exit.is_none() => exit = Some(ended.unwrap()),
            event = told.recv() => match event {
                Some(ContainerEvent::Line(line)) => {
                    if until.is_some_and(|word| line.text.contains(word)) {
                        return None;
                    }
                    lines.push(line.text);
                }
                Some(ContainerEvent::Usage(sample)) => network_bytes = sample.network_bytes,
                Some(ContainerEvent::Started) => {}
                None => return Some(Ended { exit: exit.unwrap(), lines, network_bytes }),
            },
        }
    }
}

async fn run(engine: &DockerEngine, container: &str) -> Ended {
    let ended = tokio::time::timeout(Duration::from_secs(120), follow(engine, container, None)).await;
    ended.unwrap().unwrap()
}

const REACHES: &str = r#"
import os, socket, urllib.request, urllib.error
print("allowed", urllib.request.urlopen("http://allowed.example.org/hello").read().decode())
# A tunnel, as for https.
tunnel = socket.create_connection(("127.0.0.1", 3128))
tunnel.sendall(b"CONNECT allowed.example.org:443 HTTP/1.1\r\n\r\n")
print("tunnel", tunnel.recv(100).split(b"\r\n")[0].decode())
tunnel.sendall(b"GET /through HTTP/1.0\r\n\r\n")
answer = b""
while True:
    piece = tunnel.recv(65536)
    if not piece: break
    answer += piece
print("answer", answer.split(b"\r\n\r\n")[1].decode())
big = urllib.request.urlopen("http://allowed.example.org/big").read()
print("big", len(big), big == b"x" * len(big))
body = urllib.request.urlopen("http://allowed.example.org/echo", data=b"y" * 3000000).read()
print("sent", body.decode())
for url in ["http://other.example.org/", "http://rebind.example.org/", "http://127.0.0.1/", "http://169.254.169.254/",
            "http://2130706433/", "http://localhost/", "http://10.0.0.1/", "http://[::1]/", "http://allowed.example.org:22/"]:
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ""
    try:
        urllib.request.urlopen(url, timeout=20).read()
        print("REACHED", url)
    except urllib.error.HTTPError as error:
        print("refused", url, error.code)
def direct(kind, what, family, to):
    try:
        s = socket.socket(family, what); s.settimeout(5); s.connect(to)
        if what != socket.SOCK_STREAM: s.send(b"x")
        print("REACHED", kind, to)
    except OSError as error:
        print("direct", kind, to[0], error.errno)
for to in ["93.184.216.34", "8.8.8.8", "10.0.0.1", "192.168.1.1", "172.17.0.1", "169.254.169.254", "100.64.0.1"]:
    direct("tcp", socket.SOCK_STREAM, socket.AF_INET, (to, 80))
    direct("udp", socket.SOCK_DGRAM, socket.AF_INET, (to, 53))
for to in ["2606:2800:220:1::1", "fe80::1", "fd00::1"]:
    direct("tcp6", socket.SOCK_STREAM, socket.AF_INET6, (to, 80))
for kind, family, what, protocol in [("raw", socket.AF_INET, socket.SOCK_RAW, 1), ("packet", socket.AF_PACKET, socket.SOCK_RAW, 3)]:
    try:
        socket.socket(family, what, protocol); print("REACHED", kind)
    except OSError as error:
        print("direct", kind, "-", error.errno)
try:
    socket.getaddrinfo("allowed.example.org", 80); print("REACHED dns")
except OSError: print("direct dns")
print("interfaces", sorted(name for _, name in socket.if_nameindex() if name == "lo" or open("/sys/class/net/" + name + "/operstate").read().strip() == "up"))
"#;

#[tokio::test]
async fn a_task_reaches_what_it_may_and_nothing_else() {
    let Some(bench) = Bench::new("reach").await else { return };
    let engine = bench.engine();
    let plan = bench.plan("reach", REACHES, "allowed.example.org, rebind.example.org");
    let container = engine.prepare(&plan).await.unwrap().container;
    assert_eq!(bench.containers().len(), 2, "a task and its relay");
    let ended = run(&engine, &container).await;
    let text = ended.lines.join("\n");
    assert_eq!(ended.exit.code, 0, "{text}");
    for expected in [
        "allowed hello from outside: GET /hello allowed.example.org",
        "tunnel HTTP/1.1 200 Connection established",
        "answer hello from outside: GET /through ",
        "big 5000000 True",
        "sent 3000000",
        "interfaces ['lo']",
        "direct dns",
        "direct tcp 93.184.216.34 101",
        "direct udp 8.8.8.8 101",
        "direct raw - 1",
        "direct packet - 1",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert!(!text.contains("REACHED"), "{text}");
    let count = |word: &str| ended.lines.iter().filter(|line| line.starts_with(word)).count();
    assert_eq!((count("refused http"), count("direct")), (9, 20), "{text}");
    assert!(
        text.contains("[hivemind] network: other.example.org:80 is not among"),
        "told in the log: {text}"
    );
    assert!(text.contains("rebind.example.org leads to this computer"), "{text}");
    assert!((8_000_000..9_000_000).contains(&ended.network_bytes), "{}", ended.network_bytes);
    engine.remove(&container).await.unwrap();
    bench.assert_clean();
    println!(
        "network: 9 refused by the proxy, 20 impossible without it, {} bytes counted",
        ended.network_bytes
    );
}

/// Asks again and again, until it was answered after the word came.
const PERSISTENT: &str = r#"
import time, urllib.request
def ask():
    try: return urllib.request.urlopen("http://allowed.example.org/x", timeout=10).read().decode()
    except OSError as error: return ""
while not ask(): time.sleep(0.1)
print("first", flush=True)
while ask(): time.sleep(0.1)
print("lost", flush=True)
while not ask(): time.sleep(0.1)
print("again", flush=True)
"#;

/// Waits until the program has noticed that its relay is gone: one that is replaced at once it never misses.
async fn cut_off(container: &str) {
    let noticed = async {
        while !docker(&["logs", container]).iter().any(|line| line == "lost") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), noticed).await.unwrap();
}

#[tokio::test]
async fn a_relay_that_ends_is_replaced() {
    let Some(bench) = Bench::new("killed").await else { return };
    let engine = bench.engine();
    let container =
        engine.prepare(&bench.plan("killed", PERSISTENT, "allowed.example.org")).await.unwrap().container;
    assert!(follow(&engine, &container, Some("first")).await.is_none());
    // The worker let go: its relay has ended, and a new one comes with the next.
    cut_off(&container).await;
    let ended = run(&engine, &container).await;
    assert_eq!((ended.exit.code, ended.lines.last().map(String::as_str)), (0, Some("again")));
    engine.remove(&container).await.unwrap();
    bench.assert_clean();
}

#[tokio::test]
async fn a_relay_that_is_killed_is_replaced_under_a_running_task() {
    let Some(bench) = Bench::new("killed-while").await else { return };
    let engine = bench.engine();
    let container =
        engine.prepare(&bench.plan("killed", PERSISTENT, "allowed.example.org")).await.unwrap().container;
    let running = run(&engine, &container);
    let killing = async {
        // A relay that is killed under a worker that follows.
        let name = || {
            docker(&[
                "ps",
                "-q",
                "--filter",
                &format!("label=hivemind.install={}", bench.install),
                "--filter",
                "label=hivemind.role=relay",
            ])
        };
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            // The second question is asked when the first was answered: the task waits for "lost" by then.
            if bench.outside.answered() >= 2
                && let Some(relay) = name().first()
            {
                docker(&["kill", relay]);
                break;
            }
        }
    };
    let (ended, ()) = tokio::join!(running, killing);
    let (said, told): (Vec<_>, Vec<_>) =
        ended.lines.iter().map(String::as_str).partition(|line| !line.starts_with("[hivemind]"));
    assert_eq!((ended.exit.code, said), (0, vec!["first", "lost", "again"]));
    assert!(told.iter().any(|line| line.contains("the way out ended and was replaced")), "{told:?}");
    engine.remove(&container).await.unwrap();
    bench.assert_clean();
}

#[tokio::test]
async fn a_restarted_worker_gives_its_tasks_a_new_relay_and_leaves_no_orphan() {
    let Some(bench) = Bench::new("adopt").await else { return };
    let first = bench.engine();
    let container =
        first.prepare(&bench.plan("adopt", PERSISTENT, "allowed.example.org")).await.unwrap().container;
    assert!(follow(&first, &container, Some("first")).await.is_none());
    drop(first);
    cut_off(&container).await;
    let second = bench.engine();
    let own = second.own(&bench.install).await.unwrap();
    assert_eq!(own.len(), 1, "the relay is not taken for a task");
    assert_eq!((own[0].container.as_str(), own[0].key.clone()), (container.as_str(), Some(key("adopt", 1))));
    let ended = run(&second, &container).await;
    assert_eq!((ended.exit.code, ended.lines.last().map(String::as_str)), (0, Some("again")));
    // A third one, that has only to clear away.
    let third = bench.engine();
    third.own(&bench.install).await.unwrap();
    third.remove(&container).await.unwrap();
    bench.assert_clean();

    // A relay whose task has vanished belongs to nothing.
    let container = third.prepare(&bench.plan("orphan", "", "allowed.example.org")).await.unwrap().container;
    docker(&["rm", "-f", "-v", &container]);
    assert_eq!(bench.containers().len(), 1);
    assert!(bench.engine().own(&bench.install).await.unwrap().is_empty());
    bench.assert_clean();
}

#[tokio::test]
async fn a_task_without_network_has_no_relay_and_no_proxy() {
    let Some(bench) = Bench::new("none").await else { return };
    let engine = bench.engine();
    let program = "import os, socket\nprint([n for n in os.environ if 'proxy' in n.lower()])\n\
        s = socket.socket()\nprint(s.connect_ex(('127.0.0.1', 3128)))\n";
    let before = engine.calls().total();
    let container = engine.prepare(&bench.plan("none", program, "")).await.unwrap().container;
    assert_eq!(bench.containers().len(), 1);
    let ended = run(&engine, &container).await;
    assert_eq!(ended.lines, ["[]", "111"]);
    engine.remove(&container).await.unwrap();
    assert_eq!(engine.calls().snapshot().get("attach"), Some(&1), "to its own output alone");
    assert!(engine.calls().total() - before <= 8, "{:?}", engine.calls().snapshot());
    let refused = DockerEngine::connect(Some(&bench.address))
        .prepare(&bench.plan("none", program, "allowed.example.org"))
        .await;
    assert!(refused.unwrap_err().message.contains("companion"), "without a way out there is none");
    bench.assert_clean();
}
