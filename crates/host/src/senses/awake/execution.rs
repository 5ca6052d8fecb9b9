//! Holding sleep off through the execution state of a thread.

use std::sync::mpsc;
use tokio::sync::oneshot;

/// Windows holds sleep off for as long as the thread that asked lives. It ends when this is dropped.
#[derive(Debug)]
pub(in super::super) struct Hold {
    _until: mpsc::Sender<()>,
}

pub(in super::super) async fn hold() -> Option<Hold> {
    let (until, dropped) = mpsc::channel::<()>();
    let (answer, asked) = oneshot::channel();
    let started = std::thread::Builder::new().name("awake".into()).spawn(move || {
        // Idleness only: the owner can put the computer to sleep all the same, and the screen goes dark.
        match keepawake::Builder::default().idle(true).create() {
            Ok(awake) => {
                let _ = answer.send(Ok(()));
                // Nothing is ever sent: it ends with the hold.
                let _ = dropped.recv();
                drop(awake);
            }
            Err(error) => {
                let _ = answer.send(Err(error.to_string()));
            }
        }
    });
    let refused = match (started, asked.await) {
        (Err(error), _) => error.to_string(),
        (Ok(_), Ok(Ok(()))) => {
            tracing::info!(what = "idle", "the computer is kept awake");
            return Some(Hold { _until: until });
        }
        (Ok(_), Ok(Err(error))) => error,
        (Ok(_), Err(gone)) => gone.to_string(),
    };
    tracing::warn!(error = %refused, "the system does not let sleep be held off");
    None
}
