//! The row LOST of the table of faults: the power goes while something is written.
//!
//! `strace` notes every write, sync and rename of a journal at work. From that, disks are made as they may look when
//! the power goes at any moment: what was synced is there; of what was not, each sector may be there or not, in any
//! order. On every such disk the journal must open, tell of no damage, and hold everything it had said is kept.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "all of this file is tests"
)]

#[path = "power/disk.rs"]
mod disk;
#[path = "power/trace.rs"]
mod trace;

use disk::Disk;
use hivemind_domain::ids::{TaskId, TaskKey};
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::reward::Formula;
use hivemind_domain::task::{Assignment, NetworkNeed, Phase, Task, Verdict};
use hivemind_domain::time::WallMs;
use hivemind_store::{FileSettings, SqliteJournal};
use hivemind_testkit::Row;
use hivemind_worker_core::port::{HistoryFilter, Journal, SettingsStore};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::path::Path;
use std::process::{Command, Stdio};
use trace::{Happening, Trace};

const FOLDER: &str = "HIVEMIND_STORE_POWER";
const TASKS: u64 = 60;
const PHASES: [Phase; 4] = [Phase::Preparing, Phase::Running, Phase::Uploading, Phase::Settled];

fn task(n: u64, phase: Phase) -> Task {
    let assignment = Assignment {
        key: TaskKey { task: TaskId::new(format!("t{n}")).unwrap(), attempt: 1 },
        name: format!("task {n}"),
        image: None,
        command: vec!["x".repeat((n * 397 % 6000) as usize)],
        package: None,
        limits: TaskLimits::default(),
        network: NetworkNeed::None,
        formula: Formula::V2,
        array: None,
        function: None,
    };
    let mut task = Task::accept(assignment, WallMs(n as i64));
    task.phase = phase;
    if phase > Phase::Running {
        task.verdict = Some(Verdict::Succeeded);
        task.ended_at = Some(WallMs(n as i64 + 1));
    }
    task
}

/// What is written, in order: three tasks at a time go from phase to phase.
fn script() -> Vec<(u64, Phase)> {
    let mut steps = Vec::new();
    for first in (0..TASKS).step_by(3) {
        for phase in PHASES {
            steps.extend((first..first + 3).map(|n| (n, phase)));
        }
    }
    steps
}

#[test]
#[ignore = "the inner half of the other test"]
fn write_and_say() {
    let Some(path) = std::env::var_os(FOLDER) else {
        eprintln!("SKIPPED write_and_say: it is started by the other test");
        return;
    };
    let folder = Path::new(&path);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (journal, _) = SqliteJournal::open(&folder.join("journal.db")).unwrap();
        let settings = FileSettings::load(&folder.join("settings.toml"), |_| None, &[]).unwrap();
        for (step, (n, phase)) in script().into_iter().enumerate() {
            journal.put(&task(n, phase)).await.unwrap();
            println!("ACK {step}");
            if step % 10 == 9 {
                settings.set("resource_report_interval", Some(&(step + 1).to_string())).await.unwrap();
                println!("SET {}", step + 1);
            }
        }
    });
}

/// Opens what is left and compares; what was wrong.
async fn check(folder: &Path, acked: Option<usize>, set: Option<usize>) -> Result<(), String> {
    let opened =
        SqliteJournal::open(&folder.join("journal.db")).map_err(|e| format!("does not open: {e}"))?;
    if let Some(damage) = opened.1 {
        return Err(format!("a loss of power is taken for damage: {damage}"));
    }
    let filter = HistoryFilter { limit: 10_000, ..HistoryFilter::default() };
    let (rows, _) = opened.0.page(&filter).await.map_err(|e| format!("cannot be read: {e}"))?;
    let steps = script();
    let done = acked.map_or(0, |step| step + 1);
    for n in 0..TASKS {
        let mine = |(_, (of, _)): &(usize, &(u64, Phase))| *of == n;
        let kept = steps.iter().enumerate().filter(mine).take_while(|(step, _)| *step < done).last();
        let row = rows.iter().find(|row| *row.key() == *task(n, Phase::Preparing).key());
        match (kept, row) {
            (Some((step, _)), None) => return Err(format!("task {n} is gone; step {step} was kept")),
            (kept, Some(row)) => {
                let least = kept.map_or(Phase::Accepted, |(_, (_, phase))| *phase);
                if row.phase < least || *row != task(n, row.phase) {
                    return Err(format!("task {n} stands as {:?}, kept was {least:?}", row.phase));
                }
            }
            (None, None) => {}
        }
    }
    let path = folder.join("settings.toml");
    let settings = FileSettings::load(&path, |_| None, &[]).map_err(|e| format!("settings: {e}"))?;
    let value = settings.current().integer("resource_report_interval");
    let least = set.map_or(30, |set| u64::try_from(set).unwrap());
    if set.is_some() && value < least {
        return Err(format!("the setting is {value}, kept was {least}"));
    }
    Ok(())
}

#[test]
fn no_loss_of_power_loses_what_was_kept() {
    let name = "no_loss_of_power_loses_what_was_kept";
    if !Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_ok_and(|s| s.success()) {
        eprintln!("SKIPPED {name}: there is no strace here");
        return;
    }
    let mut row = Row::open("LOST", 150);
    let at = tempfile::tempdir().unwrap();
    let folder = at.path().join("data");
    std::fs::create_dir(&folder).unwrap();
    let noted = at.path().join("trace");
    let traced = Command::new("strace")
        .args(["-f", "-y", "-xx", "-s", "200000", "-o"])
        .arg(&noted)
        .args(["-e", "trace=openat,lseek,pwrite64,write,fsync,fdatasync,ftruncate,rename,renameat,renameat2,unlink,unlinkat"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "--include-ignored", "write_and_say"])
        .env(FOLDER, &folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    if !traced.success() {
        // Containers often forbid looking into processes.
        eprintln!("SKIPPED {name}: strace may not follow a process here");
        return;
    }
    let trace = Trace::read(&std::fs::read_to_string(&noted).unwrap(), &folder);
    let acks = trace.happenings.iter().filter(|h| matches!(h, Happening::Said(_))).count();
    assert!(acks > script().len(), "the trace is not whole: {acks} words");
    row.set(
        "writes",
        trace.happenings.iter().filter(|h| matches!(h, Happening::Write { .. })).count() as u64,
    );
    row.set("syncs", trace.happenings.iter().filter(|h| matches!(h, Happening::Sync(_))).count() as u64);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let left =
        tempfile::tempdir_in(if Path::new("/dev/shm").is_dir() { "/dev/shm" } else { "/tmp" }).unwrap();
    for n in 0..row.runs {
        let seed = row.seed.wrapping_add(u64::from(n));
        let mut random = StdRng::seed_from_u64(seed);
        let moment = random.random_range(0..=trace.happenings.len());
        let mut disk = Disk::default();
        let (mut acked, mut set) = (None, None);
        for happening in &trace.happenings[..moment] {
            match happening {
                Happening::Said(text) => {
                    let number = |word: &str| text.strip_prefix(word)?.trim().parse().ok();
                    acked = number("ACK ").or(acked);
                    set = number("SET ").or(set);
                }
                Happening::Create(_)
                | Happening::Write { .. }
                | Happening::Truncate { .. }
                | Happening::Rename { .. }
                | Happening::Remove(_)
                | Happening::Sync(_)
                | Happening::SyncFolder => disk.take(happening),
            }
        }
        let place = left.path().join(format!("disk-{n}"));
        std::fs::create_dir(&place).unwrap();
        disk.lose_power(&mut random, &place);
        if let Err(what) = runtime.block_on(check(&place, acked, set)) {
            row.violation(format!("seed {seed}, moment {moment} of {}: {what}", trace.happenings.len()));
        }
        std::fs::remove_dir_all(&place).unwrap();
        row.ran();
    }
    row.close();
}
