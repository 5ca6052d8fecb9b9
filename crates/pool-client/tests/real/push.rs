//! Work that the live network's pool pushes: the adapter's listener against the face's own calls.

use crate::bench::{PASSWORD, capabilities, free, install, zip};
use crate::network::{WORKER, failed, header, needs, tell};
use hivemind_domain::ids::TaskKey;
use hivemind_domain::resources::Resources;
use hivemind_domain::task::{CancelledBy, FailureClass, HandBack, ResultFile, Verdict};
use hivemind_local_pool::nodepool::{FaceTask, FaceTimes, NodePoolFace, TaskStatus};
use hivemind_pool_client::{NetworkWishes, NodePool, NodePoolConfig, Work};
use hivemind_proto::nodepool::{ExecuteTaskRequest, StopTaskExecutionRequest};
use hivemind_worker_core::port::{Assigned, Offer, Pool, ResultHeader, StatusReport};
use std::time::Duration;
use tonic::Code;

struct Stage {
    face: NodePoolFace,
    folder: tempfile::TempDir,
}

fn times() -> FaceTimes {
    FaceTimes { dispatch_every: Duration::from_millis(100), ..FaceTimes::default() }
}

impl Stage {
    async fn start() -> Self {
        Self::start_with(times()).await
    }

    async fn start_with(times: FaceTimes) -> Self {
        let face = NodePoolFace::start(times).await.unwrap();
        face.add_user("requester", PASSWORD);
        face.add_user("worker", PASSWORD);
        Self { face, folder: tempfile::tempdir().unwrap() }
    }

    async fn client_with(&self, key: &str, work: Work) -> NodePool {
        let client = NodePool::new(NodePoolConfig {
            address: self.face.grpc_addr().to_string(),
            allow_unencrypted: false,
            install: install(),
            wishes: NetworkWishes::new(work, 0, key, "", false).unwrap(),
        });
        client.connect().await.unwrap();
        client.login("worker", PASSWORD, &install()).await.unwrap();
        client.register(&install(), "bench", &capabilities()).await.unwrap();
        client
    }

    async fn client(&self) -> NodePool {
        self.client_with(&self.face.public_key_pem(), Work::Auto).await
    }

    fn submit(&self, id: &str) {
        let magnet = self.face.offer(&format!("{id}.zip"), &zip(b"print(1)"));
        self.face.submit("requester", id, &magnet, needs(), 100);
    }

    async fn assigned(&self, client: &NodePool, id: &str) -> Assigned {
        self.submit(id);
        client.next_task(Offer::new(free(), 0)).await.unwrap().expect("a task")
    }

    fn task(&self, id: &str) -> FaceTask {
        self.face.task(id).unwrap()
    }

    fn score(&self) -> i64 {
        self.face.workers()[0].score
    }

    async fn until(&self, id: &str, done: impl Fn(&FaceTask) -> bool) -> FaceTask {
        tokio::time::timeout(Duration::from_secs(30), async {
            loop {
                let task = self.task(id);
                if done(&task) {
                    return task;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{id} stays {:?}", self.task(id)))
    }

    fn request(&self, id: &str, token: String) -> ExecuteTaskRequest {
        let torrent = self.face.offer(&format!("{id}.zip"), &zip(b"print(1)"));
        ExecuteTaskRequest { task_id: id.into(), torrent, token, ..ExecuteTaskRequest::default() }
    }
}

async fn done(client: &NodePool, key: &TaskKey) {
    tell(client, key, &["done".into()]).await;
    assert_eq!(client.submit(&header(key, Verdict::Succeeded), None).await.unwrap().cpt, 90);
}

#[tokio::test]
async fn a_pushed_task_is_taken_told_completed_and_paid() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    let worker = &stage.face.workers()[0];
    assert!(worker.enabled && worker.ip.starts_with("127.0.0.1:"), "{}", worker.ip);
    let found = stage.assigned(&client, "t-1").await;
    let key = found.assignment.key.clone();
    assert_eq!((key.task.as_str(), key.attempt, found.lease), ("t-1", 1, Duration::from_secs(30)));
    assert_eq!(found.assignment.command, ["python3", "./main.py"]);
    let into = stage.folder.path().join("package.zip");
    client.fetch(&key, found.assignment.package.as_ref().unwrap(), &into).await.unwrap();
    assert_eq!(client.heartbeat(std::slice::from_ref(&key)).await.unwrap().void, []);
    done(&client, &key).await;
    let task = stage.task("t-1");
    assert_eq!((task.status, task.output.as_deref()), (TaskStatus::Completed, Some("done\n")));
    assert_eq!((task.pushes, task.assignments, task.retries), (1, 1, 0));
    assert_eq!(task.metrics.unwrap().wall_time_ms, 1000, "which an answer alone could not tell");
    assert_eq!((stage.score(), stage.face.earned("worker")), (101, 90));
}

#[tokio::test]
async fn a_program_that_fails_is_told_as_failed() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    let key = stage.assigned(&client, "t-1").await.assignment.key;
    tell(&client, &key, &["Traceback".into()]).await;
    client.submit(&header(&key, failed(FailureClass::ExitCode)), None).await.unwrap();
    let task = stage.task("t-1");
    assert_eq!((task.status, task.output.as_deref()), (TaskStatus::Failed, Some("Traceback\n")));
    assert_eq!(stage.score(), 95);
}

#[tokio::test]
async fn what_cannot_be_run_is_refused_without_loss_of_trust() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    for (number, class) in
        [FailureClass::Package, FailureClass::Image, FailureClass::Engine].iter().enumerate()
    {
        let id = format!("t-{number}");
        let key = stage.assigned(&client, &id).await.assignment.key;
        client.submit(&header(&key, failed(*class)), None).await.unwrap();
        let task = stage.until(&id, |task| task.retries == 1).await;
        assert_eq!(task.status, TaskStatus::Pending, "another computer may have it");
        // As long as the pool thinks that this computer is full, nothing comes.
        assert_eq!(stage.face.workers()[0].status, "FULL");
        stage.face.cancel(&id);
        tokio::time::sleep(Duration::from_secs(6)).await;
        client.heartbeat(&[]).await.unwrap();
        assert_eq!(stage.face.workers()[0].status, "IDLE");
    }
    let key = stage.assigned(&client, "t-back").await.assignment.key;
    client.hand_back(&key, HandBack::OwnerStopped, "the owner stopped it").await.unwrap();
    assert_eq!(stage.until("t-back", |task| task.retries == 1).await.status, TaskStatus::Pending);
    assert_eq!(stage.score(), 100);
    assert_eq!(stage.face.workers()[0].failed, 0);
}

#[tokio::test]
async fn what_is_no_package_is_refused_at_once() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    let asks = tokio::spawn({
        let client = client.clone();
        async move { client.next_task(Offer::new(free(), 0)).await }
    });
    for reference in ["{\"n\": 1}", "https://example.org/p.zip", "magnet:?dn=p.zip", ""] {
        let mut request = stage.request("t-x", String::new());
        request.torrent = reference.into();
        request.task_id = format!("t-{}", reference.len());
        request.token = stage.face.execution_token(&request.task_id, WORKER);
        let refused = stage.face.execute(WORKER, request).await;
        assert_eq!(refused.unwrap_err().code(), Code::FailedPrecondition, "{reference}");
    }
    assert!(!asks.is_finished(), "the worker was given none of them");
    asks.abort();
}

#[tokio::test]
async fn a_computer_without_room_is_full_until_it_asks_again() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    stage.submit("t-1");
    // Nobody asks: refused after 4 s, and the pool is told.
    let task = stage.until("t-1", |task| task.retries == 1).await;
    assert_eq!(task.status, TaskStatus::Pending);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!((stage.face.workers()[0].status.as_str(), stage.task("t-1").pushes), ("FULL", 1));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stage.task("t-1").pushes, 1, "not pushed again meanwhile");
    let found = client.next_task(Offer::new(free(), 0)).await.unwrap().expect("pushed again");
    assert_eq!(stage.score(), 100);
    done(&client, &found.assignment.key).await;
}

#[tokio::test]
async fn many_at_once_are_taken_one_after_the_other_as_there_is_room() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    for number in 0..5 {
        stage.submit(&format!("t-{number}"));
    }
    let mut keys = Vec::new();
    for running in 0..3 {
        let found = client.next_task(Offer::new(free(), running)).await.unwrap().expect("a task");
        keys.push(found.assignment.key);
    }
    // The other two are refused, and wait for another computer.
    stage.until("t-3", |task| task.retries == 1).await;
    stage.until("t-4", |task| task.retries == 1).await;
    for key in &keys {
        done(&client, key).await;
    }
    assert_eq!((stage.score(), stage.face.earned("worker")), (103, 270));
}

#[tokio::test]
async fn a_task_that_is_pushed_again_while_it_runs_is_joined() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    let key = stage.assigned(&client, "t-1").await.assignment.key;
    stage.face.reset("t-1");
    let task = stage.until("t-1", |task| task.pushes == 2).await;
    assert_eq!((task.status, task.retries), (TaskStatus::Assigned, 1));
    let asked = tokio::time::timeout(Duration::from_secs(1), client.next_task(Offer::new(free(), 1))).await;
    assert!(asked.is_err(), "no second attempt: {asked:?}");
    assert_eq!(client.heartbeat(std::slice::from_ref(&key)).await.unwrap().void, []);
    done(&client, &key).await;
    assert_eq!(stage.task("t-1").status, TaskStatus::Completed);
}

#[tokio::test]
async fn a_stop_reaches_the_worker_at_once() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    let key = stage.assigned(&client, "t-1").await.assignment.key;
    client.heartbeat(std::slice::from_ref(&key)).await.unwrap();
    let news = client.news();
    stage.face.cancel("t-1");
    tokio::time::timeout(Duration::from_secs(2), news).await.expect("news");
    let answer = client.heartbeat(std::slice::from_ref(&key)).await.unwrap();
    assert_eq!(answer.cancelled, [(key.clone(), CancelledBy::Requester)]);
    assert_eq!(answer.void, [], "it is stopped, not lost");
    let verdict = Verdict::Cancelled { by: CancelledBy::Requester };
    client.submit(&header(&key, verdict), None).await.unwrap();
    assert_eq!(stage.until("t-1", |task| task.stops == 1).await.status, TaskStatus::Cancelled);
    assert_eq!(stage.score(), 100);
}

#[tokio::test]
async fn a_stop_is_said_once_and_only_of_what_runs() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    let key = stage.assigned(&client, "t-1").await.assignment.key;
    let stop = |id: &str| StopTaskExecutionRequest {
        task_id: id.into(),
        token: stage.face.execution_token(id, WORKER),
    };
    for (id, success, words) in [
        ("t-9", false, "Task not running"),
        ("t-1", true, "Stop requested"),
        ("t-1", true, "Stop already requested"),
    ] {
        let answer = stage.face.stop(WORKER, stop(id)).await.unwrap();
        assert_eq!((answer.success, answer.status_message.as_str()), (success, words));
        // Two tokens of the same second are the same bytes.
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    assert_eq!(client.heartbeat(std::slice::from_ref(&key)).await.unwrap().cancelled.len(), 1);
}

#[tokio::test]
async fn after_a_reset_the_owners_stop_is_noticed_by_refused_reports() {
    let stage = Stage::start_with(FaceTimes { dispatch_every: Duration::from_secs(60), ..times() }).await;
    let client = stage.client().await;
    stage.submit("t-1");
    let asks = tokio::spawn({
        let client = client.clone();
        async move { client.next_task(Offer::new(free(), 0)).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(stage.face.push_now("t-1").as_deref(), Some(WORKER));
    let key = asks.await.unwrap().unwrap().expect("a task").assignment.key;
    stage.face.reset("t-1");
    stage.face.cancel("t-1");
    assert_eq!(stage.task("t-1").stops, 0, "the pool does not know whom to tell");
    // It might be pushed again within 15 s; it is not.
    let mut void = Vec::new();
    for _ in 0..10 {
        void = client.heartbeat(std::slice::from_ref(&key)).await.unwrap().void;
        if !void.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    assert_eq!(void, [key]);
}

#[tokio::test]
async fn only_the_pools_own_tokens_are_believed() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    let asks = tokio::spawn({
        let client = client.clone();
        async move { client.next_task(Offer::new(free(), 0)).await }
    });
    let claims = |task: &str, worker: &str| stage.face.execution_claims(task, worker);
    let head = serde_json::json!({ "typ": "JWT", "alg": "EdDSA" });
    let foreign = hivemind_local_pool::nodepool::ExecutionKey::generate().unwrap();
    let mut old = claims("t-1", WORKER);
    old["iat"] = (old["iat"].as_i64().unwrap() - 1000).into();
    old["exp"] = (old["exp"].as_i64().unwrap() - 1000).into();
    let mut role = claims("t-1", WORKER);
    role["role"] = "worker".into();
    let own = stage.face.key();
    for (token, code) in [
        (String::new(), Code::Unauthenticated),
        ("a.b.c".to_owned(), Code::Unauthenticated),
        (foreign.sign(&head, &claims("t-1", WORKER)), Code::Unauthenticated),
        (own.sign(&head, &old), Code::Unauthenticated),
        (own.sign(&head, &role), Code::PermissionDenied),
        (own.sign(&head, &claims("t-2", WORKER)), Code::PermissionDenied),
        (own.sign(&head, &claims("t-1", "hw-other")), Code::PermissionDenied),
    ] {
        let refused = stage.face.execute(WORKER, stage.request("t-1", token.clone())).await.unwrap_err();
        assert_eq!(refused.code(), code, "{token:.40}: {refused}");
        let stop = StopTaskExecutionRequest { task_id: "t-1".into(), token };
        assert_eq!(stage.face.stop(WORKER, stop).await.unwrap_err().code(), code);
    }
    assert!(!asks.is_finished(), "nothing was begun");
    for id in ["../t", "a/b", "", ".", "a\u{0}b"] {
        let mut request = stage.request("t-1", stage.face.execution_token(id, WORKER));
        request.task_id = id.into();
        let refused = stage.face.execute(WORKER, request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{id:?}");
    }
    // A good one, used twice: the second time it begins nothing.
    let good = stage.face.execution_token("t-1", WORKER);
    let request = stage.request("t-1", good.clone());
    let executing = stage.face.execute(WORKER, request.clone());
    let found = async {
        let key = asks.await.unwrap().unwrap().expect("a task").assignment.key;
        client.hand_back(&key, HandBack::CannotRun, "no").await.unwrap();
    };
    let (refused, ()) = tokio::join!(executing, found);
    assert_eq!(refused.unwrap_err().code(), Code::FailedPrecondition);
    let again = stage.face.execute(WORKER, request).await.unwrap_err();
    assert_eq!(again.code(), Code::PermissionDenied, "{again}");
}

#[tokio::test]
async fn a_pool_with_another_key_is_noticed_and_its_work_is_pulled() {
    let stage = Stage::start().await;
    // The network's own key, which this pool does not have.
    let client = stage.client_with("", Work::Auto).await;
    stage.submit("t-1");
    stage.until("t-1", |task| task.retries > 0).await;
    tokio::time::timeout(Duration::from_secs(2), client.news()).await.expect("news");
    let answer = client.heartbeat(&[]).await.unwrap();
    let standing = answer.standing.expect("a standing");
    assert_eq!(word(&standing.reach), "pull");
    assert_eq!(word(&standing.why), "tokens_refused");
    assert!(!stage.face.workers()[0].enabled, "nobody pushes here any more");
    let key = client.next_task(Offer::new(free(), 0)).await.unwrap().expect("pulled").assignment.key;
    done(&client, &key).await;
    assert_eq!(stage.score(), 101);
}

fn word(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_taken_port_and_the_owners_wish_make_it_pull() {
    let stage = Stage::start().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    for (work, port, proxy, expected) in [
        (Work::Auto, port, "", "port_taken"),
        (Work::Push, port, "", "port_taken"),
        (Work::Pull, 0, "", "chosen"),
    ] {
        let client = NodePool::new(NodePoolConfig {
            address: stage.face.grpc_addr().to_string(),
            allow_unencrypted: false,
            install: install(),
            wishes: NetworkWishes::new(work, port, &stage.face.public_key_pem(), proxy, false).unwrap(),
        });
        client.connect().await.unwrap();
        client.login("worker", PASSWORD, &install()).await.unwrap();
        client.register(&install(), "bench", &capabilities()).await.unwrap();
        let standing = client.heartbeat(&[]).await.unwrap().standing.unwrap();
        assert_eq!((word(&standing.reach).as_str(), word(&standing.why).as_str()), ("pull", expected));
        assert!(!stage.face.workers()[0].enabled);
    }
}

#[tokio::test]
async fn the_pools_settings_follow_what_the_owner_lends() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    for (cpu_millis, memory_bytes, expected) in [(2500, 3 << 30, (2, 3)), (100, 1 << 20, (1, 1))] {
        let offer = Offer::new(Resources { cpu_millis, memory_bytes, gpus: 0 }, 0);
        let asks = tokio::spawn({
            let client = client.clone();
            async move { client.next_task(offer).await }
        });
        tokio::time::sleep(Duration::from_millis(200)).await;
        client.heartbeat(&[]).await.unwrap();
        let settings = stage.face.settings(WORKER).unwrap();
        assert_eq!(
            (settings.cpu_cores_limit, settings.memory_gb_limit),
            expected,
            "0 would be without limit"
        );
        assert!(settings.enabled);
        asks.abort();
    }
}

#[tokio::test]
async fn a_paused_computer_is_pushed_nothing() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    let paused = StatusReport { paused: "on_battery".into(), ..StatusReport::default() };
    client.report_status(&paused).await.unwrap();
    assert_eq!(stage.face.workers()[0].status, "OFFLINE");
    stage.submit("t-1");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(stage.task("t-1").pushes, 0);
    let token = stage.face.execution_token("t-1", WORKER);
    let refused = stage.face.execute(WORKER, stage.request("t-1", token)).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    client.report_status(&StatusReport::default()).await.unwrap();
    let key = client.next_task(Offer::new(free(), 0)).await.unwrap().expect("a task").assignment.key;
    done(&client, &key).await;
}

#[tokio::test]
async fn a_pool_that_starts_again_is_given_what_ran_meanwhile() {
    let mut stage = Stage::start().await;
    let client = stage.client().await;
    let key = stage.assigned(&client, "t-1").await.assignment.key;
    stage.face.close().await;
    assert!(client.heartbeat(std::slice::from_ref(&key)).await.is_err());
    stage.face.open().await.unwrap();
    client.connect().await.unwrap();
    client.register(&install(), "bench", &capabilities()).await.unwrap();
    // The call has broken off, and the task is ours still: it is completed without a call.
    assert_eq!(client.heartbeat(std::slice::from_ref(&key)).await.unwrap().void, []);
    done(&client, &key).await;
    assert_eq!((stage.task("t-1").pushes, stage.score()), (1, 101));
}

fn receipt(folder: &std::path::Path, ops: i64, bytes: i64) -> std::path::PathBuf {
    let path = folder.join("receipt.json");
    let text = format!(
        "{{\"runtime\":\"managed-function-v0\",\"status\":\"completed\",\"executed_ops\":{ops},\
        \"output_bytes\":{bytes},\"failure_code\":null,\"failure_message\":null}}"
    );
    std::fs::write(&path, text).unwrap();
    path
}

fn function_header(key: &TaskKey, verdict: Verdict) -> ResultHeader {
    let file = Some(ResultFile { sha256: "a".repeat(64), size_bytes: 1, entries: 1 });
    ResultHeader { function: true, file, ..header(key, verdict) }
}

#[tokio::test]
async fn a_managed_function_is_paid_by_its_receipt() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    stage.face.submit_function("requester", "f-1", "let s = 40 + 2; print(s); s;", "{}", 100);
    let offer = Offer { containers: false, ..Offer::new(free(), 0) };
    let found = client.next_task(offer).await.unwrap().expect("a task");
    let (key, function) = (found.assignment.key, found.assignment.function.expect("a function"));
    assert_eq!((function.source.as_str(), function.input.as_str()), ("let s = 40 + 2; print(s); s;", "{}"));
    tell(&client, &key, &["42\n".into()]).await;
    let file = receipt(stage.folder.path(), 13, 3);
    let credit = client.submit(&function_header(&key, Verdict::Succeeded), Some(&file)).await.unwrap();
    let task = stage.until("f-1", |task| task.status == TaskStatus::Completed).await;
    assert_eq!(task.output.as_deref(), Some("42\n"));
    assert!(task.receipt.is_some_and(|receipt| receipt.contains("\"executed_ops\":13")));
    // 1 + 1 + 1 CPT, of which a tenth, rounded down, is the pool's.
    let credit = if credit.settled { credit } else { client.settlement(&key, "").await.unwrap() };
    assert_eq!((credit.cpt, credit.settled), (3, true));
}

#[tokio::test]
async fn a_function_whose_pool_broke_off_is_answered_when_it_asks_again() {
    let soon =
        FaceTimes { stale_after: Duration::from_secs(2), sweep_every: Duration::from_millis(200), ..times() };
    let mut stage = Stage::start_with(soon).await;
    let client = stage.client().await;
    stage.face.submit_function("requester", "f-1", "1;", "", 100);
    let found = client.next_task(Offer::new(free(), 0)).await.unwrap().expect("a task");
    let key = found.assignment.key;
    tell(&client, &key, &["1".into()]).await;
    stage.face.close().await;
    let file = receipt(stage.folder.path(), 2, 0);
    let kept = client.submit(&function_header(&key, Verdict::Succeeded), Some(&file)).await;
    assert!(kept.is_err(), "nobody heard it: {kept:?}");
    stage.face.open().await.unwrap();
    client.connect().await.unwrap();
    client.register(&install(), "bench", &capabilities()).await.unwrap();
    let beats = tokio::spawn({
        let (client, held) = (client.clone(), [key.clone()]);
        async move {
            loop {
                let _ = client.heartbeat(&held).await;
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    });
    // Of a function that is done nothing more is told: the pool takes it back, and pushes it again.
    let task = stage.until("f-1", |task| task.status == TaskStatus::Completed).await;
    beats.abort();
    assert_eq!((task.output.as_deref(), task.pushes), (Some("1"), 2));
    let credit = client.submit(&function_header(&key, Verdict::Succeeded), Some(&file)).await.unwrap();
    assert!(credit.settled && credit.cpt > 0, "{credit:?}");
}

#[tokio::test]
async fn a_task_that_was_refused_while_it_was_prepared_is_taken_when_it_comes_again() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    let key = stage.assigned(&client, "t-1").await.assignment.key;
    let (reports, outgoing) = tokio::sync::mpsc::channel(1);
    let (acks, mut durable) = tokio::sync::mpsc::channel(8);
    let telling = tokio::spawn({
        let (client, key) = (client.clone(), key.clone());
        async move { client.report(&key, outgoing, acks).await }
    });
    durable.recv().await.expect("the stream is open");
    client.submit(&header(&key, failed(FailureClass::Engine)), None).await.unwrap();
    // Only now does the worker end what it told of the task.
    drop(reports);
    let _ = telling.await.unwrap();
    assert_eq!(stage.until("t-1", |task| task.retries == 1).await.status, TaskStatus::Pending);
    tokio::time::sleep(Duration::from_secs(6)).await;
    client.heartbeat(&[]).await.unwrap();
    let asked = client.next_task(Offer::new(free(), 0));
    let again = tokio::time::timeout(Duration::from_secs(5), asked).await.expect("no call hangs");
    let key = again.unwrap().expect("a task").assignment.key;
    done(&client, &key).await;
    assert_eq!(stage.score(), 101);
}

#[tokio::test]
async fn a_call_that_broke_off_before_its_task_was_taken_is_in_nobodys_way() {
    let soon =
        FaceTimes { stale_after: Duration::from_secs(2), sweep_every: Duration::from_millis(200), ..times() };
    let mut stage = Stage::start_with(soon).await;
    let client = stage.client().await;
    stage.submit("t-1");
    stage.until("t-1", |task| task.pushes == 1).await;
    stage.face.close().await;
    stage.face.open().await.unwrap();
    client.connect().await.unwrap();
    client.register(&install(), "bench", &capabilities()).await.unwrap();
    // Whoever waited has been refused by now, and nobody heard it.
    tokio::time::sleep(Duration::from_secs(5)).await;
    client.heartbeat(&[]).await.unwrap();
    let asked = client.next_task(Offer::new(free(), 0));
    let found = tokio::time::timeout(Duration::from_secs(10), asked).await.expect("no call hangs");
    let key = found.unwrap().expect("a task").assignment.key;
    done(&client, &key).await;
}

#[tokio::test]
async fn a_call_for_a_task_that_the_worker_lost_is_ended() {
    let stage = Stage::start().await;
    let client = stage.client().await;
    stage.submit("t-1");
    let asks = client.next_task(Offer::new(free(), 0)).await.unwrap().expect("a task");
    // The worker has forgotten it: it is in none of its heartbeats.
    drop(asks);
    tokio::time::sleep(Duration::from_secs(11)).await;
    client.heartbeat(&[]).await.unwrap();
    let task = stage.until("t-1", |task| task.retries == 1).await;
    assert_eq!((task.status, stage.score()), (TaskStatus::Pending, 100));
}
