//! What goes with a push so that a worker believes it.

use crate::bare::Bare;
use crate::stage::{Stage, WORKER, quick};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hivemind_local_pool::nodepool::ExecutionKey;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// The public half of another pool's key, as that pool gives it out: what stands before the key itself.
const BEFORE_EVERY_KEY: &str = "MCowBQYDK2VwAyEA";

fn part(token: &str, at: usize) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap()
}

fn json_of(token: &str, at: usize) -> Value {
    serde_json::from_slice(&part(token, at)).unwrap()
}

fn is_of(token: &str, pem: &str) -> bool {
    let lines: Vec<_> = pem.lines().collect();
    assert_eq!((lines[0], lines[2]), ("-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"));
    assert!(lines[1].starts_with(BEFORE_EVERY_KEY), "{pem}");
    let key = STANDARD.decode(lines[1]).unwrap().split_off(12);
    let (signed, _) = token.rsplit_once('.').unwrap();
    UnparsedPublicKey::new(&ED25519, key).verify(signed.as_bytes(), &part(token, 2)).is_ok()
}

#[expect(clippy::disallowed_methods, reason = "tokens tell wall time")]
fn now_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed()
}

fn assert_good(token: &str, stage: &Stage) {
    assert!(is_of(token, &stage.face.public_key_pem()));
    assert_eq!(json_of(token, 0), json!({ "typ": "JWT", "alg": "EdDSA" }));
    let claims = json_of(token, 1);
    let issued = claims["iat"].as_i64().unwrap();
    assert!((now_s() - issued).abs() <= 30, "{claims}");
    let expected = json!({
        "sub": "requester", "user_id": "requester", "role": "worker-execution",
        "task_id": "t-1", "worker_id": WORKER, "iat": issued, "exp": issued + 300,
    });
    assert_eq!(claims, expected);
}

#[tokio::test]
async fn push_and_stop_carry_a_token_of_the_pools_own_signed_with_ed25519() {
    let (stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let _caller = stage.registered(&worker.address()).await;
    stage.submit("t-1");
    let push = worker.pushed().await;
    assert_good(&push.request.token, &stage);
    stage.face.cancel("t-1");
    assert_good(&worker.stopped().await.token, &stage);
}

#[tokio::test]
async fn a_test_may_sign_tokens_that_are_good_forged_expired_or_of_another_key() {
    let stage = Stage::start(quick()).await;
    stage.submit("t-1");
    assert_good(&stage.face.execution_token("t-1", WORKER), &stage);
    let mut claims = stage.face.execution_claims("t-1", WORKER);
    claims["exp"] = json!(1);
    let odd = stage.face.key().sign(&json!({ "alg": "none" }), &claims);
    assert!(is_of(&odd, &stage.face.public_key_pem()));
    assert_eq!((json_of(&odd, 0), json_of(&odd, 1)["exp"].as_i64()), (json!({ "alg": "none" }), Some(1)));
    let foreign = ExecutionKey::generate().unwrap();
    let forged = foreign.sign(&json!({ "typ": "JWT", "alg": "EdDSA" }), &claims);
    assert!(is_of(&forged, &foreign.public_key_pem()));
    assert!(!is_of(&forged, &stage.face.public_key_pem()));
    let other = Stage::start(quick()).await;
    assert_ne!(other.face.public_key_pem(), stage.face.public_key_pem(), "each face has its own");
}
