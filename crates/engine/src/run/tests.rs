//! Where the order of what the engine says decides.

use super::*;
use crate::address::Address;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

const TIME: &str = "2026-01-02T03:04:05.000000006Z";

fn watch(
    engine: &Connection,
    events: mpsc::Sender<ContainerEvent>,
    notices: broadcast::Receiver<Notice>,
) -> Watch<'_> {
    Watch {
        engine,
        container: "c",
        events,
        notices,
        network: Network::default(),
        lines: Lines::after(0),
        logs: None,
        logs_complete: false,
        log_failures: 0,
        brake: Brake::default(),
        stats: None,
        exit: None,
        out_of_memory: false,
    }
}

/// An engine whose container has ended and left this one line.
async fn serve_log(listener: UnixListener, line: String) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        let mut body = vec![1, 0, 0, 0];
        body.extend(u32::try_from(line.len()).unwrap_or_default().to_be_bytes());
        body.extend(line.as_bytes());
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        // The end has come before its log was read.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
    }
}

#[tokio::test]
async fn an_end_that_is_told_after_it_was_found_hides_no_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("engine.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    tokio::spawn(serve_log(listener, format!("{TIME} ends\n")));
    let engine = Connection::new(Ok(Address::Unix(path.to_string_lossy().into_owned())));
    let (news, notices) = broadcast::channel(4);
    let (events, mut told) = mpsc::channel(16);
    let mut watch = watch(&engine, events, notices);
    // What `run` does where the engine, asked first, says that it is over.
    watch.ended(Exit { code: 7, out_of_memory: false });
    news.send(Notice::Died { container: "c".into(), code: 7, time_ns: 0 }).expect("heard");
    let exit = watch.until_the_end().await.expect("an end");
    assert_eq!(exit, Exit { code: 7, out_of_memory: false });
    match told.recv().await {
        Some(ContainerEvent::Line(line)) => assert_eq!(line.text, "ends"),
        other => panic!("{other:?}"),
    }
    drop(news);
}

/// A container whose output is told by its attached stream alone.
async fn ends_before_its_log(time_ns: i64) -> (Vec<String>, i64) {
    let engine = Connection::new(Ok(Address::Unix("/no/engine".into())));
    let (news, notices) = broadcast::channel(4);
    let (events, mut told) = mpsc::channel(16);
    let mut watch = watch(&engine, events, notices);
    // It never says anything.
    watch.logs = Some(futures_util::stream::pending().boxed());
    watch.brake = Brake::counted(&[(false, "one\ntwo\n"), (true, "three")]);
    assert!(news.send(Notice::Died { container: "c".into(), code: 0, time_ns }).is_ok());
    let notice = watch.notices.recv().await;
    assert_eq!(watch.on_notice(notice).await, Ok(true));
    let complete = watch.logs_complete;
    drop(watch);
    let mut texts = Vec::new();
    let mut last = 0;
    while let Some(ContainerEvent::Line(line)) = told.recv().await {
        texts.push(line.text);
        last = line.time_ns;
    }
    assert_eq!(complete, !texts.is_empty(), "what was told need not be read again, what was not must");
    (texts, last)
}

#[tokio::test]
async fn a_program_that_is_over_before_its_log_speaks_has_said_everything() {
    let (texts, last) = ends_before_its_log(5_000).await;
    assert_eq!((texts, last), (vec!["one".into(), "two".into(), "three".into()], 5_000));
}

#[tokio::test]
async fn without_the_engines_time_the_log_is_waited_for() {
    assert_eq!(ends_before_its_log(0).await, (vec![], 0));
}
