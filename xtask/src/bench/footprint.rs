//! What a process costs: memory of its whole tree, processor time, wakeups. Read from Linux's `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

/// The process and everything it started, directly or not.
pub fn tree(root: u32) -> Result<Vec<u32>> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        // A process that ended meanwhile has no parent any more.
        if let Some(parent) = fs::read_to_string(format!("/proc/{pid}/stat")).ok().as_deref().and_then(parent)
        {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = vec![root];
    let mut next = 0;
    while let Some(pid) = found.get(next).copied() {
        found.extend(children.get(&pid).into_iter().flatten());
        next += 1;
    }
    Ok(found)
}

/// The parent in a line of `/proc/PID/stat`, whose second field may hold anything between brackets. A zombie has
/// none: it is dead, and costs nothing.
fn parent(stat: &str) -> Option<u32> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    if fields.next()? == "Z" { None } else { fields.next()?.parse().ok() }
}

/// The program's name, at most 15 letters.
pub fn name(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

/// Proportional set size of the whole tree, in MiB.
pub fn memory(root: u32) -> Result<f64> {
    let mut kib = 0;
    for pid in tree(root)? {
        match fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
            Ok(rollup) => kib += pss(&rollup).with_context(|| format!("no Pss of process {pid}"))?,
            Err(error) if pid == root => return Err(error).context("the process has ended"),
            Err(_) => {}
        }
    }
    Ok(kib as f64 / 1024.0)
}

fn pss(rollup: &str) -> Option<u64> {
    rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Processor time and wakeups of a process so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    pub nanoseconds: u64,
    pub wakeups: u64,
}

/// Sums over all threads. A wakeup is a voluntary switch: each ends a sleep.
pub fn effort(pid: u32) -> Result<Effort> {
    let mut effort = Effort { nanoseconds: 0, wakeups: 0 };
    for entry in fs::read_dir(format!("/proc/{pid}/task")).context("the process has ended")? {
        let thread: PathBuf = entry?.path();
        let times = fs::read_to_string(thread.join("schedstat")).context("this kernel has no schedstat")?;
        let status = fs::read_to_string(thread.join("status"))?;
        effort.nanoseconds += times.split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0);
        effort.wakeups += status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))
            .and_then(|count| count.trim().parse::<u64>().ok())
            .unwrap_or(0);
    }
    Ok(effort)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::program;

    #[test]
    fn names_with_brackets_do_not_confuse() {
        assert_eq!(parent("12 (a) b) S 7 12 12 0"), Some(7));
        assert_eq!(parent("12 (a) Z 7 12 12 0"), None);
        assert_eq!(parent("garbage"), None);
        assert_eq!(pss("Rss: 10 kB\nPss:      42 kB\nPss_Anon: 7 kB\n"), Some(42));
    }

    #[test]
    fn a_child_belongs_to_the_tree_and_costs_memory() {
        let me = std::process::id();
        let alone = memory(me).unwrap();
        let mut child = program("sleep").arg("20").spawn().unwrap();
        let seen = tree(me).unwrap().contains(&child.id());
        let both = memory(me).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(seen && alone > 0.0 && both > 0.0);
    }

    #[test]
    fn work_is_seen_as_effort() {
        let before = effort(std::process::id()).unwrap();
        let mut sum = 0_u64;
        for number in 0..20_000_000_u64 {
            sum = std::hint::black_box(sum.wrapping_add(number));
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
        let after = effort(std::process::id()).unwrap();
        assert!(
            after.nanoseconds > before.nanoseconds && after.wakeups > before.wakeups,
            "{before:?} {after:?}"
        );
    }
}
