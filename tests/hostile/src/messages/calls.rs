//! Hostile fields in the answers to every other call.

use super::server::{Answer, framed, key, session};
use super::{Call, List};
use hivemind_proto::v1;
use hivemind_proto::v1::result_status_response::Status as Stored;
use prost::Message;

/// Texts that are no identifier.
const NO_IDS: [(&str, &str); 14] = [
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
];

pub(super) fn add(list: &mut List) {
    sessions(list);
    nodes(list);
    heartbeats(list);
    money(list);
    pieces(list);
    results(list);
    reports(list);
}

fn sessions(list: &mut List) {
    let login = |session: Option<v1::Session>| Answer::message(&v1::LoginResponse { session });
    let refresh = |session: Option<v1::Session>| Answer::message(&v1::RefreshResponse { session });
    list.refused("no session", Call::Login, "session", login(None));
    list.refused("no session", Call::Refresh, "session", refresh(None));
    for (what, token) in [
        ("empty", String::new()),
        ("with a space", "a b".to_owned()),
        ("that adds a header", "a\r\nx-admin: 1".to_owned()),
        ("with NUL", "a\0".to_owned()),
        ("beyond ASCII", "t\u{f6}ken".to_owned()),
        ("with an escape", "\u{1b}[2J".to_owned()),
        ("of 257 bytes", "t".repeat(257)),
        ("of 400 KB", "t".repeat(400_000)),
    ] {
        let bad = v1::Session { session_token: token.clone(), ..session("bad") };
        list.refused(format!("session token {what}"), Call::Login, "session_token", login(Some(bad.clone())));
        list.refused(format!("session token {what}"), Call::Refresh, "session_token", refresh(Some(bad)));
        let bad = v1::Session { refresh_token: token, ..session("bad") };
        list.refused(format!("refresh token {what}"), Call::Login, "refresh_token", login(Some(bad.clone())));
        list.refused(format!("refresh token {what}"), Call::Refresh, "refresh_token", refresh(Some(bad)));
    }
    list.refused(
        "user name of 65 bytes",
        Call::Login,
        "username",
        login(Some(v1::Session { username: "u".repeat(65), ..session("bad") })),
    );
    for (what, expires, now) in [
        ("that never ends", i64::MAX, i64::MIN),
        ("that has ended", i64::MIN, i64::MAX),
        ("of no time", 0, 0),
        ("before the epoch", -1, -2),
    ] {
        let odd = v1::Session { session_expires_ms: expires, server_time_ms: now, ..session("odd") };
        list.taken(format!("session {what}"), Call::Login, login(Some(odd)));
    }
    let odd = v1::Session { username: "a\u{1b}[2J\u{202e}b".into(), ..session("odd") };
    list.taken("user name of terminal commands", Call::Login, login(Some(odd)));
}

fn nodes(list: &mut List) {
    let node = |node_id: &str| v1::RegisterNodeResponse { node_id: node_id.to_owned(), ..Default::default() };
    for (what, id) in NO_IDS {
        list.refused(format!("node {what}"), Call::Register, "node_id", Answer::message(&node(id)));
    }
    list.refused("node of 65 bytes", Call::Register, "node_id", Answer::message(&node(&"n".repeat(65))));
    list.refused("node of 400 KB", Call::Register, "node_id", Answer::message(&node(&"n".repeat(400_000))));
    list.refused("nothing at all", Call::Register, "node_id", Answer::bytes(framed(&[])));
    for (what, trust_level, ms) in [
        ("negative trust", -7, 1000),
        ("trust beyond the list", 999, 1000),
        ("no pause at all", 0, 0),
        ("pauses of 50 days", 0, u32::MAX),
    ] {
        let odd = v1::RegisterNodeResponse {
            trust_level,
            heartbeat_interval_ms: ms,
            lease_ms: ms,
            ..node("node-1")
        };
        list.taken(what, Call::Register, Answer::message(&odd));
    }
}

fn heartbeats(list: &mut List) {
    let lease = |task: &str, attempt, state| v1::Lease { key: key(task, attempt), state };
    let cancel = |task: &str, attempt, reason| v1::Cancellation { key: key(task, attempt), reason };
    let void: i32 = v1::LeaseState::Void.into();
    let answer = |leases, cancellations, notices| {
        Answer::message(&v1::HeartbeatResponse { leases, cancellations, notices, lease_ms: 10_000 })
    };
    for (what, id) in NO_IDS {
        list.refused(
            format!("lease of task {what}"),
            Call::Heartbeat,
            "leases.key",
            answer(vec![lease(id, 1, void)], vec![], vec![]),
        );
        list.refused(
            format!("cancellation of task {what}"),
            Call::Heartbeat,
            "cancellations.key",
            answer(vec![], vec![cancel(id, 1, 1)], vec![]),
        );
    }
    list.refused(
        "lease of attempt 0",
        Call::Heartbeat,
        "leases.key",
        answer(vec![lease("t", 0, void)], vec![], vec![]),
    );
    list.refused(
        "lease of nothing",
        Call::Heartbeat,
        "leases.key",
        answer(vec![v1::Lease::default()], vec![], vec![]),
    );
    list.refused(
        "257 leases",
        Call::Heartbeat,
        "leases",
        answer(vec![lease("t", 1, void); 257], vec![], vec![]),
    );
    list.refused(
        "20,000 leases",
        Call::Heartbeat,
        "leases",
        answer(vec![lease("t", 1, void); 20_000], vec![], vec![]),
    );
    list.refused(
        "cancellation of attempt 0",
        Call::Heartbeat,
        "cancellations.key",
        answer(vec![], vec![cancel("t", 0, 1)], vec![]),
    );
    list.refused(
        "cancellation of nothing",
        Call::Heartbeat,
        "cancellations.key",
        answer(vec![], vec![v1::Cancellation::default()], vec![]),
    );
    list.refused(
        "257 cancellations",
        Call::Heartbeat,
        "cancellations",
        answer(vec![], vec![cancel("t", 1, 1); 257], vec![]),
    );
    list.refused("nine notices", Call::Heartbeat, "notices", answer(vec![], vec![], vec!["n".to_owned(); 9]));
    list.refused(
        "notice of 257 bytes",
        Call::Heartbeat,
        "notices",
        answer(vec![], vec![], vec!["n".repeat(257)]),
    );
    list.refused(
        "notice of 400 KB",
        Call::Heartbeat,
        "notices",
        answer(vec![], vec![], vec!["n".repeat(400_000)]),
    );
    list.taken(
        "leases of nobody's tasks",
        Call::Heartbeat,
        answer(vec![lease("other", 9, void), lease("t-1", 99, void)], vec![cancel("other", 9, 2)], vec![]),
    );
    list.taken(
        "states beyond the list",
        Call::Heartbeat,
        answer(vec![lease("t-1", 1, 99), lease("t-1", 1, -1)], vec![cancel("x", 1, -5)], vec![]),
    );
    list.taken(
        "notice of terminal commands",
        Call::Heartbeat,
        answer(vec![], vec![], vec!["\u{1b}]0;evil\u{7}<script>\u{202e}".to_owned()]),
    );
}

fn money(list: &mut List) {
    let most = 1_000_000_000_000_u64;
    let status = |charges, balance_cpt| {
        Answer::message(&v1::ReportNodeStatusResponse { charges, balance_cpt, ..Default::default() })
    };
    let charge = |task: &str, attempt, charged_cpt| v1::TaskCharge { key: key(task, attempt), charged_cpt };
    for (what, amount) in [
        ("more than the supply", most + 1),
        ("beyond 63 bits", 1 << 63),
        ("all there is", u64::MAX),
        ("2^62", 1 << 62),
    ] {
        list.refused(format!("balance {what}"), Call::Status, "balance_cpt", status(vec![], amount));
        list.refused(
            format!("balance {what}"),
            Call::Balance,
            "balance",
            Answer::message(&v1::GetBalanceResponse { balance_cpt: amount, ..Default::default() }),
        );
        list.refused(
            format!("charge {what}"),
            Call::Status,
            "charges.charged_cpt",
            status(vec![charge("t", 1, amount)], 1),
        );
        let credit = v1::SubmitTaskResultResponse { durable: true, credited_cpt: amount, settled: true };
        list.refused(format!("credit {what}"), Call::Submit, "credited_cpt", Answer::message(&credit));
        let stored = v1::ResultStatusResponse { status: Some(Stored::Answer(credit)) };
        list.refused(format!("credit {what}"), Call::Stored, "credited_cpt", Answer::message(&stored));
    }
    for (what, id) in NO_IDS {
        list.refused(
            format!("charge of task {what}"),
            Call::Status,
            "charges.key",
            status(vec![charge(id, 1, 1)], 1),
        );
    }
    list.refused("257 charges", Call::Status, "charges", status(vec![charge("t", 1, 1); 257], 1));
    list.refused(
        "charge of nothing",
        Call::Status,
        "charges.key",
        status(vec![v1::TaskCharge::default()], 1),
    );
    list.refused("charge of attempt 0", Call::Status, "charges.key", status(vec![charge("t", 0, 1)], 1));
    list.taken("charge of nobody's task", Call::Status, status(vec![charge("other", 4_000_000_000, 1)], 1));
}

fn pieces(list: &mut List) {
    let chunk =
        |offset, bytes: usize, total_size| v1::FetchChunk { offset, data: vec![7; bytes].into(), total_size };
    let stream = |chunks: &[v1::FetchChunk]| {
        Answer::bytes(chunks.iter().flat_map(|c| framed(&c.encode_to_vec())).collect())
    };
    list.refused("piece that skips", Call::Fetch, "offset", stream(&[chunk(1, 99, 100)]));
    list.refused(
        "piece that comes twice",
        Call::Fetch,
        "offset",
        stream(&[chunk(0, 50, 100), chunk(0, 50, 100)]),
    );
    list.refused("piece beyond the end", Call::Fetch, "offset", stream(&[chunk(0, 101, 100)]));
    list.refused("another size", Call::Fetch, "total_size", stream(&[chunk(0, 100, 101)]));
    list.refused("endless size", Call::Fetch, "total_size", stream(&[chunk(0, 100, u64::MAX)]));
    list.refused(
        "offset at the last place",
        Call::Fetch,
        "offset",
        stream(&[chunk(u64::MAX, 100, u64::MAX)]),
    );
    list.refused("piece of 300 KB", Call::Fetch, "data", stream(&[chunk(0, 300_000, 300_000)]));
    list.refused("more than the package", Call::Fetch, "total_size", stream(&[chunk(0, 200, 200)]));
    list.refused(
        "piece after the last",
        Call::Fetch,
        "offset",
        stream(&[chunk(0, 100, 100), chunk(0, 1, 100)]),
    );
    list.refused("other bytes than the hash says", Call::Fetch, "hash", stream(&[chunk(0, 100, 100)]));
    list.fails("no piece", Call::Fetch, "Unreachable", Answer::bytes(Vec::new()));
    list.fails("only empty pieces", Call::Fetch, "Unreachable", stream(&vec![chunk(0, 0, 100); 1000]));
}

fn results(list: &mut List) {
    let stored = |status| Answer::message(&v1::ResultStatusResponse { status });
    list.refused(
        "has more than there is",
        Call::Stored,
        "offset",
        stored(Some(Stored::Offset(super::STORED_BYTES + 1))),
    );
    list.refused("has endlessly much", Call::Stored, "offset", stored(Some(Stored::Offset(u64::MAX))));
    let credit = |durable| v1::SubmitTaskResultResponse { durable, credited_cpt: 1, settled: true };
    list.refused("not durable", Call::Submit, "durable", Answer::message(&credit(false)));
    list.refused(
        "not durable, as a status",
        Call::Stored,
        "durable",
        stored(Some(Stored::Answer(credit(false)))),
    );
    list.refused("empty answer", Call::Submit, "durable", Answer::bytes(framed(&[])));
    list.fails("neither answer nor offset", Call::Stored, "Unreachable", stored(None));
    list.taken("durable", Call::Submit, Answer::message(&credit(true)));
    list.taken("handed back", Call::HandBack, Answer::message(&v1::CancelTaskResponse {}));
}

fn reports(list: &mut List) {
    let ack = |durable_seq, durable_log_line, last_log_time_ns| {
        Answer::message(&v1::TaskReportAck { durable_seq, durable_log_line, last_log_time_ns })
    };
    list.refused("more lines than were sent", Call::Report, "durable_log_line", ack(0, u64::MAX, 0));
    list.refused("more messages than were sent", Call::Report, "durable", ack(u64::MAX, 0, 0));
    list.refused("half of all numbers", Call::Report, "durable", ack((1 << 63) + 1, 0, 0));
    list.taken("a time before the epoch", Call::Report, ack(0, 0, i64::MIN));
    list.taken("good", Call::Report, ack(0, 0, 0));
    list.fails("closed at once", Call::Report, "Protocol", Answer::bytes(Vec::new()));
}
