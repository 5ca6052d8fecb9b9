//! Secrets are in no log, no answer and no file but the one that is theirs: six of them, each in five spellings.

use crate::package::zipped;
use crate::pool::Pool;
use crate::requester::{PASSWORD, Wish};
use crate::scene::Scene;
use crate::worker::Worker;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use reqwest::Client;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A password that somebody mistyped: it is as secret as the right one.
pub const WRONG: &str = "canary wrong horse 7f3a91c2";
/// What a task brings and says: never in a text for support.
const PAYLOAD: [(&str, &str); 4] = [
    ("name", "canary-name-51be"),
    ("code", "canary-code-51be"),
    ("file", "canary-file-51be"),
    ("output", "canary-output-51be"),
];

/// A secret as somebody careless might write it down.
pub fn spellings(secret: &str) -> [String; 5] {
    let escaped: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    [secret.to_owned(), STANDARD_NO_PAD.encode(secret), URL_SAFE_NO_PAD.encode(secret), hex, escaped]
}

/// Every long text in a JSON value.
pub fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() >= 20 => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| texts(field, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

pub fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&entry.path(), found),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            Ok(_) | Err(_) => {}
        }
    }
}

#[tokio::test]
async fn no_secret_is_found_outside_its_own_file() {
    let Some(scene) = Scene::open("no_secret_is_found_outside_its_own_file").await else { return };
    let pool = Pool::open(&scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let loud = [("LOG_LEVEL", "trace".to_owned())];
    let mut worker = Worker::open_as(&scene, "worker", &pool.master(), &["run"], &loud).await;
    assert_ne!(worker.sign_in(&works.name, WRONG).await.code, 0);
    worker.sign_in(&works.name, PASSWORD).await.ok();
    worker.call(&["start"]).await.ok();
    worker.wait_for_state("ready").await;
    let [(_, name), (_, code), (_, file), (_, output)] = PAYLOAD;
    let program = format!("secret = '{code}'\nprint('{output}', flush=True)\n");
    let package = zipped(&[("main.py", &program), (file, "x")]);
    let id = asks.submit(name, package, &Wish::default()).await;
    asks.wait_for_end(&id).await;
    worker.closed(&id, 1).await;

    // A paired page, and everything that it is told.
    let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let address = worker.call(&["open"]).await.ok()["url"].as_str().expect("an address").to_owned();
    let code = address.rsplit('=').next().expect("a code").to_owned();
    let paired = http.get(&address).send().await.expect("paired");
    let cookie =
        paired.headers()["set-cookie"].to_str().expect("text").split(';').next().expect("it").to_owned();
    let session = cookie.split_once('=').expect("a value").1.to_owned();
    let monitor = worker.monitor();
    let mut said: Vec<(String, String)> = Vec::new();
    let questions = [
        ("snapshot", Value::Null),
        ("settings", Value::Null),
        ("doctor", Value::Null),
        ("footprint", Value::Null),
        ("metrics", Value::Null),
        ("earnings", json!({ "days": 30 })),
        ("tasks", json!({ "state": null, "search": null, "offset": 0, "limit": 50 })),
        ("own_log", json!({ "level": null, "search": null, "from": null, "limit": 1000 })),
    ];
    for (name, request) in questions {
        let asked =
            http.post(format!("{monitor}rpc/{name}")).header("x-hivemind", "1").header("cookie", &cookie);
        let answer = asked.header("origin", monitor.trim_end_matches('/')).json(&request).send().await;
        let answer = answer.expect("an answer").text().await.expect("text");
        assert!(answer.len() > 2, "{name}: {answer}");
        said.push((format!("rpc {name}"), answer));
    }
    let metrics = http
        .get(format!("{monitor}metrics"))
        .header("cookie", &cookie)
        .header("x-hivemind", "1")
        .send()
        .await;
    said.push(("metrics".into(), metrics.expect("an answer").text().await.expect("text")));
    for words in [&["status"][..], &["doctor"], &["settings", "show"], &["tasks"], &["earnings"]] {
        let told = worker.call(words).await;
        said.push((words.join(" "), format!("{told:?}")));
    }
    // The text for support: as it is shown, as a file, and made without a worker.
    let out = scene.path("support.txt");
    let out_text = out.display().to_string();
    let mut support = vec![format!("{:?}", worker.call(&["support", "--preview"]).await)];
    worker.call(&["support", "--out", &out_text]).await.ok();
    assert_ne!(worker.call(&["support", "--out", &out_text]).await.code, 0, "nothing is written over");
    worker.end().await;
    support.push(std::fs::read_to_string(&out).expect("a text"));
    let alone = worker.call(&["support", "--preview"]).await;
    assert_eq!(alone.code, 0, "{alone:?}");
    support.push(format!("{alone:?}"));
    for text in &support {
        assert!(text.contains("== Log") && text.contains("master_url"), "{text}");
        let told = PAYLOAD.iter().filter(|(_, canary)| text.contains(canary));
        assert_eq!(told.map(|(what, _)| *what).collect::<Vec<_>>(), [""; 0], "{text}");
        assert!(!text.contains(&works.name) || works.name.len() < 3, "who it is: {text}");
    }
    assert!(support[1].contains("succeeded: 1") && support[1].contains("== Findings"), "{}", support[1]);
    said.extend(support.into_iter().enumerate().map(|(index, text)| (format!("support {index}"), text)));

    let mut kept = Vec::new();
    files(&scene.path("worker"), &mut kept);
    files(&scene.path("worker-home"), &mut kept);
    kept.push(scene.path("worker.log"));
    let own = |path: &PathBuf| path.file_name().is_some_and(|name| name == "tokens.json");
    let vault: Vec<PathBuf> = kept.iter().filter(|path| own(path)).cloned().collect();
    let [vault] = vault.as_slice() else { panic!("one file of tokens among {kept:?}") };
    let mut tokens = Vec::new();
    texts(&serde_json::from_slice(&std::fs::read(vault).expect("it")).expect("JSON"), &mut tokens);
    assert!(tokens.len() >= 2, "a token and one that renews it: {}", tokens.len());

    let secrets: Vec<String> =
        [WRONG.to_owned(), PASSWORD.to_owned(), code, session].into_iter().chain(tokens).collect();
    let canaries: Vec<String> = secrets.iter().flat_map(|secret| spellings(secret)).collect();
    assert!(canaries.len() >= 25);
    let mut looked = 0;
    for path in kept.iter().filter(|path| !own(path)) {
        let bytes = std::fs::read(path).unwrap_or_default();
        looked += bytes.len();
        said.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
    }
    assert!(looked > 10_000, "there was something to look at: {looked} bytes");
    let log = &said.iter().find(|(place, _)| place.ends_with("worker.log")).expect("a log").1;
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "it was loud");
    let hits: Vec<(&String, usize)> = said
        .iter()
        .flat_map(|(place, text)| {
            let found = canaries.iter().enumerate().filter(|(_, canary)| text.contains(canary.as_str()));
            found.map(move |(index, _)| (place, index))
        })
        .collect();
    assert_eq!(hits, [], "{} canaries in {} places", canaries.len(), said.len());
}
