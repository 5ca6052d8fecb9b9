//! The client against the local pool's face of the live network. Each test is named after what the network was seen
//! to do, or what its workers must do.

use crate::bench::{Bench, PASSWORD, capabilities, config, free, install, noise, zip};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::report::PhaseTimes;
use hivemind_domain::resources::TrustLevel;
use hivemind_domain::task::{FailureClass, HandBack, Verdict};
use hivemind_domain::usage::{AverageUse, TaskUsage};
use hivemind_local_pool::nodepool::{FaceTimes, NodePoolFace, TaskStatus};
use hivemind_pool_client::{AnyPool, NetworkWishes, NodePool, NodePoolConfig, V1Pool, Wish, Work};
use hivemind_proto::nodepool::ResourceSpec;
use hivemind_worker_core::port::{
    Assigned, Durable, Offer, OutputLine, Pool, PoolErrorKind, Report, ResultHeader, StatusReport,
};
use std::time::Duration;
use tokio::sync::mpsc;

pub const WORKER: &str = "hw-i-test";

struct Stage {
    face: NodePoolFace,
    folder: tempfile::TempDir,
}

impl Stage {
    async fn start() -> Self {
        Self::start_with(FaceTimes::default()).await
    }

    async fn start_with(times: FaceTimes) -> Self {
        let face = NodePoolFace::start(times).await.unwrap();
        face.add_user("requester", PASSWORD);
        face.add_user("worker", PASSWORD);
        Self { face, folder: tempfile::tempdir().unwrap() }
    }

    fn unconnected(&self) -> NodePool {
        NodePool::new(NodePoolConfig {
            address: self.face.grpc_addr().to_string(),
            allow_unencrypted: false,
            install: install(),
            wishes: wishes(Work::Pull),
        })
    }

    async fn client(&self) -> NodePool {
        let client = self.unconnected();
        client.connect().await.unwrap();
        client.login("worker", PASSWORD, &install()).await.unwrap();
        client.register(&install(), "bench", &capabilities()).await.unwrap();
        client
    }

    fn offer(&self, id: &str) -> Vec<u8> {
        let package = zip(&noise(700_000));
        let magnet = self.face.offer(&format!("{id}.zip"), &package);
        self.face.submit("requester", id, &magnet, needs(), 100);
        package
    }

    async fn assigned(&self, client: &NodePool, id: &str) -> Assigned {
        self.offer(id);
        client.next_task(Offer::new(free(), 0)).await.unwrap().expect("a task")
    }

    fn status(&self, id: &str) -> TaskStatus {
        self.face.task(id).unwrap().status
    }

    fn score(&self) -> i64 {
        self.face.workers()[0].score
    }
}

/// On any port that is free.
fn wishes(work: Work) -> NetworkWishes {
    NetworkWishes::new(work, 0, "", "", false).unwrap()
}

pub fn needs() -> ResourceSpec {
    ResourceSpec { memory_mb: 256, storage_total_gb: 1, storage_available_gb: 1, ..ResourceSpec::default() }
}

pub fn header(key: &TaskKey, verdict: Verdict) -> ResultHeader {
    ResultHeader {
        key: key.clone(),
        verdict,
        usage: TaskUsage {
            active_ms: 1000,
            cpu_total_ns: 900_000_000,
            peak_memory_bytes: 5 << 20,
            ..TaskUsage::default()
        },
        average: AverageUse::default(),
        wall: Duration::from_secs(1),
        image_digest: String::new(),
        file: None,
        times: PhaseTimes::default(),
        input_bytes: 7,
        gpu_ms: 0,
        function: false,
    }
}

pub fn failed(class: FailureClass) -> Verdict {
    Verdict::Failed { class, exit_code: Some(1), message: "it failed".into() }
}

/// Tells these lines to their end, as the worker does.
pub async fn tell(client: &NodePool, key: &TaskKey, lines: &[String]) {
    let (reports, outgoing) = mpsc::channel(8);
    let (acks, mut durable) = mpsc::channel::<Durable>(64);
    let telling = async {
        assert_eq!(durable.recv().await.unwrap(), Durable::default(), "told from the start");
        for (first, text) in lines.iter().enumerate() {
            let line = OutputLine { stderr: false, time_ns: 1 + first as i64, text: text.clone() };
            reports.send(Report::Lines { first: first as u64, lines: vec![line] }).await.unwrap();
        }
        drop(reports);
        let mut last = Durable::default();
        while let Some(ack) = durable.recv().await {
            last = ack;
        }
        assert_eq!(last.lines, lines.len() as u64);
    };
    let (told, ()) = tokio::join!(client.report(key, outgoing, acks), telling);
    told.unwrap();
}

#[tokio::test]
async fn signs_in_and_registers_without_ever_being_dialled() {
    let stage = Stage::start().await;
    let client = stage.unconnected();
    client.connect().await.unwrap();
    assert_eq!(client.link(), "loopback");
    let wrong = client.login("worker", "wrong", &install()).await.unwrap_err();
    assert_eq!(wrong.kind, PoolErrorKind::WrongCredentials);
    assert_eq!(client.balance().await.unwrap_err().kind, PoolErrorKind::Unauthenticated);
    let tokens = client.login("worker", PASSWORD, &install()).await.unwrap();
    assert_eq!(tokens.session_for, Duration::from_secs(86_400));
    assert!(!format!("{tokens:?}").contains(PASSWORD));
    assert_eq!(client.balance().await.unwrap(), 1000);
    assert_eq!(client.heartbeat(&[]).await.unwrap_err().kind, PoolErrorKind::NodeUnknown);
    let registered = client.register(&install(), "bench", &capabilities()).await.unwrap();
    assert_eq!((registered.node.as_str(), registered.trust), (WORKER, TrustLevel::Medium));
    let worker = &stage.face.workers()[0];
    assert!(!worker.enabled, "the pool must not dial it");
    assert_eq!((worker.resources.cpu_cores, worker.resources.memory_mb), (4, 8192), "what it really has");
    assert!(worker.ip.len() <= 45);
    // The same after every start.
    client.register(&install(), "bench", &capabilities()).await.unwrap();
    assert_eq!(stage.face.workers().len(), 1);
}

#[tokio::test]
async fn a_token_that_ended_is_renewed_by_signing_in_again() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    let tokens = client.login("worker", PASSWORD, &install()).await.unwrap();
    stage.face.end_sessions();
    assert_eq!(client.heartbeat(&[]).await.unwrap_err().kind, PoolErrorKind::Unauthenticated);
    assert_eq!(
        client.next_task(Offer::new(free(), 0)).await.unwrap_err().kind,
        PoolErrorKind::Unauthenticated
    );
    let newer = client.refresh(&tokens.refresh).await.unwrap();
    assert_ne!(newer.session, tokens.session);
    client.heartbeat(&[]).await.unwrap();
    assert_eq!(client.refresh("opaque").await.unwrap_err().kind, PoolErrorKind::Unauthenticated);
}

#[tokio::test]
async fn a_pulled_task_is_fetched_told_completed_and_paid() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    let package = stage.offer("t-1");
    let found = client.next_task(Offer::new(free(), 0)).await.unwrap().expect("a task");
    let key = found.assignment.key.clone();
    assert_eq!((key.task.as_str(), key.attempt, found.lease), ("t-1", 1, Duration::from_secs(30)));
    assert_eq!(found.assignment.limits.resources.memory_bytes, 256 << 20);
    let into = stage.folder.path().join("package.zip");
    client.fetch(&key, found.assignment.package.as_ref().unwrap(), &into).await.unwrap();
    assert_eq!(std::fs::read(&into).unwrap(), package, "two pieces, checked");
    assert_eq!(client.moved_bytes(), package.len() as u64);

    let answer = client.heartbeat(std::slice::from_ref(&key)).await.unwrap();
    assert_eq!((answer.void, answer.lease), (Vec::new(), Duration::from_secs(30)));
    assert_eq!(stage.face.task("t-1").unwrap().reports, 1);
    assert_eq!(stage.face.workers()[0].status, "BUSY");

    // Nothing is completed before its output is there.
    let early = client.submit(&header(&key, Verdict::Succeeded), None).await.unwrap_err();
    assert_eq!(early.kind, PoolErrorKind::Unreachable);
    tell(&client, &key, &["hello".into(), "a\0b".into()]).await;
    let credit = client.submit(&header(&key, Verdict::Succeeded), None).await.unwrap();
    assert_eq!((credit.cpt, credit.settled), (90, true), "a tenth is the pool's");
    let task = stage.face.task("t-1").unwrap();
    assert_eq!((task.status, task.output.as_deref()), (TaskStatus::Completed, Some("hello\nab\n")));
    let metrics = task.metrics.unwrap();
    assert_eq!((metrics.wall_time_ms, metrics.cpu_time_ms, metrics.peak_memory_mb), (1000, 900, 5));
    assert_eq!(stage.score(), 101);
    // Earnings stand in the ledger, never in the balance.
    assert_eq!((stage.face.earned("worker"), client.balance().await.unwrap()), (90, 1000));
    assert_eq!(stage.face.balance("requester"), 900);
    // The answer got lost: told again, the ledger knows.
    tell_nothing(&client, &key).await;
    assert_eq!(client.submit(&header(&key, Verdict::Succeeded), None).await.unwrap().cpt, 90);
    assert_eq!(client.settlement(&key, "").await.unwrap().cpt, 90);
}

#[tokio::test]
async fn a_completion_whose_answer_was_lost_waits_for_the_ledger() {
    let times = FaceTimes { ledger_after: Duration::from_secs(2), ..FaceTimes::default() };
    let stage = Stage::start_with(times).await;
    let client = stage.client().await;
    let key = stage.assigned(&client, "t-1").await.assignment.key;
    tell(&client, &key, &["hello".into()]).await;
    let told = client.submit(&header(&key, Verdict::Succeeded), None).await.unwrap();
    assert_eq!((told.cpt, told.settled), (0, false), "the ledger says nothing yet");
    // A worker that was started anew knows nothing of the answer.
    let client = stage.client().await;
    tell_nothing(&client, &key).await;
    let again = client.submit(&header(&key, Verdict::Succeeded), None).await.unwrap_err();
    assert_eq!(again.kind, PoolErrorKind::Unreachable, "it is not given up: {again}");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let credit = client.submit(&header(&key, Verdict::Succeeded), None).await.unwrap();
    assert_eq!((credit.cpt, credit.settled), (90, true));
}

/// After a restart the reporter begins anew; the pool takes no output of a task that is done.
async fn tell_nothing(client: &NodePool, key: &TaskKey) {
    let (reports, outgoing) = mpsc::channel::<Report>(1);
    let (acks, _durable) = mpsc::channel(8);
    drop(reports);
    client.report(key, outgoing, acks).await.unwrap();
}

#[tokio::test]
async fn a_failing_program_is_told_and_costs_trust() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    let key = stage.assigned(&client, "t-1").await.assignment.key;
    tell(&client, &key, &["Traceback".into()]).await;
    let credit = client.submit(&header(&key, failed(FailureClass::ExitCode)), None).await.unwrap();
    assert_eq!((credit.cpt, credit.settled), (0, true));
    let task = stage.face.task("t-1").unwrap();
    assert_eq!((task.status, task.output.as_deref()), (TaskStatus::Failed, Some("Traceback\n")));
    assert_eq!(stage.score(), 95);
}

#[tokio::test]
async fn what_cannot_be_run_here_is_left_alone_and_costs_no_trust() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    for (number, class) in
        [FailureClass::Package, FailureClass::Image, FailureClass::Engine, FailureClass::Result]
            .iter()
            .enumerate()
    {
        let id = format!("t-{number}");
        let key = stage.assigned(&client, &id).await.assignment.key;
        client.submit(&header(&key, failed(*class)), None).await.unwrap();
        assert_eq!(stage.status(&id), TaskStatus::Assigned, "nothing is told");
    }
    let key = stage.assigned(&client, "t-back").await.assignment.key;
    client.hand_back(&key, HandBack::OwnerStopped, "the owner stopped it").await.unwrap();
    // Managed functions look like this to one who pulls; so does everything else that is no package.
    stage.face.submit("requester", "t-json", "{\"n\": 5}", needs(), 100);
    asks_until(&client, || stage.status("t-json") == TaskStatus::Assigned).await;
    assert_eq!(stage.status("t-back"), TaskStatus::Assigned);
    let answer = client.heartbeat(&[]).await.unwrap();
    assert!(
        answer.notices.iter().any(|n| n.contains("t-json") && n.contains("other computers")),
        "{answer:?}"
    );
    assert_eq!(stage.face.task("t-json").unwrap().reports, 0, "its lease is let go");
    assert_eq!(stage.score(), 100);
}

/// Asks for work, of which none may come that can be run, until the pool has done something.
async fn asks_until(client: &NodePool, done: impl Fn() -> bool) {
    let waiting = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        // The answer is on its way.
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    tokio::select! {
        found = client.next_task(Offer::new(free(), 0)) => panic!("not to be given out: {found:?}"),
        () = waiting => {}
    }
}

#[tokio::test]
async fn a_cancelled_task_is_noticed_by_its_refused_reports() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    let key = stage.assigned(&client, "t-1").await.assignment.key;
    let other = stage.assigned(&client, "t-2").await.assignment.key;
    stage.face.cancel("t-1");
    let answer = client.heartbeat(&[key.clone(), other.clone()]).await.unwrap();
    assert_eq!(answer.void, std::slice::from_ref(&key));
    tell_nothing(&client, &key).await;
    let refused = client.submit(&header(&key, Verdict::Succeeded), None).await.unwrap_err();
    assert_eq!(refused.kind, PoolErrorKind::Unreachable, "a lost answer would look the same for a minute");
    assert_eq!(client.heartbeat(&[other]).await.unwrap().void, []);
}

#[tokio::test]
async fn of_an_output_over_one_mebibyte_the_end_is_sent_and_it_says_so() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    let key = stage.assigned(&client, "t-1").await.assignment.key;
    let mut lines: Vec<String> = (0..220).map(|n| format!("{n} {}", "é\u{1b}\0".repeat(4000))).collect();
    lines.push("the end".into());
    tell(&client, &key, &lines).await;
    client.submit(&header(&key, Verdict::Succeeded), None).await.unwrap();
    let output = stage.face.task("t-1").unwrap().output.unwrap();
    assert!(output.len() <= 1 << 20 && output.len() > 900_000, "{}", output.len());
    assert!(output.starts_with("[hivemind] the first ") && output.ends_with("the end\n"));
    let answer = client.heartbeat(&[]).await.unwrap();
    assert!(
        answer.notices.iter().any(|n| n.contains("t-1") && n.contains("1 MiB")),
        "the app is told: {answer:?}"
    );
}

#[tokio::test]
async fn a_task_longer_than_the_pools_patience_stays_ours_while_it_is_told_of() {
    let times = FaceTimes {
        stale_after: Duration::from_millis(1500),
        sweep_every: Duration::from_millis(200),
        ..FaceTimes::default()
    };
    let stage = Stage::start_with(times).await;
    let client = stage.client().await;
    let key = stage.assigned(&client, "t-1").await.assignment.key;
    for _ in 0..12 {
        assert_eq!(client.heartbeat(std::slice::from_ref(&key)).await.unwrap().void, []);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let task = stage.face.task("t-1").unwrap();
    assert_eq!((task.status, task.assignments, task.retries), (TaskStatus::Assigned, 1, 0));
    // Nobody tells of it any more: taken back.
    tokio::time::timeout(Duration::from_secs(30), async {
        while stage.status("t-1") != TaskStatus::Pending {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .unwrap();
    assert_eq!(stage.face.task("t-1").unwrap().retries, 1);
}

#[tokio::test]
async fn a_task_that_is_given_again_while_it_runs_goes_on_under_the_new_lease() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    let key = stage.assigned(&client, "t-1").await.assignment.key;
    stage.face.reset("t-1");
    asks_until(&client, || stage.face.task("t-1").unwrap().assignments == 2).await;
    assert_eq!(client.heartbeat(std::slice::from_ref(&key)).await.unwrap().void, []);
    tell(&client, &key, &["done".into()]).await;
    assert_eq!(client.submit(&header(&key, Verdict::Succeeded), None).await.unwrap().cpt, 90);
}

#[tokio::test]
async fn a_pool_that_starts_again_loses_no_task() {
    let mut stage = Stage::start().await;
    let client = stage.client().await;
    let key = stage.assigned(&client, "t-1").await.assignment.key;
    stage.face.close().await;
    assert_eq!(
        client.heartbeat(std::slice::from_ref(&key)).await.unwrap_err().kind,
        PoolErrorKind::Unreachable
    );
    stage.face.open().await.unwrap();
    client.connect().await.unwrap();
    assert_eq!(client.heartbeat(std::slice::from_ref(&key)).await.unwrap().void, []);
    tell(&client, &key, &["done".into()]).await;
    assert_eq!(client.submit(&header(&key, Verdict::Succeeded), None).await.unwrap().cpt, 90);
}

#[tokio::test]
async fn a_package_that_nobody_has_any_more_is_not_waited_for() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    let found = stage.assigned(&client, "t-1").await;
    stage.face.forget_packages();
    let into = stage.folder.path().join("package.zip");
    let package = found.assignment.package.as_ref().unwrap();
    let gone = client.fetch(&found.assignment.key, package, &into).await.unwrap_err();
    assert_eq!(gone.kind, PoolErrorKind::NotFound, "{gone}");
    assert!(!into.exists() && std::fs::read_dir(stage.folder.path()).unwrap().next().is_none());
}

#[tokio::test]
async fn a_package_with_other_bytes_than_its_hash_is_refused() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    // Its name is part of the hash: under another it is another package.
    let magnet = stage.face.offer("a.zip", &zip(b"print(1)")).replace("dn=a.zip", "dn=b.zip");
    stage.face.submit("requester", "t-1", &magnet, needs(), 100);
    let found = client.next_task(Offer::new(free(), 0)).await.unwrap().expect("a task");
    let into = stage.folder.path().join("package.zip");
    let package = found.assignment.package.as_ref().unwrap();
    let wrong = client.fetch(&found.assignment.key, package, &into).await.unwrap_err();
    assert!(wrong.kind == PoolErrorKind::Protocol && wrong.message.contains("hash"), "{wrong}");
    assert!(std::fs::read_dir(stage.folder.path()).unwrap().next().is_none());
}

#[tokio::test]
async fn a_requester_who_cannot_pay_is_recognised() {
    let stage = Stage::start().await;
    stage.face.set_balance("requester", 99);
    let client = stage.client().await;
    let key = stage.assigned(&client, "t-1").await.assignment.key;
    tell(&client, &key, &["done".into()]).await;
    let credit = client.submit(&header(&key, Verdict::Succeeded), None).await.unwrap();
    assert_eq!((credit.cpt, credit.settled), (0, false), "completed and not paid, so far");
    assert_eq!((stage.status("t-1"), stage.face.earned("worker")), (TaskStatus::Completed, 0));
    assert!(!client.settlement(&key, "").await.unwrap().settled, "asked again later");
}

#[expect(clippy::disallowed_methods, reason = "the pool writes wall time")]
fn wall_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

#[tokio::test]
async fn the_ledger_names_payer_computer_amount_and_time() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    let registered = client.register(&install(), "bench", &capabilities()).await.unwrap();
    assert!(registered.earner.starts_with("worker@127.0.0.1:"), "{}", registered.earner);
    for id in ["t-1", "t-2"] {
        let key = stage.assigned(&client, id).await.assignment.key;
        tell(&client, &key, &["done".into()]).await;
        assert_eq!(client.submit(&header(&key, Verdict::Succeeded), None).await.unwrap().cpt, 90);
    }
    let told = client.ledger().await.unwrap().expect("the network tells its ledger");
    assert_eq!((told.earner, told.total_cpt, told.cut), (registered.earner, 180, false));
    let ids: Vec<&str> = told.entries.iter().map(|entry| entry.task_id.as_str()).collect();
    assert_eq!(ids, ["t-2", "t-1"], "newest first");
    let now = wall_ms();
    for entry in &told.entries {
        assert_eq!((entry.payer.as_str(), entry.computer.as_str(), entry.here), ("requester", WORKER, true));
        assert_eq!((entry.cpt, entry.status.as_str()), (90, "settled"));
        let at = entry.at.expect("a time").0;
        assert!((now - 60_000..=now + 1000).contains(&at), "{at} {now}");
    }
    stage.face.withdraw("t-1");
    let told = client.ledger().await.unwrap().unwrap();
    assert_eq!((told.total_cpt, told.entries.len()), (90, 1));
}

#[tokio::test]
async fn a_pause_is_told_at_once_and_nothing_is_pulled_meanwhile() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    let paused = StatusReport { paused: "on_battery".into(), ..StatusReport::default() };
    client.report_status(&paused).await.unwrap();
    assert_eq!(stage.face.workers()[0].status, "OFFLINE");
    client.report_status(&StatusReport::default()).await.unwrap();
    assert_eq!(stage.face.workers()[0].status, "IDLE");
    client.sign_off().await.unwrap();
    assert_eq!(stage.face.workers()[0].status, "OFFLINE");
}

#[tokio::test]
async fn a_computer_without_trust_is_told_so() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    stage.face.set_trust(WORKER, 19, false);
    let refused = client.register(&install(), "bench", &capabilities()).await.unwrap_err();
    assert_eq!(refused.kind, PoolErrorKind::Refused);
    assert!(refused.message.contains("trust is 19"), "{refused}");
    stage.face.set_trust(WORKER, 1000, true);
    let banned = client.register(&install(), "bench", &capabilities()).await.unwrap_err();
    assert!(banned.message.contains("banned"), "{banned}");
}

#[tokio::test]
async fn a_foreign_worker_id_is_refused() {
    let stage = Stage::start().await;
    let _ = stage.client().await;
    stage.face.add_user("other", PASSWORD);
    let client = stage.unconnected();
    client.connect().await.unwrap();
    client.login("other", PASSWORD, &install()).await.unwrap();
    let refused = client.register(&install(), "bench", &capabilities()).await.unwrap_err();
    assert_eq!(refused.kind, PoolErrorKind::Refused, "{refused}");
}

#[tokio::test]
async fn a_task_left_alone_three_times_is_a_failure_that_costs_trust() {
    let times = FaceTimes {
        stale_after: Duration::from_millis(300),
        sweep_every: Duration::from_millis(100),
        dispatch_every: Duration::from_millis(100),
        ..FaceTimes::default()
    };
    let stage = Stage::start_with(times).await;
    let client = stage.client().await;
    stage.offer("t-1");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(stage.face.task("t-1").unwrap().assignments, 0, "it is not dialled");
    let found = client.next_task(Offer::new(free(), 0)).await.unwrap().expect("pulled all the same");
    assert_eq!(found.assignment.key.task.as_str(), "t-1");
    // Left alone three times, it fails and costs five.
    tokio::time::timeout(Duration::from_secs(60), async {
        while stage.status("t-1") != TaskStatus::Failed {
            client.hand_back(&found.assignment.key, HandBack::CannotRun, "x").await.unwrap();
            let fresh = stage.client().await;
            let _ = tokio::time::timeout(Duration::from_millis(700), fresh.next_task(Offer::new(free(), 0)))
                .await;
        }
    })
    .await
    .unwrap();
    assert_eq!(stage.score(), 95);
}

#[tokio::test]
async fn what_a_pool_speaks_is_found_by_its_page() {
    let stage = Stage::start().await;
    let any = |url: String, wish| {
        AnyPool::new(config(url, String::new()), wish, "", None, None, wishes(Work::Pull)).unwrap()
    };
    let page = format!("http://{}", stage.face.http_addr());
    let network = any(page.clone(), Wish::Ask);
    assert_eq!(network.dialect(), "hivemind.v1", "nobody was asked yet");
    network.connect().await.unwrap();
    assert_eq!((network.dialect(), network.link().as_str()), ("nodepool", "loopback"));
    network.login("worker", PASSWORD, &install()).await.unwrap();
    // What is known stays known.
    network.connect().await.unwrap();
    assert_eq!(network.balance().await.unwrap(), 1000);
    // The owner's word counts more.
    let refused = any(page.clone(), Wish::V1).connect().await.unwrap_err();
    assert_eq!(refused.kind, PoolErrorKind::Protocol, "{refused}");
    assert_eq!(
        V1Pool::new(config(page, String::new())).connect().await.unwrap_err().kind,
        PoolErrorKind::Protocol
    );
    let bench = Bench::start().await;
    let pool = any(bench.master_url(), Wish::Ask);
    pool.connect().await.unwrap();
    assert_eq!(pool.dialect(), "hivemind.v1");
    let by_hand = config(page_of_nobody(), stage.face.grpc_addr().to_string());
    let by_hand = AnyPool::new(by_hand, Wish::NodePool, "", None, None, wishes(Work::Pull)).unwrap();
    by_hand.connect().await.unwrap();
    assert_eq!(by_hand.dialect(), "nodepool");
}

/// An address at which no page is asked for.
fn page_of_nobody() -> String {
    "http://127.0.0.1:9".to_owned()
}
