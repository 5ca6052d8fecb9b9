//! Hostile and broken answers: each is refused with its field's name, or brought into range; none panics.

use super::*;
use hivemind_worker_core::port::PoolErrorKind;

fn key_of(task: &str, attempt: u32) -> Option<v1::TaskKey> {
    Some(v1::TaskKey { task_id: task.into(), attempt })
}

fn good_assignment() -> v1::Assignment {
    v1::Assignment {
        key: key_of("t-1", 1),
        name: "primes".into(),
        image: "docker.io/library/python:3.12@sha256:0123".into(),
        command: vec!["python3".into(), "main.py".into()],
        package: Some(v1::Package { id: "p-1".into(), sha256: "ab".repeat(32), size_bytes: 1000 }),
        limits: Some(v1::TaskLimits {
            resources: Some(v1::Resources { cpu_millis: 1000, memory_bytes: 1 << 30, gpus: 0 }),
            pids: 100,
            disk_bytes: 1 << 30,
            timeout_ms: 60_000,
        }),
        network_hosts: vec!["pypi.org".into()],
        formula: v1::Formula::V2.into(),
        array: None,
    }
}

fn resources(assignment: &mut v1::Assignment) -> &mut v1::Resources {
    limits(assignment).resources.as_mut().unwrap()
}

fn limits(assignment: &mut v1::Assignment) -> &mut v1::TaskLimits {
    assignment.limits.as_mut().unwrap()
}

fn package(assignment: &mut v1::Assignment) -> &mut v1::Package {
    assignment.package.as_mut().unwrap()
}

fn read(assignment: v1::Assignment) -> Result<Option<Assigned>, PoolError> {
    assigned(v1::AssignTaskResponse { assignment: Some(assignment), lease_ms: 10_000 })
}

fn refused<T: std::fmt::Debug>(answer: Result<T, PoolError>, field: &str, case: &str) {
    let error = answer.expect_err(case);
    assert_eq!(error.kind, PoolErrorKind::Protocol, "{case}");
    assert!(error.message.contains(field), "{case}: \"{}\" does not name {field}", error.message);
    assert!(error.message.len() <= 300 && !error.message.contains(char::is_control), "{case}");
}

#[test]
fn a_good_assignment_is_taken_whole() {
    let found = read(good_assignment()).unwrap().unwrap();
    assert_eq!(found.lease, Duration::from_secs(10));
    let a = found.assignment;
    assert_eq!((a.key.task.as_str(), a.key.attempt, a.name.as_str()), ("t-1", 1, "primes"));
    assert_eq!(a.limits.timeout, Duration::from_secs(60));
    assert_eq!(a.network, NetworkNeed::Hosts(vec!["pypi.org".into()]));
    assert_eq!(a.package.unwrap().size_bytes, 1000);
    assert_eq!(assigned(v1::AssignTaskResponse { assignment: None, lease_ms: 0 }), Ok(None));
    let plain =
        v1::Assignment { image: String::new(), package: None, network_hosts: vec![], ..good_assignment() };
    let plain = read(plain).unwrap().unwrap().assignment;
    assert_eq!((plain.image, plain.package, plain.network), (None, None, NetworkNeed::None));
}

type Spoil = fn(&mut v1::Assignment);

/// What was done to the assignment, the field that the refusal must name, and how it is done.
const HOSTILE: &[(&str, &str, Spoil)] = &[
    ("no key", "assignment.key", |a| a.key = None),
    ("empty task id", "assignment.key", |a| a.key = key_of("", 1)),
    ("traversal in the task id", "assignment.key", |a| a.key = key_of("../../etc/passwd", 1)),
    ("dots in the task id", "assignment.key", |a| a.key = key_of("a..b", 1)),
    ("separator in the task id", "assignment.key", |a| a.key = key_of("a/b", 1)),
    ("Windows separator in the task id", "assignment.key", |a| a.key = key_of("a\\b", 1)),
    ("drive in the task id", "assignment.key", |a| a.key = key_of("C:x", 1)),
    ("NUL in the task id", "assignment.key", |a| a.key = key_of("a\0b", 1)),
    ("newline in the task id", "assignment.key", |a| a.key = key_of("a\nb", 1)),
    ("escape in the task id", "assignment.key", |a| a.key = key_of("a\u{1b}[2J", 1)),
    ("direction control in the task id", "assignment.key", |a| a.key = key_of("a\u{202E}b", 1)),
    ("letters beyond ASCII in the task id", "assignment.key", |a| a.key = key_of("täsk", 1)),
    ("option as task id", "assignment.key", |a| a.key = key_of("--privileged", 1)),
    ("space in the task id", "assignment.key", |a| a.key = key_of("a b", 1)),
    ("too long a task id", "assignment.key", |a| a.key = key_of(&"a".repeat(65), 1)),
    ("giant task id", "assignment.key", |a| a.key = key_of(&"a".repeat(1 << 20), 1)),
    ("attempt zero", "assignment.key", |a| a.key = key_of("t", 0)),
    ("too long a name", "assignment.name", |a| a.name = "n".repeat(129)),
    ("too long an image", "assignment.image", |a| a.image = "i".repeat(257)),
    ("image as option", "assignment.image", |a| a.image = "--privileged".into()),
    ("image with a space", "assignment.image", |a| a.image = "a b".into()),
    ("image with a newline", "assignment.image", |a| a.image = "a\nb".into()),
    ("image with a query", "assignment.image", |a| a.image = "a?fromSrc=http://x".into()),
    ("image with an escape", "assignment.image", |a| a.image = "\u{1b}]0;x\u{7}".into()),
    ("image beyond ASCII", "assignment.image", |a| a.image = "pythоn".into()),
    ("image with a percent sign", "assignment.image", |a| a.image = "..%2f..%2fcontainers".into()),
    ("too many command parts", "assignment.command", |a| a.command = vec!["x".into(); 65]),
    ("too long a command part", "assignment.command", |a| a.command = vec!["x".repeat(4097)]),
    ("too long a command", "assignment.command", |a| a.command = vec!["x".repeat(4096); 5]),
    ("NUL in the command", "assignment.command", |a| a.command = vec!["a\0b".into()]),
    ("package without id", "assignment.package.id", |a| package(a).id.clear()),
    ("traversal in the package id", "assignment.package.id", |a| package(a).id = "../x".into()),
    ("too long a package id", "assignment.package.id", |a| package(a).id = "p".repeat(65)),
    ("package without hash", "assignment.package.sha256", |a| package(a).sha256.clear()),
    ("short hash", "assignment.package.sha256", |a| package(a).sha256 = "ab".repeat(31)),
    ("long hash", "assignment.package.sha256", |a| package(a).sha256 = "ab".repeat(33)),
    ("hash in capitals", "assignment.package.sha256", |a| package(a).sha256 = "AB".repeat(32)),
    ("hash of other letters", "assignment.package.sha256", |a| package(a).sha256 = "zz".repeat(32)),
    ("hash of wide digits", "assignment.package.sha256", |a| package(a).sha256 = "１".repeat(64)),
    ("prefixed hash", "assignment.package.sha256", |a| {
        package(a).sha256 = format!("sha256:{}", "a".repeat(57))
    }),
    ("empty package", "assignment.package.size_bytes", |a| package(a).size_bytes = 0),
    ("giant package", "assignment.package.size_bytes", |a| package(a).size_bytes = (4 << 30) + 1),
    ("endless package", "assignment.package.size_bytes", |a| package(a).size_bytes = u64::MAX),
    ("no limits", "assignment.limits", |a| a.limits = None),
    ("no resources", "assignment.limits.resources", |a| limits(a).resources = None),
    ("no CPU", "assignment.limits.cpu_millis", |a| resources(a).cpu_millis = 0),
    ("too little CPU", "assignment.limits.cpu_millis", |a| resources(a).cpu_millis = 9),
    ("endless CPU", "assignment.limits.cpu_millis", |a| resources(a).cpu_millis = u32::MAX),
    ("no memory", "assignment.limits.memory_bytes", |a| resources(a).memory_bytes = 0),
    ("endless memory", "assignment.limits.memory_bytes", |a| resources(a).memory_bytes = u64::MAX),
    ("memory that turns negative", "assignment.limits.memory_bytes", |a| resources(a).memory_bytes = 1 << 63),
    ("endless GPUs", "assignment.limits.gpus", |a| resources(a).gpus = u32::MAX),
    ("no processes", "assignment.limits.pids", |a| limits(a).pids = 0),
    ("endless processes", "assignment.limits.pids", |a| limits(a).pids = u32::MAX),
    ("processes that turn negative", "assignment.limits.pids", |a| limits(a).pids = 1 << 31),
    ("no disk", "assignment.limits.disk_bytes", |a| limits(a).disk_bytes = 0),
    ("endless disk", "assignment.limits.disk_bytes", |a| limits(a).disk_bytes = u64::MAX),
    ("no time", "assignment.limits.timeout", |a| limits(a).timeout_ms = 0),
    ("less than a second", "assignment.limits.timeout", |a| limits(a).timeout_ms = 999),
    ("endless time", "assignment.limits.timeout", |a| limits(a).timeout_ms = u64::MAX),
    ("31 days", "assignment.limits.timeout", |a| limits(a).timeout_ms = 31 * 86_400_000),
    ("too many hosts", "assignment.network_hosts", |a| a.network_hosts = vec!["h".into(); 33]),
    ("empty host", "assignment.network_hosts", |a| a.network_hosts = vec![String::new()]),
    ("too long a host", "assignment.network_hosts", |a| a.network_hosts = vec!["h".repeat(254)]),
    ("host with a path", "assignment.network_hosts", |a| a.network_hosts = vec!["a/b".into()]),
    ("host with a user", "assignment.network_hosts", |a| a.network_hosts = vec!["u@h".into()]),
    ("host with a wildcard", "assignment.network_hosts", |a| a.network_hosts = vec!["*".into()]),
    ("host with a newline", "assignment.network_hosts", |a| a.network_hosts = vec!["a\r\nHost: b".into()]),
    ("host as option", "assignment.network_hosts", |a| a.network_hosts = vec!["-h".into()]),
    ("an index at its count", "assignment.array", |a| a.array = Some(v1::ArrayPlace { index: 3, count: 3 })),
    ("an array of none", "assignment.array", |a| a.array = Some(v1::ArrayPlace { index: 0, count: 0 })),
    ("too large an array", "assignment.array", |a| a.array = Some(v1::ArrayPlace { index: 0, count: 1001 })),
    ("an endless array", "assignment.array", |a| {
        a.array = Some(v1::ArrayPlace { index: u32::MAX - 1, count: u32::MAX });
    }),
    ("no formula", "assignment.formula", |a| a.formula = 0),
    ("unknown formula", "assignment.formula", |a| a.formula = 77),
    ("negative formula", "assignment.formula", |a| a.formula = i32::MIN),
];

#[test]
fn every_hostile_assignment_is_refused_by_name() {
    for (case, field, spoil) in HOSTILE {
        let mut assignment = good_assignment();
        spoil(&mut assignment);
        refused(read(assignment), field, case);
    }
    assert!(HOSTILE.len() >= 60, "{} cases", HOSTILE.len());
}

#[test]
fn a_hostile_name_is_made_printable() {
    let name = "\u{1b}[31mred\u{1b}]0;t\u{7}\r\nnext\u{202E}gpj";
    let found = read(v1::Assignment { name: name.into(), ..good_assignment() }).unwrap().unwrap();
    assert_eq!(found.assignment.name, "[31mred]0;tnextgpj");
}

#[test]
fn absurd_leases_and_pauses_are_brought_into_range() {
    for (sent, taken) in [(0, 1000), (1, 1000), (10_000, 10_000), (u32::MAX, 300_000)] {
        assert_eq!(lease(sent), Duration::from_millis(taken), "{sent}");
    }
    for (sent, taken) in [(0, 500), (1000, 1000), (u32::MAX, 5000)] {
        let answer = v1::RegisterNodeResponse {
            node_id: "n".into(),
            heartbeat_interval_ms: sent,
            lease_ms: sent,
            trust_level: -7,
            ..v1::RegisterNodeResponse::default()
        };
        let found = registered(answer).unwrap();
        assert_eq!(found.heartbeat_every, Duration::from_millis(taken), "{sent}");
        assert_eq!(found.trust, TrustLevel::Low);
    }
    for id in ["", "../n", "n\0", "n n", &"n".repeat(65)] {
        let answer = v1::RegisterNodeResponse { node_id: id.into(), ..v1::RegisterNodeResponse::default() };
        refused(registered(answer), "node_id", id);
    }
}

fn session() -> v1::Session {
    v1::Session {
        session_token: "s".repeat(40),
        session_expires_ms: 900_000,
        refresh_token: "r".repeat(40),
        refresh_expires_ms: 1,
        server_time_ms: 0,
        username: "ann".into(),
    }
}

#[test]
fn sessions_are_checked_and_their_length_is_clamped() {
    assert_eq!(tokens(Some(session())).unwrap().session_for, Duration::from_secs(900));
    for (expires, now, seconds) in [
        (i64::MAX, i64::MIN, 86_400),
        (i64::MIN, i64::MAX, 60),
        (0, 0, 60),
        (-5, 0, 60),
        (i64::MAX, 0, 86_400),
    ] {
        let odd = v1::Session { session_expires_ms: expires, server_time_ms: now, ..session() };
        assert_eq!(tokens(Some(odd)).unwrap().session_for, Duration::from_secs(seconds), "{expires} {now}");
    }
    refused(tokens(None), "session", "none");
    for bad in ["", "a b", "a\r\nx: y", "tökén", "a\0", &"t".repeat(257)] {
        refused(tokens(Some(v1::Session { session_token: bad.into(), ..session() })), "session_token", bad);
        refused(tokens(Some(v1::Session { refresh_token: bad.into(), ..session() })), "refresh_token", bad);
    }
    refused(tokens(Some(v1::Session { username: "u".repeat(65), ..session() })), "username", "long name");
    let odd = v1::Session { username: "a\u{1b}[2Jb".into(), ..session() };
    assert_eq!(tokens(Some(odd)).unwrap().username, "a[2Jb");
}

#[test]
fn heartbeats_are_checked() {
    let lease = |task: &str, state: i32| v1::Lease { key: key_of(task, 1), state };
    let cancel = |task: &str| v1::Cancellation { key: key_of(task, 1), reason: 99 };
    let void: i32 = v1::LeaseState::Void.into();
    let good = v1::HeartbeatResponse {
        leases: vec![lease("a", void), lease("b", 1), lease("c", 0), lease("d", 99)],
        cancellations: vec![cancel("e")],
        lease_ms: 0,
        notices: vec!["\u{1b}[2Jhello\n".into()],
    };
    let found = heartbeat(good.clone()).unwrap();
    // Only what the pool clearly gave to somebody else is dropped.
    assert_eq!(found.void.iter().map(|k| k.task.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(found.cancelled[0].1, CancelledBy::Requester);
    assert_eq!((found.notices, found.lease), (vec!["[2Jhello".to_owned()], Duration::from_secs(1)));
    type Case = (&'static str, v1::HeartbeatResponse);
    let cases: [Case; 8] = [
        ("leases", v1::HeartbeatResponse { leases: vec![lease("a", 1); 257], ..good.clone() }),
        ("leases.key", v1::HeartbeatResponse { leases: vec![lease("../a", void)], ..good.clone() }),
        ("leases.key", v1::HeartbeatResponse { leases: vec![v1::Lease::default()], ..good.clone() }),
        ("cancellations", v1::HeartbeatResponse { cancellations: vec![cancel("a"); 257], ..good.clone() }),
        ("cancellations.key", v1::HeartbeatResponse { cancellations: vec![cancel("a/b")], ..good.clone() }),
        (
            "cancellations.key",
            v1::HeartbeatResponse { cancellations: vec![v1::Cancellation::default()], ..good.clone() },
        ),
        ("notices", v1::HeartbeatResponse { notices: vec!["n".into(); 9], ..good.clone() }),
        ("notices", v1::HeartbeatResponse { notices: vec!["n".repeat(257)], ..good.clone() }),
    ];
    for (field, case) in cases {
        refused(heartbeat(case), field, field);
    }
}

#[test]
fn money_beyond_the_supply_is_not_believed() {
    let answer =
        |durable, credited_cpt| v1::SubmitTaskResultResponse { durable, credited_cpt, settled: true };
    assert_eq!(credit(&answer(true, 7)).unwrap().cpt, 7);
    refused(credit(&answer(false, 7)), "durable", "not durable");
    refused(credit(&answer(true, MOST_CPT + 1)), "credited_cpt", "too much");
    refused(credit(&answer(true, u64::MAX)), "credited_cpt", "overflow");
    for sent in [MOST_CPT + 1, u64::MAX, 1 << 63] {
        refused(balance(sent), "balance_cpt", "balance");
        let report = v1::ReportNodeStatusResponse { balance_cpt: sent, ..Default::default() };
        refused(status(report), "balance_cpt", "balance in a status");
        let charge = v1::TaskCharge { key: key_of("t", 1), charged_cpt: sent };
        let report = v1::ReportNodeStatusResponse { charges: vec![charge], ..Default::default() };
        refused(status(report), "charges.charged_cpt", "charge");
    }
    let charge = v1::TaskCharge { key: key_of("t/..", 1), charged_cpt: 1 };
    let report = v1::ReportNodeStatusResponse { charges: vec![charge.clone()], ..Default::default() };
    refused(status(report), "charges.key", "charge of a bad key");
    let report = v1::ReportNodeStatusResponse { charges: vec![charge; 257], ..Default::default() };
    refused(status(report), "charges", "too many charges");
}

#[test]
fn pieces_must_follow_each_other_and_fit() {
    let chunk = |offset, length: usize, total_size| v1::FetchChunk {
        offset,
        data: vec![0; length].into(),
        total_size,
    };
    assert_eq!(piece(&chunk(10, 5, 100), 10, 100), Ok(15));
    refused(piece(&chunk(11, 5, 100), 10, 100), "offset", "gap");
    refused(piece(&chunk(0, 5, 100), 10, 100), "offset", "repetition");
    refused(piece(&chunk(10, 91, 200), 10, 100), "total_size", "too much");
    refused(piece(&chunk(10, 5, 101), 10, 100), "total_size", "another size");
    refused(piece(&chunk(10, 91, 100), 10, 100), "offset", "beyond its own end");
    refused(piece(&chunk(u64::MAX, 5, u64::MAX), u64::MAX, u64::MAX), "offset", "overflow");
    refused(piece(&chunk(0, (256 << 10) + 1, 1 << 30), 0, 1 << 30), "data", "too large a piece");
}

#[test]
fn acknowledgements_of_what_was_never_sent_are_refused() {
    let ack = |durable_seq, durable_log_line, last_log_time_ns| v1::TaskReportAck {
        durable_seq,
        durable_log_line,
        last_log_time_ns,
    };
    assert_eq!(durable(&ack(3, 7, 9)).unwrap(), (3, Durable { lines: 7, last_time_ns: 9 }));
    assert_eq!(durable(&ack(0, 0, -9)).unwrap().1.last_time_ns, 0);
    refused(durable(&ack(u64::MAX, 0, 0)), "durable", "seq");
    refused(durable(&ack(0, u64::MAX, 0)), "durable", "line");
    assert_eq!(upload_offset(5, 5), Ok(5));
    refused(upload_offset(6, 5), "offset", "beyond the result");
    refused(upload_offset(u64::MAX, 5), "offset", "overflow");
}
