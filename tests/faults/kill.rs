//! SIGKILL of the worker at random points of the cycle, and again during recovery.

use crate::engine::Engine;
use crate::lane::{Job, Lane, engine};
use hivemind_testkit::{Part, Row, percentile};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;

/// 95 of 100 recoveries take at most this long.
const RECOVERY_MS: u64 = 5000;
const LANES: u32 = 3;

/// `runs` kills, and half as many more while it recovers from them.
async fn lane(engine: Engine, seed: u64, runs: u32) -> (Part, Vec<Duration>) {
    let mut random = StdRng::seed_from_u64(seed);
    let address = engine.address.clone();
    let mut lane = Lane::open(&engine, &address, None).await;
    for run in 1..=runs {
        while lane.open.len() < 6 || random.random_bool(0.3) {
            let job =
                if random.random_bool(0.15) { Job::Endless } else { Job::Works(random.random_range(0..25)) };
            let id = lane.give(job).await;
            if job == Job::Endless && random.random_bool(0.5) {
                lane.pool.cancel(&lane.requester, &id).await.expect("cancelled");
            }
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..3500))).await;
        lane.kill().await;
        lane.part.runs += 1;
        if run % 10 == 0 {
            println!("KILL: a lane has {run} of {runs} behind it");
        }
        lane.part.count("kills", 1);
        if run % 2 == 1 {
            lane.start(None).await;
            tokio::time::sleep(Duration::from_millis(random.random_range(0..900))).await;
            lane.kill().await;
            lane.part.count("kills during recovery", 1);
        }
        lane.recover().await;
        // Whatever has come to its end meanwhile is looked at, so that the next kill meets new work.
        if lane.open.len() > 12 || run % 5 == 0 || run == runs {
            lane.drain().await;
        }
    }
    lane.close().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_killed_at_random_loses_nothing() {
    let Some(engine) = engine("a_worker_killed_at_random_loses_nothing").await else { return };
    let mut row = Row::open("KILL", 6);
    let lanes = LANES.min(row.runs);
    let parts = (0..lanes).map(|n| {
        let share = row.runs / lanes + u32::from(n < row.runs % lanes);
        tokio::spawn(lane(engine.clone(), row.seed.wrapping_add(u64::from(n)), share))
    });
    let mut recoveries = Vec::new();
    for part in parts.collect::<Vec<_>>() {
        let (part, took) = part.await.expect("a lane");
        row.take(part);
        recoveries.extend(took);
    }
    let p95 = percentile(&recoveries, 95);
    row.set("recoveries", recoveries.len() as u64);
    row.set("recovery p50 ms", percentile(&recoveries, 50));
    row.set("recovery p95 ms", p95);
    if p95 > RECOVERY_MS {
        row.violation(format!("95 of 100 recoveries take up to {p95} ms"));
    }
    row.close();
}
