//! Signing in, and how long it lasts.

use crate::stage::{PASSWORD, Stage, quick};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hivemind_local_pool::nodepool::FaceTimes;
use hivemind_proto::nodepool::RefreshTokenRequest;
use std::time::Duration;
use tonic::Code;

fn end_of(token: &str) -> i64 {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    claims["exp"].as_i64().unwrap()
}

#[tokio::test]
async fn a_wrong_password_is_refused_in_an_answer_that_is_ok() {
    let stage = Stage::start(quick()).await;
    let answer = stage.stranger().await.login("wrong").await;
    assert_eq!((answer.success, answer.status_message.as_str()), (false, "Invalid credentials"));
    assert_eq!(answer.token, "");
}

#[tokio::test]
async fn a_token_that_nobody_gave_is_a_real_error() {
    let stage = Stage::start(quick()).await;
    let refused = stage.stranger().await.balance().await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::Unauthenticated, "Invalid token"));
}

#[tokio::test]
async fn a_renewed_token_keeps_the_end_of_the_old_one() {
    let stage = Stage::start(FaceTimes { token_for: Duration::from_secs(4), ..quick() }).await;
    let mut caller = stage.provider().await;
    let first = caller.token.clone();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let asked = RefreshTokenRequest { old_token: first.clone() };
    let renewed = caller.users().refresh_token(asked.clone()).await.unwrap().into_inner();
    assert!(renewed.success);
    let fresh = caller.login(PASSWORD).await.token;
    assert_eq!(end_of(&renewed.new_token), end_of(&first));
    assert!(end_of(&fresh) > end_of(&first));
    caller.token.clone_from(&renewed.new_token);
    assert_eq!(caller.balance().await.unwrap(), 1000, "good so far");
    tokio::time::sleep(Duration::from_millis(2200)).await;
    let over = caller.balance().await.unwrap_err();
    assert_eq!((over.code(), over.message()), (Code::Unauthenticated, "Invalid token"));
    assert!(!caller.users().refresh_token(asked).await.unwrap().into_inner().success);
    // Only signing in again gave one that lasts.
    caller.token = fresh;
    assert_eq!(caller.balance().await.unwrap(), 1000);
}
