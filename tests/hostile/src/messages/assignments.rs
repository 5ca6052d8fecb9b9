//! Hostile assignments.

use super::server::{Answer, key as key_of};
use super::{Call, List};
use hivemind_proto::v1;

fn good() -> v1::Assignment {
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
        ..v1::Assignment::default()
    }
}

fn resources(assignment: &mut v1::Assignment) -> &mut v1::Resources {
    limits(assignment).resources.as_mut().expect("resources")
}

fn limits(assignment: &mut v1::Assignment) -> &mut v1::TaskLimits {
    assignment.limits.as_mut().expect("limits")
}

fn package(assignment: &mut v1::Assignment) -> &mut v1::Package {
    assignment.package.as_mut().expect("a package")
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
    ("giant task id", "too large", |a| a.key = key_of(&"a".repeat(1 << 20), 1)),
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

pub(super) fn add(list: &mut List) {
    let answer = |assignment: v1::Assignment| {
        Answer::message(&v1::AssignTaskResponse { assignment: Some(assignment), lease_ms: 10_000 })
    };
    for (case, field, spoil) in HOSTILE {
        let mut assignment = good();
        spoil(&mut assignment);
        list.refused(*case, Call::Assign, field, answer(assignment));
    }
    for (case, array) in [
        ("place beyond the array", (5, 5)),
        ("array of nothing", (0, 0)),
        ("endless array", (0, u32::MAX)),
        ("last place of all", (u32::MAX, u32::MAX)),
    ] {
        let array = Some(v1::ArrayPlace { index: array.0, count: array.1 });
        list.refused(case, Call::Assign, "assignment.array", answer(v1::Assignment { array, ..good() }));
    }
    list.taken("good", Call::Assign, answer(good()));
    list.taken("nothing", Call::Assign, Answer::message(&v1::AssignTaskResponse::default()));
    list.taken(
        "name of terminal commands",
        Call::Assign,
        answer(v1::Assignment { name: "\u{1b}]0;x\u{7}\u{202e}".into(), ..good() }),
    );
    list.taken(
        "lease of 50 days",
        Call::Assign,
        Answer::message(&v1::AssignTaskResponse { assignment: Some(good()), lease_ms: u32::MAX }),
    );
    list.taken(
        "lease of nothing",
        Call::Assign,
        Answer::message(&v1::AssignTaskResponse { assignment: Some(good()), lease_ms: 0 }),
    );
}
