//! The engine is killed, hangs, is restarted; and its answers are cut off after it did what it was asked for.

use crate::engine::Engine;
use crate::lane::{Job, Lane, engine};
use crate::private_engine::PrivateEngine;
use hivemind_testkit::{FaultProxy, Part, Row, Weather};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;

fn job(random: &mut StdRng) -> Job {
    if random.random_bool(0.1) { Job::Endless } else { Job::Works(random.random_range(0..50)) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_dies_hangs_or_restarts_leaves_nothing_behind() {
    let name = "an_engine_that_dies_hangs_or_restarts_leaves_nothing_behind";
    let Some(shared) = engine(name).await else { return };
    let mut row = Row::open("ENGINE", 3);
    let mut private = match PrivateEngine::start(&shared.address).await {
        Ok(private) => private,
        Err(why) => return println!("SKIPPED {name}: {why}"),
    };
    let mut random = StdRng::seed_from_u64(row.seed);
    let mut lane = Lane::open(&private.client(), &private.address(), None).await;
    for run in 1..=row.runs {
        while lane.open.len() < 5 {
            let job = job(&mut random);
            lane.give(job).await;
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..3000))).await;
        let pause = Duration::from_millis(random.random_range(0..6000));
        let what = match (u64::from(run) + row.seed) % 3 {
            0 => {
                private.kill_for(pause).await;
                "killed"
            }
            1 => {
                private.hang_for(pause).await;
                "hung"
            }
            _ => {
                let live_restore = random.random_bool(0.5);
                // Whoever goes down with its containers has them begun anew: their lines stand twice then.
                lane.whole_logs = false;
                private.restart(live_restore).await;
                "restarted"
            }
        };
        lane.part.count(what, 1);
        println!("ENGINE: {what}, {} violations", lane.part.violations.len());
        if run % 3 == 0 || run == row.runs {
            lane.drain().await;
            lane.whole_logs = private.outlived();
        }
        lane.part.runs += 1;
    }
    row.take(lane.close().await.0);
    drop(private);
    row.close();
}

/// Bursts in which no answer of the engine comes through.
async fn cuts(engine: Engine, seed: u64, runs: u32) -> Part {
    let mut random = StdRng::seed_from_u64(seed);
    let folder = tempfile::Builder::new().prefix("hm-cut-").tempdir_in("/tmp").expect("a folder");
    let socket = engine.address.strip_prefix("unix://").expect("a socket").to_owned();
    let place = folder.path().join("s");
    let proxy = FaultProxy::unix(&place, std::path::Path::new(&socket)).expect("a proxy");
    let mut lane = Lane::open(&engine, &format!("unix://{}", place.display()), None).await;
    for run in 1..=runs {
        while lane.open.len() < 4 {
            let job =
                if random.random_bool(0.15) { Job::Endless } else { Job::Works(random.random_range(0..12)) };
            let id = lane.give(job).await;
            if job == Job::Endless && random.random_bool(0.5) {
                lane.pool.cancel(&lane.requester, &id).await.expect("cancelled");
            }
        }
        tokio::time::sleep(Duration::from_millis(random.random_range(0..700))).await;
        match random.random_range(0..3) {
            0 => proxy.break_after(random.random_range(1..6000)),
            1 => proxy.break_all(),
            _ => {
                proxy.set(Weather::CutAnswers);
                tokio::time::sleep(Duration::from_millis(random.random_range(20..500))).await;
                proxy.set(Weather::Clear);
            }
        }
        lane.part.runs += 1;
        if run % 8 == 0 || run == runs {
            lane.drain().await;
            println!("CUT: a lane has {run} of {runs} behind it, {} violations", lane.part.violations.len());
        }
    }
    lane.close().await.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_cut_off_after_its_effect_makes_no_second_container() {
    let name = "an_answer_cut_off_after_its_effect_makes_no_second_container";
    let Some(engine) = engine(name).await else { return };
    if !engine.address.starts_with("unix://") {
        return println!("SKIPPED {name}: the engine is not behind a socket");
    }
    let mut row = Row::open("CUT", 4);
    let lanes = 2.min(row.runs);
    let parts: Vec<_> = (0..lanes)
        .map(|n| {
            let share = row.runs / lanes + u32::from(n < row.runs % lanes);
            tokio::spawn(cuts(engine.clone(), row.seed.wrapping_add(u64::from(n)), share))
        })
        .collect();
    for part in parts {
        row.take(part.await.expect("a lane"));
    }
    row.close();
}
