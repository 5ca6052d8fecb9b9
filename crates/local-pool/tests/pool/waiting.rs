//! `?wait=S`.

use crate::requester::{FIELDS, Requester, refused};
use crate::support::{Bench, package, succeeded, used};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test]
async fn an_answer_comes_with_the_end_or_with_the_state_after_the_wait() {
    let bench = Bench::start().await;
    let ann = Requester::join(&bench, "ann").await;
    bench.user("bob").await;
    let worker = bench.worker("bob", "one").await;
    let url = format!("{}/api/tasks?wait=0.3", ann.base);
    let form = Requester::form(&FIELDS, Some(package()));
    let answer = ann.client.post(&url).bearer_auth(&ann.token).multipart(form).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let early: Value = answer.json().await.unwrap();
    assert_eq!(
        (&early["state"], &early["name"]),
        (&json!("queued"), &json!("primes")),
        "as it was after the wait"
    );
    let id = early["task_id"].as_str().unwrap().to_owned();

    let began = Instant::now();
    let path = format!("/api/tasks/{id}?wait=300");
    let waiting = ann.get(&path);
    let working = async {
        let key = worker.next_key().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        worker.submit(&key, succeeded(), used(1.0, 1), b"").await.unwrap();
    };
    let (ended, ()) = tokio::join!(waiting, working);
    assert_eq!(ended["state"], "succeeded", "{ended}");
    assert!(began.elapsed() >= Duration::from_millis(200) && began.elapsed() < Duration::from_secs(60));
    assert_eq!(ann.get(&path).await["state"], "succeeded", "at once when it is over already");

    let form = Requester::form(&FIELDS, Some(package()));
    let url = format!("{}/api/tasks?wait=60", ann.base);
    let submitting = async {
        let answer = ann.client.post(&url).bearer_auth(&ann.token).multipart(form).send().await.unwrap();
        answer.json::<Value>().await.unwrap()
    };
    let working = async {
        let key = worker.next_key().await;
        worker.submit(&key, succeeded(), used(1.0, 1), b"").await.unwrap();
    };
    let (ended, ()) = tokio::join!(submitting, working);
    assert_eq!((&ended["state"], &ended["exit_code"]), (&json!("succeeded"), &json!(0)));
}

#[tokio::test]
async fn waits_out_of_range_are_refused_before_anything_is_taken_in() {
    let bench = Bench::start().await;
    let ann = Requester::join(&bench, "ann").await;
    for wait in ["0", "-1", "300.5", "NaN", "inf", "soon", "1e9"] {
        let body = refused(
            ann.call(Method::GET, &format!("/api/tasks/t-1?wait={wait}"), None).await,
            400,
            "INVALID_FIELD",
        )
        .await;
        assert_eq!(body["error"]["field"], "wait", "{wait}");
        let form = Requester::form(&FIELDS, Some(package()));
        let url = format!("{}/api/tasks?wait={wait}", ann.base);
        let answer = ann.client.post(&url).bearer_auth(&ann.token).multipart(form).send().await.unwrap();
        refused(answer, 400, "INVALID_FIELD").await;
    }
    assert_eq!(ann.get("/api/tasks").await, json!({ "tasks": [] }));
}

#[tokio::test]
async fn a_pool_that_ends_answers_who_waits() {
    let bench = Bench::start().await;
    let ann = Requester::join(&bench, "ann").await;
    let made: Value = ann.submit(Requester::form(&FIELDS, Some(package()))).await.json().await.unwrap();
    let path = format!("/api/tasks/{}?wait=300", made["task_id"].as_str().unwrap());
    let began = Instant::now();
    let asked = ann.call(Method::GET, &path, None);
    let ending = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        bench.pool.shutdown().await;
    };
    let (answer, ()) = tokio::join!(asked, ending);
    assert_eq!(answer.json::<Value>().await.unwrap()["state"], "queued");
    assert!(began.elapsed() < Duration::from_secs(30));
}
