//! Every gRPC code at every call of the worker, on the wire: nothing is lost and nothing is asked in a hot loop.

use crate::engine::Engine;
use crate::lane::{Job, Lane, engine};
use crate::middleman::Middleman;
use hivemind_testkit::{Part, Row};
use std::time::Duration;

const LANES: u32 = 4;
/// What a worker with work to do calls.
const CALLS: [&str; 12] = [
    "Refresh",
    "GetBalance",
    "ListEarnings",
    "RegisterNode",
    "Heartbeat",
    "ReportNodeStatus",
    "AssignTask",
    "ReportTask",
    "Fetch",
    "SubmitTaskResult",
    "ResultStatus",
    "CancelTask",
];
/// All that are not OK.
const CODES: std::ops::RangeInclusive<u32> = 1..=16;
/// How long a call is refused.
const LASTS: Duration = Duration::from_secs(8);
/// Codes that are a word about the package, when its fetching is answered with them: it cannot be had, and the task
/// ends with that.
const FINAL: [u32; 3] = [3, 7, 11];
/// Tries in that time. Heartbeats and reports have a beat of one second here, and each of the two tasks has tries of
/// its own.
const TRIES: u64 = 16;
const BEATS: u64 = 24;

async fn lane(engine: Engine, pairs: Vec<(&'static str, u32)>) -> Part {
    let address = engine.address.clone();
    let mut lane = Lane::open(&engine, &address, None).await;
    let middleman = Middleman::before(lane.pool.grpc_addr()).await;
    let leads = middleman.address.to_string();
    lane.call(&["settings", "set", "pool_address", &leads]).await.ok();
    lane.kill().await;
    lane.recover().await;
    for (call, code) in pairs {
        middleman.refuse(Some((call, code)));
        lane.give(Job::Works(3)).await;
        let endless = lane.give(Job::Endless).await;
        if call == "RegisterNode" || call == "Refresh" {
            // Both are called at the start alone.
            lane.kill().await;
            lane.start(None).await;
        }
        tokio::time::sleep(LASTS / 2).await;
        lane.pool.cancel(&lane.requester, &endless).await.expect("cancelled");
        tokio::time::sleep(LASTS / 2).await;
        let refused = middleman.refuse(None);
        lane.part.count("refused", refused);
        lane.part.count("pairs that were tried", u64::from(refused > 0));
        let most =
            if matches!(call, "Heartbeat" | "ReportNodeStatus" | "ReportTask") { BEATS } else { TRIES };
        if refused > most {
            lane.part.violation(format!("{call} was tried {refused} times while it was refused with {code}"));
        }
        lane.back().await;
        // What a pool does not want to hear it has not heard: the result is not kept back for it.
        lane.whole_logs = call != "ReportTask";
        lane.may_fail = call == "Fetch" && FINAL.contains(&code);
        let known = lane.part.violations.len();
        lane.drain().await;
        lane.part.runs += 1;
        for what in lane.part.violations.iter().skip(known) {
            println!("ANSWERS: {call} refused with {code}: {what}");
        }
        println!("ANSWERS: {call} with {code} was tried {refused} times");
    }
    lane.close().await.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_code_at_any_call_loses_anything() {
    let Some(engine) = engine("no_code_at_any_call_loses_anything").await else { return };
    let mut row = Row::open("ANSWERS", 2);
    let all: Vec<_> = CODES.flat_map(|code| CALLS.map(|call| (call, code))).collect();
    // A few are spread over the whole table, another few with another seed.
    let runs = usize::try_from(row.runs).expect("small").min(all.len());
    let first = usize::try_from(row.seed % 1000).expect("small");
    let step = (all.len() / runs.max(1)).max(1);
    let pairs: Vec<_> = (0..runs).filter_map(|n| all.get((first + n * step) % all.len()).copied()).collect();
    let lanes = usize::try_from(LANES).expect("small").min(runs);
    let parts =
        pairs.chunks(runs.div_ceil(lanes)).map(|share| tokio::spawn(lane(engine.clone(), share.to_vec())));
    for part in parts.collect::<Vec<_>>() {
        row.take(part.await.expect("a lane"));
    }
    row.close();
}
