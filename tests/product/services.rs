//! A task of many, what is kept of a failed one, and the numbers: by the command line, on a real engine.

use crate::package::{text_of, zipped};
use crate::pool::Pool;
use crate::requester::{PASSWORD, Wish};
use crate::scene::Scene;
use crate::worker::Worker;

const PART: &str = r#"
mkdir -p "$HIVEMIND_OUTPUT"
echo "$HIVEMIND_INDEX of $HIVEMIND_COUNT" > "$HIVEMIND_OUTPUT/place.txt"
"#;

const FAILS: &str = r#"
echo boo >&2
mkdir -p "$HIVEMIND_OUTPUT"
echo half > "$HIVEMIND_OUTPUT/part.txt"
exit 3
"#;

#[tokio::test]
async fn a_task_of_many_comes_back_as_one_zip() {
    let Some(scene) = Scene::open("a_task_of_many_comes_back_as_one_zip").await else { return };
    let mut pool = Pool::open(&scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let mut worker = Worker::contributing(&scene, "worker", &pool, &works).await;
    let before = asks.balance().await;
    let file = scene.path("parts.zip");
    std::fs::write(&file, zipped(&[("run.sh", PART)])).expect("a package");
    let file = file.display().to_string();
    let who = ["--url", &pool.url, "--user", "asks", "--password", PASSWORD];
    let wish = ["--cpu-cores", "0.5", "--memory-gb", "0.25", "--array", "3", "--wait", "50"];
    let ended = worker.call(&[&["pool", "submit"], &who[..], &wish, &[&file]].concat()).await.ok();
    assert_eq!((&ended["state"], &ended["array"]["succeeded"]), (&"succeeded".into(), &3.into()), "{ended}");
    let id = ended["task_id"].as_str().expect("an id");
    let result = asks.download(id).await;
    for index in 0..3 {
        let place = text_of(&result.bytes, &format!("{index}/place.txt"));
        assert_eq!(place, format!("{index} of 3"));
    }
    assert_eq!(ended["result"]["sha256"], *result.header_sha256);
    assert_eq!(before - asks.balance().await, ended["credited_cpt"].as_i64().expect("CPT"));
    worker.wait_until_clean().await;
    worker.end().await;
    pool.close_and_audit().await;
}

#[tokio::test]
async fn a_failed_task_leaves_what_is_needed_to_find_out_why() {
    let Some(scene) = Scene::open("a_failed_task_leaves_what_is_needed_to_find_out_why").await else {
        return;
    };
    let mut pool = Pool::open(&scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let mut worker = Worker::contributing(&scene, "worker", &pool, &works).await;
    let id = asks.submit("fails", zipped(&[("run.sh", FAILS)]), &Wish::default()).await;
    let told = asks.wait_for_end(&id).await;
    let closed = worker.closed(&id, 1).await;
    let report = &closed["report"];
    assert_eq!((&report["exit_class"], &report["exit_code"]), (&"exit_code".into(), &3.into()), "{report}");
    for phase in ["fetch_ms", "prepare_ms", "run_ms", "upload_ms"] {
        assert!(report["phases"][phase].is_u64(), "{phase}: {report}");
    }
    assert!(report["wall_ms"].as_u64() > Some(0) && report["bytes_in"].as_u64() > Some(0), "{report}");
    // The pool tells its requester the same, with its own word about queue and upload.
    for field in
        ["exit_class", "wall_ms", "cpu_ms", "peak_memory_bytes", "bytes_in", "bytes_out", "image_digest"]
    {
        assert_eq!(told["report"][field], report[field], "{field}");
    }

    let into = scene.path("looked-at");
    let into_text = into.display().to_string();
    let kept = worker.call(&["tasks", &id, "--debug-data", &into_text]).await.ok();
    assert!(kept["files"].as_array().map(Vec::len) >= Some(6), "{kept}");
    let read =
        |name: &str| std::fs::read_to_string(into.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert!(read("log.txt").contains(" err boo\n"), "{}", read("log.txt"));
    assert!(read("package.txt").contains(" run.sh"), "{}", read("package.txt"));
    let container: serde_json::Value = serde_json::from_str(&read("container.json")).expect("JSON");
    assert_eq!(container["State"]["ExitCode"], 3);
    assert_eq!(container["HostConfig"]["NetworkMode"], "none");
    let outputs = std::fs::read(into.join("outputs.zip")).expect("outputs");
    assert_eq!(text_of(&outputs, "part.txt"), "half");
    let report_file: serde_json::Value = serde_json::from_str(&read("report.json")).expect("JSON");
    assert_eq!(report_file["task"]["report"]["exit_class"], "exit_code");

    let numbers = worker.call(&["metrics", "--openmetrics"]).await.ok();
    let text = numbers["openmetrics"].as_str().expect("text");
    assert!(text.contains("hivemind_worker_attempts_total{outcome=\"failed\"} 1\n"), "{text}");
    assert!(text.ends_with("# EOF\n"));
    worker.wait_until_clean().await;
    worker.end().await;
    pool.close_and_audit().await;
}
