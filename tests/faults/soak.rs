//! Hours of small tasks among small faults: memory, descriptors and threads stay where they are.

use crate::lane::{Job, Lane, engine, over};
use hivemind_testkit::{FaultProxy, Row, Weather};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;
use tokio::time::Instant;

/// Growth that is allowed in an hour, and always, in KiB.
const GROWTH_KIB_PER_HOUR: f64 = 1024.0;
const NOISE_KIB: f64 = 1024.0;

struct Reading {
    at: Duration,
    kib: u64,
    descriptors: u64,
    threads: u64,
}

fn read(pid: u32, at: Duration) -> Reading {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or_default()
    };
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |fds| fds.count() as u64);
    // Without the pages of the program's own file, which come in as its ways are gone for the first time.
    Reading { at, kib: field("RssAnon:"), descriptors, threads: field("Threads:") }
}

fn mean(readings: &[Reading], of: impl Fn(&Reading) -> u64) -> f64 {
    readings.iter().map(|reading| of(reading) as f64).sum::<f64>() / readings.len().max(1) as f64
}

/// One run is one minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_grows() {
    let name = "nothing_grows";
    let Some(engine) = engine(name).await else { return };
    let mut row = Row::open("SOAK", 0);
    if !row.asked() {
        return println!("SKIPPED {name}: it takes its time; `cargo xtask faults --only SOAK` runs it");
    }
    let Some(socket) = engine.address.strip_prefix("unix://").map(str::to_owned) else {
        return println!("SKIPPED {name}: the engine is not behind a socket");
    };
    let mut random = StdRng::seed_from_u64(row.seed);
    let folder = tempfile::Builder::new().prefix("hm-soak-").tempdir_in("/tmp").expect("a folder");
    let place = folder.path().join("s");
    let to_engine = FaultProxy::unix(&place, std::path::Path::new(&socket)).expect("a proxy");
    let mut lane = Lane::open(&engine, &format!("unix://{}", place.display()), None).await;
    let to_pool = FaultProxy::tcp(lane.pool.grpc_addr()).await.expect("a proxy");
    let address = to_pool.address.expect("in TCP").to_string();
    lane.call(&["settings", "set", "pool_address", &address]).await.ok();
    lane.kill().await;
    lane.recover().await;
    let pid = lane.process().pid();
    let (began, length) = (Instant::now(), Duration::from_secs(60 * u64::from(row.runs)));
    let mut readings = Vec::new();
    let (mut next_reading, mut next_fault) = (Duration::ZERO, Duration::from_secs(20));
    while began.elapsed() < length {
        while lane.open.len() < 3 {
            lane.give(Job::Works(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
        let mut going = Vec::new();
        for given in std::mem::take(&mut lane.open) {
            if over(&lane.task(&given.id).await) { lane.ended.push(given) } else { going.push(given) }
        }
        lane.open = going;
        if lane.ended.len() >= 20 {
            lane.look().await;
        }
        if began.elapsed() >= next_fault {
            next_fault += Duration::from_secs(random.random_range(10..40));
            row.count("faults", 1);
            match random.random_range(0..4) {
                0 => to_engine.break_all(),
                1 => to_pool.break_all(),
                2 => to_engine.break_after(random.random_range(1..20_000)),
                _ => {
                    to_pool.set(Weather::Silent);
                    tokio::time::sleep(Duration::from_millis(random.random_range(200..4000))).await;
                    to_pool.set(Weather::Clear);
                }
            }
        }
        if began.elapsed() >= next_reading {
            next_reading += Duration::from_secs(5);
            readings.push(read(pid, began.elapsed()));
        }
        while began.elapsed() >= Duration::from_secs(60 * u64::from(row.done + 1)) && row.done < row.runs {
            row.ran();
        }
    }
    while row.done < row.runs {
        row.ran();
    }
    lane.drain().await;
    let quarter = (readings.len() / 4).max(1);
    let early = &readings[quarter.min(readings.len() - 1)..(2 * quarter).min(readings.len())];
    let late = &readings[readings.len() - quarter..];
    let hours = (mean(late, |r| r.at.as_secs()) - mean(early, |r| r.at.as_secs())) / 3600.0;
    let growth = mean(late, |r| r.kib) - mean(early, |r| r.kib);
    let descriptors = mean(late, |r| r.descriptors) - mean(early, |r| r.descriptors);
    let threads = mean(late, |r| r.threads) - mean(early, |r| r.threads);
    row.set("resident KiB", mean(late, |r| r.kib) as u64);
    row.set("grown KiB", growth.max(0.0) as u64);
    row.set("descriptors", mean(late, |r| r.descriptors) as u64);
    row.set("threads", mean(late, |r| r.threads) as u64);
    if growth > (GROWTH_KIB_PER_HOUR * hours).max(NOISE_KIB) {
        row.violation(format!("grown by {growth:.0} KiB in {hours:.2} h"));
    }
    if descriptors > 4.0 || threads > 4.0 {
        row.violation(format!("{descriptors:.1} descriptors and {threads:.1} threads more than before"));
    }
    row.take(lane.close().await.0);
    row.close();
}
