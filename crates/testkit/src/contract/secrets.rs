use hivemind_worker_core::port::{Secrets, Tokens};
use std::time::Duration;

fn tokens(number: u32) -> Tokens {
    Tokens {
        username: "ann".into(),
        session: format!("session-canary-{number}"),
        session_for: Duration::from_secs(900),
        refresh: format!("refresh-canary-{number}"),
    }
}

/// An open and empty keyring (or file) keeps tokens by pool and forgets them.
///
/// # Panics
/// When it does not.
pub async fn secrets(secrets: &dyn Secrets) {
    let (one, other) = ("https://one.example", "https://other.example");
    assert_eq!(secrets.load(one).await, Ok(None), "empty at first");
    assert_eq!(secrets.clear(one).await, Ok(()), "forgetting nothing is fine");
    assert_eq!(secrets.save(one, &tokens(1)).await, Ok(()));
    assert_eq!(secrets.save(other, &tokens(2)).await, Ok(()));
    assert_eq!(secrets.load(one).await, Ok(Some(tokens(1))), "pools are kept apart");
    assert_eq!(secrets.save(one, &tokens(3)).await, Ok(()));
    assert_eq!(secrets.load(one).await, Ok(Some(tokens(3))), "the newest counts");
    assert_eq!(secrets.clear(one).await, Ok(()));
    assert_eq!(secrets.load(one).await, Ok(None), "forgotten");
    assert_eq!(secrets.load(other).await, Ok(Some(tokens(2))), "the other pool's stay");
}
