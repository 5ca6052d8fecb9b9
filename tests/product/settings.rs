//! Where a setting's value comes from, and what is said about a wrong one.

use crate::program::{Said, Surroundings, call};
use crate::scene::Scene;
use crate::worker::Worker;
use serde_json::Value;

/// Value and source of a setting.
#[track_caller]
fn found(said: Said, key: &str) -> (String, String) {
    let all = said.ok();
    let view =
        all.as_array().expect("a list").iter().find(|view| view["key"] == key).expect("the setting").clone();
    let text = |name: &str| view[name].as_str().expect("text").to_owned();
    (text("value"), text("source"))
}

#[tokio::test]
async fn a_flag_beats_the_environment_beats_the_file_beats_the_default() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data").display().to_string();
    let plain = Surroundings::new(&folder.path().join("home"));
    let with = plain.clone().with("MAX_CONCURRENT_TASKS", "5");
    let show = ["--data", data.as_str(), "settings", "show"];
    let flagged = ["--data", data.as_str(), "--max-tasks", "6", "settings", "show"];
    let key = "max_concurrent_tasks";
    let pair = |value: &str, source: &str| (value.to_owned(), source.to_owned());
    assert_eq!(found(call(&plain, &show).await, key), pair("3", "default"));
    assert_eq!(found(call(&with, &show).await, key), pair("5", "environment"));
    call(&plain, &["--data", &data, "settings", "set", key, "4"]).await.ok();
    assert_eq!(found(call(&plain, &show).await, key), pair("4", "file"));
    assert_eq!(found(call(&with, &show).await, key), pair("5", "environment"));
    assert_eq!(found(call(&with, &flagged).await, key), pair("6", "flag"));
    call(&plain, &["--data", &data, "settings", "set", key]).await.ok();
    assert_eq!(
        found(call(&plain, &show).await, key),
        pair("3", "default"),
        "set to nothing: the default again"
    );
}

#[tokio::test]
async fn a_wrong_value_is_named_with_what_is_allowed() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data").display().to_string();
    let plain = Surroundings::new(&folder.path().join("home"));
    let named = |said: &Said, parts: [&str; 3]| {
        assert_eq!((said.code, said.error().0), (2, "INVALID_SETTING"), "{said:?}");
        for part in parts {
            assert!(said.error().1.contains(part), "no {part:?} in {said:?}");
        }
    };
    let interval = ["resource_report_interval", "0", "1 to 3600"];
    let set = ["--data", &data, "settings", "set", interval[0], interval[1]];
    named(&call(&plain, &set).await, interval);
    let wrong = plain.clone().with("RESOURCE_REPORT_INTERVAL", "0");
    named(&call(&wrong, &["--data", &data, "settings", "show"]).await, interval);
    named(&call(&wrong, &["--data", &data, "run"]).await, interval);
    let tasks = ["max_concurrent_tasks", "many", "1 to 64"];
    named(&call(&plain, &["--data", &data, "--max-tasks", "many", "settings", "show"]).await, tasks);
    let unknown = ["colour", "red", "master_url"];
    named(&call(&plain, &["--data", &data, "settings", "set", "colour", "red"]).await, unknown);
    std::fs::write(folder.path().join("data/config/settings.toml"), "max_cpu_cores = 0\n").expect("written");
    named(&call(&plain, &["--data", &data, "settings", "show"]).await, ["max_cpu_cores", "0", "0.1 to 1024"]);
    let usage = Value::Null;
    let said = call(&plain, &["--data", &data, "no-such-command"]).await;
    assert_eq!((said.code, said.lines.last().unwrap_or(&usage)), (2, &usage), "{said:?}");
    assert!(said.stderr.contains("no-such-command"), "{said:?}");
}

/// What the worker says about its settings file.
fn mistake(snapshot: &Value) -> Option<Value> {
    let mut told = snapshot["notices"].as_array().expect("notices").iter().map(|notice| &notice["error"]);
    told.find(|error| error["code"] == "SETTINGS_FILE_WRONG").cloned()
}

/// Somebody edits the file by hand and makes a mistake: at the next start the worker is there all the same.
#[tokio::test]
async fn after_a_mistake_in_the_file_the_worker_starts_with_the_settings_of_before_and_says_so() {
    let name = "after_a_mistake_in_the_file_the_worker_starts_with_the_settings_of_before_and_says_so";
    let Some(scene) = Scene::open(name).await else { return };
    let mut worker = Worker::open(&scene, "worker", "http://127.0.0.1:9").await;
    worker.call(&["settings", "set", "schedule", "mon 10:00-12:00 quiet"]).await.ok();
    worker.end().await;
    let file = scene.path("worker/config/settings.toml");
    let good = std::fs::read_to_string(&file).expect("a file");
    let wrong = good.replace("12:00 quiet", "10:00");
    assert_ne!(wrong, good);
    std::fs::write(&file, &wrong).expect("written");
    worker.start().await;
    let snapshot = worker.snapshot().await;
    let error = mistake(&snapshot).expect("it is told");
    let said = error["message"].as_str().expect("a sentence");
    assert!(
        said.contains("schedule is \"mon 10:00-10:00\"") && said.contains("quiet, balanced or max"),
        "{said}"
    );
    let schedule = found(worker.call(&["settings", "show"]).await, "schedule");
    assert_eq!(schedule, ("mon 10:00-12:00 quiet".to_owned(), "file".to_owned()));
    let refused = worker.call(&["settings", "set", "theme", "dark"]).await;
    assert!(refused.error().1.contains("mended first"), "{refused:?}");
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), wrong, "left as it is");
    worker.end().await;
    std::fs::write(&file, good).expect("written");
    worker.start().await;
    worker.call(&["settings", "set", "theme", "dark"]).await.ok();
    assert_eq!(mistake(&worker.snapshot().await), None);
    worker.end().await;
}
