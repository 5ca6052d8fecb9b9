use crate::key;
use hivemind_worker_core::port::{LogArchive, OutputLine, Told};

fn line(number: i64, text: &str) -> OutputLine {
    OutputLine { stderr: number % 2 == 1, time_ns: 1_795_262_400_000_000_000 + number, text: text.to_owned() }
}

/// An empty archive numbers lines, keeps each once and gives them back as they were.
///
/// # Panics
/// When it does not.
pub async fn log_archive(logs: &dyn LogArchive) {
    let (one, other) = (key("logs", 1), key("logs", 2));
    assert_eq!(logs.told(&one).await, Ok(Told::default()), "nothing is kept at first");
    assert_eq!(logs.read(&one, 0, 10).await, Ok(Vec::new()));
    let page = logs.page(&one, None, 10).await.expect("a page of nothing");
    assert_eq!((page.lines.len(), page.total), (0, 0));

    let odd = "tab\tquote\"slash\\ äöü \u{1b}[31mred";
    let first = [line(0, "zero"), line(1, ""), line(2, odd)];
    assert_eq!(logs.append(&one, &first).await, Ok(0..3));
    assert_eq!(logs.told(&one).await, Ok(Told::of(&first, true)));
    // After a restart the engine may tell lines again.
    let again = [line(1, ""), line(2, odd), line(3, "three")];
    assert_eq!(logs.append(&one, &again).await, Ok(3..4), "the first added line is the fourth");
    assert_eq!(logs.append(&one, &again).await, Ok(4..4), "nothing was added");
    assert_eq!(logs.append(&other, &[line(9, "elsewhere")]).await, Ok(0..1), "attempts are kept apart");

    let all = logs.read(&one, 0, 100).await.expect("lines");
    assert_eq!(all, [line(0, "zero"), line(1, ""), line(2, odd), line(3, "three")], "each once, as it was");
    assert_eq!(logs.read(&one, 1, 2).await.expect("lines"), [line(1, ""), line(2, odd)]);
    assert_eq!(logs.read(&one, 4, 2).await, Ok(Vec::new()), "after the last there is nothing");

    let page = logs.page(&one, Some(1), 2).await.expect("a page");
    assert_eq!(page.lines.iter().map(|l| l.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!((page.total, page.first_kept), (4, 0));
    assert!(page.lines[0].stderr && !page.lines[1].stderr);
    assert!(!page.lines[1].text.contains('\u{1b}'), "people get no control characters");
    let last = logs.page(&one, None, 2).await.expect("a page");
    assert_eq!(last.lines.iter().map(|l| l.number).collect::<Vec<_>>(), [2, 3]);

    logs.sweep(&[]).await.expect("swept");
    assert_eq!(logs.read(&one, 0, 100).await.expect("lines").len(), 4, "young logs stay");
}
