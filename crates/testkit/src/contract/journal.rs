use crate::assigned;
use hivemind_domain::task::{Credit, Phase, Task, TaskInput, Verdict};
use hivemind_domain::time::WallMs;
use hivemind_worker_core::port::{HistoryFilter, Journal};

fn task(id: &str, attempt: u32, accepted_ms: i64) -> Task {
    let mut assignment = assigned(id).assignment;
    assignment.key.attempt = attempt;
    assignment.name = format!("Name of {id}");
    Task::accept(assignment, WallMs(accepted_ms))
}

fn settled(mut task: Task, ended_ms: i64) -> Task {
    let credit = Credit { cpt: 7, settled: true };
    task.phase = Phase::Uploading;
    task.verdict = Some(Verdict::Succeeded);
    task.started_at = Some(WallMs(ended_ms - 10));
    task.ended_at = Some(WallMs(ended_ms));
    task.step(TaskInput::Acknowledged(credit), WallMs(ended_ms + 5));
    task
}

async fn ids(journal: &dyn Journal, filter: HistoryFilter) -> (Vec<String>, u32) {
    let (tasks, total) = journal.page(&filter).await.expect("a page");
    (tasks.iter().map(|t| t.key().to_string()).collect(), total)
}

/// An empty journal keeps attempts, the newest form of each, and finds them again.
///
/// # Panics
/// When it does not.
pub async fn journal(journal: &dyn Journal) {
    assert_eq!(journal.unfinished().await, Ok(Vec::new()), "empty at first");
    assert_eq!(journal.wish().await, Ok(None), "no wish was kept yet");
    assert_eq!(journal.find("none", None).await, Ok(None));

    let (one, two, three) = (task("one", 1, 1000), task("two", 1, 2000), task("one", 2, 3000));
    for task in [&one, &two, &three] {
        assert_eq!(journal.put(task).await, Ok(()));
    }
    assert_eq!(journal.unfinished().await, Ok(vec![one.clone(), two.clone(), three.clone()]), "oldest first");
    assert_eq!(journal.find("one", None).await, Ok(Some(three.clone())), "the newest attempt");
    assert_eq!(journal.find("one", Some(1)).await, Ok(Some(one.clone())));
    assert_eq!(journal.find("one", Some(9)).await, Ok(None));

    let done = settled(one, 5000);
    assert_eq!(journal.put(&done).await, Ok(()));
    assert_eq!(journal.put(&done).await, Ok(()), "writing twice is fine");
    assert_eq!(journal.unfinished().await, Ok(vec![two, three]), "final attempts are no business any more");
    assert_eq!(journal.find("one", Some(1)).await, Ok(Some(done.clone())), "in its newest form");

    let all = HistoryFilter { limit: 10, ..HistoryFilter::default() };
    assert_eq!(ids(journal, all.clone()).await, (vec!["one#2".into(), "two#1".into(), "one#1".into()], 3));
    let second = HistoryFilter { offset: 1, limit: 1, ..all.clone() };
    assert_eq!(ids(journal, second).await, (vec!["two#1".into()], 3), "a page, and how many there are");
    for word in ["succeeded", "settled"] {
        let filter = HistoryFilter { state: Some(word.into()), ..all.clone() };
        assert_eq!(ids(journal, filter).await, (vec!["one#1".into()], 1), "by {word}");
    }
    let search = HistoryFilter { search: Some("NAME OF T".into()), ..all.clone() };
    assert_eq!(ids(journal, search).await, (vec!["two#1".into()], 1), "case is ignored");
    let hostile = HistoryFilter { search: Some("%' OR 1=1 --".into()), ..all };
    assert_eq!(ids(journal, hostile).await, (Vec::new(), 0), "a search is a text and nothing else");

    assert_eq!(journal.ended_since(WallMs(5000)).await, Ok(vec![done]), "the very moment counts");
    assert_eq!(journal.ended_since(WallMs(5001)).await, Ok(Vec::new()));

    for wish in [true, false] {
        assert_eq!(journal.set_wish(wish).await, Ok(()));
        assert_eq!(journal.wish().await, Ok(Some(wish)));
    }
}
