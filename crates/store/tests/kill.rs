//! A worker that is killed at any moment has lost nothing that it was told is kept.
//!
//! The test runs this same program again, which writes without end and says after each write what is kept, and
//! kills it at a random moment.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "all of this file is tests"
)]

use hivemind_domain::ids::{TaskId, TaskKey};
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::reward::Formula;
use hivemind_domain::settings::Source;
use hivemind_domain::task::{Assignment, NetworkNeed, Phase, Task, Verdict};
use hivemind_domain::time::{Now, WallMs};
use hivemind_store::{DataFolder, FileLogs, FileSettings, KeyringSecrets, SqliteJournal};
use hivemind_worker_core::port::{Clock, Journal, LogArchive, OutputLine, Secrets, SettingsStore, Tokens};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

const FOLDER: &str = "HIVEMIND_STORE_KILLED";
const ROUNDS: u64 = 25;
const POOL: &str = "https://pool.example";

struct NoClock;

impl Clock for NoClock {
    fn now(&self) -> Now {
        Now::default()
    }
}

fn key(n: u64) -> TaskKey {
    TaskKey { task: TaskId::new(format!("t{n}")).unwrap(), attempt: 1 }
}

fn task(n: u64) -> Task {
    let assignment = Assignment {
        key: key(n),
        name: format!("task {n}"),
        image: None,
        command: vec!["x".repeat((n % 5000) as usize)],
        package: None,
        limits: TaskLimits::default(),
        network: NetworkNeed::None,
        formula: Formula::V2,
        array: None,
        function: None,
    };
    Task::accept(assignment, WallMs(n as i64))
}

fn ended(n: u64) -> Task {
    let mut task = task(n);
    task.phase = Phase::Settled;
    task.verdict = Some(Verdict::Succeeded);
    task.ended_at = Some(WallMs(n as i64 + 1));
    task
}

fn line(n: u64) -> OutputLine {
    OutputLine { stderr: false, time_ns: n as i64 + 1, text: format!("line {n}") }
}

fn tokens(n: u64) -> Tokens {
    let session_for = Duration::from_secs(900);
    Tokens { username: "ann".into(), session: n.to_string(), session_for, refresh: n.to_string() }
}

struct Parts {
    journal: SqliteJournal,
    logs: FileLogs,
    settings: FileSettings,
    secrets: KeyringSecrets,
}

fn open(path: &Path) -> Parts {
    let folder = DataFolder::open(Some(path)).unwrap();
    let (journal, damage) = SqliteJournal::open(&folder.journal_file()).unwrap();
    assert_eq!(damage, None);
    Parts {
        journal,
        logs: FileLogs::new(folder.logs(), Arc::new(NoClock)),
        settings: FileSettings::load(&folder.settings_file(), |_| None, &[]).unwrap(),
        secrets: KeyringSecrets::new(&folder, false),
    }
}

/// How many steps are done, as the parts tell.
async fn done(parts: &Parts) -> u64 {
    u64::from(parts.journal.page(&Default::default()).await.unwrap().1)
}

#[test]
#[ignore = "the inner half of the other test"]
fn write_until_killed() {
    let Some(path) = std::env::var_os(FOLDER) else {
        eprintln!("SKIPPED write_until_killed: it is started by the other test");
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let parts = open(Path::new(&path));
        // The last one may not have been ended: once more, from its beginning.
        let mut n = done(&parts).await.saturating_sub(1);
        loop {
            parts.journal.put(&task(n)).await.unwrap();
            println!("ACCEPTED {n}");
            parts.logs.append(&key(0), &[line(2 * n), line(2 * n + 1)]).await.unwrap();
            println!("LOGGED {n}");
            parts.settings.set("resource_report_interval", Some(&(1 + n % 3600).to_string())).await.unwrap();
            println!("SET {n}");
            parts.secrets.save(POOL, &tokens(n)).await.unwrap();
            println!("SAVED {n}");
            parts.journal.put(&ended(n)).await.unwrap();
            println!("ENDED {n}");
            n += 1;
        }
    });
}

#[test]
fn nothing_acknowledged_is_lost() {
    let at = tempfile::tempdir().unwrap();
    let path = at.path().join("data");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut writes = 0;
    for round in 0..ROUNDS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "--include-ignored", "write_until_killed"])
            .env(FOLDER, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let words = ["ACCEPTED", "LOGGED", "SET", "SAVED", "ENDED"];
        let mut last = [None; 5];
        let mut hear = |text: &str| {
            let (word, n) = text.split_once(' ')?;
            let slot = words.iter().position(|w| *w == word)?;
            last[slot] = Some(n.parse::<u64>().ok()?);
            Some(())
        };
        // The child opens the parts itself: the first words begin the count to its end.
        let wanted = 1 + random % 40;
        let mut heard = 0;
        while heard < wanted {
            let text = said.next().expect("the child ended by itself").unwrap();
            heard += u64::from(hear(&text).is_some());
        }
        std::thread::sleep(Duration::from_micros(random >> 32 & 0xfff));
        child.kill().unwrap();
        child.wait().unwrap();
        said.map_while(Result::ok).for_each(|text| {
            hear(&text);
        });
        writes += heard;

        let parts = open(&path);
        let [accepted, logged, set, saved, closed] = last;
        let at_least = |kept: u64, told: Option<u64>, what: &str| {
            assert!(told.is_none_or(|told| kept > told), "round {round}: {what}: {kept} kept, {told:?} told");
        };
        runtime.block_on(async {
            let rows = done(&parts).await;
            at_least(rows, accepted, "tasks");
            for n in 0..rows {
                let row = parts.journal.find(&format!("t{n}"), None).await.unwrap().unwrap();
                let over = closed.is_some_and(|closed| n <= closed);
                assert!(
                    row == ended(n) || !over && row == task(n),
                    "round {round}: task {n}, {last:?}: {row:?}"
                );
            }
            let total = parts.logs.page(&key(0), None, 1).await.unwrap().total;
            at_least(total.div_ceil(2), logged, "lines");
            let read = parts.logs.read(&key(0), total.saturating_sub(100), 100).await.unwrap();
            assert!(read.iter().all(|l| l.text == format!("line {}", l.time_ns - 1)), "round {round}");
            let settings = parts.settings.current();
            if let Some(set) = set {
                let (value, source) = settings.get("resource_report_interval").unwrap();
                let value: u64 = value.parse().unwrap();
                assert!((value == 1 + set % 3600 || value == 2 + set % 3600) && source == Source::File);
            }
            if let Some(saved) = saved {
                let kept = parts.secrets.load(POOL).await.unwrap().unwrap();
                assert!(kept == tokens(saved) || kept == tokens(saved + 1), "round {round}");
            }
        });
    }
    eprintln!("{ROUNDS} kills after {writes} acknowledged writes");
    let left = std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let damaged: Vec<_> = left.filter(|name| name.contains("damaged")).collect();
    assert!(damaged.is_empty(), "{damaged:?}");
}
