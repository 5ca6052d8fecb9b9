//! Where a setting's value comes from, and what is said about a wrong one. No engine is needed for that.

use crate::program::{Said, Surroundings, call};
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
