//! What somebody new meets before there is any account: a practice task, and plain words about this computer.

use crate::patience::{LONG, until};
use crate::scene::Scene;
use crate::worker::Worker;
use reqwest::Client;
use serde_json::{Value, json};

/// A paired page of this worker.
struct Page {
    http: Client,
    monitor: String,
    cookie: String,
}

impl Page {
    async fn open(worker: &Worker<'_>) -> Self {
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
        let opened = worker.call(&["open"]).await.ok();
        let paired = http.get(opened["url"].as_str().expect("an address")).send().await.expect("paired");
        let set = paired.headers()["set-cookie"].to_str().expect("text").to_owned();
        let cookie = set.split(';').next().expect("the cookie").to_owned();
        Self { http, monitor: worker.monitor(), cookie }
    }

    async fn call(&self, name: &str, request: Value) -> (u16, Value) {
        let sent = self
            .http
            .post(format!("{}rpc/{name}", self.monitor))
            .header("x-hivemind", "1")
            .header("origin", self.monitor.trim_end_matches('/'))
            .header("cookie", &self.cookie)
            .json(&request)
            .send()
            .await
            .expect("an answer");
        (sent.status().as_u16(), sent.json().await.expect("JSON"))
    }
}

#[tokio::test]
async fn a_practice_task_is_done_and_paid_without_an_account() {
    let Some(scene) = Scene::open("a_practice_task_is_done_and_paid_without_an_account").await else {
        return;
    };
    // A pool that nobody listens at: the practice needs none.
    let mut worker = Worker::open(&scene, "worker", "http://127.0.0.1:9").await;
    let page = Page::open(&worker).await;
    assert_eq!(page.call("practice", Value::Null).await.1["stage"], "idle");
    let (status, begun) = page.call("begin_practice", Value::Null).await;
    assert_eq!((status, begun["stage"].as_str()), (200, Some("pool")), "{begun}");
    let done = until("the practice task is over", LONG, async || {
        let view = page.call("practice", Value::Null).await.1;
        matches!(view["stage"].as_str(), Some("done" | "failed")).then_some(view)
    })
    .await;
    assert_eq!(done["stage"], "done", "{done}");
    assert!(done["credited_cpt"].as_u64().is_some_and(|cpt| cpt > 0), "{done}");
    assert!(done["cpu_ms"].as_u64().is_some_and(|ms| ms > 0), "{done}");
    let earned = page.call("earnings", json!({ "days": 1 })).await.1;
    assert_eq!(earned["sum"]["credited_cpt"], 0, "practice pay is no pay: {earned}");
    worker.wait_until_clean().await;
    worker.end().await;
}

#[tokio::test]
async fn the_log_the_footprint_and_the_judge_of_settings_tell_the_truth() {
    let name = "the_log_the_footprint_and_the_judge_of_settings_tell_the_truth";
    let Some(scene) = Scene::open(name).await else { return };
    let mut worker = Worker::open(&scene, "worker", "http://127.0.0.1:9").await;
    let page = Page::open(&worker).await;
    let log = until("a line of the log", LONG, async || {
        let found = page.call("own_log", json!({ "level": "info", "search": "STATUS", "from": 0 })).await.1;
        (found["total"].as_u64()? > 0).then_some(found)
    })
    .await;
    assert!(log["lines"][0]["at_ms"].as_i64().is_some_and(|at| at > 1_700_000_000_000), "{log}");

    let (status, wrong) = page.call("check_setting", json!({ "key": "max_cpu_cores", "value": "0" })).await;
    assert_eq!((status, wrong["code"].as_str()), (422, Some("INVALID_SETTING")), "{wrong}");
    assert_eq!(page.call("check_setting", json!({ "key": "max_cpu_cores", "value": "1.5" })).await.0, 200);
    let settings = page.call("settings", Value::Null).await.1;
    let cores = settings.as_array().expect("a list").iter().find(|s| s["key"] == "max_cpu_cores");
    assert_eq!(cores.expect("the setting")["value"], "2", "a judged value is not set");

    let told = page.call("footprint", Value::Null).await.1;
    let trace = |what: &str| {
        let all = told["traces"].as_array().expect("a list");
        all.iter().find(|trace| trace["what"] == what).unwrap_or_else(|| panic!("{what} in {told}")).clone()
    };
    for what in ["data", "socket", "log"] {
        let place = trace(what)["place"].as_str().expect("a path").to_owned();
        assert!(trace(what)["present"] == true && std::path::Path::new(&place).exists(), "{what}: {place}");
    }
    assert_eq!(trace("autostart")["present"], false);
    assert_eq!(trace("containers")["place"], "0");
    assert_eq!(told["versions"][0]["name"], "hivemind-worker");
    worker.end().await;
}
