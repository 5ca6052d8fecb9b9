//! What one reading costs, in counts that noise cannot change. Alone in its process, because the counts are the
//! whole process's.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "all of this file is tests")]

use hivemind_host::{GpuSource, SystemHost};
use hivemind_worker_core::port::Host;

/// Value of a counter in `/proc/self/io`.
fn io(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap();
    text.lines().find_map(|l| l.strip_prefix(name)?.trim_start_matches(':').trim().parse().ok()).unwrap()
}

/// Page faults of ended children: a process that was spawned and waited for leaves some.
fn children_faults() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    text.rsplit_once(')').unwrap().1.split_ascii_whitespace().nth(8).unwrap().parse().unwrap()
}

fn children() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let of = |task: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(task.unwrap().path().join("children"))
    };
    tasks.map(|t| of(t).unwrap_or_default().split_ascii_whitespace().count()).sum()
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// CPU time of this thread in nanoseconds.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split_ascii_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn a_reading_is_a_handful_of_reads_and_starts_nothing() {
    const READINGS: u64 = 1000;
    let host = SystemHost::new(&std::env::temp_dir(), GpuSource::left_out());
    host.sample();
    let before = (children_faults(), children(), threads(), open_files());
    let (reads, written, cpu) = (io("syscr"), io("wchar"), cpu_ns());
    for _ in 0..READINGS {
        host.sample();
    }
    let (reads, written, cpu) = (io("syscr") - reads, io("wchar") - written, cpu_ns() - cpu);
    assert_eq!((children_faults(), children(), threads(), open_files()), before);
    assert_eq!(written, 0, "a reading wrote something");
    eprintln!("per reading: {} read calls, {} us of CPU time", reads / READINGS, cpu / READINGS / 1000);
    assert!(reads <= 24 * READINGS, "{} read calls per reading", reads / READINGS);
}
