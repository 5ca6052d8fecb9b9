//! `hivemind-worker demo`.

use crate::package::{any, count_primes};
use crate::program::call_with;
use crate::scene::Scene;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn the_demo_passes_and_leaves_nothing() {
    let Some(scene) = Scene::open("the_demo_passes_and_leaves_nothing").await else { return };
    let n = any(100_000..2_000_000);
    let surroundings = scene.surroundings("home");
    let arguments = ["demo", "--primes-below", &n.to_string()];
    let said = call_with(&surroundings, &arguments, "", Duration::from_secs(240)).await;
    assert_eq!(said.code, 0, "{said:?}");
    let (last, tasks) = said.lines.split_last().expect("lines");
    assert_eq!(*last, json!({ "passed": 5, "failed": 0 }));
    let names: Vec<&str> = tasks.iter().map(|task| task["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["primes", "wordfreq", "mandelbrot", "fails", "endless"]);
    for task in tasks {
        check(task, n);
        let label = format!("hivemind.task={}", task["task_id"].as_str().expect("an id"));
        assert_eq!(scene.engine.everything(&label).await, Vec::<String>::new());
    }
    let left = std::fs::read_dir(surroundings.temporary()).expect("the folder").flatten();
    assert_eq!(left.map(|entry| entry.path()).collect::<Vec<_>>(), Vec::<std::path::PathBuf>::new());
}

#[track_caller]
fn check(task: &Value, n: u64) {
    let fields: Vec<&str> = task.as_object().expect("an object").keys().map(String::as_str).collect();
    let mut documented = vec![
        "name",
        "task_id",
        "attempt",
        "state",
        "exit_code",
        "answer",
        "result_sha256",
        "wall_ms",
        "estimated_cpt",
        "credited_cpt",
    ];
    documented.sort_unstable();
    assert_eq!(fields, documented);
    assert_eq!(task["attempt"], 1);
    assert!(task["wall_ms"].as_i64().expect("a number") > 0);
    assert!(task["estimated_cpt"].as_u64().expect("a number") >= 1);
    assert!(task["credited_cpt"].as_u64().expect("a number") >= 1);
    let ended = (task["state"].as_str().expect("a state"), &task["exit_code"]);
    match task["name"].as_str().expect("a name") {
        "fails" => assert_eq!(ended, ("failed", &json!(3))),
        "endless" => assert_eq!(ended.0, "cancelled"),
        name => {
            assert_eq!(ended, ("succeeded", &json!(0)));
            let hash = task["result_sha256"].as_str().expect("a hash");
            assert!(hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{hash}");
            if name == "primes" {
                assert_eq!(task["answer"], count_primes(n).to_string());
            }
        }
    }
}
