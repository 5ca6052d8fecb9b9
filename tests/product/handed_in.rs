//! One task handed in over REST, from registration to credited CPT.

use crate::package::{any, count_primes, primes, sha256, text_of};
use crate::patience::until;
use crate::pool::Pool;
use crate::requester::Wish;
use crate::scene::Scene;
use crate::worker::Worker;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_task_by_rest_ends_in_credited_cpt() {
    let Some(scene) = Scene::open("a_task_by_rest_ends_in_credited_cpt").await else { return };
    let mut pool = Pool::open(&scene).await;
    let (asks, works) = (pool.person("asks").await, pool.person("works").await);
    let mut worker = Worker::contributing(&scene, "worker", &pool, &works).await;
    let before = (asks.balance().await, works.balance().await);
    let n = any(300_000_000..400_000_000);
    let id = asks.submit("primes by curl", primes(n), &Wish::default()).await;

    let mut lines = Vec::new();
    let mut while_running = 0;
    asks.follow(&id, async |line| {
        // The first lines come while the program still works on the rest.
        if lines.len() < 3 {
            let task = asks.task(&id).await;
            while_running += u32::from(task["phase"] == "running" && task["ended_ms"].is_null());
        }
        lines.push(line.to_owned());
    })
    .await;
    assert!(while_running >= 2, "{while_running} of the first three lines came while it ran: {lines:?}");
    assert_eq!(lines.first(), Some(&format!("Counting primes below {n}")));
    assert_eq!(lines.last(), Some(&format!("{} primes below {n}", count_primes(n))));
    assert_eq!(lines, asks.log(&id).await, "followed and read afterwards");

    let ended = asks.wait_for_end(&id).await;
    assert_eq!(
        (ended["state"].as_str(), ended["exit_code"].as_i64()),
        (Some("succeeded"), Some(0)),
        "{ended}"
    );
    let result = asks.download(&id).await;
    assert_eq!(text_of(&result.bytes, "primes.txt"), count_primes(n).to_string());
    let hash = sha256(&result.bytes);
    let receipt = worker.closed(&id, 1).await;
    assert_eq!(result.header_sha256, hash, "the download's header");
    assert_eq!(ended["result"]["sha256"], *hash, "the pool's word");
    assert_eq!(receipt["result_sha256"], *hash, "the worker's receipt");
    assert_eq!(receipt["result_bytes"], result.bytes.len());
    assert_eq!(receipt["name"], "primes by curl");
    assert_eq!(receipt["settled"], true);

    let credited = ended["credited_cpt"].as_i64().expect("CPT");
    assert!(credited >= 1);
    assert_eq!(receipt["credited_cpt"], credited);
    assert_eq!(before.0 - asks.balance().await, credited, "the requester's loss");
    assert_eq!(works.balance().await - before.1, credited, "the contributor's gain");
    let today = &worker.snapshot().await["today"];
    assert_eq!((today["credited_cpt"].as_i64(), today["tasks"].as_i64()), (Some(credited), Some(1)));
    worker.wait_until_clean().await;
    the_ledger_holds_one_receipt(&worker, &id, credited).await;
    worker.end().await;
    pool.close_and_audit().await;
}

/// The credited attempt is in the ledger, and a changed byte of it is found.
async fn the_ledger_holds_one_receipt(worker: &Worker<'_>, id: &str, credited: i64) {
    let path = worker.data.join("receipts.ledger");
    let ledger = until("a receipt", Duration::from_secs(20), async || {
        std::fs::read_to_string(&path).ok().filter(|ledger| ledger.contains(id))
    })
    .await;
    let told = worker.call(&["verify-ledger"]).await.ok();
    assert_eq!(
        (&told["sound"], &told["rows"], &told["credited_cpt"]),
        (&json!(true), &json!(1), &json!(credited))
    );
    let changed = path.with_file_name("changed.ledger");
    std::fs::write(&changed, ledger.replacen(id, &id.replacen('t', "u", 1), 1)).expect("a copy");
    std::fs::copy(path.with_extension("head"), changed.with_extension("head")).expect("a copy");
    let told = worker.call(&["verify-ledger", &changed.display().to_string()]).await;
    assert_eq!((told.code, &told.lines[0]["row"]), (1, &json!(1)), "{told:?}");
    the_ledger_is_one_file_elsewhere(worker, credited).await;
}

/// Exported while the worker runs, it is sound without anything beside it; each changed byte and a lost end are found.
async fn the_ledger_is_one_file_elsewhere(worker: &Worker<'_>, credited: i64) {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let file = elsewhere.path().join("given.ledger");
    let given = file.display().to_string();
    let written = worker.call(&["receipts", &given]).await.ok();
    assert_eq!((&written["path"], &written["rows"]), (&json!(given), &json!(1)));
    assert_eq!(std::fs::read_dir(elsewhere.path()).expect("it").count(), 1, "one file");
    assert_ne!(worker.call(&["receipts", &given]).await.code, 0, "nothing is written over");
    let told = worker.call(&["verify-ledger", &given]).await.ok();
    assert_eq!((&told["rows"], &told["credited_cpt"]), (&json!(1), &json!(credited)));

    let sound = std::fs::read(&file).expect("it");
    let printed = std::process::Command::new(crate::program::binary())
        .args(["--data", &worker.data.display().to_string(), "receipts", "-"])
        .output()
        .expect("it runs");
    assert!(printed.status.success() && printed.stdout == sound, "{printed:?}");
    for _ in 0..100 {
        let at = usize::try_from(any(0..sound.len() as u64)).expect("a place");
        let mut changed = sound.clone();
        changed[at] ^= u8::try_from(any(1..256)).expect("a byte");
        std::fs::write(&file, &changed).expect("a copy");
        let told = worker.call(&["verify-ledger", &given]).await;
        let row = sound[..at].iter().filter(|byte| **byte == b'\n').count();
        assert_eq!((told.code, &told.lines[0]["row"]), (1, &json!(row)), "byte {at}: {told:?}");
    }
    let last = sound[..sound.len() - 1].iter().rposition(|byte| *byte == b'\n').expect("lines") + 1;
    std::fs::write(&file, &sound[..last]).expect("a copy");
    let told = worker.call(&["verify-ledger", &given]).await;
    assert_eq!((told.code, &told.lines[0]["row"]), (1, &json!(2)), "a lost end: {told:?}");
}
