//! The owner's socket and its client.

use crate::fake::FakeWorker;
use futures_util::StreamExt;
use hivemind_control::{Call, ErrorCode, Event, TaskRef};
use hivemind_local_api::{ServeError, SocketClient, SocketListener, serve_socket};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

struct Home {
    worker: Arc<FakeWorker>,
    folder: TempDir,
    shutdown: CancellationToken,
    served: Option<JoinHandle<()>>,
}

impl Home {
    async fn open() -> Self {
        let mut home = Self {
            worker: FakeWorker::new(),
            folder: tempfile::tempdir().unwrap(),
            shutdown: CancellationToken::new(),
            served: None,
        };
        home.serve().await;
        home
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("worker.sock")
    }

    async fn serve(&mut self) {
        self.shutdown = CancellationToken::new();
        let listener = SocketListener::bind(&self.path()).await.unwrap();
        self.served = Some(tokio::spawn(listener.serve(self.worker.clone(), self.shutdown.clone())));
    }

    async fn end(&mut self) {
        self.shutdown.cancel();
        timeout(Duration::from_secs(8), self.served.take().unwrap()).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn every_command_passes_the_owners_socket() {
    let home = Home::open().await;
    let client = SocketClient::connect(home.path()).await.unwrap();
    for info in hivemind_control::COMMANDS {
        let answer = client.call(info.name, serde_json::Value::Null).await;
        let refused = answer.is_err_and(|e| matches!(e.code, ErrorCode::Forbidden | ErrorCode::NotPaired));
        assert!(!refused, "{}", info.name);
    }
    home.worker.take_calls();
    let client = client.typed();
    assert_eq!(client.snapshot(()).await.unwrap().seq, 41);
    assert_eq!(client.pair(()).await.unwrap().expires_in_seconds, 120);
    client.quit(()).await.unwrap();
    let error = client.task(TaskRef { task_id: "t".into(), attempt: Some(2) }).await.unwrap_err();
    assert_eq!((error.code, error.facts["task"].as_str()), (ErrorCode::TaskUnknown, "t"));
    let calls = home.worker.take_calls();
    assert_eq!(calls.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["snapshot", "pair", "quit", "task"]);
    assert_eq!(calls[3].1, serde_json::json!({ "task_id": "t", "attempt": 2 }));
}

#[tokio::test]
async fn events_begin_with_the_snapshot_and_end_with_the_worker() {
    let mut home = Home::open().await;
    let client = SocketClient::new(home.path());
    let mut events = client.events().await.unwrap();
    assert!(matches!(events.next().await, Some(Event::Snapshot(s)) if s.seq == 41 && s.version == "9.9.9"));
    home.worker.hints.send(Event::RaiseWindow).unwrap();
    assert_eq!(events.next().await, Some(Event::RaiseWindow));
    // A large state in many pieces.
    home.worker.snapshots.send_modify(|s| Arc::make_mut(s).theme = "繁\n\n體".repeat(200_000));
    assert!(matches!(events.next().await, Some(Event::Snapshot(s)) if s.theme.len() == 1_600_000));
    home.end().await;
    assert!(timeout(Duration::from_secs(5), events.next()).await.unwrap().is_none());
    assert!(!home.path().exists());
    let error = client.events().await.map(drop).unwrap_err();
    assert_eq!(error.code, ErrorCode::WorkerNotRunning);
    home.serve().await;
    assert_eq!(client.call("snapshot", serde_json::Value::Null).await.unwrap()["seq"], 41, "after a restart");
}

#[tokio::test]
async fn without_a_worker_the_client_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("worker.sock");
    for _ in 0..2 {
        let error = SocketClient::connect(&path).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::WorkerNotRunning);
        assert_eq!(error.action, Some(hivemind_control::Action::StartWorker));
        // And once more with what a dead worker leaves behind.
        #[cfg(unix)]
        if !path.exists() {
            drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        }
    }
}

#[tokio::test]
async fn a_second_worker_is_refused_and_the_first_goes_on() {
    let home = Home::open().await;
    let second = FakeWorker::new();
    let refused = serve_socket(&home.path(), second.clone(), CancellationToken::new()).await;
    assert!(matches!(refused, Err(ServeError::AlreadyServed(_))), "{refused:?}");
    SocketClient::new(home.path()).typed().start(()).await.unwrap();
    assert_eq!(second.take_calls(), []);
    assert_eq!(home.worker.take_calls().len(), 1);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_open_it() {
    use std::os::unix::fs::MetadataExt;
    let home = Home::open().await;
    assert_eq!(std::fs::metadata(home.path()).unwrap().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn the_socket_serves_no_pages() {
    let home = Home::open().await;
    let client = SocketClient::new(home.path());
    let error = client.call("../healthz", serde_json::Value::Null).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::InvalidRequest);
    assert_eq!(home.worker.take_calls(), []);
}
