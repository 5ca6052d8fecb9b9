//! The worker's disk runs full, has no inodes left, is read-only, or the worker runs out of file descriptors.

use crate::engine::Engine;
use crate::lane::{Job, Lane, engine};
use hivemind_testkit::{Part, Row};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const LANES: u32 = 2;
/// What the owner is told, one of these.
const REASONS: [&str; 3] = ["DISK_LOW", "JOURNAL_FAILED", "INTERNAL"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Full,
    NoInodes,
    ReadOnly,
    NoDescriptors,
}

/// A small file system in a file.
struct Volume {
    image: PathBuf,
    mount: PathBuf,
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

impl Volume {
    /// Nothing where this process may not mount.
    fn new() -> Option<Self> {
        let folder = tempfile::Builder::new().prefix("hm-disk-").tempdir_in("/tmp").ok()?.keep();
        let (image, mount) = (folder.join("image"), folder.join("mount"));
        std::fs::create_dir(&mount).ok()?;
        std::fs::File::create(&image).ok()?.set_len(3 << 30).ok()?;
        let volume = Self { image, mount };
        let (image, mount) = (volume.image.display().to_string(), volume.mount.display().to_string());
        let made =
            succeeds("mkfs.ext4", &["-q", "-F", "-m", "0", "-N", "1024", "-O", "^has_journal", &image])
                && succeeds("mount", &["-o", "loop", &image, &mount]);
        made.then_some(volume)
    }

    fn filler(&self, name: &str) -> PathBuf {
        self.mount.join(name)
    }

    /// Takes every block.
    fn fill(&self) {
        let mut number = 0;
        for size in ["512M", "64M", "8M", "1M", "128K", "16K", "4K"] {
            loop {
                number += 1;
                let file = self.filler(&format!("filler-{number}"));
                if !succeeds("fallocate", &["-l", size, &file.display().to_string()]) {
                    let _ = std::fs::remove_file(file);
                    break;
                }
            }
        }
    }

    fn take_inodes(&self) {
        for number in 0..2000 {
            if std::fs::File::create(self.filler(&format!("filler-{number}"))).is_err() {
                return;
            }
        }
    }

    fn relieve(&self) {
        for entry in std::fs::read_dir(&self.mount).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with("filler-") {
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    fn remount(&self, how: &str) -> bool {
        succeeds("mount", &["-o", &format!("remount,{how}"), &self.mount.display().to_string()])
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        succeeds("umount", &["-l", &self.mount.display().to_string()]);
        let _ = std::fs::remove_dir_all(self.image.parent().unwrap_or(Path::new("/nonexistent")));
    }
}

async fn lane(engine: Engine, seed: u64, runs: u32, volume: Volume) -> Part {
    let mut random = StdRng::seed_from_u64(seed);
    let address = engine.address.clone();
    let mut lane = Lane::open(&engine, &address, Some(volume.mount.join("w"))).await;
    // Lines that the disk did not take are gone; results never are.
    lane.whole_logs = false;
    for run in 0..runs {
        let fault = match (u64::from(run) + seed) % 4 {
            0 => Fault::Full,
            1 => Fault::NoInodes,
            2 => Fault::ReadOnly,
            _ => Fault::NoDescriptors,
        };
        for _ in 0..random.random_range(1..4) {
            lane.give(Job::Works(random.random_range(0..20))).await;
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..1500))).await;
        let lasts = Duration::from_millis(random.random_range(2000..7000));
        let mut told = false;
        match fault {
            Fault::Full | Fault::NoInodes => {
                if fault == Fault::Full {
                    volume.fill()
                } else {
                    volume.take_inodes()
                }
                lane.give(Job::Works(2)).await;
                tokio::time::sleep(lasts).await;
                told = reason(&lane.snapshot().await);
                volume.relieve();
            }
            Fault::ReadOnly => {
                lane.kill().await;
                if volume.remount("ro") {
                    let (failed, said) = lane.fails_to_start().await;
                    told = failed && said.contains("ead-only");
                    volume.remount("rw");
                } else {
                    lane.part.violation("the volume could not be made read-only");
                }
                lane.recover().await;
            }
            Fault::NoDescriptors => {
                let pid = lane.process().pid().to_string();
                let open = std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
                let limit = open + random.random_range(0..4);
                let usual = descriptors(&pid);
                succeeds("prlimit", &["--pid", &pid, &format!("--nofile={limit}:")]);
                lane.give(Job::Works(2)).await;
                tokio::time::sleep(lasts).await;
                if !succeeds("prlimit", &["--pid", &pid, &format!("--nofile={usual}:")]) {
                    lane.part.violation("the worker could not be given its descriptors back");
                }
                told = lane.said().contains("Too many open files") || lane.said().contains("os error 24");
            }
        }
        lane.part.count(
            match fault {
                Fault::Full => "full",
                Fault::NoInodes => "no inodes",
                Fault::ReadOnly => "read-only",
                Fault::NoDescriptors => "no descriptors",
            },
            1,
        );
        lane.part.count("reason shown", u64::from(told));
        if !told && matches!(fault, Fault::Full | Fault::ReadOnly) {
            let said = lane.said();
            lane.part.violation(format!("{fault:?}: the owner is not told why\n{said}"));
        }
        let known = lane.part.violations.len();
        lane.drain().await;
        lane.part.runs += 1;
        lane.part.violations.iter().skip(known).for_each(|what| println!("DISK: {what}"));
        println!("DISK: {fault:?} is done, {} violations", lane.part.violations.len());
    }
    lane.close().await.0
}

/// How many files a process may open.
fn descriptors(pid: &str) -> String {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap_or_default();
    line.split_whitespace().next().unwrap_or("1024").to_owned()
}

/// Whether the owner is told of the disk.
fn reason(snapshot: &serde_json::Value) -> bool {
    let code = |error: &serde_json::Value| REASONS.iter().any(|reason| error["code"] == *reason);
    let notices = snapshot["notices"].as_array();
    code(&snapshot["status"]["problem"])
        || notices.is_some_and(|notices| notices.iter().any(|notice| code(&notice["error"])))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_takes_nothing_loses_nothing() {
    let name = "a_disk_that_takes_nothing_loses_nothing";
    let Some(engine) = engine(name).await else { return };
    let mut row = Row::open("DISK", 4);
    let lanes = LANES.min(row.runs);
    let mut parts = Vec::new();
    for n in 0..lanes {
        let Some(volume) = Volume::new() else {
            println!("SKIPPED {name}: this process may not mount file systems");
            return;
        };
        let share = row.runs / lanes + u32::from(n < row.runs % lanes);
        let seed = row.seed.wrapping_add(u64::from(n * 2));
        parts.push(tokio::spawn(lane(engine.clone(), seed, share, volume)));
    }
    for part in parts {
        row.take(part.await.expect("a lane"));
    }
    row.close();
}
