//! The live network's dialect, as the local pool's face of it speaks: found out by the worker itself, with the real
//! program and the real engine.

use crate::package::zipped;
use crate::patience::{LONG, until};
use crate::requester::PASSWORD;
use crate::scene::Scene;
use crate::worker::Worker;
use hivemind_local_pool::nodepool::Needs;
use hivemind_local_pool::nodepool::{FaceTask, FaceTimes, NodePoolFace, TaskStatus};

async fn face() -> NodePoolFace {
    let face = NodePoolFace::start(FaceTimes::default()).await.expect("a face");
    face.add_user("requester", PASSWORD);
    face.add_user("owner", PASSWORD);
    face
}

fn hand_in(face: &NodePoolFace, id: &str, program: &str) {
    let magnet = face.offer(&format!("{id}.zip"), &zipped(&[("main.py", program)]));
    face.submit("requester", id, &magnet, needs(), 100);
}

fn needs() -> Needs {
    Needs { memory_mb: 128, storage_total_gb: 1, storage_available_gb: 1, ..Needs::default() }
}

async fn ended(face: &NodePoolFace, id: &str) -> FaceTask {
    until(&format!("{id} has ended"), LONG, async || {
        face.task(id).filter(|task| !matches!(task.status, TaskStatus::Pending | TaskStatus::Assigned))
    })
    .await
}

async fn contributing<'a>(scene: &'a Scene, face: &NodePoolFace) -> Worker<'a> {
    let page = format!("http://{}", face.http_addr());
    let pulls = [("nodepool_work", "pull")];
    let worker = Worker::open_set(scene, "worker", &page, &["run"], &[], &pulls).await;
    worker.sign_in("owner", PASSWORD).await.ok();
    worker.call(&["start"]).await.ok();
    worker.wait_for_state("ready").await;
    worker
}

/// Payer, amount and state of a task in the network's ledger as the command line tells it.
async fn ledger_row(worker: &Worker<'_>, task: &str) -> (String, u64, String) {
    let ledger = worker.call(&["earnings", "--network"]).await.ok();
    assert!(
        ledger["earner"].as_str().is_some_and(|earner| earner.starts_with("owner@127.0.0.1:")),
        "{ledger}"
    );
    let rows = ledger["entries"].as_array().expect("entries");
    let Some(row) = rows.iter().find(|row| row["task_id"] == task) else {
        return (String::new(), 0, "none".to_owned());
    };
    let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
    (text("payer"), row["cpt"].as_u64().expect("an amount"), text("state"))
}

#[tokio::test]
async fn tasks_of_the_live_network_are_pulled_run_told_and_paid() {
    let Some(scene) = Scene::open("tasks_of_the_live_network_are_pulled_run_told_and_paid").await else {
        return;
    };
    let face = face().await;
    let mut worker = contributing(&scene, &face).await;
    let snapshot = worker.snapshot().await;
    assert_eq!(snapshot["pool"]["dialect"], "nodepool", "found out by itself");
    assert_eq!(snapshot["pool"]["trust"], "medium");
    assert!(!face.workers()[0].enabled, "nobody dials a computer that pulls");
    hand_in(&face, "prints", "print('hello')\nprint('zw\\u00f6lf')");
    hand_in(&face, "much", "for n in range(2000):\n    print(n, 'x' * 50)");
    hand_in(&face, "fails", "print('before')\nraise SystemExit(3)");
    let prints = ended(&face, "prints").await;
    assert_eq!(
        (prints.status, prints.output.as_deref()),
        (TaskStatus::Completed, Some("hello\nzw\u{f6}lf\n"))
    );
    assert!(prints.metrics.is_some_and(|metrics| metrics.wall_time_ms > 0));
    let much = ended(&face, "much").await;
    let expected: String = (0..2000).map(|n| format!("{n} {}\n", "x".repeat(50))).collect();
    assert_eq!(
        (much.status, much.output.clone()),
        (TaskStatus::Completed, Some(expected)),
        "more than 64 KiB"
    );
    let fails = ended(&face, "fails").await;
    assert_eq!((fails.status, fails.output.as_deref()), (TaskStatus::Failed, Some("before\n")));
    for task in [&prints, &much, &fails] {
        assert_eq!((task.assignments, task.retries), (1, 0));
        assert!(task.longest_silence.as_secs() < 30, "{:?}", task.longest_silence);
    }
    assert_eq!(face.workers()[0].score, 97, "two more, and five less");
    assert_eq!((face.earned("owner"), face.balance("owner")), (180, 1000));
    let paid = until("the pay is known", LONG, async || {
        let attempts = worker.attempts("prints").await;
        attempts.into_iter().next().filter(|attempt| attempt["credited_cpt"] == 90)
    })
    .await;
    assert_eq!(paid["settled"], true, "{paid}");
    assert_eq!(ledger_row(&worker, "prints").await, ("requester".to_owned(), 90, "paid".to_owned()));
    assert_eq!(ledger_row(&worker, "fails").await.2, "none", "a failed task is not awaited there");
    face.withdraw("much");
    assert_eq!(ledger_row(&worker, "much").await, (String::new(), 90, "withdrawn".to_owned()));
    // What looks like a managed function to one who pulls.
    face.submit("requester", "json", "{}", needs(), 100);
    until("it was looked at", LONG, async || face.task("json").filter(|task| task.assignments > 0)).await;
    worker.wait_until_clean().await;
    worker.end().await;
    let json = face.task("json").expect("a task");
    assert_eq!((json.status, json.reports), (TaskStatus::Assigned, 0), "left alone");
    assert_eq!(face.workers()[0].score, 97, "and that costs nothing");
    assert_eq!(face.workers()[0].status, "OFFLINE", "it says goodbye");
}

#[tokio::test]
async fn a_killed_worker_goes_on_with_its_task_of_the_live_network() {
    let Some(scene) = Scene::open("a_killed_worker_goes_on_with_its_task_of_the_live_network").await else {
        return;
    };
    let face = face().await;
    let mut worker = contributing(&scene, &face).await;
    hand_in(&face, "long", "import time\nprint('begins', flush=True)\ntime.sleep(8)\nprint('ends')");
    until("it runs", LONG, async || {
        face.task("long").and_then(|task| task.output).filter(|output| output.contains("begins"))
    })
    .await;
    worker.kill().await;
    worker.start().await;
    let long = ended(&face, "long").await;
    assert_eq!((long.status, long.output.as_deref()), (TaskStatus::Completed, Some("begins\nends\n")));
    assert_eq!(long.assignments, 1, "the same attempt went on");
    worker.wait_until_clean().await;
    worker.end().await;
}

#[tokio::test]
async fn a_computer_without_an_engine_earns_with_managed_functions() {
    let Some(scene) = Scene::open("a_computer_without_an_engine_earns_with_managed_functions").await else {
        return;
    };
    let face = face().await;
    let page = format!("http://{}", face.http_addr());
    let nobody = [("DOCKER_HOST", "unix:///nonexistent/docker.sock".to_owned())];
    let key = face.public_key_pem().replace('\n', "\\n");
    let push = [("nodepool_port", "0"), ("nodepool_key", &key)];
    let mut worker = Worker::open_set(&scene, "worker", &page, &["run"], &nobody, &push).await;
    worker.sign_in("owner", PASSWORD).await.ok();
    worker.call(&["start"]).await.ok();
    face.submit_function("requester", "sum", "let s = 40 + 2; print(s); s;", "", 100);
    let sum = ended(&face, "sum").await;
    assert_eq!((sum.status, sum.output.as_deref()), (TaskStatus::Completed, Some("42\n")));
    let receipt: serde_json::Value = serde_json::from_str(&sum.receipt.expect("a receipt")).expect("JSON");
    assert_eq!((&receipt["executed_ops"], &receipt["output_bytes"]), (&13.into(), &3.into()));
    let told = until("the pay is known", LONG, async || {
        let attempts = worker.attempts("sum").await;
        attempts.into_iter().next().filter(|attempt| attempt["settled"] == true)
    })
    .await;
    assert_eq!(told["credited_cpt"], 3, "{told}");
    assert_eq!(face.earned("owner"), 3);
    let snapshot = worker.snapshot().await;
    assert_eq!(snapshot["engine"]["ready"], false);
    assert_eq!(snapshot["engine"]["functions_only"], true, "and it says so");
    face.submit_function("requester", "wrong", "1 / 0;", "", 100);
    let wrong = ended(&face, "wrong").await;
    assert_eq!(wrong.status, TaskStatus::Failed);
    assert_eq!(face.workers()[0].failed, 1);
    worker.end().await;
}
