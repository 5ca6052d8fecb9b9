//! What reads bytes from outside, as functions of bytes: each must end in an answer, and hold what it promises.
//!
//! `cargo xtask fuzz` runs them under libFuzzer; their seeds, and the inputs kept in `corpus/`, run with the other
//! tests.

use crate::tar;
use crate::zip::{self, End, stored};
use async_trait::async_trait;
use hivemind_domain::ids::{TaskId, TaskKey};
use hivemind_domain::task::Task;
use hivemind_egress::{Connector, EgressProxy, ProxyLimits, Resolver, forbidden};
use hivemind_engine::{Package, take_outputs};
use hivemind_managed_function::{FailureCode, Limits, Outcome, Reins, Status, execute};
use hivemind_proto::bounds::Bounded;
use hivemind_proto::v1;
use hivemind_store::FileSettings;
use hivemind_wireguard::{IpNet, LinkConfig};
use hivemind_worker_core::port::{ByteStream, Egress, NetworkGrant};
use prost::Message;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

/// One of them.
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Reads the bytes.
    pub run: fn(&[u8]),
    /// Good and bad inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "zip_directory", run: zip_directory, seeds: zips },
    Target { name: "manifest", run: manifest, seeds: manifests },
    Target { name: "entry_path", run: entry_path, seeds: names },
    Target { name: "tar_outputs", run: tar_outputs, seeds: tars },
    Target { name: "log_lines", run: hivemind_engine::fuzzing::log_lines, seeds: log_pieces },
    Target { name: "pool_answers", run: hivemind_pool_client::fuzzing::answer, seeds: answers },
    Target { name: "pool_requests", run: pool_requests, seeds: answers },
    Target { name: "well_known", run: hivemind_pool_client::fuzzing::well_known, seeds: well_knowns },
    Target { name: "settings_file", run: settings_file, seeds: settings },
    Target { name: "control_json", run: control_json, seeds: control },
    Target { name: "journal_row", run: journal_row, seeds: rows },
    Target { name: "log_record", run: hivemind_store::fuzzing::log_record, seeds: records },
    Target { name: "wireguard_config", run: wireguard_config, seeds: wireguard_configs },
    Target { name: "netd_socket", run: crate::netd::fuzz, seeds: crate::netd::seeds },
    Target { name: "proxy_request", run: proxy_request, seeds: requests },
    Target { name: "managed_function", run: managed_function, seeds: programs },
    Target {
        name: "package_place",
        run: hivemind_pool_client::fuzzing::package_place,
        seeds: package_places,
    },
];

/// Inputs that once were worth keeping, as hexadecimal digits, one in a line.
const KEPT: &[(&str, &str)] = &[];

/// Everything that a target begins with.
#[must_use]
pub fn inputs(target: &Target) -> Vec<Vec<u8>> {
    let mut all = (target.seeds)();
    for (_, lines) in KEPT.iter().filter(|(name, _)| *name == target.name) {
        all.extend(lines.lines().filter_map(from_hex));
    }
    all
}

fn from_hex(line: &str) -> Option<Vec<u8>> {
    let digits = line.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// Writes the inputs into a folder for each target, and gives the targets' names.
///
/// # Errors
/// When a file cannot be written.
pub fn write_seeds(folder: &std::path::Path) -> io::Result<Vec<&'static str>> {
    for target in TARGETS {
        let folder = folder.join(target.name);
        std::fs::create_dir_all(&folder)?;
        for (number, input) in inputs(target).iter().enumerate() {
            std::fs::write(folder.join(format!("seed-{number}")), input)?;
        }
    }
    Ok(TARGETS.iter().map(|target| target.name).collect())
}

const DISK: u64 = 4 << 20;

/// A folder of this process, in memory where there is one.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let folder = folder.join(format!("hivemind-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
});

/// A file name of this thread: tests run side by side.
fn path(name: &str) -> PathBuf {
    FOLDER.join(format!("{:?}-{name}", std::thread::current().id()))
}

fn open(zip: &[u8]) -> Option<Package> {
    let path = path("package.zip");
    std::fs::write(&path, zip).expect("written");
    let package = match Package::open(&path, DISK) {
        Ok(package) => package,
        Err(refused) => {
            let words = refused.to_string();
            assert!(words.len() < 500 && !words.contains(char::is_control), "{words:?}");
            return None;
        }
    };
    assert!(package.unpacked_bytes() <= DISK);
    let tar = package.write_tar(Vec::new()).expect("what was checked can be written");
    for entry in ::tar::Archive::new(tar.as_slice()).entries().expect("entries").skip(1) {
        let entry = entry.expect("an entry");
        let path = String::from_utf8(entry.path_bytes().into_owned()).expect("text");
        let path = path.strip_suffix('/').unwrap_or(&path);
        assert!(entry.header().entry_type().is_file() || entry.header().entry_type().is_dir());
        assert!(path.split('/').all(|part| !matches!(part, "" | "." | "..")), "{path:?}");
        assert!(!path.contains(|c: char| c == '\\' || c.is_control()), "{path:?}");
    }
    Some(package)
}

/// What is taken leads nowhere but into a pool's own network, and says the same when it is written.
fn wireguard_config(data: &[u8]) {
    let sound = |config: &LinkConfig| {
        let public: IpAddr = IpAddr::from([8, 8, 8, 8]);
        let wide = |net: &IpNet| net.prefix_len() < 16 || net.contains(&public);
        assert!(!config.peer.allowed_ips.iter().any(wide), "{config:?}");
        assert_eq!(LinkConfig::parse(config.to_text().as_bytes()).as_ref(), Ok(config));
    };
    match LinkConfig::parse(data) {
        Ok(config) => sound(&config),
        Err(refusal) => {
            let words = refusal.to_string();
            assert!(words.len() < 500 && !words.contains(char::is_control), "{words:?}");
        }
    }
    if let Some(narrowed) = LinkConfig::narrowed(data) {
        sound(&narrowed.config);
    }
}

fn wireguard_configs() -> Vec<Vec<u8>> {
    let good = "[Interface]\nPrivateKey = dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\nAddress = 10.8.0.2/32\n\
                [Peer]\nPublicKey = 3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=\nEndpoint = pool.example:51820\n\
                AllowedIPs = 10.8.0.0/24\nPersistentKeepalive = 25\n";
    let seed = good.replace("10.8.0.0/24", "0.0.0.0/0").replace("[Peer]", "DNS = 8.8.8.8\n[Peer]");
    let command = good.replace("[Peer]", "PostUp = true\n[Peer]");
    [good.to_owned(), seed, command].map(String::into_bytes).into()
}

/// Program and input with a NUL between. Every run ends within its limits, with a receipt that adds up.
fn managed_function(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (source, input) = text.split_once('\0').unwrap_or((text, ""));
    let limits = Limits { ops: 20_000, work_bytes: 1 << 20, ..Limits::default() };
    let outcome = execute(source, input, limits, &Reins::new());
    let receipt = &outcome.receipt;
    assert!(receipt.executed_ops <= limits.ops && receipt.max_call_depth <= limits.call_depth, "{receipt:?}");
    assert!(receipt.loop_iterations <= limits.loop_iterations, "{receipt:?}");
    assert!(outcome.output.len() <= limits.output_bytes, "{receipt:?}");
    assert!(receipt.output_bytes == 0 || receipt.output_bytes == outcome.output.len() as u64, "{receipt:?}");
    // What was printed ends its line; what was only rendered costs nothing.
    assert!(receipt.output_bytes == 0 || outcome.output.ends_with('\n'), "{receipt:?}");
    // Nothing is counted that was not paid for in operations.
    assert!(receipt.function_calls.saturating_mul(5) <= receipt.executed_ops, "{receipt:?}");
    assert!(receipt.loop_iterations <= receipt.executed_ops.saturating_add(1), "{receipt:?}");
    assert!(u64::from(receipt.max_call_depth) <= receipt.function_calls, "{receipt:?}");
    let read: serde_json::Value = serde_json::from_str(&receipt.to_json()).expect("a receipt is JSON");
    assert!(read.as_object().is_some_and(|object| object.len() == 9), "{read}");
    assert_eq!(read["executed_ops"].as_u64(), Some(receipt.executed_ops));
    assert_eq!(receipt.status == Status::Failed, receipt.failure_code.is_some());
    assert_ne!(receipt.failure_code, Some(FailureCode::Internal.word()), "{receipt:?}");
    if let Some(sentence) = &receipt.failure_message {
        assert!(!sentence.is_empty() && !sentence.contains(char::is_control), "{sentence:?}");
        assert!(sentence.chars().count() <= 200, "{sentence:?}");
    }
    begins_alike(source, input, limits, &outcome);
    assert_eq!(outcome, execute(source, input, limits, &Reins::new()), "equal programs give equal receipts");
}

/// With fewer operations a run is the beginning of the same run, and one that was ended before does nothing.
fn begins_alike(source: &str, input: &str, limits: Limits, whole: &Outcome) {
    let less = Limits { ops: whole.receipt.executed_ops / 2, ..limits };
    let begun = execute(source, input, less, &Reins::new());
    assert!(begun.receipt.executed_ops <= less.ops, "{:?}", begun.receipt);
    assert!(begun.receipt.output_bytes <= whole.receipt.output_bytes, "{:?} {whole:?}", begun.receipt);
    assert!(whole.output.starts_with(&begun.output), "{:?} does not begin {:?}", begun.output, whole.output);
    let ended = Reins::new();
    ended.end();
    let nothing = execute(source, input, limits, &ended).receipt;
    assert_eq!((nothing.executed_ops, nothing.output_bytes), (0, 0), "{nothing:?}");
}

fn package_places() -> Vec<Vec<u8>> {
    let hash = "e9fb9428030676c5b351386d9325325b575a982e";
    [
        hash.to_owned(),
        format!("magnet:?xt=urn:btih:{hash}&dn=t-1.zip&tr=http%3A%2F%2F100.64.0.1%3A6969%2Fannounce"),
        "http://100.64.0.9:8080/p.zip".to_owned(),
        "{\"interval\":60,\"peers\":[{\"peer_id\":\"a\",\"ip\":\"100.64.0.5\",\"port\":6881}]}".to_owned(),
    ]
    .map(String::into_bytes)
    .into()
}

fn programs() -> Vec<Vec<u8>> {
    [
        "let s = 40 + 2; print(s); s;",
        "let s = 0; for x in input { let s = s + x; } s;\0[1,2,3]",
        "fn f(n) { return if n < 1 { 0 } else { f(n - 1) + 1 }; } print(f(len(input)));\0[null,true,{\"a\":-1}]",
        "let m = { \"k\": [1, \"b\\n\"], }; get(get(m, \"k\"), 1) + \"c\"; contains(m, \"k\") != !true;",
        "let a = 1; for x in input { let a = [a, a]; } a == a;\0[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]",
        "((((((((((1))))))))));-9223372036854775807 - 2; 1 / 0;",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

fn zip_directory(data: &[u8]) {
    open(data);
}

fn manifest(data: &[u8]) {
    let entries = [stored("main.py", b""), stored("hivemind.toml", data)];
    if let Some(package) = open(&zip::zip(&entries, &End::default())) {
        let command = package.command().expect("main.py, if nothing else");
        assert!(!command[0].is_empty() && command.iter().all(|part| !part.contains('\0')));
    }
}

fn entry_path(data: &[u8]) {
    let mut names = data.split(|byte| *byte == b'\n').take(8);
    let first = names.next().unwrap_or_default();
    let mut entries: Vec<_> = std::iter::once(first).chain(names).map(|name| stored(name, b"")).collect();
    for entry in &mut entries {
        entry.name.truncate(60_000);
        entry.attributes = 0;
    }
    open(&zip::zip(&entries, &End::default()));
}

fn tar_outputs(data: &[u8]) {
    let into = path("result.zip");
    let Ok(result) = take_outputs(data, &into, 1 << 20) else { return };
    let bytes = std::fs::read(&into).expect("the result");
    assert_eq!(bytes.len() as u64, result.size_bytes);
    assert!(bytes.len() <= 1 << 20);
    // What we write, we would take: a result may be another task's package.
    let package = Package::open(&into, 1 << 20);
    assert!(
        package
            .as_ref()
            .err()
            .is_none_or(|e| matches!(e.rule, "manifest" | "output-folder" | "reserved-name")),
        "{package:?}"
    );
}

fn pool_requests(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    macro_rules! check {
        ($($number:literal => $message:ident),*) => {
            match kind % 12 {
                $($number => if let Ok(message) = v1::$message::decode(bytes) { let _ = message.check(); },)*
                _ => {}
            }
        };
    }
    check!(0 => LoginRequest, 1 => RefreshRequest, 2 => RegisterNodeRequest, 3 => HeartbeatRequest,
        4 => ReportNodeStatusRequest, 5 => AssignTaskRequest, 6 => TaskReport, 7 => SubmitTaskResultRequest,
        8 => ResultStatusRequest, 9 => CancelTaskRequest, 10 => FetchRequest, 11 => ListEarningsRequest);
}

fn settings_file(data: &[u8]) {
    let path = path("settings.toml");
    std::fs::write(&path, data).expect("written");
    if let Err(error) = FileSettings::load(&path, |_| None, &[]) {
        assert!(!error.to_string().is_empty());
    }
}

fn control_json(data: &[u8]) {
    fn read<T: serde::de::DeserializeOwned>(data: &[u8]) {
        let _ = serde_json::from_slice::<T>(data);
    }
    read::<hivemind_control::HistoryQuery>(data);
    read::<hivemind_control::LogQuery>(data);
    read::<hivemind_control::EarningsQuery>(data);
    read::<hivemind_control::LoginRequest>(data);
    read::<hivemind_control::SettingChange>(data);
    if let Ok(reference) = serde_json::from_slice::<hivemind_control::TaskRef>(data) {
        let again = serde_json::to_vec(&reference).expect("written");
        assert!(serde_json::from_slice::<hivemind_control::TaskRef>(&again).is_ok());
    }
}

fn journal_row(data: &[u8]) {
    let Ok(task) = serde_json::from_slice::<Task>(data) else { return };
    let Ok(text) = serde_json::to_string(&task) else { return };
    // The journal refuses to write what it could not read again; what it can, must be the same.
    if let Ok(again) = serde_json::from_str::<Task>(&text) {
        assert_eq!(serde_json::to_string(&again).expect("written"), text);
    }
}

/// A name service that gives the address written in the name, and an internet that refuses to be reached; both
/// panic on what must never be asked of them.
struct Watchful;

#[async_trait]
impl Resolver for Watchful {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        assert!(name.eq_ignore_ascii_case("pypi.org") || name.ends_with(".example.org"), "{name:?}");
        Ok(vec![if name.len().is_multiple_of(2) { [93, 184, 216, 34].into() } else { [10, 0, 0, 1].into() }])
    }
}

#[async_trait]
impl Connector for Watchful {
    fn source(&self, _to: SocketAddr) -> io::Result<IpAddr> {
        Ok([192, 168, 1, 10].into())
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<Box<dyn ByteStream>> {
        assert!(forbidden(to.ip()).is_none(), "{to}");
        Err(io::ErrorKind::ConnectionRefused.into())
    }
}

fn proxy_request(data: &[u8]) {
    static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
    });
    let proxy = EgressProxy::new(Arc::new(Watchful), Arc::new(Watchful), ProxyLimits::default());
    let key = TaskKey { task: TaskId::new("t").expect("an id"), attempt: 1 };
    let session = proxy.open(&key, &grant());
    RUNTIME.block_on(async {
        let (mut task, ours) = tokio::io::duplex(64 << 10);
        let sent = data.get(..data.len().min(60_000)).unwrap_or_default();
        tokio::io::AsyncWriteExt::write_all(&mut task, sent).await.expect("room");
        let mut answer = Vec::new();
        tokio::io::AsyncWriteExt::shutdown(&mut task).await.expect("shut down");
        let serve = session.serve(Box::new(ours));
        let listen = tokio::io::AsyncReadExt::read_to_end(&mut task, &mut answer);
        let _ = tokio::join!(serve, listen);
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 "), "{answer:?}");
    });
}

/// What the hostile network cases grant too.
fn grant() -> NetworkGrant {
    crate::network::grant(&["pypi.org", "*.example.org"])
}

fn zips() -> Vec<Vec<u8>> {
    let streamed = zip::deflated("data.csv", &[b'1'; 500]);
    let after = zip::descriptor(&streamed);
    vec![
        zip::zip(&[], &End::default()),
        zip::zip(&[zip::main_py(), zip::folder("d/"), stored("d/x", b"x")], &End::default()),
        zip::zip(&[zip::deflated("run.sh", &[b'#'; 300]), stored("../x", b"")], &End::default()),
        zip::zip(
            &[zip::Entry { flags: 0x0808, after, ..streamed }],
            &End { comment: b"c".to_vec(), ..End::default() },
        ),
        zip::zip(
            &[zip::Entry {
                extra: zip::extra(1, &[9, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0]),
                ..zip::main_py()
            }],
            &End::default(),
        ),
        zip::zip(
            &[zip::Entry { central_extra: zip::extra(0x7075, b"12345main.py"), ..zip::main_py() }],
            &End::default(),
        ),
        zip::zip(&[zip::main_py()], &End { after_directory: zip::end64(1, 53, 46, 99), ..End::default() }),
    ]
}

fn texts(list: &[&str]) -> Vec<Vec<u8>> {
    list.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn manifests() -> Vec<Vec<u8>> {
    texts(&[
        "",
        "image = \"python:3.12\"\ncommand = [\"python3\", \"main.py\"]\n",
        "command = \"echo a\"",
        "image = 5",
        "[[[",
        "privileged = true",
    ])
}

fn names() -> Vec<Vec<u8>> {
    let spelled = crate::archives::names::SPELLINGS.iter().step_by(3).map(|(_, name, _)| name.to_vec());
    let pairs = crate::archives::collisions::PAIRS
        .iter()
        .step_by(3)
        .map(|(_, a, b, _)| format!("{a}\n{b}").into_bytes());
    spelled.chain(pairs).collect()
}

fn tars() -> Vec<Vec<u8>> {
    let good = tar::file("output/good", b"x");
    vec![
        tar::stream(&[
            good.bytes(),
            tar::folder("output/d/").bytes(),
            tar::file("output/d/y", &[7; 700]).long(),
        ]),
        tar::stream(&[
            good.bytes(),
            tar::hardlink("output/again", "output/good").bytes(),
            tar::symlink("output/l", "/etc").bytes(),
        ]),
        tar::stream(&[good.with_pax(&[
            ("path", b"output/other"),
            ("size", b"1"),
            ("SCHILY.xattr.user.a", b"b"),
        ])]),
        tar::stream(&[tar::of_kind(b'6', "output/p").bytes(), tar::of_kind(b'S', "output/s").bytes()]),
    ]
}

fn log_pieces() -> Vec<Vec<u8>> {
    texts(&[
        "\u{1}2026-01-02T03:04:05.000000006Z hello\n",
        "\u{0}2026-01-02T03:04:05.000000006Z no end\u{2}",
        "\u{1}no time at all\n",
        "\u{0}2026-01-02T03:04:05Z \u{fffd}\n",
    ])
}

fn answers() -> Vec<Vec<u8>> {
    let key = || Some(v1::TaskKey { task_id: "t-1".to_owned(), attempt: 1 });
    let assignment = v1::Assignment {
        key: key(),
        name: "n".to_owned(),
        command: vec!["sh".to_owned()],
        package: Some(v1::Package { id: "p".to_owned(), sha256: "ab".repeat(32), size_bytes: 9 }),
        limits: Some(v1::TaskLimits {
            resources: Some(v1::Resources { cpu_millis: 1000, memory_bytes: 1 << 30, gpus: 0 }),
            pids: 100,
            disk_bytes: 1 << 30,
            timeout_ms: 60_000,
        }),
        network_hosts: vec!["pypi.org".to_owned()],
        formula: 2,
        ..v1::Assignment::default()
    };
    let messages = [
        v1::RegisterNodeResponse { node_id: "n".to_owned(), ..Default::default() }.encode_to_vec(),
        v1::HeartbeatResponse {
            leases: vec![v1::Lease { key: key(), state: 2 }],
            notices: vec!["x".to_owned()],
            ..Default::default()
        }
        .encode_to_vec(),
        v1::AssignTaskResponse { assignment: Some(assignment), lease_ms: 1 }.encode_to_vec(),
        v1::ReportNodeStatusResponse {
            charges: vec![v1::TaskCharge { key: key(), charged_cpt: 1 }],
            ..Default::default()
        }
        .encode_to_vec(),
        v1::FetchChunk { offset: 0, data: vec![7; 9].into(), total_size: 9 }.encode_to_vec(),
        v1::TaskReportAck { durable_seq: 1, durable_log_line: 2, last_log_time_ns: 3 }.encode_to_vec(),
    ];
    (0..12_u8)
        .flat_map(|kind| messages.iter().map(move |m| [&[kind][..], m].concat()).collect::<Vec<_>>())
        .collect()
}

fn well_knowns() -> Vec<Vec<u8>> {
    texts(&[
        r#"{"dialect":"hivemind.v1","grpc_addr":"127.0.0.1:50051"}"#,
        r#"{"dialect":"hivemind.v1","grpc":"https://[::1]:7"}"#,
        r#"{"dialect":"x","grpc_address":"u@h"}"#,
        "[[[[",
    ])
}

fn settings() -> Vec<Vec<u8>> {
    let mut all = String::from("# every setting\n");
    for key in hivemind_domain::settings::KEYS {
        all.push_str(&format!("{} = \"1\"\n", key.name));
    }
    let mut seeds =
        texts(&["", "a = 1", "language = \"en\"\n# c\n", "[table]\nx = 1", "x = [", all.as_str()]);
    seeds.extend(
        hivemind_domain::settings::KEYS.iter().map(|key| format!("{} = true\n", key.name).into_bytes()),
    );
    seeds
}

fn control() -> Vec<Vec<u8>> {
    texts(&[
        r#"{"task":"t-1","attempt":1}"#,
        r#"{"key":"language","value":"en"}"#,
        r#"{"username":"a","password":"b"}"#,
        r#"{"search":"x","before":1,"limit":50}"#,
        r#"{"task":"t","attempt":1,"from":0,"limit":100}"#,
        r#"{"days":7}"#,
        "null",
    ])
}

fn rows() -> Vec<Vec<u8>> {
    let limits = hivemind_domain::limits::TaskLimits::default();
    let assignment = hivemind_domain::task::Assignment {
        key: TaskKey { task: TaskId::new("t").expect("an id"), attempt: 1 },
        name: "n".to_owned(),
        image: None,
        command: vec!["sh".to_owned()],
        package: None,
        limits,
        network: hivemind_domain::task::NetworkNeed::None,
        formula: hivemind_domain::reward::Formula::V2,
        array: None,
        function: None,
    };
    let task = Task::accept(assignment, hivemind_domain::time::WallMs(1));
    vec![serde_json::to_vec(&task).expect("written"), b"{}".to_vec(), b"[1]".to_vec()]
}

fn records() -> Vec<Vec<u8>> {
    texts(&["0\t1\to\t00000000\t\"x\"", "12\t-7\te\tdeadbeef\t\"a\\tb\"", "", "1\t2\t3\t4\t5"])
}

fn requests() -> Vec<Vec<u8>> {
    texts(&[
        "CONNECT pypi.org:443 HTTP/1.1\r\nhost: pypi.org:443\r\n\r\n",
        "GET http://pypi.org/simple/ HTTP/1.1\r\nhost: pypi.org\r\naccept: */*\r\n\r\n",
        "POST http://a.example.org:8080/x?y HTTP/1.0\r\ncontent-length: 3\r\n\r\nabc",
        "CONNECT [::1]:443 HTTP/1.1\r\n\r\n",
        "GET http://2130706433/ HTTP/1.1\r\n\r\n",
        "POST http://pypi.org/ HTTP/1.1\r\nhost: pypi.org\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: pypi.org\r\n\r\n",
    ])
}
