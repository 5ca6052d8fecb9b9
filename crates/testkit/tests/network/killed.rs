//! Relays that are killed from outside at awkward moments: no task may wait for an answer that never comes.

use super::outside::docker;
use super::{Bench, Ended, run};
use hivemind_worker_core::port::Engine;
use std::process::Command;
use std::time::Duration;
use tokio::time::Instant;

/// Makes no request for a second, then asks until it is answered; tells how long the longest try took.
const LATE: &str = r#"
import time, urllib.request
print("here", flush=True)
time.sleep(1)
longest = 0
for tries in range(300):
    begun = time.monotonic()
    try: answer = urllib.request.urlopen("http://allowed.example.org/x", timeout=60).read().decode()
    except OSError as error: answer = ""
    longest = max(longest, time.monotonic() - begun)
    if answer: break
    time.sleep(0.1)
print("answered" if answer else "never", "longest", int(longest), flush=True)
"#;

/// Kills `relay` as soon as it runs; whether it ever did.
async fn kill(relay: String) -> bool {
    let host = std::env::var("HIVEMIND_TEST_DOCKER_HOST").unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while Instant::now() < until {
        let (host, relay) = (host.clone(), relay.clone());
        let killed = tokio::task::spawn_blocking(move || {
            Command::new("docker").args(["-H", &host, "kill", &relay]).output().unwrap().status.success()
        });
        if killed.await.unwrap() {
            return true;
        }
    }
    false
}

fn answered(ended: &Ended, when: &str) {
    let last = ended.lines.iter().rfind(|line| line.contains("longest")).cloned().unwrap_or_default();
    assert_eq!(ended.exit.code, 0, "{when}: {:?}", ended.lines);
    assert!(last.starts_with("answered longest "), "{when}: {:?}", ended.lines);
    let longest: u64 = last.rsplit_once(' ').unwrap().1.parse().unwrap();
    assert!(longest < 30, "{when}: a try took {longest} s");
}

#[tokio::test]
async fn a_relay_that_is_killed_before_its_task_asks_for_anything_is_replaced() {
    let Some(bench) = Bench::new("early").await else { return };
    let engine = bench.engine();
    for after_ms in [0_u64, 300, 800] {
        let plan = bench.plan(&format!("early-{after_ms}"), LATE, "allowed.example.org");
        let container = engine.prepare(&plan).await.unwrap().container;
        let relay = docker(&[
            "ps",
            "-aq",
            "--filter",
            &format!("label=hivemind.install={}", bench.install),
            "--filter",
            "label=hivemind.role=relay",
        ]);
        assert_eq!(relay.len(), 1);
        // From the very moment at which it runs, to some time into the task.
        let killing = async {
            tokio::time::sleep(Duration::from_millis(after_ms)).await;
            kill(relay[0].clone()).await
        };
        let begun = Instant::now();
        let (ended, killed) = tokio::join!(run(&engine, &container), killing);
        assert!(killed, "the relay ran");
        answered(&ended, &format!("killed after {after_ms} ms"));
        println!("killed after {after_ms} ms: {:?} in {:.1?}", ended.lines, begun.elapsed());
        engine.remove(&container).await.unwrap();
    }
    bench.assert_clean();
}
