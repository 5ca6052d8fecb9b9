//! Tasks of many sub-tasks.

use crate::requester::{FIELDS, Requester, refused};
use crate::support::{Bench, Worker, cancelled, failed, package, sha256, succeeded, used};
use hivemind_proto::v1::{self, CancelReason, FailureClass};
use reqwest::Method;
use serde_json::{Value, json};
use std::io::{Cursor, Read};
use std::time::Duration;

fn outputs(index: u32) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("sum.txt", zip::write::SimpleFileOptions::default()).unwrap();
    std::io::Write::write_all(&mut zip, format!("part {index}").as_bytes()).unwrap();
    zip.finish().unwrap().into_inner()
}

fn fields(count: &'static str) -> Vec<(&'static str, &'static str)> {
    FIELDS.into_iter().chain([("array", count)]).collect()
}

async fn hand_in(ann: &Requester, count: &'static str) -> String {
    let answer = ann.submit(Requester::form(&fields(count), Some(package()))).await;
    assert_eq!(answer.status(), 201);
    answer.json::<Value>().await.unwrap()["task_id"].as_str().unwrap().to_owned()
}

async fn next(worker: &Worker) -> (v1::TaskKey, v1::ArrayPlace, v1::Package) {
    let given = worker.poll(5000).await.unwrap().expect("a sub-task");
    (given.key.unwrap(), given.array.expect("its place"), given.package.unwrap())
}

/// Waits for the end, as a requester does.
async fn ended(ann: &Requester, id: &str) -> Value {
    let view = ann.get(&format!("/api/tasks/{id}?wait=60")).await;
    assert!(!view["ended_ms"].is_null(), "{view}");
    view
}

#[tokio::test]
async fn sub_tasks_run_on_several_computers_and_come_back_as_one_zip() {
    let bench = Bench::start().await;
    let ann = Requester::join(&bench, "ann").await;
    bench.user("bob").await;
    let id = hand_in(&ann, "5").await;
    let view = ann.get(&format!("/api/tasks/{id}")).await;
    assert_eq!(
        (&view["state"], &view["array"]["count"], &view["array"]["queued"]),
        (&json!("queued"), &json!(5), &json!(5))
    );
    assert_eq!(
        ann.get("/api/tasks").await["tasks"].as_array().unwrap().len(),
        1,
        "the whole stands for its parts"
    );

    let workers = [bench.worker("bob", "one").await, bench.worker("bob", "two").await];
    let mut paid = 0;
    for turn in 0..5u32 {
        let worker = &workers[turn as usize % 2];
        let (key, place, files) = next(worker).await;
        assert_eq!((place.index, place.count), (turn, 5), "served in order");
        assert_eq!(key.task_id, format!("{id}.{turn}"));
        assert_eq!(files.sha256, sha256(&package()));
        let wish = v1::FetchRequest { key: Some(key.clone()), artifact_id: files.id, offset: 0 };
        let mut stream = worker.artifacts().fetch(worker.signed(wish)).await.unwrap().into_inner();
        assert_eq!(stream.message().await.unwrap().unwrap().data, package(), "all share one package");
        if turn == 2 {
            let half = ann.get(&format!("/api/tasks/{id}")).await;
            assert_eq!((&half["state"], &half["progress"]), (&json!("running"), &json!(40.0)));
            assert_eq!((&half["array"]["succeeded"], &half["array"]["running"]), (&json!(2), &json!(1)));
            assert_eq!(half["result"], Value::Null);
        }
        paid += worker.submit(&key, succeeded(), used(50.0, 60), &outputs(turn)).await.unwrap().credited_cpt;
    }
    let view = ended(&ann, &id).await;
    assert_eq!((&view["state"], &view["array"]["succeeded"]), (&json!("succeeded"), &json!(5)), "{view}");
    assert!(paid >= 5);
    assert_eq!((&view["charged_cpt"], &view["credited_cpt"]), (&json!(paid), &json!(paid)));
    assert_eq!(ann.get("/api/balance").await["balance_cpt"], 150 - paid);

    let answer = ann.call(Method::GET, &format!("/api/tasks/{id}/result"), None).await;
    let hash = answer.headers()["x-content-sha256"].to_str().unwrap().to_owned();
    let bytes = answer.bytes().await.unwrap();
    assert_eq!((sha256(&bytes), view["result"]["sha256"].as_str()), (hash.clone(), Some(hash.as_str())));
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes.to_vec())).unwrap();
    assert_eq!(zip.len(), 5);
    for index in 0..5 {
        let mut text = String::new();
        zip.by_name(&format!("{index}/sum.txt")).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, format!("part {index}"));
    }
    let parts = ann.get(&format!("/api/tasks/{id}/parts")).await;
    let parts = parts["tasks"].as_array().unwrap();
    assert_eq!(parts.len(), 5);
    for (index, part) in parts.iter().enumerate() {
        assert_eq!((&part["array_index"], &part["array_id"]), (&json!(index), &json!(id)));
        assert_eq!(
            (&part["state"], &part["report"]["exit_class"]),
            (&json!("succeeded"), &json!("succeeded"))
        );
    }
    let single = ann.call(Method::GET, &format!("/api/tasks/{id}.3/result"), None).await;
    assert_eq!(single.bytes().await.unwrap(), outputs(3));
    bench.books_balance().await;
}

#[tokio::test]
async fn a_failed_part_fails_the_whole_and_the_others_results_are_there() {
    let bench = Bench::start().await;
    let ann = Requester::join(&bench, "ann").await;
    bench.user("bob").await;
    let worker = bench.worker("bob", "one").await;
    let id = hand_in(&ann, "3").await;
    for turn in 0..3 {
        let (key, ..) = next(&worker).await;
        match turn {
            1 => worker.submit(&key, failed(FailureClass::ExitCode, Some(3)), used(1.0, 1), b"").await,
            _ => worker.submit(&key, succeeded(), used(1.0, 1), &outputs(turn)).await,
        }
        .unwrap();
    }
    let view = ended(&ann, &id).await;
    assert_eq!((&view["state"], &view["array"]["failed"]), (&json!("failed"), &json!(1)));
    assert_eq!(view["message"], "1 of 3 sub-tasks did not succeed.");
    let bytes = ann.call(Method::GET, &format!("/api/tasks/{id}/result"), None).await.bytes().await.unwrap();
    let zip = zip::ZipArchive::new(Cursor::new(bytes.to_vec())).unwrap();
    let mut names: Vec<_> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
    names.sort();
    assert_eq!(names, ["0/sum.txt", "2/sum.txt"]);
    bench.books_balance().await;
}

#[tokio::test]
async fn the_whole_can_be_stopped_and_is_its_owners_only() {
    let bench = Bench::start().await;
    let (ann, eve) = (Requester::join(&bench, "ann").await, Requester::join(&bench, "eve").await);
    bench.user("bob").await;
    let worker = bench.worker("bob", "one").await;
    let id = hand_in(&ann, "1000").await;
    let (first, ..) = next(&worker).await;
    let (second, ..) = next(&worker).await;
    worker.submit(&first, succeeded(), used(1.0, 1), &outputs(0)).await.unwrap();
    for path in [format!("/api/tasks/{id}"), format!("/api/tasks/{id}/parts"), format!("/api/tasks/{id}.7")] {
        refused(eve.call(Method::GET, &path, None).await, 404, "TASK_UNKNOWN").await;
    }
    refused(eve.call(Method::POST, &format!("/api/tasks/{id}/stop"), None).await, 404, "TASK_UNKNOWN").await;
    let stopped = ann.call(Method::POST, &format!("/api/tasks/{id}/stop"), None).await;
    let stopped: Value = stopped.json().await.unwrap();
    assert_eq!(
        (&stopped["array"]["cancelled"], &stopped["array"]["running"]),
        (&json!(998), &json!(1)),
        "{stopped}"
    );
    let beat = worker.beat(&[&second]).await.unwrap();
    assert_eq!(beat.cancellations.len(), 1, "the one that runs is told to end");
    worker.submit(&second, cancelled(CancelReason::Requester), used(1.0, 1), b"").await.unwrap();
    let view = ended(&ann, &id).await;
    assert_eq!((&view["state"], &view["cancel"]), (&json!("cancelled"), &json!("requester")));
    assert_eq!((&view["array"]["succeeded"], &view["array"]["cancelled"]), (&json!(1), &json!(999)));
    assert!(worker.poll(300).await.unwrap().is_none(), "nothing of it waits any more");
    bench.books_balance().await;
}

#[tokio::test]
async fn counts_out_of_range_and_too_many_open_tasks_are_refused() {
    let bench = Bench::with(|config| config.max_open_tasks = 10).await;
    let ann = Requester::join(&bench, "ann").await;
    for count in ["0", "1001", "-1", "many", "1.5", "4294967297"] {
        let body =
            refused(ann.submit(Requester::form(&fields(count), Some(package()))).await, 400, "INVALID_FIELD")
                .await;
        assert_eq!(body["error"]["field"], "array", "{count}: {body}");
    }
    hand_in(&ann, "9").await;
    let answer = ann.submit(Requester::form(&fields("2"), Some(package()))).await;
    assert!(answer.status().is_client_error(), "{}", answer.status());
    assert_eq!(ann.submit(Requester::form(&FIELDS, Some(package()))).await.status(), 201, "one more is fine");
    let packages = std::fs::read_dir(bench.config.data_dir.join("packages")).unwrap().count();
    assert_eq!(packages, 2, "a refused one leaves nothing");
}

#[tokio::test]
async fn a_restarted_pool_goes_on_with_the_rest_and_gathers() {
    let bench = Bench::start().await;
    let ann = Requester::join(&bench, "ann").await;
    bench.user("bob").await;
    let id = hand_in(&ann, "2").await;
    let worker = bench.worker("bob", "one").await;
    let (key, ..) = next(&worker).await;
    worker.submit(&key, succeeded(), used(1.0, 1), &outputs(0)).await.unwrap();
    let bench = bench.restart().await;
    let worker = bench.worker("bob", "one").await;
    let (key, place, _) = next(&worker).await;
    assert_eq!(place.index, 1);
    worker.submit(&key, succeeded(), used(1.0, 1), &outputs(1)).await.unwrap();
    let view = bench.pool.wait_for_end(&id, Duration::from_secs(60)).await.unwrap().expect("its end");
    assert!(view.result.is_some(), "{view:?}");
    bench.books_balance().await;
}
