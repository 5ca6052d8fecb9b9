//! A worker that panics while it holds its secrets tells none of them: not in what it prints, not in its log, not in the
//! text for support, and no file but the one that is theirs keeps them. Each panic at another level of the log.

use crate::canaries::{WRONG, files, spellings, texts};
use crate::package::zipped;
use crate::patience::{LONG, until};
use crate::pool::Pool;
use crate::requester::{PASSWORD, Wish};
use crate::scene::Scene;
use crate::worker::Worker;
use hivemind_testkit::failpoint::VARIABLE;
use std::path::{Path, PathBuf};

/// Where it panics, and how loud it is: with a token at hand, before its result is sent, and while a file that may be the
/// one of the secrets is written.
const PANICS: [(&str, &str); 3] =
    [("prepare.before!", "error"), ("submit.before!", "info"), ("replace.written!", "trace")];
const PROGRAM: &str = "print('done', flush=True)\n";

fn said(log: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned()
}

#[tokio::test]
async fn a_worker_that_panics_tells_no_secret() {
    let Some(scene) = Scene::open("a_worker_that_panics_tells_no_secret").await else { return };
    let pool = Pool::open(&scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let mut worker = Worker::open_as(&scene, "worker", &pool.master(), &["run"], &[]).await;
    let log = scene.path("worker.log");
    // Everything that can be told is asked for.
    worker.surround("RUST_BACKTRACE", "full");
    let mut told: Vec<(String, String)> = Vec::new();
    let mut secrets = vec![WRONG.to_owned(), PASSWORD.to_owned()];
    for (place, level) in PANICS {
        worker.sign_in(&works.name, PASSWORD).await.ok();
        secrets.extend(tokens(&vault(&scene)));
        worker.end().await;
        worker.surround(VARIABLE, place);
        worker.surround("LOG_LEVEL", level);
        let before = said(&log).len();
        worker.start().await;
        worker.sign_in(&works.name, WRONG).await;
        if place.starts_with("replace") {
            // The tokens' own file is written anew.
            worker.call(&["logout"]).await;
            worker.sign_in(&works.name, PASSWORD).await;
        }
        worker.call(&["start"]).await;
        asks.submit("panics", zipped(&[("main.py", PROGRAM)]), &Wish::default()).await;
        let name = place.trim_end_matches('!');
        until(&format!("it panics at {place}"), LONG, async || {
            said(&log)[before..].contains(&format!("failpoint {name}")).then_some(())
        })
        .await;
        // Tokens that never came to their own file are known to nobody here; half a file would hold them. It goes while
        // the panic unwinds, which is after its words.
        let kept = until(&format!("nothing half written is left of {place}"), LONG, async || {
            let kept = kept(&scene);
            let half = |path: &PathBuf| path.extension().is_some_and(|end| end == "tmp");
            (!kept.iter().any(half)).then_some(kept)
        })
        .await;
        for path in kept.iter().filter(|path| !is_vault(path)) {
            told.push((format!("{place} {}", path.display()), said(path)));
        }
        // It may be beyond answering.
        worker.kill().await;
        told.push((
            format!("{place} support"),
            format!("{:?}", worker.call(&["support", "--preview"]).await),
        ));
        told.push((format!("{place} standard error"), said(&log)[before..].to_owned()));
        worker.surround(VARIABLE, "");
        worker.start().await;
    }
    worker.sign_in(&works.name, PASSWORD).await.ok();
    secrets.extend(tokens(&vault(&scene)));
    worker.wait_until_clean().await;
    worker.end().await;
    secrets.sort();
    secrets.dedup();
    let canaries: Vec<String> = secrets.iter().flat_map(|secret| spellings(secret)).collect();
    assert!(canaries.len() >= 25, "{}", canaries.len());
    assert!(told.iter().any(|(_, text)| text.contains("panicked at")), "a panic is told");
    assert!(
        told.iter().map(|(_, text)| text.len()).sum::<usize>() > 10_000,
        "there was something to look at"
    );
    let hits: Vec<_> = told
        .iter()
        .filter(|(_, text)| canaries.iter().any(|canary| text.contains(canary.as_str())))
        .map(|(place, _)| place)
        .collect();
    assert_eq!(hits, [""; 0], "{} canaries in {} places", canaries.len(), told.len());
}

fn is_vault(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "tokens.json")
}

/// Every file of the worker's.
fn kept(scene: &Scene) -> Vec<PathBuf> {
    let mut kept = Vec::new();
    files(&scene.path("worker"), &mut kept);
    files(&scene.path("worker-home"), &mut kept);
    kept
}

/// The file of the secrets.
fn vault(scene: &Scene) -> PathBuf {
    kept(scene).into_iter().find(|path| is_vault(path)).expect("a file of tokens")
}

/// The tokens in it; none while nobody is signed in.
fn tokens(vault: &Path) -> Vec<String> {
    let mut found = Vec::new();
    texts(&serde_json::from_slice(&std::fs::read(vault).expect("it")).expect("JSON"), &mut found);
    found
}
