//! Answers as a hostile or broken pool of the live network would give them, and what strangers write into tasks there,
//! over a real connection to the worker's real client.

use crate::ALLOCATOR;
use crate::case::{Case, Seen};
use crate::cost::Cost;
use crate::messages::server::{Answer, Manner, Pool, Then, framed};
use hivemind_domain::ids::{InstallId, TaskId, TaskKey};
use hivemind_domain::resources::{Capabilities, Resources};
use hivemind_domain::task::PackageRef;
use hivemind_pool_client::{NetworkWishes, NodePool, NodePoolConfig, Work};
use hivemind_proto::nodepool as wire;
use hivemind_worker_core::port::{Offer, Pool as _, PoolError};
use std::path::Path;
use std::time::Duration;

const HASH: &str = "e9fb9428030676c5b351386d9325325b575a982e";

/// What the worker does when it meets the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Login,
    Register,
    Heartbeat,
    Pull,
    Balance,
    Fetch,
    Settle,
}

/// All of them.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut list = Vec::new();
    tokens(&mut list);
    refusals(&mut list);
    framings(&mut list);
    leases(&mut list);
    places(&mut list);
    trust(&mut list);
    list
}

fn case(
    list: &mut Vec<Case>,
    name: String,
    step: Step,
    expected: &str,
    manner: Option<(&'static str, Answer)>,
    place: &str,
) {
    let place = place.to_owned();
    let built = manner
        .as_ref()
        .map_or("a task's package".to_owned(), |(method, _)| format!("the answer to {method}"));
    let run = move |folder: &Path| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(meet(step, manner, &place, folder))
    };
    list.push(Case { name, built, expected: expected.to_owned(), run: Box::new(run) });
}

pub(crate) fn install() -> InstallId {
    InstallId::new("i-1").expect("an id")
}

fn key() -> TaskKey {
    TaskKey { task: TaskId::new("t-1").expect("an id"), attempt: 1 }
}

/// Good answers.
pub(crate) fn good(method: &str) -> Answer {
    let done = wire::StatusResponse { success: true, status_message: "ok".into() };
    let settings = wire::ProviderWorkerSettingsResponse {
        success: true,
        settings: Some(wire::ProviderWorkerSettings::default()),
        ..Default::default()
    };
    match method {
        "Login" => Answer::message(&wire::LoginResponse {
            success: true,
            token: "good-token".into(),
            ..Default::default()
        }),
        "RegisterWorkerNode" | "ReportStatus" | "TaskUsage" | "TaskOutputUpload" | "CompleteBatch" => {
            Answer::message(&done)
        }
        "GetProviderWorkerSettings" | "UpdateProviderWorkerSettings" => Answer::message(&settings),
        "GetWorkerTrustProfile" => Answer::message(&trusted(100, false)),
        "PullBatch" => Answer::message(&wire::PullBatchResponse { success: true, ..Default::default() }),
        "GetProviderEarnings" => {
            Answer::message(&wire::GetProviderEarningsResponse { success: true, ..Default::default() })
        }
        "GetBalance" => {
            Answer::message(&wire::GetBalanceResponse { success: true, balance: 7, ..Default::default() })
        }
        _ => Answer::status("12", &[]),
    }
}

fn trusted(score: i64, banned: bool) -> wire::GetWorkerTrustProfileResponse {
    let trust = wire::WorkerTrust { score, banned, ..Default::default() };
    wire::GetWorkerTrustProfileResponse { success: true, trust: Some(trust), ..Default::default() }
}

pub(crate) async fn ready(client: &NodePool) -> Result<(), PoolError> {
    client.connect().await?;
    client.login("ann", "a password", &install()).await?;
    let capabilities = Capabilities { cpu_cores: 2, memory_bytes: 1 << 30, ..Capabilities::default() };
    client.register(&install(), "host", &capabilities).await?;
    Ok(())
}

async fn meet(step: Step, manner: Option<(&'static str, Answer)>, place: &str, folder: &Path) -> Seen {
    let pool = Pool::speaking(good).await;
    let client = NodePool::new(NodePoolConfig {
        address: pool.address.to_string(),
        allow_unencrypted: false,
        install: install(),
        wishes: NetworkWishes::new(Work::Pull, 0, "", "", false).expect("wishes"),
    });
    let first = ready(&client).await;
    assert!(first.is_ok(), "{first:?}");
    let asked = manner.is_some();
    if let Some((method, answer)) = manner {
        pool.be(Manner::Once(method, answer));
    }
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let done = tokio::time::timeout(Duration::from_secs(30), perform(&client, step, place, folder)).await;
    let bytes = ALLOCATOR.peak_usage().saturating_sub(before) as u64;
    let mut outcome = match done {
        Err(_) => "no end in 30 s".to_owned(),
        Ok(Ok(words)) => words.to_owned(),
        Ok(Err(error)) => in_words(&error),
    };
    if asked && !pool.was_hostile() {
        outcome = "the hostile answer was never asked for".to_owned();
    }
    // Everything goes on as before.
    let mut after = client.heartbeat(&[]).await;
    for _ in 0..20 {
        if after.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        let _ = client.connect().await;
        after = client.heartbeat(&[]).await;
    }
    if let Err(error) = after {
        outcome = format!("{outcome}, and then: {error}");
    }
    if std::fs::read_dir(folder).expect("the folder").next().is_some() {
        outcome = format!("{outcome}, and files are left");
    }
    Seen { outcome, cost: Some(Cost { bytes, time: Duration::ZERO }) }
}

/// What came of it, or the refusal.
async fn perform(
    client: &NodePool,
    step: Step,
    place: &str,
    folder: &Path,
) -> Result<&'static str, PoolError> {
    match step {
        Step::Login => client.login("ann", "a password", &install()).await.map(|_| "taken"),
        Step::Register => {
            let capabilities = Capabilities { cpu_cores: 2, ..Capabilities::default() };
            client.register(&install(), "host", &capabilities).await.map(|_| "taken")
        }
        Step::Heartbeat => client
            .heartbeat(&[key()])
            .await
            .map(|answer| if answer.void.is_empty() { "taken" } else { "void" }),
        Step::Balance => client.balance().await.map(|_| "taken"),
        Step::Settle => {
            let credit = client.settlement(&key(), "").await?;
            Ok(if credit.cpt == 0 && !credit.settled { "unpaid" } else { "paid" })
        }
        Step::Fetch => {
            let package = PackageRef { id: place.to_owned(), sha256: String::new(), size_bytes: 0 };
            client.fetch(&key(), &package, &folder.join("package.zip")).await.map(|()| "taken")
        }
        Step::Pull => {
            let free = Resources { cpu_millis: 1000, memory_bytes: 1 << 30, gpus: 0 };
            let left = async {
                loop {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    let answer = client.heartbeat(&[]).await?;
                    if let Some(notice) = answer.notices.first() {
                        let plain = notice.len() <= 256 && !notice.contains(char::is_control);
                        return Ok::<_, PoolError>(if plain {
                            "left alone"
                        } else {
                            "left alone in words that are not plain"
                        });
                    }
                }
            };
            tokio::select! {
                pulled = client.next_task(Offer::new(free, 0)) => pulled.map(|pulled| if pulled.is_some() { "taken" } else { "nothing" }),
                left = left => left,
            }
        }
    }
}

fn in_words(error: &PoolError) -> String {
    if error.message.len() > 300 || error.message.contains(char::is_control) || error.message.is_empty() {
        return format!("refused ({:?}) in words that are not plain: {:?}", error.kind, error.message);
    }
    format!("refused ({:?})", error.kind)
}

fn tokens(list: &mut Vec<Case>) {
    for (what, token) in [
        ("empty", String::new()),
        ("with a space", "a b".to_owned()),
        ("that adds a header", "a\r\nx-admin: 1".to_owned()),
        ("with NUL", "a\0".to_owned()),
        ("beyond ASCII", "t\u{f6}ken".to_owned()),
        ("with an escape", "\u{1b}[2J".to_owned()),
        ("of 4097 bytes", "t".repeat(4097)),
        ("of 200 KB", "t".repeat(200_000)),
    ] {
        let answer = wire::LoginResponse { success: true, token, ..Default::default() };
        case(
            list,
            format!("token {what}"),
            Step::Login,
            "refused (Protocol)",
            Some(("Login", Answer::message(&answer))),
            "",
        );
    }
}

fn refusals(list: &mut Vec<Case>) {
    for (what, words) in [
        ("no words", String::new()),
        ("escapes", "\u{1b}[2J\u{1b}]0;owned\u{7}".to_owned()),
        ("direction", "\u{202e}gnihton".to_owned()),
        ("200 KB", "x\u{1b}".repeat(100_000)),
        ("lines", "a\r\nb\nc".to_owned()),
        ("NUL", "a\0b".to_owned()),
    ] {
        for (method, step) in [
            ("Login", Step::Login),
            ("ReportStatus", Step::Heartbeat),
            ("PullBatch", Step::Pull),
            ("RegisterWorkerNode", Step::Register),
        ] {
            let answer = wire::StatusResponse { success: false, status_message: words.clone() };
            let name = format!("{method}: refusal with {what}");
            case(list, name, step, "refused (Protocol)", Some((method, Answer::message(&answer))), "");
        }
    }
}

fn framings(list: &mut Vec<Case>) {
    let body = |bytes: Vec<u8>| Answer::bytes(bytes);
    let table: Vec<(&str, Answer, &str)> = vec![
        ("no message", Answer { body: Vec::new(), ..body(Vec::new()) }, "Unreachable"),
        ("half a frame", body(vec![0, 0, 0]), "Unreachable"),
        ("a length that lies", body([&[0, 0, 0, 1, 0][..], b"x"].concat()), "Unreachable"),
        ("a frame of 4 GB", body(vec![0, 0xff, 0xff, 0xff, 0xff]), "Protocol"),
        (
            "a message of 300 KB",
            body(framed(
                &[0x12, 0xa0, 0xf4, 0x12].into_iter().chain(vec![b'x'; 309_792]).collect::<Vec<_>>(),
            )),
            "Protocol",
        ),
        ("a compressed frame", body(vec![1, 0, 0, 0, 1, 7]), "Unreachable"),
        (
            "random bytes",
            body(framed(&(0..99_u8).map(|n| n.wrapping_mul(151)).collect::<Vec<_>>())),
            "Unreachable",
        ),
        ("text that is no UTF-8", body(framed(&[0x12, 2, 0xff, 0xfe])), "Unreachable"),
        (
            "a reset stream",
            Answer { then: Then::Reset(2), body: Vec::new(), ..body(Vec::new()) },
            "Unreachable",
        ),
        (
            "a closed connection",
            Answer { then: Then::Close, body: Vec::new(), ..body(Vec::new()) },
            "Unreachable",
        ),
        ("no trailers", Answer { then: Then::End, body: Vec::new(), ..body(Vec::new()) }, "Unreachable"),
        ("a page of HTTP", Answer { status: 500, ..body(b"<html>".to_vec()) }, "Unreachable"),
    ];
    for (method, step) in [
        ("Login", Step::Login),
        ("ReportStatus", Step::Heartbeat),
        ("TaskUsage", Step::Heartbeat),
        ("GetBalance", Step::Balance),
        ("GetProviderEarnings", Step::Settle),
    ] {
        for (what, answer, kind) in &table {
            // A report about a task that means nothing to us ends no task.
            let expected = match (*kind, method) {
                ("Protocol", "TaskUsage") => "taken".to_owned(),
                _ => format!("refused ({kind})"),
            };
            case(list, format!("{method}: {what}"), step, &expected, Some((method, answer.clone())), "");
        }
    }
}

fn lease(id: &str, reference: &str) -> wire::TaskLease {
    let package = wire::ExecutionPackage { task_code_ref: reference.to_owned(), ..Default::default() };
    wire::TaskLease { task_id: id.to_owned(), execution_package: Some(package), ..Default::default() }
}

fn leases(list: &mut Vec<Case>) {
    let magnet = format!("magnet:?xt=urn:btih:{HASH}&dn=t.zip");
    let answer =
        |tasks| Answer::message(&wire::PullBatchResponse { success: true, tasks, ..Default::default() });
    let mut left = |what: String, lease: wire::TaskLease| {
        case(
            list,
            format!("lease: {what}"),
            Step::Pull,
            "left alone",
            Some(("PullBatch", answer(vec![lease]))),
            "",
        );
    };
    for (what, id) in [
        ("empty", ""),
        ("parent", ".."),
        ("traversal", "../../etc/passwd"),
        ("slash", "a/b"),
        ("backslash", "a\\b"),
        ("drive", "C:a"),
        ("NUL", "a\0b"),
        ("newline", "a\r\nb"),
        ("escape", "a\u{1b}[2Jb"),
        ("direction", "a\u{202e}b"),
        ("option", "--privileged"),
        ("space", "a b"),
        ("other letters", "n\u{f6}de"),
        ("dots inside", "a..b"),
    ] {
        left(format!("id: {what}"), lease(id, &magnet));
    }
    left("id of 65 bytes".into(), lease(&"a".repeat(65), &magnet));
    left("id of 100 KB".into(), lease(&"a".repeat(100_000), &magnet));
    left("no package at all".into(), wire::TaskLease { task_id: "t".into(), ..Default::default() });
    for (what, reference) in [
        ("empty", String::new()),
        ("JSON", "{\"input\":[1,2]}".to_owned()),
        ("file", "file:///etc/passwd".to_owned()),
        ("https", "https://100.64.0.1/p.zip".to_owned()),
        ("ftp", "ftp://100.64.0.1/p.zip".to_owned()),
        ("gopher", "gopher://100.64.0.1:25/x".to_owned()),
        ("user", "http://user:word@100.64.0.1/p.zip".to_owned()),
        ("newline", "http://100.64.0.1/\r\nx-evil: 1".to_owned()),
        ("port 0", "http://100.64.0.1:0/".to_owned()),
        ("port 99999", "http://100.64.0.1:99999/".to_owned()),
        ("39 digits", HASH[1..].to_owned()),
        ("41 digits", format!("{HASH}0")),
        ("other digits", HASH.replace('e', "g")),
        ("magnet without hash", "magnet:?dn=a.zip".to_owned()),
        ("magnet without name", format!("magnet:?xt=urn:btih:{HASH}")),
        ("magnet with a path", format!("magnet:?xt=urn:btih:{HASH}&dn=..%2F..%2Fa.zip")),
        ("magnet with NUL", format!("magnet:?xt=urn:btih:{HASH}&dn=a%00.zip")),
        ("magnet of two", format!("magnet:?xt=urn:btih:{HASH}&xt=urn:btih:{HASH}&dn=a.zip")),
        ("magnet of SHA-256", format!("magnet:?xt=urn:btmh:{HASH}&dn=a.zip")),
        (
            "magnet with a UDP tracker",
            format!("magnet:?xt=urn:btih:{HASH}&dn=a.zip&tr=udp%3A%2F%2F100.64.0.1%3A1"),
        ),
        (
            "magnet with another path",
            format!("magnet:?xt=urn:btih:{HASH}&dn=a.zip&tr=http%3A%2F%2F100.64.0.1%2Fadmin"),
        ),
        ("program", format!("magnet:?xt=urn:btih:{HASH}&dn=a.exe")),
        ("5 KB", format!("magnet:?xt=urn:btih:{HASH}&dn={}.zip", "a".repeat(5000))),
        ("100 KB", "x".repeat(100_000)),
    ] {
        left(format!("package: {what}"), lease("t", &reference));
    }
    for (what, spec) in [
        ("negative memory", wire::ResourceSpec { memory_mb: -1, ..Default::default() }),
        ("all memory", wire::ResourceSpec { memory_mb: i32::MAX, ..Default::default() }),
        ("least memory", wire::ResourceSpec { memory_mb: 1, ..Default::default() }),
        ("negative cores", wire::ResourceSpec { cpu_cores: i32::MIN, ..Default::default() }),
        ("all cores", wire::ResourceSpec { cpu_cores: i32::MAX, ..Default::default() }),
        ("all GPUs", wire::ResourceSpec { gpu_count: i32::MAX, ..Default::default() }),
        ("negative GPU memory", wire::ResourceSpec { vram_mb: -1, ..Default::default() }),
        ("all disk", wire::ResourceSpec { storage_total_gb: i32::MAX, ..Default::default() }),
        ("negative disk", wire::ResourceSpec { storage_total_gb: -7, ..Default::default() }),
    ] {
        left(what.into(), wire::TaskLease { resource_limits: Some(spec), ..lease("t", &magnet) });
    }
    let many = vec![lease("../t", "x"); 2000];
    case(
        list,
        "lease: 2,000 at once".into(),
        Step::Pull,
        "left alone",
        Some(("PullBatch", answer(many))),
        "",
    );
}

/// Where packages must not lead. The pool itself is at 127.0.0.1, which alone may be dialled.
fn places(list: &mut Vec<Case>) {
    for host in [
        "127.0.0.2",
        "127.255.255.254",
        "0.0.0.0",
        "0",
        "10.0.0.1",
        "10.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.0.1",
        "192.168.1",
        "169.254.169.254",
        "0xa9fea9fe",
        "2852039166",
        "0251.0376.0251.0376",
        "100.63.255.255",
        "100.128.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "8.8.8.8",
        "198.18.0.1",
        "[::1]",
        "[::]",
        "[::ffff:10.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[fe80::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:7f00:1::]",
        "[::127.0.0.2]",
        "127.0.0.2.",
        "0x7f000002",
        "017700000002",
    ] {
        let page = format!("http://{host}/p.zip");
        case(list, format!("page at {host}"), Step::Fetch, "refused (Protocol)", None, &page);
        let magnet = format!("magnet:?xt=urn:btih:{HASH}&dn=t.zip&tr=http%3A%2F%2F{host}%3A6969%2Fannounce");
        case(list, format!("tracker at {host}"), Step::Fetch, "refused (Protocol)", None, &magnet);
    }
}

fn trust(list: &mut Vec<Case>) {
    for (what, score, banned) in
        [("19", 19, false), ("least", i64::MIN, false), ("banned", 1000, true), ("minus one", -1, false)]
    {
        let answer = Answer::message(&trusted(score, banned));
        case(
            list,
            format!("trust {what}"),
            Step::Register,
            "refused (Refused)",
            Some(("GetWorkerTrustProfile", answer)),
            "",
        );
    }
    let rich = |amount_cpt: i64| wire::GetProviderEarningsResponse {
        success: true,
        entries: vec![wire::ProviderEarning {
            task_id: "t-1".into(),
            provider_worker_id: "someone-else".into(),
            amount_cpt,
            ..Default::default()
        }],
        ..Default::default()
    };
    for amount in [i64::MAX, i64::MIN, 0, -5, 1] {
        let answer = Answer::message(&rich(amount));
        case(
            list,
            format!("pay of {amount} to somebody else"),
            Step::Settle,
            "unpaid",
            Some(("GetProviderEarnings", answer)),
            "",
        );
    }
}
