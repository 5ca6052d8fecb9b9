//! The worker dies at every named place, with five tasks under way.

use crate::engine::Engine;
use crate::lane::{Job, Lane, engine};
use hivemind_testkit::failpoint::ALL;
use hivemind_testkit::{Part, Row};
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use std::time::Duration;

const LANES: usize = 4;
/// Longer than a lease.
const SILENCE: Duration = Duration::from_secs(12);

/// Dies at each of these places, five tasks each.
async fn lane(engine: Engine, seed: u64, places: Vec<&'static str>) -> Part {
    let mut random = StdRng::seed_from_u64(seed);
    let address = engine.address.clone();
    let mut lane = Lane::open(&engine, &address, None).await;
    for place in places {
        lane.kill().await;
        // Some places are reached once per start or order, the others once per task.
        let once = place.starts_with("recovery")
            || place.starts_with("journal.wish")
            || place.starts_with("replace");
        let special =
            ["halt", "hand_back", "handed_back", "lease_lost"].iter().any(|word| place.contains(word));
        let nth = if once || special { 1 } else { random.random_range(1..=4) };
        lane.start(Some(&format!("{place}:{nth}"))).await;
        if lane.runs() && !place.starts_with("recovery") {
            provoke(&mut lane, place).await;
        }
        if !lane.dies(Duration::from_secs(60)).await {
            let said = lane.said();
            lane.part.violation(format!("{place} was not reached {nth} times\n{said}"));
            lane.kill().await;
        }
        lane.recover().await;
        while lane.open.len() < 5 {
            lane.give(Job::Works(5)).await;
        }
        lane.drain().await;
        println!("FAILPOINT: {place} is done, {} violations", lane.part.violations.len());
        lane.part.runs += 1;
        lane.part.count("places", 1);
    }
    lane.close().await.0
}

async fn provoke(lane: &mut Lane, place: &str) {
    if lane.died_before_ready().await {
        return;
    }
    for _ in 0..4 {
        lane.give(Job::Works(8)).await;
    }
    if place.starts_with("journal.wish") {
        lane.call(&["start"]).await;
    } else if place.starts_with("replace") {
        lane.call(&["settings", "set", "resource_report_interval", "2"]).await;
    } else if place.contains("lease_lost") {
        let id = lane.give(Job::Endless).await;
        lane.running(&id).await;
        if lane.dies(Duration::ZERO).await {
            return;
        }
        lane.process().silence();
        tokio::time::sleep(SILENCE).await;
        lane.process().wake();
    } else {
        let id = lane.give(Job::Endless).await;
        lane.running(&id).await;
        if place.contains("hand") {
            lane.call(&["stop-task", &id]).await;
        } else {
            lane.pool.cancel(&lane.requester, &id).await.expect("cancelled");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_dies_at_any_named_place_loses_nothing() {
    let Some(engine) = engine("a_worker_that_dies_at_any_named_place_loses_nothing").await else { return };
    let mut row = Row::open("FAILPOINT", 6);
    let mut places = ALL.to_vec();
    if let Ok(only) = std::env::var("HIVEMIND_FAULTS_PLACE") {
        places.retain(|place| place.contains(&only));
    }
    places.shuffle(&mut StdRng::seed_from_u64(row.seed));
    // More runs than places begin again: every place with other tasks and counts.
    let most = places.len();
    let wanted = usize::try_from(row.runs).expect("a small number");
    let places: Vec<_> = places.into_iter().cycle().take(wanted.max(usize::from(most == 0))).collect();
    let mut shares = vec![Vec::new(); LANES.min(places.len())];
    for (n, place) in places.into_iter().enumerate() {
        let lanes = shares.len();
        shares[n % lanes].push(place);
    }
    let seed = row.seed;
    let parts =
        shares.into_iter().zip(0..).map(|(share, n)| tokio::spawn(lane(engine.clone(), seed + n, share)));
    for part in parts.collect::<Vec<_>>() {
        row.take(part.await.expect("a lane"));
    }
    row.close();
}
