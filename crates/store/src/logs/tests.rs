use super::*;
use hivemind_domain::ids::TaskId;
use hivemind_domain::time::{Now, WallMs};
use std::sync::atomic::{AtomicI64, Ordering};

#[derive(Default)]
struct TurnedClock(AtomicI64);

impl Clock for TurnedClock {
    fn now(&self) -> Now {
        Now { wall: WallMs(self.0.load(Ordering::Relaxed)), ..Now::default() }
    }
}

fn key(task: &str) -> TaskKey {
    TaskKey { task: TaskId::new(task).unwrap(), attempt: 1 }
}

fn line(n: u64) -> OutputLine {
    let text = format!("line {n} {}", "x".repeat((n % 97) as usize));
    OutputLine { stderr: n.is_multiple_of(3), time_ns: 1000 + n as i64, text }
}

fn lines(range: std::ops::Range<u64>) -> Vec<OutputLine> {
    range.map(line).collect()
}

fn open(folder: &Path, quota: u64) -> FileLogs {
    FileLogs::with_quota(folder, Arc::new(TurnedClock::default()), quota)
}

fn numbers(page: &LogPage) -> Vec<u64> {
    page.lines.iter().map(|l| l.number).collect()
}

#[tokio::test]
async fn lines_are_numbered_and_paged() {
    let at = tempfile::tempdir().unwrap();
    let logs = open(at.path(), QUOTA_BYTES);
    let k = key("t");
    assert_eq!(logs.page(&k, None, 10).await.unwrap(), LogPage::default());
    assert_eq!(logs.append(&k, &lines(0..5)).await.unwrap(), 0..5);
    assert_eq!(logs.append(&k, &lines(5..2000)).await.unwrap(), 5..2000);
    assert_eq!(logs.append(&k, &[]).await.unwrap(), 2000..2000);
    let page = logs.page(&k, None, 3).await.unwrap();
    assert_eq!((numbers(&page), page.total, page.first_kept), (vec![1997, 1998, 1999], 2000, 0));
    assert_eq!(page.lines[0].text, line(1997).text);
    for from in [0, 1, 777, 1024, 1999] {
        let page = logs.page(&k, Some(from), 1).await.unwrap();
        assert_eq!(numbers(&page), vec![from]);
        assert_eq!(page.lines[0].stderr, from % 3 == 0);
    }
    assert!(logs.page(&k, Some(2000), 5).await.unwrap().lines.is_empty());
    assert_eq!(logs.read(&k, 1990, 100).await.unwrap(), lines(1990..2000));
    assert_eq!(logs.told(&k).await.unwrap().last_ns(), 2999);
    assert_eq!(logs.append(&key("other"), &lines(0..1)).await.unwrap(), 0..1);
}

#[tokio::test]
async fn numbering_survives_a_restart_and_lines_told_again_stand_once() {
    let at = tempfile::tempdir().unwrap();
    let k = key("t");
    open(at.path(), QUOTA_BYTES).append(&k, &lines(0..100)).await.unwrap();
    let logs = open(at.path(), QUOTA_BYTES);
    assert_eq!(logs.told(&k).await.unwrap().last_ns(), 1099);
    assert_eq!(logs.append(&k, &lines(50..150)).await.unwrap(), 100..150);
    assert_eq!(logs.append(&k, &lines(0..150)).await.unwrap(), 150..150);
    assert_eq!(logs.read(&k, 0, 1000).await.unwrap(), lines(0..150));
}

#[tokio::test]
async fn a_record_cut_off_by_a_crash_is_written_anew() {
    let at = tempfile::tempdir().unwrap();
    let k = key("t");
    open(at.path(), QUOTA_BYTES).append(&k, &lines(0..100)).await.unwrap();
    let path = at.path().join("t.1.log");
    let whole = std::fs::read(&path).unwrap();
    for cut in 1..150 {
        std::fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        let logs = open(at.path(), QUOTA_BYTES);
        logs.append(&k, &lines(0..100)).await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), whole, "cut by {cut}");
    }
}

#[tokio::test]
async fn the_quota_drops_the_oldest_and_says_so() {
    let at = tempfile::tempdir().unwrap();
    let quota = 64 << 10;
    let logs = open(at.path(), quota);
    let k = key("t");
    for start in (0..20_000).step_by(500) {
        logs.append(&k, &lines(start..start + 500)).await.unwrap();
        let used: u64 =
            std::fs::read_dir(at.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
        assert!(used <= quota, "{used} bytes used");
    }
    for logs in [&logs, &open(at.path(), quota)] {
        let page = logs.page(&k, Some(0), 1000).await.unwrap();
        assert_eq!(page.total, 20_000);
        assert!(page.first_kept > 19_000 && page.first_kept < 19_900, "{}", page.first_kept);
        let kept: Vec<_> = (page.first_kept..20_000).collect();
        assert_eq!(numbers(&page), kept);
        assert_eq!(logs.read(&k, page.first_kept, 1000).await.unwrap(), lines(page.first_kept..20_000));
        let over_the_edge = logs.read(&k, page.first_kept - 3, 100).await.unwrap();
        assert_eq!(over_the_edge.len(), 3);
        assert!(
            over_the_edge.iter().all(|l| l.text == DROPPED && l.time_ns == 1000 + page.first_kept as i64)
        );
        assert_eq!(logs.read(&k, 0, 7).await.unwrap().len(), 7);
    }
}

#[tokio::test]
async fn who_reads_on_misses_nothing_while_files_turn() {
    let at = tempfile::tempdir().unwrap();
    // A file holds some 60 lines, so both together always hold what the reader has not read.
    let logs = open(at.path(), 12_000);
    let k = key("t");
    let mut next = 0;
    for round in 0..60_u64 {
        logs.append(&k, &lines(round * 17..round * 17 + 17)).await.unwrap();
        if round % 5 == 4 {
            // Somebody else looks, too, and does not disturb.
            logs.page(&k, None, 7).await.unwrap();
        }
        let limit = [0, 20, 45][(round % 3) as usize];
        let read = logs.read(&k, next, limit).await.unwrap();
        let until = next + read.len() as u64;
        assert_eq!(read, lines(next..until), "round {round}");
        next = until;
    }
    let rest = logs.read(&k, next, 1000).await.unwrap();
    assert_eq!(rest, lines(next..60 * 17));
    assert!(logs.inner.ends.lock().unwrap()[&k].turns > 5);
}

#[tokio::test]
async fn a_place_that_is_not_there_any_more_is_looked_for() {
    let at = tempfile::tempdir().unwrap();
    let logs = open(at.path(), QUOTA_BYTES);
    let k = key("t");
    logs.append(&k, &lines(0..500)).await.unwrap();
    assert_eq!(logs.read(&k, 0, 100).await.unwrap(), lines(0..100));
    for offset in [0, 1, 3000, 1 << 40] {
        logs.inner.remember(&k, Some(Place { number: 100, older: false, offset, turns: 0 }));
        assert_eq!(logs.read(&k, 100, 50).await.unwrap(), lines(100..150), "{offset}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writing_and_reading_at_once_damages_nothing() {
    let at = tempfile::tempdir().unwrap();
    let logs = Arc::new(open(at.path(), 40_000));
    let k = key("t");
    let writer = tokio::spawn({
        let (logs, k) = (Arc::clone(&logs), k.clone());
        async move {
            for batch in 0..400 {
                logs.append(&k, &lines(batch * 20..batch * 20 + 20)).await.unwrap();
            }
        }
    });
    let mut next = 0;
    while next < 8000 {
        let read = logs.read(&k, next, 64).await.unwrap();
        for (number, told) in (next..).zip(&read) {
            assert!(told.text == DROPPED || *told == line(number), "line {number}: {told:?}");
        }
        next += read.len() as u64;
        if read.is_empty() {
            tokio::task::yield_now().await;
        }
    }
    writer.await.unwrap();
}

#[tokio::test]
async fn one_batch_larger_than_the_quota_keeps_its_end() {
    let at = tempfile::tempdir().unwrap();
    let logs = open(at.path(), 16 << 10);
    logs.append(&key("t"), &lines(0..5000)).await.unwrap();
    let page = logs.page(&key("t"), None, 5).await.unwrap();
    assert_eq!(numbers(&page), (4995..5000).collect::<Vec<_>>());
    let used: u64 = std::fs::read_dir(at.path()).unwrap().map(|e| e.unwrap().metadata().unwrap().len()).sum();
    assert!(used <= 16 << 10);
}

#[tokio::test]
async fn a_page_of_huge_lines_is_bounded_and_still_ends_at_the_end() {
    let at = tempfile::tempdir().unwrap();
    let logs = open(at.path(), QUOTA_BYTES);
    let huge = |n: i64| OutputLine { stderr: false, time_ns: n, text: "y".repeat(16 << 10) };
    logs.append(&key("t"), &(1..=300).map(huge).collect::<Vec<_>>()).await.unwrap();
    for from in [None, Some(0)] {
        let page = logs.page(&key("t"), from, 1000).await.unwrap();
        let text: usize = page.lines.iter().map(|l| l.text.len()).sum();
        assert!((512 << 10..=(1 << 20) + (16 << 10)).contains(&text), "{text}");
        let all = numbers(&page);
        assert!(all.windows(2).all(|w| w[0] + 1 == w[1]));
        assert!(if from.is_none() { all.last() == Some(&299) } else { all[0] == 0 });
    }
    assert!(logs.read(&key("t"), 0, 1000).await.unwrap().len() <= 65);
}

#[tokio::test]
async fn pages_are_printable_and_reading_is_not_changed() {
    let at = tempfile::tempdir().unwrap();
    let logs = open(at.path(), QUOTA_BYTES);
    let text = "\u{1b}]0;evil\u{7}\u{1b}[2Jred\u{202E}txt\r\n\tend";
    let hostile = OutputLine { stderr: true, time_ns: 5_000_000, text: text.to_owned() };
    logs.append(&key("t"), std::slice::from_ref(&hostile)).await.unwrap();
    let page = logs.page(&key("t"), None, 1).await.unwrap();
    assert_eq!((page.lines[0].text.as_str(), page.lines[0].at_ms), ("]0;evil[2Jredtxt end", 5));
    assert_eq!(logs.read(&key("t"), 0, 1).await.unwrap(), vec![hostile]);
}

#[tokio::test]
async fn damage_is_shown_where_it_is_and_spares_the_rest() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random >> 1).unwrap()
    };
    let at = tempfile::tempdir().unwrap();
    let k = key("t");
    open(at.path(), 16 << 10).append(&k, &lines(0..400)).await.unwrap();
    let good = open(at.path(), 16 << 10).page(&k, Some(0), 1000).await.unwrap();
    let paths = [at.path().join("t.1.old.log"), at.path().join("t.1.log")];
    let whole = paths.clone().map(|p| std::fs::read(p).unwrap());
    for round in 0..400 {
        let which = round % 2;
        let mut bytes = whole[which].clone();
        let place = next() % bytes.len();
        bytes[place] ^= 1 << (next() % 8);
        std::fs::write(&paths[which], &bytes).unwrap();
        std::fs::write(&paths[1 - which], &whole[1 - which]).unwrap();
        let logs = open(at.path(), 16 << 10);
        let page = logs.page(&k, Some(0), 1000).await.unwrap();
        let held: Vec<_> = page.lines.iter().filter(|l| l.text != DAMAGED).collect();
        // A flip of a newline joins two records, so at most two are lost; what is there is as it was.
        assert!(held.len() + 2 >= good.lines.len(), "round {round}: {} of {}", held.len(), good.lines.len());
        assert!(held.iter().all(|l| good.lines.contains(l)), "round {round}");
        assert!(held.len() < good.lines.len() && page.lines.len() > held.len(), "round {round}: silent");
        assert!(logs.append(&k, &lines(0..401)).await.is_ok());
        assert_eq!(logs.page(&k, None, 1).await.unwrap().lines[0].text, line(400).text, "round {round}");
    }
}

#[tokio::test]
async fn only_old_logs_of_other_attempts_are_swept() {
    let at = tempfile::tempdir().unwrap();
    let clock = Arc::new(TurnedClock::default());
    let logs = FileLogs::with_quota(at.path(), Arc::<TurnedClock>::clone(&clock), 4 << 10);
    for task in ["kept", "ended"] {
        logs.append(&key(task), &lines(0..200)).await.unwrap();
    }
    std::fs::write(at.path().join("foreign"), "x").unwrap();
    let now = at.path().metadata().unwrap().modified().unwrap();
    let now = i64::try_from(now.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let names = || std::fs::read_dir(at.path()).unwrap().count();
    for (days, left) in [(-3650, 5), (0, 5), (29, 5), (31, 3), (31, 3)] {
        clock.0.store(now + days * 86_400_000, Ordering::Relaxed);
        logs.sweep(&[key("kept")]).await.unwrap();
        assert!(names() == left || names() == 4 && days == 31, "{days} days: {} files", names());
    }
    logs.sweep(&[key("kept")]).await.unwrap();
    assert_eq!(names(), 3);
    assert_eq!(logs.page(&key("ended"), None, 5).await.unwrap().total, 0);
    assert_eq!(logs.page(&key("kept"), None, 5).await.unwrap().total, 200);
}

#[cfg(unix)]
#[tokio::test]
async fn a_planted_link_is_not_followed() {
    let at = tempfile::tempdir().unwrap();
    let victim = at.path().join("victim");
    std::fs::write(&victim, "precious").unwrap();
    std::os::unix::fs::symlink(&victim, at.path().join("t.1.log")).unwrap();
    let logs = open(at.path(), QUOTA_BYTES);
    assert!(logs.append(&key("t"), &lines(0..1)).await.is_err());
    assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
}
