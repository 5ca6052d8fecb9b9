//! The engine room as its owner sees it: images that are asked about, a demanded isolation, GPUs, the trust table.

use crate::nvml;
use crate::package::{text_of, zipped};
use crate::patience::{LONG, until};
use crate::pool::Pool;
use crate::program::call;
use crate::requester::{PASSWORD, Wish};
use crate::scene::Scene;
use crate::worker::Worker;
use serde_json::Value;

fn finding<'a>(report: &'a Value, check: &str) -> &'a Value {
    let findings = report["findings"].as_array().expect("findings");
    findings.iter().find(|finding| finding["check"] == check).expect("the check")
}

#[tokio::test]
async fn an_image_is_asked_about_and_runs_once_the_owner_said_so() {
    let Some(scene) = Scene::open("an_image_is_asked_about_and_runs_once_the_owner_said_so").await else {
        return;
    };
    let pool = Pool::open(&scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let worker = Worker::contributing(&scene, "worker", &pool, &works).await;
    worker.call(&["settings", "set", "ask_images", "*"]).await.ok();
    // Named inside the package, so that the worker finds it out in preparation.
    let manifest =
        "image = \"busybox:test\"\ncommand = [\"/bin/busybox\", \"cp\", \"hivemind.toml\", \"output/\"]\n";
    let package = || zipped(&[("hivemind.toml", manifest)]);
    let id = asks.submit("asked", package(), &Wish::default()).await;
    let question = until("the owner is asked", LONG, async || {
        worker.snapshot().await["image_questions"].get(0).cloned()
    })
    .await;
    assert_eq!(
        (question["repository"].as_str(), question["image"].as_str()),
        (Some("busybox"), Some("busybox:test"))
    );
    let handed_back = worker.closed(&id, 1).await;
    assert_eq!(handed_back["verdict"], "handed_back", "{handed_back}");
    assert!(
        handed_back["message"].as_str().is_some_and(|m| m.starts_with("IMAGE_QUESTION: ")),
        "{handed_back}"
    );
    asks.stop(&id).await;
    let set = worker.call(&["images", "allow", "busybox"]).await.ok();
    let allowed =
        set.as_array().expect("settings").iter().find(|s| s["key"] == "allowed_images").expect("one");
    assert_eq!(allowed["value"], "busybox");
    let second = asks.submit("allowed", package(), &Wish::default()).await;
    let ended = asks.wait_for_end(&second).await;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert_eq!(text_of(&asks.download(&second).await.bytes, "hivemind.toml"), manifest.trim_end());
    assert!(worker.snapshot().await["image_questions"].as_array().is_some_and(Vec::is_empty));
    worker.wait_until_clean().await;
}

#[tokio::test]
async fn a_demanded_isolation_and_gpus_without_a_runtime_are_told_with_their_codes() {
    let name = "a_demanded_isolation_and_gpus_without_a_runtime_are_told_with_their_codes";
    let Some(scene) = Scene::open(name).await else { return };
    let pool = Pool::open(&scene).await;
    let works = pool.person("works").await;
    let Some(library) = nvml::stub(&scene) else {
        println!("SKIPPED {name}: there is no C compiler for the stand-in of the driver");
        return;
    };
    let many = [("STUB_GPUS", "4".to_owned())];
    let mut worker = Worker::open_as(&scene, "worker", &pool.master(), &["run"], &many).await;
    worker.call(&["settings", "set", "nvml_library", &library]).await.ok();
    worker.end().await;
    worker.start().await;
    worker.sign_in(&works.name, PASSWORD).await.ok();
    worker.call(&["start"]).await.ok();
    let snapshot = worker.wait_for_state("ready").await;
    let gpus = snapshot["host"]["gpus"].as_array().expect("GPUs");
    assert_eq!((gpus.len(), gpus[3]["uuid"].as_str()), (4, Some("GPU-stub-3")));
    let report = worker.call(&["doctor"]).await.lines.pop().expect("a report");
    let (gpu, holes) = (finding(&report, "gpu"), finding(&report, "known_holes"));
    if snapshot["engine"]["gpus"] == false {
        assert_eq!((gpu["level"].as_str(), gpu["code"].as_str()), (Some("warning"), Some("GPU_UNAVAILABLE")));
        assert!(gpu["fix"].as_str().is_some_and(|fix| fix.contains("NVIDIA Container Toolkit")), "{gpu}");
        assert_eq!(snapshot["limits"]["gpus"], 0, "none is lent");
    }
    assert!(holes["proof"].as_str().is_some_and(|proof| !proof.is_empty()), "{holes}");

    let isolation = snapshot["engine"]["isolation"].as_str().expect("a level").to_owned();
    worker.call(&["settings", "set", "minimum_isolation", "vm"]).await.ok();
    if isolation == "vm" {
        println!("SKIPPED the rest of {name}: this engine has the strongest isolation");
        return;
    }
    let needs = worker.wait_for_state("needs_you").await;
    assert_eq!(needs["status"]["problem"]["code"], "ISOLATION_TOO_LOW", "{}", needs["status"]);
    let report = worker.call(&["doctor"]).await.lines.pop().expect("a report");
    assert_eq!(finding(&report, "isolation")["level"], "error");
    worker.call(&["settings", "set", "minimum_isolation"]).await.ok();
    worker.wait_for_state("ready").await;
    worker.end().await;
}

#[tokio::test]
async fn the_trust_table_is_printed_changed_and_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data").display().to_string();
    let plain = crate::program::Surroundings::new(&folder.path().join("home"));
    let policy = ["--data", data.as_str(), "settings", "policy"];
    let shown = call(&plain, &policy).await.ok();
    assert_eq!(shown["own"], false);
    let text = shown["text"].as_str().expect("the text");
    assert!(text.contains("[medium]") && text.contains("timeout_seconds"), "{text}");
    let path = shown["path"].as_str().expect("where it goes");
    std::fs::write(path, text.replace("pids = 512", "pids = 99999")).expect("written");
    let refused = call(&plain, &policy).await;
    assert_eq!((refused.code, refused.error().0), (2, "INVALID_SETTING"), "{refused:?}");
    assert!(refused.error().1.contains("pids is 99999"), "{refused:?}");
    std::fs::write(path, text.replace("pids = 512", "pids = 64")).expect("written");
    assert_eq!(call(&plain, &policy).await.ok()["own"], true);
}
