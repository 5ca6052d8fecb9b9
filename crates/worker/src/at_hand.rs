//! The attempt that a piece of work is for, so that a panic can say over which one this program fell. Whatever works for
//! one attempt is started here; work for none, or for several at once, is not.

use hivemind_domain::ids::TaskKey;
use std::future::Future;
use tokio::task::JoinHandle;

tokio::task_local! {
    static ATTEMPT: TaskKey;
}

/// The attempt that the present thread works for at this moment, if it is known.
#[must_use]
pub fn attempt() -> Option<TaskKey> {
    ATTEMPT.try_with(Clone::clone).ok()
}

/// Starts work for `key`.
pub fn spawn_for<T: Send + 'static>(
    key: TaskKey,
    work: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    tokio::spawn(ATTEMPT.scope(key, work))
}

/// Starts more work for what the present work is for.
pub fn spawn<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    match attempt() {
        Some(key) => spawn_for(key, work),
        None => tokio::spawn(work),
    }
}

/// The same for work that blocks.
pub fn spawn_blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    let key = attempt();
    tokio::task::spawn_blocking(move || within(key, work))
}

/// Works for `key` on the present thread.
pub fn within<T>(key: Option<TaskKey>, work: impl FnOnce() -> T) -> T {
    match key {
        Some(key) => ATTEMPT.sync_scope(key, work),
        None => work(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hivemind_domain::ids::TaskId;

    #[tokio::test]
    async fn work_says_what_it_is_for_wherever_it_goes_on() {
        let key = TaskKey { task: TaskId::new("t1").unwrap(), attempt: 2 };
        assert_eq!(attempt(), None);
        let told = spawn_for(key.clone(), async {
            let further = spawn(async { spawn_blocking(attempt).await.unwrap() }).await.unwrap();
            let (here, key) = (attempt(), attempt());
            let thread = std::thread::spawn(move || within(key, attempt)).join().unwrap();
            (here, further, thread)
        });
        let known = Some(key);
        assert_eq!(told.await.unwrap(), (known.clone(), known.clone(), known));
        assert_eq!((attempt(), spawn(async { attempt() }).await.unwrap()), (None, None));
        assert_eq!(spawn_blocking(attempt).await.unwrap(), None);
    }
}
