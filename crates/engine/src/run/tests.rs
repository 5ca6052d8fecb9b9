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
    Watch::new(engine, "c", events, notices, Network::default(), Told::default())
}

/// An engine whose container has ended and left this in its log.
async fn serve_log(listener: UnixListener, pieces: Vec<(u8, String)>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut request = [0; 4096];
        let read = stream.read(&mut request).await.unwrap_or(0);
        let mut body = Vec::new();
        if String::from_utf8_lossy(&request[..read]).contains("/containers/c/json") {
            body.extend(
                format!("{{\"Config\":{{\"Entrypoint\":[\"{}\"]}}}}", crate::policy::COMPANION).bytes(),
            );
        } else {
            for (side, text) in &pieces {
                body.extend([*side, 0, 0, 0]);
                body.extend(u32::try_from(text.len()).unwrap_or_default().to_be_bytes());
                body.extend(text.as_bytes());
            }
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        // The end has come before its log was read.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
    }
}

/// It goes with its folder.
fn engine_with_log(line: &str) -> (tempfile::TempDir, Connection) {
    let piece = (!line.is_empty()).then(|| (1, line.to_owned()));
    engine_with(piece.into_iter().collect())
}

/// Its log has these pieces, each of standard output (1) or error (2).
#[expect(clippy::expect_used, reason = "only tests call it")]
fn engine_with(pieces: Vec<(u8, String)>) -> (tempfile::TempDir, Connection) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("engine.sock");
    let listener = UnixListener::bind(&path).expect("a socket");
    tokio::spawn(serve_log(listener, pieces));
    let address = Address::Unix(path.to_string_lossy().into_owned());
    (folder, Connection::new(Ok(address)))
}

#[tokio::test]
async fn an_end_that_is_told_after_it_was_found_hides_no_line() {
    let (_folder, engine) = engine_with_log(&format!("{TIME} ends\n"));
    let (news, notices) = broadcast::channel(4);
    let (events, mut told) = mpsc::channel(16);
    let mut watch = watch(&engine, events, notices);
    // What `run` does where the engine, asked first, says that it is over.
    watch.ended(Exit { code: 7, out_of_memory: false });
    news.send(Notice::Died { container: "c".into(), code: 7 }).expect("heard");
    let exit = watch.until_the_end().await.expect("an end");
    assert_eq!(exit, Exit { code: 7, out_of_memory: false });
    match told.recv().await {
        Some(ContainerEvent::Line(line)) => assert_eq!(line.text, "ends"),
        other => panic!("{other:?}"),
    }
    drop(news);
}

#[tokio::test]
async fn a_log_without_its_end_says_so() {
    let (line, mark) = ((1, format!("{TIME} begins\n")), |side| (side, format!("{TIME} \0\x04\0")));
    for (pieces, code, said) in [
        (vec![line.clone()], 0, true),
        (vec![line.clone(), mark(1)], 0, true),
        (vec![line.clone(), mark(1), mark(2)], 0, false),
        // Process 1 was killed itself.
        (vec![line], KILLED, false),
    ] {
        let (_folder, engine) = engine_with(pieces.clone());
        let (_news, notices) = broadcast::channel(4);
        let (events, mut told) = mpsc::channel(16);
        let mut watch = watch(&engine, events, notices);
        watch.ended(Exit { code, out_of_memory: false });
        watch.out_of_memory = code == KILLED;
        watch.until_the_end().await.expect("an end");
        let mut texts = Vec::new();
        while let Some(ContainerEvent::Line(line)) = told.recv().await {
            texts.push(line.text);
        }
        assert_eq!(texts[0], "begins");
        assert_eq!(
            texts[1..].iter().any(|text| text.contains("may be missing")),
            said,
            "{pieces:?} {texts:?}"
        );
    }
}

/// What is told of a container whose attached streams bring this, then close, and whose log ends so; and whether
/// that is all of it.
async fn ends(pieces: Vec<Piece>, log: &str, cut: bool) -> (Vec<String>, bool) {
    let (_folder, engine) = engine_with_log(log);
    let (news, notices) = broadcast::channel(4);
    let (events, mut told) = mpsc::channel(16);
    let mut watch = watch(&engine, events, notices);
    watch.printed = Some(Printed::new(printed::Attached::with([pieces])));
    if cut {
        watch.doubt();
    }
    assert!(news.send(Notice::Died { container: "c".into(), code: 0 }).is_ok());
    let notice = watch.notices.recv().await;
    assert_eq!(watch.on_notice(notice).await, Ok(true));
    let complete = watch.complete;
    assert!(watch.printed.is_none(), "it has told what it had to");
    drop(watch);
    let mut texts = Vec::new();
    let mut last = 0;
    while let Some(ContainerEvent::Line(line)) = told.recv().await {
        assert!(line.time_ns > last, "times rise");
        last = line.time_ns;
        texts.push(line.text);
    }
    (texts, complete)
}

fn prints(stderr: bool, text: &'static str) -> Piece {
    let message = bytes::Bytes::from_static(text.as_bytes());
    Ok(if stderr { LogOutput::StdErr { message } } else { LogOutput::StdOut { message } })
}

#[tokio::test]
async fn what_is_printed_last_is_told_before_the_end() {
    let pieces = || vec![prints(false, "one\ntwo\nthr"), prints(true, "bad\n"), prints(false, "ee")];
    let log = format!("{TIME} three");
    let (texts, complete) = ends(pieces(), &log, false).await;
    assert_eq!(texts, ["one", "two", "bad", "three"]);
    assert!(complete, "the log need not be read");
    let (texts, complete) = ends(pieces(), &log, true).await;
    assert_eq!(texts, ["one", "two", "bad"], "what did not end may be longer");
    assert!(!complete, "the log must be read");
    assert_eq!(ends(vec![], "", false).await, (vec![], true), "nothing was printed");
}

#[tokio::test]
async fn what_is_marked_needs_no_log_whatever_was_cut() {
    let pieces = || vec![prints(false, "one\ntw"), prints(true, "\0\x04\0"), prints(false, "o\0\x04\0")];
    for cut in [false, true] {
        let (texts, complete) = ends(pieces(), "", cut).await;
        assert_eq!((texts, complete), (vec!["one".to_owned(), "two".to_owned()], true));
    }
    let one = vec![prints(false, "one\n\0\x04\0")];
    let (_, complete) = ends(one, &format!("{TIME} \0\x04\0"), false).await;
    assert!(!complete, "the other output's mark is missing, and it may end with either");
}

#[tokio::test]
async fn a_log_that_ends_otherwise_is_read() {
    let later = "2999-01-02T03:04:05.000000006Z one\n";
    for log in [&format!("{TIME} two\n"), "", later] {
        let (texts, complete) = ends(vec![prints(false, "one\n")], log, false).await;
        assert_eq!((texts.as_slice(), complete), (["one".to_owned()].as_slice(), false), "{log:?}");
    }
    let (texts, complete) = ends(vec![], &format!("{TIME} two\n"), false).await;
    assert_eq!((texts.len(), complete), (0, false), "the connection was cut before the first line");
}

#[tokio::test]
async fn an_output_that_breaks_is_not_the_end() {
    let pieces = vec![prints(false, "one\n"), Err(Error::RequestTimeoutError), prints(false, "two\n")];
    let (texts, complete) = ends(pieces, &format!("{TIME} one\n"), false).await;
    assert_eq!(texts, ["one"]);
    assert!(!complete);
}
