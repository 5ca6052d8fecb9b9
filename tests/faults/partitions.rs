//! The wire between worker and pool: partitions, half-open links, slowness, stalls, resets.

use crate::engine::Engine;
use crate::lane::{Job, Lane, engine};
use hivemind_testkit::{FaultProxy, Part, Row, Weather};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;

const LANES: u32 = 4;
/// Memory that a schedule may take beyond what the worker held before the first.
const GROWTH_KIB: u64 = 24 * 1024;

/// The next stretch of a schedule: what the wire is like, for how long.
fn stretch(random: &mut StdRng, wire: &FaultProxy, part: &mut Part) -> Duration {
    let (name, weather) = match random.random_range(0..8) {
        0 => ("partitions", Weather::Silent),
        1 => ("half-open", Weather::Deaf),
        2 => ("refusals", Weather::Refusing),
        3 => ("slow", Weather::Slow(random.random_range(200..20_000))),
        4 => ("cut answers", Weather::CutAnswers),
        5 => {
            wire.break_after(random.random_range(1..8000));
            ("resets at a byte", Weather::Clear)
        }
        6 => {
            wire.break_all();
            ("resets", Weather::Clear)
        }
        _ => ("clear", Weather::Clear),
    };
    part.count(name, 1);
    wire.set(weather);
    // Short stalls, and silences that outlast a lease.
    let longest = if random.random_bool(0.3) { 14_000 } else { 3000 };
    Duration::from_millis(random.random_range(100..longest))
}

fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or_default()
}

async fn lane(engine: Engine, seed: u64, runs: u32) -> (Part, u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let address = engine.address.clone();
    let mut lane = Lane::open(&engine, &address, None).await;
    let wire = FaultProxy::tcp(lane.pool.grpc_addr()).await.expect("a proxy");
    let leads = wire.address.expect("in TCP").to_string();
    lane.call(&["settings", "set", "pool_address", &leads]).await.ok();
    lane.kill().await;
    lane.recover().await;
    // The pool has 8 s to take the last lines; a result is not kept back for them longer.
    lane.whole_logs = false;
    // The first tasks fill what stays filled.
    lane.give(Job::Works(1)).await;
    lane.drain().await;
    let pid = lane.process().pid();
    let before = resident_kib(pid);
    let mut most = before;
    for _ in 0..runs {
        for _ in 0..random.random_range(1..4) {
            lane.give(Job::Works(random.random_range(0..40))).await;
        }
        if random.random_bool(0.2) {
            lane.give(Job::Endless).await;
        }
        for _ in 0..random.random_range(2..6) {
            let lasts = stretch(&mut random, &wire, &mut lane.part);
            tokio::time::sleep(lasts).await;
            most = most.max(resident_kib(pid));
        }
        wire.set(Weather::Clear);
        lane.ready().await;
        lane.drain().await;
        most = most.max(resident_kib(pid));
        lane.part.runs += 1;
        println!("PARTITION: a schedule is done, {} violations", lane.part.violations.len());
    }
    if lane.process().pid() != pid {
        lane.part.violation("the worker was started anew");
    }
    let grown = most.saturating_sub(before);
    if grown > GROWTH_KIB {
        lane.part.violation(format!("{grown} KiB more than before the first schedule"));
    }
    (lane.close().await.0, grown)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wire_that_fails_in_any_way_loses_nothing() {
    let Some(engine) = engine("a_wire_that_fails_in_any_way_loses_nothing").await else { return };
    let mut row = Row::open("PARTITION", 2);
    let lanes = LANES.min(row.runs);
    let parts = (0..lanes).map(|n| {
        let share = row.runs / lanes + u32::from(n < row.runs % lanes);
        tokio::spawn(lane(engine.clone(), row.seed.wrapping_add(u64::from(n)), share))
    });
    let mut most = 0;
    for part in parts.collect::<Vec<_>>() {
        let (part, grown) = part.await.expect("a lane");
        row.take(part);
        most = most.max(grown);
    }
    row.set("grown KiB", most);
    row.close();
}
