use super::*;
use hivemind_domain::benchmark::{Benchmark, Speeds};
use hivemind_domain::ids::{TaskId, TaskKey};
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::reward::Formula;
use hivemind_domain::rules::{Snooze, TrafficMeter};
use hivemind_domain::task::{Assignment, CancelledBy, NetworkNeed, Phase, ResultFile, Verdict};

fn task(id: &str, attempt: u32, at: i64) -> Task {
    let key = TaskKey { task: TaskId::new(id).unwrap(), attempt };
    let assignment = Assignment {
        key,
        name: format!("Name of {id}"),
        image: None,
        command: vec!["python3".into(), "-c".into(), "print('ü')".into()],
        package: None,
        limits: TaskLimits::default(),
        network: NetworkNeed::None,
        formula: Formula::V2,
        array: None,
        function: None,
    };
    Task::accept(assignment, WallMs(at))
}

fn ended(mut task: Task, at: i64) -> Task {
    task.phase = Phase::Settled;
    task.verdict = Some(Verdict::Succeeded);
    task.ended_at = Some(WallMs(at));
    task.usage.memory_byte_ms = 1e17 / 3.0;
    task.result = Some(ResultFile { sha256: "ab".repeat(32), size_bytes: 12, entries: 1 });
    task
}

fn open(path: &Path) -> SqliteJournal {
    let (journal, damage) = SqliteJournal::open(path).unwrap();
    assert_eq!(damage, None);
    journal
}

fn ids(tasks: &[Task]) -> Vec<String> {
    tasks.iter().map(|t| t.key().to_string()).collect()
}

#[tokio::test]
async fn attempts_are_kept_and_found_again() {
    let at = tempfile::tempdir().unwrap();
    let path = at.path().join("journal.sqlite");
    let journal = open(&path);
    assert_eq!(journal.wish().await.unwrap(), None);
    journal.set_wish(true).await.unwrap();
    journal.set_wish(false).await.unwrap();
    assert_eq!(journal.snooze().await.unwrap(), None);
    journal.set_snooze(Some(Snooze::Until(WallMs(7)))).await.unwrap();
    for (id, attempt, accepted) in [("b", 1, 20), ("a", 1, 10), ("a", 2, 30)] {
        journal.put(&task(id, attempt, accepted)).await.unwrap();
    }
    journal.put(&ended(task("a", 1, 10), 15)).await.unwrap();
    drop(journal);
    let journal = open(&path);
    assert_eq!(journal.wish().await.unwrap(), Some(false));
    assert_eq!(journal.snooze().await.unwrap(), Some(Snooze::Until(WallMs(7))));
    journal.set_gpu_snooze(Some(Snooze::UntilResumed)).await.unwrap();
    journal.set_snooze(None).await.unwrap();
    assert_eq!(journal.benchmark().await.unwrap(), None);
    let fast = Benchmark { at: WallMs(7), hardware: "A x4".into(), speeds: Speeds::default() };
    journal.set_benchmark(&fast).await.unwrap();
    assert_eq!(journal.benchmark().await.unwrap(), Some(fast));
    assert!(journal.idle_power().await.unwrap().is_empty());
    let idle = std::collections::BTreeMap::from([("cpu".to_owned(), 9.5_f32)]);
    journal.set_idle_power(&idle).await.unwrap();
    assert_eq!(journal.idle_power().await.unwrap(), idle);
    assert_eq!(journal.traffic().await.unwrap(), None);
    let meter = TrafficMeter::from_word("2026-11-21 5 7").unwrap();
    journal.set_traffic(meter).await.unwrap();
    assert_eq!(journal.traffic().await.unwrap(), Some(meter));
    assert_eq!(journal.gpu_snooze().await.unwrap(), Some(Snooze::UntilResumed));
    assert_eq!(journal.snooze().await.unwrap(), None);
    assert_eq!(ids(&journal.unfinished().await.unwrap()), ["b#1", "a#2"]);
    assert_eq!(journal.find("a", None).await.unwrap(), Some(task("a", 2, 30)));
    assert_eq!(journal.find("a", Some(1)).await.unwrap(), Some(ended(task("a", 1, 10), 15)));
    assert_eq!(journal.find("a", Some(3)).await.unwrap(), None);
    assert_eq!(journal.find("' OR 1=1 --", None).await.unwrap(), None);
}

#[tokio::test]
async fn history_is_filtered_and_paged_newest_first() {
    let at = tempfile::tempdir().unwrap();
    let journal = open(&at.path().join("j"));
    for n in 0..10_u8 {
        let mut t = task(&format!("task-{n}"), 1, i64::from(n));
        if n % 2 == 0 {
            t = ended(t, i64::from(n) + 100);
        }
        if n == 3 {
            t.verdict = Some(Verdict::Cancelled { by: CancelledBy::Requester });
            t.assignment.name = "Ärger 100% _x".into();
        }
        journal.put(&t).await.unwrap();
    }
    let page = |state: Option<&str>, search: Option<&str>, offset, limit| HistoryFilter {
        state: state.map(str::to_owned),
        search: search.map(str::to_owned),
        offset,
        limit,
    };
    let get = async |filter| {
        let (tasks, total) = journal.page(&filter).await.unwrap();
        (ids(&tasks), total)
    };
    assert_eq!(get(page(None, None, 0, 2)).await, (vec!["task-9#1".into(), "task-8#1".into()], 10));
    assert_eq!(get(page(None, None, 8, 5)).await, (vec!["task-1#1".into(), "task-0#1".into()], 10));
    assert_eq!(get(page(Some("succeeded"), None, 0, 1)).await, (vec!["task-8#1".into()], 5));
    assert_eq!(get(page(Some("settled"), None, 0, 1)).await.1, 5);
    assert_eq!(get(page(Some("cancelled"), None, 0, 9)).await, (vec!["task-3#1".into()], 1));
    for (search, hits) in
        [("ÄRGER", 1), ("100%", 1), ("%", 1), ("_x", 1), ("TASK-7", 1), ("name of", 9), ("", 10)]
    {
        assert_eq!(get(page(None, Some(search), 0, 99)).await.1, hits, "{search}");
    }
    assert_eq!(ids(&journal.ended_since(WallMs(104)).await.unwrap()), ["task-4#1", "task-6#1", "task-8#1"]);
}

#[tokio::test]
async fn a_commit_survives_the_loss_of_everything_unsynced() {
    let at = tempfile::tempdir().unwrap();
    let path = at.path().join("j");
    let journal = open(&path);
    for n in 1..=50 {
        journal.put(&task("t", n, i64::from(n))).await.unwrap();
        if n % 10 == 0 {
            // The files as they are now, as after a kill: nothing was closed or checkpointed for us.
            let copy = at.path().join(format!("copy-{n}"));
            for suffix in ["", "-wal"] {
                std::fs::copy(rescue::with_suffix(&path, suffix), rescue::with_suffix(&copy, suffix))
                    .unwrap();
            }
            assert_eq!(open(&copy).unfinished().await.unwrap().len(), n as usize);
        }
    }
}

#[tokio::test]
async fn every_commit_is_synced() {
    let at = tempfile::tempdir().unwrap();
    let journal = open(&at.path().join("j"));
    let pragma = |name: &'static str| {
        journal.ask(move |c| {
            Ok(c.query_row(&format!("PRAGMA {name}"), [], |r| r.get::<_, rusqlite::types::Value>(0))?)
        })
    };
    assert_eq!(pragma("synchronous").await.unwrap(), rusqlite::types::Value::Integer(2), "2 is FULL");
    assert_eq!(pragma("journal_mode").await.unwrap(), rusqlite::types::Value::Text("wal".into()));
}

#[tokio::test]
async fn a_value_that_cannot_be_read_again_is_refused() {
    let at = tempfile::tempdir().unwrap();
    let journal = open(&at.path().join("j"));
    let mut bad = task("t", 1, 1);
    bad.usage.memory_byte_ms = f64::NAN;
    assert!(journal.put(&bad).await.is_err());
    assert!(journal.unfinished().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_newer_journal_is_not_touched() {
    let at = tempfile::tempdir().unwrap();
    let path = at.path().join("j");
    drop(open(&path));
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 7).unwrap();
    drop(connection);
    let before = std::fs::read(&path).unwrap();
    let error = SqliteJournal::open(&path).unwrap_err();
    assert!(error.message.contains("newer version"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[cfg(unix)]
#[test]
fn the_file_is_private_and_no_link_is_followed() {
    use std::os::unix::fs::PermissionsExt;
    let at = tempfile::tempdir().unwrap();
    let path = at.path().join("j");
    let journal = open(&path);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    drop(journal);
    let link = at.path().join("link");
    std::os::unix::fs::symlink(at.path().join("victim"), &link).unwrap();
    assert!(SqliteJournal::open(&link).is_err());
    assert!(!at.path().join("victim").exists());
}

/// Copies the journal's files, so that a mutation of them can be opened apart.
fn copy(from: &Path, to: &Path) {
    for suffix in ["", "-wal"] {
        let (from, to) = (rescue::with_suffix(from, suffix), rescue::with_suffix(to, suffix));
        if from.exists() {
            std::fs::copy(from, to).unwrap();
        }
    }
}

/// Whatever was changed in the files: no panic, and either everything is there, or the loss is told and the
/// damaged file kept.
async fn check_mutation(path: &Path, truth: &[Task], mutated: &[u8], what: &str) {
    let beside = path.file_name().unwrap().to_string_lossy().into_owned();
    match SqliteJournal::open(path) {
        Ok((journal, None)) => {
            let (mut all, _) =
                journal.page(&HistoryFilter { limit: 1000, ..HistoryFilter::default() }).await.unwrap();
            all.sort_by_key(|t| (t.accepted_at, t.key().clone()));
            assert_eq!(all, truth, "{what}: silent loss");
        }
        Ok((journal, Some(damage))) => {
            let (all, total) =
                journal.page(&HistoryFilter { limit: 1000, ..HistoryFilter::default() }).await.unwrap();
            assert!(all.iter().all(|t| truth.contains(t)), "{what}: an attempt was changed");
            assert_eq!(total, damage.rescued, "{what}");
            let kept = [damage.kept_as.clone(), rescue::with_suffix(&damage.kept_as, "-wal")];
            let kept = kept.iter().any(|k| std::fs::read(k).is_ok_and(|bytes| bytes == mutated));
            assert!(kept, "{what}: the damaged file is not as it was found");
            journal.put(&task("new", 1, 5)).await.unwrap();
        }
        Err(error) => {
            assert!(error.message.contains("newer version"), "{what}: {error}");
            assert_eq!(std::fs::read(path).unwrap(), mutated, "{what}");
        }
    }
    let folder = path.parent().unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(!name.ends_with(".tmp"), "{what}: {name} was left behind");
        if name.starts_with(&beside) {
            std::fs::remove_file(folder.join(name)).unwrap();
        }
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 1).unwrap() % most
    }
}

async fn filled(path: &Path, many: u32) -> (SqliteJournal, Vec<Task>) {
    let journal = open(path);
    let mut truth = Vec::new();
    for n in 1..=many {
        let mut t = task(&format!("task-{n}"), 1, i64::from(n));
        if n % 3 == 0 {
            t = ended(t, i64::from(n));
        }
        journal.put(&t).await.unwrap();
        truth.push(t);
    }
    journal.set_wish(true).await.unwrap();
    (journal, truth)
}

#[tokio::test]
async fn random_damage_of_the_database_is_never_silent() {
    let at = tempfile::tempdir().unwrap();
    let (good, victim) = (at.path().join("good"), at.path().join("victim"));
    let (journal, truth) = filled(&good, 60).await;
    // Closing checkpoints, so that everything stands in the one file.
    drop(journal);
    let whole = std::fs::read(&good).unwrap();
    let mut random = Random(0x1234_5678_9abc_def1);
    for round in 0..300 {
        let mut bytes = whole.clone();
        let what = match round % 6 {
            0..=2 => {
                // The first page holds the header and the definitions of the tables: worth its own share.
                let most = if round % 6 == 0 { 4096.min(bytes.len()) } else { bytes.len() };
                let place = random.below(most);
                bytes[place] ^= 1 << random.below(8);
                format!("round {round}: flip at {place}")
            }
            3 => {
                let to = random.below(bytes.len());
                bytes.truncate(to);
                format!("round {round}: cut to {to}")
            }
            4 => {
                let page = random.below(bytes.len() / 4096) * 4096;
                bytes[page..page + 4096].fill(0);
                format!("round {round}: page at {page} zeroed")
            }
            _ => {
                let (from, to) =
                    (random.below(bytes.len() / 4096) * 4096, random.below(bytes.len() / 4096) * 4096);
                bytes.copy_within(from..from + 4096, to);
                format!("round {round}: page {from} over {to}")
            }
        };
        if bytes.is_empty() {
            continue;
        }
        std::fs::write(&victim, &bytes).unwrap();
        check_mutation(&victim, &truth, &bytes, &what).await;
    }
}

#[tokio::test]
async fn random_damage_of_the_write_ahead_log_is_never_silent() {
    let at = tempfile::tempdir().unwrap();
    let (good, victim) = (at.path().join("good"), at.path().join("victim"));
    let (journal, truth) = filled(&good, 40).await;
    let log = rescue::with_suffix(&good, "-wal");
    let whole = std::fs::read(&log).unwrap();
    let mut random = Random(0xfeed_beef_dead_1001);
    // The last commit cannot be told from one that was cut off before anybody heard of it: spare its frames.
    let before_last = whole.len() - 8 * 4120;
    for round in 0..200 {
        copy(&good, &victim);
        let mut bytes = whole.clone();
        let place = random.below(before_last);
        bytes[place] ^= 1 << random.below(8);
        std::fs::write(rescue::with_suffix(&victim, "-wal"), &bytes).unwrap();
        check_mutation(&victim, &truth, &bytes, &format!("round {round}: flip at {place}")).await;
    }
    drop(journal);
}

#[tokio::test]
async fn a_log_cut_off_anywhere_loses_only_its_end() {
    let at = tempfile::tempdir().unwrap();
    let (good, victim) = (at.path().join("good"), at.path().join("victim"));
    let (journal, truth) = filled(&good, 20).await;
    let whole = std::fs::read(rescue::with_suffix(&good, "-wal")).unwrap();
    let mut random = Random(77);
    for _ in 0..60 {
        copy(&good, &victim);
        let to = random.below(whole.len());
        std::fs::write(rescue::with_suffix(&victim, "-wal"), &whole[..to]).unwrap();
        let (opened, damage) = SqliteJournal::open(&victim).unwrap();
        assert_eq!(damage, None, "cut to {to}");
        let (mut all, _) =
            opened.page(&HistoryFilter { limit: 99, ..HistoryFilter::default() }).await.unwrap();
        all.reverse();
        assert_eq!(all, truth[..all.len()], "cut to {to}");
    }
    drop(journal);
}

/// The row CORRUPT of the table of faults.
#[tokio::test]
async fn damage_of_records_and_settings_is_never_silent() {
    let mut row = hivemind_testkit::Row::open("CORRUPT", 30);
    let at = tempfile::tempdir().unwrap();
    let (good, victim, settings) =
        (at.path().join("good"), at.path().join("victim"), at.path().join("s.toml"));
    let (journal, truth) = filled(&good, 40).await;
    let log = std::fs::read(rescue::with_suffix(&good, "-wal")).unwrap();
    copy(&good, &victim);
    drop(journal);
    let whole = std::fs::read(&good).unwrap();
    let empty = std::fs::read(&victim).unwrap();
    let text = b"max_concurrent_tasks = 4\nmonitor_port = 5001\nallowed_images = \"a/b\"\n".to_vec();
    let mut random = Random(row.seed | 1);
    for round in 0..row.runs {
        let what = format!("seed {}, round {round}", row.seed);
        match round % 5 {
            0..=2 => {
                let mut bytes = whole.clone();
                for _ in 0..=random.below(4) {
                    let place = random.below(bytes.len());
                    bytes[place] = u8::try_from(random.below(256)).unwrap();
                }
                if random.below(4) == 0 {
                    bytes.truncate(1 + random.below(bytes.len() - 1));
                }
                std::fs::write(&victim, &bytes).unwrap();
                check_mutation(&victim, &truth, &bytes, &what).await;
                row.count("databases", 1);
            }
            3 => {
                std::fs::write(&victim, &empty).unwrap();
                let mut bytes = log.clone();
                let place = random.below(bytes.len() - 8 * 4120);
                bytes[place] ^= 1 << random.below(8);
                std::fs::write(rescue::with_suffix(&victim, "-wal"), &bytes).unwrap();
                check_mutation(&victim, &truth, &bytes, &what).await;
                row.count("logs", 1);
            }
            _ => {
                let mut bytes = text.clone();
                for _ in 0..=random.below(5) {
                    let place = random.below(bytes.len());
                    bytes[place] = u8::try_from(random.below(256)).unwrap();
                }
                std::fs::write(&settings, &bytes).unwrap();
                // Understood or refused with a reason, and in no case written over.
                if let Err(error) = crate::FileSettings::load(&settings, |_| None, &[])
                    && error.to_string().is_empty()
                {
                    row.violation(format!("{what}: refused without a reason"));
                }
                assert_eq!(std::fs::read(&settings).unwrap(), bytes, "{what}: the file was written over");
                row.count("settings", 1);
            }
        }
        row.ran();
    }
    row.close();
}
