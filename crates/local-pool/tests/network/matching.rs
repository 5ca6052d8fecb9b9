//! Who is pushed what.

use crate::bare::Bare;
use crate::stage::{Caller, NOBODY, Stage, WORKER, assert_words, big, quick};
use hivemind_local_pool::nodepool::{FaceTimes, Needs, TaskStatus};
use hivemind_proto::nodepool::{ProviderWorkerSettings, ResourceSpec};
use std::time::Duration;

/// Nothing is pushed but by hand.
fn by_hand() -> FaceTimes {
    FaceTimes { dispatch_every: Duration::from_hours(1), ..FaceTimes::default() }
}

fn all() -> ProviderWorkerSettings {
    ProviderWorkerSettings { enabled: true, ..ProviderWorkerSettings::default() }
}

#[tokio::test]
async fn what_a_task_needs_is_held_against_what_there_is_and_what_its_owner_gives() {
    let stage = Stage::start(by_hand()).await;
    let caller = stage.provider().await;
    let gpu = ResourceSpec { gpu_count: 1, gpu_name: "x".into(), vram_mb: 8192, gpu_score: 50, ..big() };
    assert_words(&caller.register(WORKER, NOBODY, gpu).await, "ok");
    let needs = Needs::default;
    let table = [
        ("nothing", needs(), all(), 100, true),
        ("all memory", Needs { memory_mb: 8192, ..needs() }, all(), 100, true),
        ("more memory", Needs { memory_mb: 9216, ..needs() }, all(), 100, false),
        (
            "memory that is given",
            Needs { memory_mb: 2048, ..needs() },
            limits(|l| l.memory_gb_limit = 2),
            100,
            true,
        ),
        (
            "memory that is not",
            Needs { memory_mb: 3072, ..needs() },
            limits(|l| l.memory_gb_limit = 2),
            100,
            false,
        ),
        (
            "a limit above what there is",
            Needs { memory_mb: 9216, ..needs() },
            limits(|l| l.memory_gb_limit = 64),
            100,
            false,
        ),
        ("all disk", Needs { storage_total_gb: 50, ..needs() }, all(), 100, true),
        ("more disk", Needs { storage_total_gb: 51, ..needs() }, all(), 100, false),
        (
            "disk that is not given",
            Needs { storage_total_gb: 5, ..needs() },
            limits(|l| l.storage_gb_limit = 4),
            100,
            false,
        ),
        ("all GPU memory", Needs { vram_mb: 8192, ..needs() }, all(), 100, true),
        ("more GPU memory", Needs { vram_mb: 9216, ..needs() }, all(), 100, false),
        (
            "GPU memory that is not given",
            Needs { vram_mb: 5120, ..needs() },
            limits(|l| l.gpu_memory_gb_limit = 4),
            100,
            false,
        ),
        ("as fast a processor", Needs { cpu_score: 200, ..needs() }, all(), 100, true),
        ("a faster processor", Needs { cpu_score: 201, ..needs() }, all(), 100, false),
        (
            "half of a processor",
            Needs { cpu_score: 100, ..needs() },
            limits(|l| l.cpu_cores_limit = 1),
            100,
            true,
        ),
        (
            "more than half of it",
            Needs { cpu_score: 101, ..needs() },
            limits(|l| l.cpu_cores_limit = 1),
            100,
            false,
        ),
        ("as fast a GPU", Needs { gpu_score: 50, ..needs() }, all(), 100, true),
        ("a faster GPU", Needs { gpu_score: 51, ..needs() }, all(), 100, false),
        ("enough pay", needs(), limits(|l| l.min_cpt_per_hour = 100), 100, true),
        ("less pay", needs(), limits(|l| l.min_cpt_per_hour = 100), 99, false),
        ("a computer that is not enabled", needs(), ProviderWorkerSettings::default(), 100, false),
    ];
    for (what, needs, settings, cpt, fits) in table {
        caller.settings(WORKER, settings).await;
        stage.face.submit("requester", what, "x", needs, cpt);
        assert_eq!(stage.face.push_now(what).is_some(), fits, "{what}");
    }
}

fn limits(set: impl FnOnce(&mut ProviderWorkerSettings)) -> ProviderWorkerSettings {
    let mut settings = all();
    set(&mut settings);
    settings
}

#[tokio::test]
async fn a_push_tells_memory_scores_and_disk_alone() {
    let (stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let _caller = stage.registered(&worker.address()).await;
    let needs =
        Needs { cpu_cores: 2, memory_mb: 1024, cpu_score: 7, storage_total_gb: 3, ..Needs::default() };
    stage.face.submit("requester", "t-1", "x", needs, 100);
    let told = worker.pushed().await.request.resource_limits.unwrap();
    assert_eq!((told.cpu_cores, told.gpu_count, told.gpu_name.as_str()), (0, 0, ""));
    assert_eq!((told.memory_mb, told.cpu_score), (1024, 7));
    assert_eq!((told.storage_total_gb, told.storage_available_gb), (3, 3));
}

#[tokio::test]
async fn status_and_trust_decide_whether_anything_is_pushed() {
    let stage = Stage::start(by_hand()).await;
    let caller = stage.registered(NOBODY).await;
    let table = [
        ("IDLE", 100, false, true),
        ("ACTIVE", 100, false, true),
        ("busy", 100, false, true),
        ("OFFLINE", 100, false, false),
        ("PAUSED", 100, false, false),
        ("", 100, false, false),
        ("IDLE", 20, false, true),
        ("IDLE", 19, false, false),
        ("IDLE", 1000, true, false),
    ];
    for (row, (status, score, banned, pushed)) in table.into_iter().enumerate() {
        caller.status(WORKER, status, 0.0).await;
        stage.face.set_trust(WORKER, score, banned);
        let id = format!("t-{row}");
        stage.submit(&id);
        assert_eq!(stage.face.push_now(&id).is_some(), pushed, "{status} {score} {banned}");
    }
}

#[tokio::test]
async fn the_idler_computer_is_dialled_first_and_a_busy_one_when_no_other_fits() {
    let stage = Stage::start(by_hand()).await;
    let caller = stage.provider().await;
    let mut row = 0;
    let mut first = async |workers: [(&str, &str, f32); 3]| {
        for (id, status, cpu) in workers {
            caller.status(id, status, cpu).await;
        }
        row += 1;
        stage.submit(&format!("t-{row}"));
        stage.face.push_now(&format!("t-{row}")).unwrap()
    };
    for id in ["a", "b", "c"] {
        assert_words(&caller.register(id, NOBODY, big()).await, "ok");
    }
    assert_eq!(first([("a", "BUSY", 0.0), ("b", "ACTIVE", 0.0), ("c", "IDLE", 99.0)]).await, "c");
    assert_eq!(first([("a", "BUSY", 0.0), ("b", "ACTIVE", 99.0), ("c", "OFFLINE", 0.0)]).await, "b");
    assert_eq!(first([("a", "IDLE", 50.0), ("b", "IDLE", 5.0), ("c", "IDLE", 6.0)]).await, "b");
    assert_eq!(first([("a", "OFFLINE", 0.0), ("b", "OFFLINE", 0.0), ("c", "BUSY", 99.0)]).await, "c");
}

#[tokio::test]
async fn an_address_that_means_every_network_is_never_dialled() {
    let stage = Stage::start(by_hand()).await;
    let caller = stage.provider().await;
    for (row, address) in ["0.0.0.0:50053", "[::]:50053", "http://0.0.0.0:50053", ""].into_iter().enumerate()
    {
        assert_words(&caller.register(WORKER, address, big()).await, "ok");
        stage.submit(&format!("t-{row}"));
        assert_eq!(stage.face.push_now(&format!("t-{row}")), None, "{address}");
    }
}

#[tokio::test]
async fn an_address_may_name_http_itself() {
    let (stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let _caller = stage.registered(&format!("http://{}", worker.address())).await;
    stage.submit("t-1");
    assert_eq!(worker.pushed().await.id(), "t-1");
}

#[tokio::test]
async fn a_worker_that_is_not_enabled_is_pushed_nothing_and_may_pull() {
    let (stage, worker) = (Stage::start(quick()).await, Bare::listen());
    let caller = stage.registered(&worker.address()).await;
    caller.disable().await;
    // Requirements and settings are not looked at either.
    let needs = Needs { memory_mb: i32::MAX, ..Needs::default() };
    stage.face.submit("requester", "t-1", "x", needs, 100);
    worker.is_pushed_nothing().await;
    let task = stage.task("t-1");
    assert_eq!((task.status, task.pushes), (TaskStatus::Pending, 0));
    assert_eq!(caller.pull(1).await[0].task_id, "t-1");
}

/// How often the worker is given something between registering and disabling.
async fn given_in_between(stage: &Stage, caller: &Caller, resources: ResourceSpec) -> u32 {
    assert_words(&caller.register(WORKER, NOBODY, resources).await, "ok");
    tokio::time::sleep(Duration::from_millis(100)).await;
    caller.disable().await;
    stage.task("t-1").pushes
}

#[tokio::test]
async fn between_registering_and_disabling_even_a_computer_that_told_no_memory_is_pushed_what_needs_none() {
    let times = FaceTimes { dispatch_every: Duration::from_millis(1), ..FaceTimes::default() };
    let stage = Stage::start(times).await;
    let caller = stage.provider().await;
    stage.submit("t-1");
    assert_eq!(given_in_between(&stage, &caller, ResourceSpec::default()).await, 1);
    // With a need, nothing was to be had in between.
    let stage = Stage::start(times).await;
    let caller = stage.provider().await;
    let needs = Needs { memory_mb: 1024, ..Needs::default() };
    stage.face.submit("requester", "t-1", "x", needs, 100);
    assert_eq!(given_in_between(&stage, &caller, ResourceSpec::default()).await, 0);
}

#[tokio::test]
async fn a_hundred_waiting_tasks_are_looked_at_at_once_the_oldest_first() {
    let times = FaceTimes { dispatch_every: Duration::from_millis(700), ..FaceTimes::default() };
    let stage = Stage::start(times).await;
    let _caller = stage.registered(NOBODY).await;
    // Their names say another order than their age.
    let ids: Vec<_> = (0..130).rev().map(|n| format!("t-{n:03}")).collect();
    ids.iter().for_each(|id| stage.submit(id));
    stage.once(&ids[0], |task| task.pushes == 1).await;
    let pushed: Vec<_> = ids.iter().filter(|id| stage.task(id).pushes == 1).collect();
    assert_eq!(pushed, ids[..100].iter().collect::<Vec<_>>());
    stage.once(&ids[129], |task| task.pushes == 1).await;
}
