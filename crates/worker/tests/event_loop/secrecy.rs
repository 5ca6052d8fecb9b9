//! Passwords and tokens are in no log line, no state and no journal.

use crate::SECOND;
use hivemind_control::{Control, LoginRequest, PoolState};
use hivemind_testkit::{FakeClock, MemoryLogs, PASSWORD, PoolCall, USERNAME, Vault, World, assigned};
use hivemind_worker_core::port::{PoolError, PoolErrorKind};
use std::io::Write;
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn no_secret_is_ever_logged_or_published() {
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::level_filters::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let mut seen = String::new();
    tracing::subscriber::with_default(subscriber, || {
        tracing::trace!("tracing is captured");
        let world = World::signed_out(FakeClock::default(), MemoryLogs::default());
        world.pool.set_session_length(SECOND * 300);
        world.pool.give(assigned("secret"));
        let request = LoginRequest { username: USERNAME.into(), password: PASSWORD.into() };
        tracing::trace!(?request, "its debug form");
        world.live(async |worker| {
            world.pool.faults.fail_times(
                PoolCall::Login,
                PoolError::new(PoolErrorKind::Unreachable, "no"),
                1,
            );
            assert!(worker.control.login(request.clone()).await.is_err());
            worker.control.login(request.clone()).await.unwrap();
            world.until(worker, "settled", |s| s.today.tasks == 1).await;
            world.secrets.set(Vault::Locked);
            world.pass(400.0).await;
            world.pool.faults.fail_times(PoolCall::Refresh, PoolError::new(PoolErrorKind::Protocol, "no"), 3);
            world.pass(400.0).await;
            world.secrets.set(Vault::Open);
            world.pool.end_sessions(true);
            world.until(worker, "the question", |s| s.pool.state == PoolState::AuthRequired).await;
            let snapshot = worker.control.snapshot(()).await.unwrap();
            seen += &serde_json::to_string(&snapshot).unwrap();
            seen += &format!("{snapshot:?}{:?}", worker.control.doctor(()).await);
            seen += &format!("{:?}", worker.control.settings(()).await);
            worker.control.logout(()).await.unwrap();
        });
        tracing::trace!(tokens = ?world.pool.issue(), "its debug form");
        seen += &format!("{:?}", world.journal.written());
    });
    let logged = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("tracing is captured"), "nothing was captured");
    assert!(
        logged.contains("the new session cannot be kept"),
        "the worker's own lines are captured:\n{logged}"
    );
    for text in [&logged, &seen] {
        let place = text.find("canary").map(|at| &text[at.saturating_sub(200)..(at + 40).min(text.len())]);
        assert_eq!(place, None, "a secret is told");
    }
}
