//! Keeps the computer from going to sleep by itself.

#[cfg(windows)]
pub(super) mod execution;
#[cfg(target_os = "linux")]
pub(super) mod logind;

use hivemind_worker_core::port::Wanted;
use tokio::sync::watch;

/// Has sleep held off while that is wanted, and lets go of what `hold` gave when it is not.
pub(super) async fn keep<Hold, Asked: Future<Output = Option<Hold>>>(
    mut wanted: watch::Receiver<Wanted>,
    hold: impl Fn() -> Asked,
) {
    while wanted.wait_for(|wanted| wanted.awake).await.is_ok() {
        let held = hold().await;
        let unwanted = wanted.wait_for(|wanted| !wanted.awake).await.is_err();
        if held.is_some() {
            drop(held);
            tracing::info!("the computer may sleep again");
        }
        if unwanted {
            break;
        }
    }
    // The other sensors go on.
    std::future::pending::<()>().await;
}
