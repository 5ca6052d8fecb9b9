//! Waiting for conditions, never for time.

use std::time::Duration;

/// Long enough for anything that takes seconds on an idle machine to happen on a busy one.
pub const LONG: Duration = Duration::from_secs(90);

/// Asks again until there is an answer; fails when `limit` passes first.
pub async fn until<T>(what: &str, limit: Duration, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    match tokio::time::timeout(limit, asking).await {
        Ok(answer) => answer,
        Err(_) => panic!("{what}: not within {} s", limit.as_secs()),
    }
}
