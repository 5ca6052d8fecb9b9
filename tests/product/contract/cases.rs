//! The cases. Each gets a scene and a way, and brings a pool and a worker of its own.

use super::face::{Ended, Face, Way};
use crate::patience::{LONG, until};
use crate::scene::Scene;
use crate::worker::Worker;
use hivemind_local_pool::nodepool::FaceTimes;
use std::time::Duration;

/// Says that it began, then goes on for so many seconds.
fn going_on(seconds: u32) -> String {
    format!("import time\nprint('begins', flush=True)\ntime.sleep({seconds})\nprint('ends')")
}

async fn opened<'a>(scene: &'a Scene, way: Way) -> (Face, Worker<'a>) {
    let face = Face::open(scene, way).await;
    let worker = face.worker(scene).await;
    (face, worker)
}

pub async fn tasks_complete_fail_and_are_refused(scene: &Scene, way: Way) {
    let (mut face, worker) = opened(scene, way).await;
    face.hand_in("good", "print('hello')\nprint('zw\\u00f6lf')").await;
    assert_eq!(face.ended("good").await, Ended::Well);
    assert_eq!(face.printed("good").await, "hello\nzw\u{f6}lf\n");
    let told = face.told(&worker, "good").await;
    assert!(face.paid("good").await > 0 && told["settled"] == true, "{told}");
    assert_eq!(told["credited_cpt"], face.paid("good").await, "the owner is told what the pool's books say");

    face.hand_in("bad", "print('before')\nraise SystemExit(3)").await;
    assert_eq!(face.ended("bad").await, Ended::Failed);
    assert!(face.printed("bad").await.contains("before"), "{}", face.printed("bad").await);
    let lost = face.trust_lost();

    face.hand_in_files("nothing", &[("readme.txt", "there is nothing to start")]).await;
    face.told(&worker, "nothing").await;
    assert_ne!(face.state("nothing").await, Some(Ended::Well));
    if way.is_network() {
        // Elsewhere time is paid, also that of a program which fails.
        assert_eq!(face.paid("bad").await, 0);
    }
    assert_eq!(face.paid("nothing").await, 0);
    assert_eq!(face.trust_lost(), lost, "what cannot be run here is no failure of this computer");
    if way.is_network() {
        assert_eq!(face.state("nothing").await, None, "another computer may have it");
        face.cancel("nothing").await;
    }
    assert_eq!(face.attempts("good").await, 1);
    face.close(worker).await;
}

pub async fn output_arrives_whole_or_its_end_with_a_word_about_the_rest(scene: &Scene, way: Way) {
    let (mut face, worker) = opened(scene, way).await;
    face.hand_in("much", "for n in range(2000):\n    print(n, 'x' * 50)").await;
    let huge = "for n in range(30000):\n    print(n, 'y' * 50)\nprint('the end')";
    face.hand_in("huge", huge).await;
    let binary = "import sys\nsys.stdout.buffer.write(b'begins\\n\\xff\\xfe\\x00\\x80 bytes\\nends\\n')";
    face.hand_in("binary", binary).await;
    for id in ["much", "huge", "binary"] {
        assert_eq!(face.ended(id).await, Ended::Well, "{id}");
    }
    let expected: String = (0..2000).map(|n| format!("{n} {}\n", "x".repeat(50))).collect();
    assert!(face.printed("much").await == expected, "100 KiB arrive whole");
    let printed = face.printed("binary").await;
    assert!(printed.starts_with("begins\n") && printed.ends_with("ends\n"), "{printed:?}");
    let huge = face.printed("huge").await;
    assert!(huge.ends_with("the end\n"), "the end is there");
    if way.is_network() {
        assert!(!printed.contains('\0'), "{printed:?}");
        assert!(huge.len() <= 1 << 20, "{}", huge.len());
        assert!(huge.starts_with("[hivemind] the first "), "{:.80}", huge);
        until("the owner is told", LONG, async || {
            let notices = worker.snapshot().await["notices"].to_string();
            (notices.contains("huge") && notices.contains("1 MiB")).then_some(())
        })
        .await;
    } else {
        assert!(huge.starts_with("0 y"), "{:.80}", huge);
    }
    face.close(worker).await;
}

pub async fn a_cancelled_task_ends_here_too(scene: &Scene, way: Way) {
    let (mut face, worker) = opened(scene, way).await;
    face.hand_in("long", &going_on(600)).await;
    face.runs("long").await;
    assert_eq!(worker.containers().await.len(), 1);
    face.cancel("long").await;
    let gone = until("its container is gone", Duration::from_secs(40), async || {
        worker.containers().await.is_empty().then_some(())
    });
    gone.await;
    assert_eq!(face.ended("long").await, Ended::Cancelled);
    assert_eq!(face.trust_lost(), 0);
    if way.is_network() {
        assert_eq!(face.paid("long").await, 0);
    }
    face.close(worker).await;
}

pub async fn a_task_that_takes_longer_than_ninety_seconds_is_given_out_once(scene: &Scene, way: Way) {
    // The network's own times: 30 s of silence, looked for every 10 s, pushed every 5 s.
    let mut face = Face::open_with(scene, way, FaceTimes::default()).await;
    let worker = face.worker(scene).await;
    // It prints nothing on its way.
    face.hand_in("long", &going_on(92)).await;
    assert_eq!(face.ended_within("long", Duration::from_secs(180)).await, Ended::Well);
    assert_eq!(face.attempts("long").await, 1);
    assert!(face.paid("long").await > 0);
    if way.is_network() {
        let task = face.network().task("long").expect("a task");
        assert_eq!(task.retries, 0);
        assert!(task.longest_silence < Duration::from_secs(15), "{:?}", task.longest_silence);
    }
    face.close(worker).await;
}

pub async fn twenty_tasks_at_once_are_done_three_at_a_time(scene: &Scene, way: Way) {
    let (mut face, worker) = opened(scene, way).await;
    worker.call(&["settings", "set", "max_concurrent_tasks", "3"]).await.ok();
    if way.is_network() {
        face.network().set_balance("requester", 2000);
    }
    let ids: Vec<String> = (0..20).map(|n| format!("t-{n}")).collect();
    for id in &ids {
        face.hand_in(id, "import time\ntime.sleep(0.3)\nprint('done')").await;
    }
    let mut most = 0;
    let all = until("all twenty are done", Duration::from_secs(240), async || {
        let running = worker.snapshot().await["tasks"].as_array().map_or(0, |tasks| {
            let computing =
                |task: &&serde_json::Value| matches!(task["phase"].as_str(), Some("preparing" | "running"));
            tasks.iter().filter(computing).count()
        });
        most = most.max(running);
        for id in &ids {
            if face.state(id).await != Some(Ended::Well) {
                return None;
            }
        }
        Some(())
    });
    all.await;
    assert!((2..=3).contains(&most), "{most} at once");
    assert_eq!(face.trust_lost(), 0, "what had to wait is no failure");
    for id in &ids {
        let paid = face.paid(id).await;
        // A third of a second is hardly worth a CPT where time is paid.
        let expected = if way.is_network() { 90..=90 } else { 0..=1 };
        assert!(expected.contains(&paid), "{id}: {paid}");
    }
    face.close(worker).await;
}

pub async fn a_pool_that_starts_anew_loses_no_work(scene: &Scene, way: Way) {
    let (mut face, worker) = opened(scene, way).await;
    face.hand_in("long", &going_on(8)).await;
    face.runs("long").await;
    let containers = worker.containers().await;
    face.stop().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    face.start().await;
    assert_eq!(worker.containers().await, containers, "it goes on");
    assert_eq!(face.ended("long").await, Ended::Well);
    assert_eq!(face.printed("long").await, "begins\nends\n");
    assert!(face.paid("long").await > 0);
    assert_eq!((face.attempts("long").await, face.trust_lost()), (1, 0));
    face.close(worker).await;
}

pub async fn a_task_that_is_given_out_again_is_joined(scene: &Scene, way: Way) {
    let (mut face, worker) = opened(scene, way).await;
    face.hand_in("long", &going_on(8)).await;
    face.runs("long").await;
    let containers = worker.containers().await;
    face.network().reset("long");
    until("it is given out again", LONG, async || (face.attempts("long").await == 2).then_some(())).await;
    if way == Way::Push {
        // And a third time, by a call of which the pool keeps no record.
        let node = worker.node().await;
        let request = hivemind_local_pool::nodepool::ExecuteTaskRequest {
            task_id: "long".to_owned(),
            token: face.network().execution_token("long", &node),
            ..Default::default()
        };
        let answer = face.network().execute(&node, request).await.expect("the same end");
        assert!(answer.success && answer.status_message == "begins\nends\n", "{answer:?}");
    }
    assert_eq!(face.ended("long").await, Ended::Well);
    assert_eq!(face.printed("long").await, "begins\nends\n", "it ran once");
    assert_eq!(worker.attempts("long").await.len(), 1);
    assert_eq!(containers.len(), 1);
    assert_eq!(face.paid("long").await, 90);
    face.close(worker).await;
}

pub async fn a_stop_after_a_reset_ends_the_task(scene: &Scene, way: Way) {
    // The pool gives nothing out again by itself meanwhile.
    let never = FaceTimes { dispatch_every: Duration::from_millis(500), ..FaceTimes::default() };
    let mut face = Face::open_with(scene, way, never).await;
    let worker = face.worker(scene).await;
    face.hand_in("long", &going_on(600)).await;
    face.runs("long").await;
    face.network().reset("long");
    face.network().cancel("long");
    assert_eq!(face.network().task("long").expect("a task").stops, 0, "the pool knows nobody to tell");
    until("its container is gone", Duration::from_secs(60), async || {
        worker.containers().await.is_empty().then_some(())
    })
    .await;
    let told = face.told(&worker, "long").await;
    assert_eq!((face.paid("long").await, face.trust_lost()), (0, 0), "{told}");
    face.close(worker).await;
}

pub async fn a_session_that_ends_costs_no_work(scene: &Scene, way: Way) {
    let (mut face, worker) = opened(scene, way).await;
    face.hand_in("long", &going_on(12)).await;
    face.runs("long").await;
    face.end_sessions().await;
    assert_eq!(face.ended("long").await, Ended::Well);
    assert_eq!((face.attempts("long").await, face.trust_lost()), (1, 0));
    assert!(face.paid("long").await > 0);
    assert_eq!(face.told(&worker, "long").await["settled"], true);
    face.close(worker).await;
}

pub async fn a_worker_that_is_killed_goes_on(scene: &Scene, way: Way) {
    let (mut face, mut worker) = opened(scene, way).await;
    face.hand_in("long", &going_on(8)).await;
    face.runs("long").await;
    let containers = worker.containers().await;
    worker.kill().await;
    worker.start().await;
    assert_eq!(face.ended("long").await, Ended::Well);
    assert_eq!(face.printed("long").await, "begins\nends\n", "it ran once");
    assert_eq!(containers.len(), 1);
    assert!(face.paid("long").await > 0);
    assert_eq!((worker.attempts(&face.id("long")).await.len(), face.trust_lost()), (1, 0));
    face.close(worker).await;
}

pub async fn a_package_that_has_vanished_is_no_failure(scene: &Scene, way: Way) {
    let mut face = Face::open(scene, way).await;
    face.hand_in("gone", "print('never')").await;
    face.lose_packages();
    let worker = face.worker(scene).await;
    face.told(&worker, "gone").await;
    assert_ne!(face.state("gone").await, Some(Ended::Well));
    assert_eq!((face.paid("gone").await, face.trust_lost()), (0, 0));
    face.cancel("gone").await;
    // Other work goes on.
    face.hand_in("good", "print('hello')").await;
    assert_eq!(face.ended_within("good", Duration::from_secs(180)).await, Ended::Well);
    face.close(worker).await;
}

pub async fn who_cannot_pay_is_recognised(scene: &Scene, way: Way) {
    let (mut face, worker) = opened(scene, way).await;
    if way.is_network() {
        face.network().set_balance("requester", 99);
        face.hand_in("poor", "print('done')").await;
        assert_eq!(face.ended("poor").await, Ended::Well, "the network asks for the price at the end");
        let told = until("the worker knows", LONG, async || {
            let attempts = worker.attempts("poor").await;
            attempts.into_iter().next().filter(|view| view["phase"] == "reported" || view["settled"] == false)
        })
        .await;
        assert_eq!(told["credited_cpt"].as_i64().unwrap_or(0), 0, "{told}");
        assert_eq!((face.paid("poor").await, face.trust_lost()), (0, 0));
        // Its pay may come for 5 minutes: the worker ends with it in its books.
        let mut worker = worker;
        worker.end().await;
        return;
    }
    assert!(face.turns_the_poor_away().await, "nobody works for nothing: it is not even taken in");
    face.close(worker).await;
}
