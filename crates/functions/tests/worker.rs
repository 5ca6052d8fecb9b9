//! A whole worker on a computer without a container engine: functions are computed, told and paid.

#![expect(clippy::unwrap_used, reason = "helpers of tests count as tests")]

use hivemind_control::{Control, HistoryQuery, NetworkStanding, Reach, StatusState, TaskRef};
use hivemind_domain::resources::{MIB, Resources};
use hivemind_domain::task::{FailureClass, HandBack, ManagedFunction, Phase, Verdict};
use hivemind_functions::FunctionEngine;
use hivemind_testkit::{AttemptRow, World, assigned, key};
use hivemind_worker_core::port::{Assigned, EngineErrorKind, OutputLine};
use hivemind_worker_core::{Ports, Worker};
use std::sync::Arc;

/// No engine, and a pool that calls.
fn world() -> World {
    let world = World::default();
    world.engine.go_away(EngineErrorKind::Missing);
    world.pool.stand(NetworkStanding { reach: Reach::Push, ..NetworkStanding::default() });
    world
}

fn work(task: &str, source: &str, input: &str) -> Assigned {
    let mut work = assigned(task);
    work.assignment.limits.resources = Resources { cpu_millis: 1000, memory_bytes: 128 * MIB, gpus: 0 };
    work.assignment.command.clear();
    work.assignment.function = Some(ManagedFunction { source: source.into(), input: input.into() });
    work
}

/// As [`World::live`], with functions.
fn live<T>(world: &World, body: impl AsyncFnOnce(&Worker) -> T) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build().unwrap();
    let done = runtime.block_on(async {
        world.clock.follow();
        let engine = FunctionEngine::new(world.engine.clone(), world.clock.clone(), 2);
        let ports = Ports { engine: Arc::new(engine), ..world.ports() };
        let worker = Worker::start(ports).await.unwrap();
        let done = body(&worker).await;
        world.clock.stand_still();
        done
    });
    runtime.shutdown_background();
    done
}

/// Virtual time stands still while a thread computes.
async fn runs(world: &World, worker: &Worker) {
    while worker.control.snapshot(()).await.unwrap().status.running_tasks == 0 {
        let row = world.journal.row(&key("long", 1));
        assert!(row.is_none_or(|row| row.phase <= Phase::Running), "it was over before it was seen");
        tokio::task::yield_now().await;
    }
}

fn output(known: &AttemptRow) -> String {
    let printed = known.lines.iter().filter(|line: &&OutputLine| !line.stderr);
    printed.map(|line| line.text.as_str()).collect()
}

fn receipt(known: &AttemptRow) -> serde_json::Value {
    serde_json::from_slice(known.output.as_deref().unwrap()).unwrap()
}

fn assert_clean(world: &World) {
    let files: Vec<_> = std::fs::read_dir(&world.spool.folder).unwrap().map(|f| f.unwrap().path()).collect();
    assert!(files.is_empty(), "files are left: {files:?}");
}

#[test]
fn a_computer_without_docker_earns_with_a_function() {
    let world = world();
    world.pool.give(work("pair", "let s = 40 + 2; print(s); s;", ""));
    live(&world, async |worker| {
        world.until(worker, "settled", |s| s.today.tasks == 1).await;
        let after = world.until(worker, "ready", |s| s.status.state == StatusState::Ready).await;
        assert!(after.engine.functions_only && after.engine.problem.is_some());
        assert_eq!(after.today.settled_cpt, 7);
        world.pass(1.0).await;
        let shown = worker.control.task(TaskRef { task_id: "pair".into(), attempt: None }).await.unwrap();
        assert!(shown.function && shown.image_digest.is_none(), "{shown:?}");
        assert_eq!((shown.exit_code, shown.report.unwrap().image_digest.as_str()), (Some(0), ""));
        let page = worker.control.tasks(HistoryQuery { limit: 10, ..HistoryQuery::default() }).await.unwrap();
        assert!(page.tasks.iter().all(|task| task.function) && page.tasks.len() == 1);
    });
    let known = world.pool.attempt(&key("pair", 1));
    assert_eq!(output(&known), "42\n");
    assert_eq!((&receipt(&known)["executed_ops"], &receipt(&known)["output_bytes"]), (&13.into(), &3.into()));
    let header = known.result.unwrap();
    assert!(header.function && header.verdict == Verdict::Succeeded && header.image_digest.is_empty());
    assert_eq!(header.file.unwrap().size_bytes, known.output.unwrap().len() as u64);
    assert_eq!(known.phases.last().copied(), Some("running"));
    assert!(world.engine.started().is_empty());
    assert_clean(&world);
}

#[test]
fn a_failing_function_is_told_with_its_receipt_and_kept_for_its_owner() {
    let world = world();
    world.pool.give(work("fails", "print(1); 1 / 0;", ""));
    live(&world, async |worker| {
        world.until(worker, "settled", |s| s.today.tasks == 1).await;
        world.pass(1.0).await;
        let kept =
            worker.control.debug_data(TaskRef { task_id: "fails".into(), attempt: None }).await.unwrap();
        let names: Vec<_> = kept.files.iter().map(|file| file.name.as_str()).collect();
        assert!(!names.iter().any(|name| name.contains("zip")), "{names:?}");
        // Five of them in a row say nothing about this computer.
        for task in ["f2", "f3", "f4", "f5", "f6"] {
            world.pool.give(work(task, "x;", ""));
        }
        let after = world.until(worker, "all", |s| s.today.tasks == 6).await;
        assert_eq!(after.status.problem, None);
    });
    let known = world.pool.attempt(&key("fails", 1));
    assert_eq!(output(&known), "1\n");
    assert_eq!(receipt(&known)["failure_code"], "division_by_zero");
    let verdict = known.result.unwrap().verdict;
    assert!(
        matches!(verdict, Verdict::Failed { class: FailureClass::ExitCode, exit_code: Some(1), .. }),
        "{verdict:?}"
    );
    assert_clean(&world);
}

#[test]
fn a_container_is_handed_back_and_what_is_no_json_fails() {
    let world = world();
    world.pool.give(assigned("contained"));
    world.pool.give(work("wrong", "1;", "{"));
    live(&world, async |worker| {
        world.when("handed back", |w| !w.pool.attempt(&key("contained", 1)).handed_back.is_empty()).await;
        let settled =
            |w: &World| w.journal.row(&key("wrong", 1)).is_some_and(|row| row.phase == Phase::Settled);
        world.when("settled", settled).await;
        assert_eq!(worker.control.snapshot(()).await.unwrap().tasks, Vec::new());
        world.pass(1.0).await;
    });
    assert_eq!(world.pool.attempt(&key("contained", 1)).handed_back, [HandBack::CannotRun]);
    let header = world.pool.attempt(&key("wrong", 1)).result.unwrap();
    assert!(matches!(header.verdict, Verdict::Failed { class: FailureClass::Package, .. }), "{header:?}");
    assert_eq!(header.file, None);
    assert_clean(&world);
}

#[test]
fn a_function_that_was_lost_with_its_process_begins_anew_without_an_engine() {
    let world = world();
    let list = serde_json::to_string(&vec![1; 300]).unwrap();
    let long = "print(1); let s = 0; for a in input { for b in input { let s = s + a * b - b; } } print(s);";
    world.pool.give(work("long", long, &list));
    live(&world, async |worker| {
        runs(&world, worker).await;
    });
    let row = world.journal.row(&key("long", 1)).unwrap();
    assert_eq!((row.phase, row.result, row.container.is_some()), (Phase::Running, None, true));
    live(&world, async |worker| {
        world.until(worker, "settled", |s| s.today.tasks == 1).await;
        world.pass(1.0).await;
    });
    let known = world.pool.attempt(&key("long", 1));
    assert_eq!((output(&known).as_str(), known.handed_back.len()), ("1\n0\n", 0));
    assert_eq!(receipt(&known)["status"], "completed");
    assert_eq!(world.engine.containers(), Vec::<String>::new());
    assert_clean(&world);
}

#[test]
fn an_ending_worker_leaves_no_function_behind() {
    let world = world();
    let list = serde_json::to_string(&vec![1; 300]).unwrap();
    let long = "let s = 0; for a in input { for b in input { let s = s + a * b - b + 1 - 1; } }";
    world.pool.give(work("long", long, &list));
    live(&world, async |worker| {
        runs(&world, worker).await;
        worker.control.quit(()).await.unwrap();
        world.when("told", |w| !w.pool.attempt(&key("long", 1)).handed_back.is_empty()).await;
    });
    assert_eq!(world.pool.attempt(&key("long", 1)).handed_back, [HandBack::ShuttingDown]);
}
