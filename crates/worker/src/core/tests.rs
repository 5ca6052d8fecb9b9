use super::*;
use crate::port::{Assigned, HeartbeatAnswer, OwnContainer, PoolError, PoolErrorKind};
use hivemind_control::{AccountView, PoolState, StatusState};
use hivemind_domain::connection::Todo;
use hivemind_domain::ids::{NodeId, TaskId};
use hivemind_domain::limits::TaskLimits;
use hivemind_domain::network::NetworkRules;
use hivemind_domain::resources::{GIB, Resources, TrustLevel};
use hivemind_domain::reward::Formula;
use hivemind_domain::task::{
    Assignment, CancelledBy, Credit, NetworkNeed, Phase, ResultFile, Task, TaskEffect,
};
use hivemind_domain::time::WallMs;

mod failing;
mod freezing;
mod functions;
mod outstanding;
mod pausing;
mod rules;
mod sharing;
mod watching;

fn at(ms: u64) -> Now {
    Now { mono: Mono(Duration::from_millis(ms)), wall: WallMs(1_000_000 + ms as i64) }
}

fn key(name: &str, attempt: u32) -> TaskKey {
    TaskKey { task: TaskId::new(name).unwrap(), attempt }
}

fn assigned(name: &str) -> Assigned {
    let assignment = Assignment {
        key: key(name, 1),
        name: name.into(),
        image: None,
        command: Vec::new(),
        package: None,
        limits: TaskLimits { timeout: Duration::from_secs(60), ..TaskLimits::default() },
        network: NetworkNeed::None,
        formula: Formula::V2,
        array: None,
        function: None,
    };
    Assigned { assignment, lease: Duration::from_secs(10) }
}

fn registered() -> Input {
    Input::Registered(Registered {
        node: NodeId::new("n1").unwrap(),
        trust: TrustLevel::Low,
        heartbeat_every: Duration::from_secs(1),
        lease: Duration::from_secs(10),
        earner: "ann@pool".into(),
    })
}

fn engine_ready() -> Input {
    Input::EngineChecked(Ok(EngineInfo {
        name: "docker".into(),
        version: "20.10".into(),
        isolation: "plain".into(),
        ..EngineInfo::default()
    }))
}

fn engine_away() -> EngineError {
    EngineError::new(crate::port::EngineErrorKind::Stopped, "no answer")
}

fn unreachable() -> PoolError {
    PoolError::new(PoolErrorKind::Unreachable, "no answer")
}

fn new_core() -> Core {
    let allowed = Resources { cpu_millis: 4000, memory_bytes: 8 * GIB, gpus: 0 };
    Core::new(Limits { max_tasks: 3, allowed, cpu_only: true, ..Limits::default() }, Capabilities::default())
}

fn restored(tasks: Vec<Task>) -> Input {
    Input::Restored { tasks, contribute: true, found: vec![], suspects: Suspects::default() }
}

fn online(tasks: Vec<Task>) -> Core {
    let mut core = new_core();
    core.step(restored(tasks), at(0));
    core.step(engine_ready(), at(0));
    core.step(Input::Authenticated(AccountView::default()), at(0));
    core.step(registered(), at(0));
    core
}

fn ask_number(effects: &[Effect]) -> Option<u64> {
    effects.iter().find_map(|e| if let Effect::Ask { number, .. } = e { Some(*number) } else { None })
}

fn give(core: &mut Core, name: &str, now: Now) -> Vec<Effect> {
    let number = core.ask_number;
    core.step(Input::Asked { number, answer: Ok(Some(assigned(name))), unit: 0.5 }, now)
}

fn run_to_result(core: &mut Core, k: &TaskKey) -> Vec<Effect> {
    for input in [
        TaskInput::Prepared { container: "c1".into(), image_digest: "sha256:1".into() },
        TaskInput::Started,
        TaskInput::Exited { code: 0, out_of_memory: false },
    ] {
        core.step(Input::Task(k.clone(), input), at(3000));
    }
    let file = ResultFile { sha256: "a".repeat(64), size_bytes: 1, entries: 1 };
    let effects = core.step(Input::Task(k.clone(), TaskInput::Collected(file)), at(3100));
    assert!(!submits(&effects), "told before it was written");
    core.step(Input::Kept(k.clone()), at(3101))
}

fn submits(effects: &[Effect]) -> bool {
    effects.iter().any(|e| matches!(e, Effect::Perform(_, TaskEffect::Submit)))
}

fn renew(core: &mut Core, now: Now) -> Vec<Effect> {
    let answer = HeartbeatAnswer { lease: Duration::from_secs(10), ..HeartbeatAnswer::default() };
    core.step(Input::Heartbeat { sent: now.mono, answer }, now)
}

#[test]
fn asks_for_work_only_when_everything_is_ready() {
    let mut core = new_core();
    core.step(restored(vec![]), at(0));
    core.step(Input::Authenticated(AccountView::default()), at(0));
    assert_eq!(ask_number(&core.step(registered(), at(0))), None, "the engine was not heard of");
    assert_eq!(ask_number(&core.step(engine_ready(), at(0))), Some(1));
    assert_eq!(core.snapshot(at(0)).status.state, StatusState::Ready);
}

#[test]
fn an_accepted_task_is_written_before_it_is_prepared() {
    let mut core = online(vec![]);
    let effects = give(&mut core, "t1", at(100));
    assert!(matches!(&effects[0], Effect::Persist(task, todo)
        if task.phase == Phase::Preparing && *todo == vec![TaskEffect::Prepare]));
    assert!(!effects.iter().any(|e| matches!(e, Effect::Perform(_, TaskEffect::Prepare))));
    assert_eq!(ask_number(&effects), Some(2), "asks on with what is left");
    assert_eq!(core.held(), vec![key("t1", 1)]);
}

#[test]
fn what_does_not_fit_is_declined_with_numbers() {
    let mut core = online(vec![]);
    let mut large = assigned("big");
    large.assignment.limits.resources.memory_bytes = 100 * GIB;
    let number = core.ask_number;
    let effects = core.step(Input::Asked { number, answer: Ok(Some(large)), unit: 0.5 }, at(5));
    assert!(
        matches!(&effects[0], Effect::Decline(k, HandBack::CannotRun, why) if *k == key("big", 1) && why.contains("memory"))
    );
    let mut curious = assigned("net");
    curious.assignment.network = NetworkNeed::Hosts(vec!["example.org".into()]);
    let number = core.ask_number;
    let effects = core.step(Input::Asked { number, answer: Ok(Some(curious)), unit: 0.5 }, at(5));
    assert!(matches!(&effects[0], Effect::Decline(_, _, why) if why.contains("network")));
    assert!(core.held().is_empty());
}

#[test]
fn a_result_is_not_sent_while_the_lease_is_unconfirmed() {
    let mut core = online(vec![]);
    give(&mut core, "t1", at(100));
    let k = key("t1", 1);
    core.step(Input::PoolFailed { error: unreachable(), unit: 0.0 }, at(200));
    assert!(!submits(&run_to_result(&mut core, &k)));
    core.step(Input::Tick, at(60_000));
    core.step(Input::Authenticated(AccountView::default()), at(60_000));
    assert!(!submits(&core.step(registered(), at(60_000))), "the lease has lapsed meanwhile");
    assert!(submits(&renew(&mut core, at(60_001))));
    let paid = TaskInput::Acknowledged(Credit { cpt: 2, settled: true });
    let effects = core.step(Input::Task(k, paid), at(60_100));
    assert!(effects.iter().any(|e| matches!(e, Effect::Forget(t) if t.phase == Phase::Settled)));
}

#[test]
fn a_revoked_attempt_ends_and_a_late_revocation_of_a_newer_acceptance_is_ignored() {
    let mut core = online(vec![]);
    give(&mut core, "t1", at(5000));
    let void =
        HeartbeatAnswer { void: vec![key("t1", 1)], lease: Duration::from_secs(10), ..Default::default() };
    core.step(Input::Heartbeat { sent: at(4000).mono, answer: void.clone() }, at(5001));
    assert_eq!(core.held().len(), 1, "that heartbeat was sent before the task was accepted");
    let effects = core.step(Input::Heartbeat { sent: at(6000).mono, answer: void }, at(6001));
    assert!(effects.iter().any(|e| matches!(e, Effect::Forget(t) if t.phase == Phase::LeaseLost)));
    assert!(core.held().is_empty());
}

#[test]
fn time_runs_out_only_while_the_container_runs() {
    let mut core = online(vec![]);
    give(&mut core, "t1", at(0));
    let k = key("t1", 1);
    core.step(Input::Tick, at(120_000));
    assert!(core.live_task(&k).unwrap().verdict.is_none(), "preparation does not count");
    let prepared = TaskInput::Prepared { container: "c".into(), image_digest: "d".into() };
    core.step(Input::Task(k.clone(), prepared), at(120_000));
    core.step(Input::Task(k.clone(), TaskInput::Started), at(120_000));
    assert_eq!(core.next_wake(at(120_001).mono), Some(at(125_000).mono), "looked at meanwhile");
    core.step(Input::Tick, at(178_000));
    assert_eq!(core.next_wake(at(178_001).mono), Some(at(180_000).mono));
    let effects = core.step(Input::Tick, at(180_000));
    assert!(effects.iter().any(|e| matches!(e, Effect::Persist(_, todo) if *todo == vec![TaskEffect::Halt])));
    assert_eq!(core.live_task(&k).unwrap().verdict.as_ref().unwrap().word(), "timed_out");
}

#[test]
fn an_engine_outage_parks_and_its_return_goes_on() {
    let mut core = online(vec![]);
    give(&mut core, "t1", at(0));
    let k = key("t1", 1);
    let prepared = TaskInput::Prepared { container: "c".into(), image_digest: "d".into() };
    core.step(Input::Task(k.clone(), prepared), at(1));
    core.step(Input::Task(k.clone(), TaskInput::Started), at(1));
    core.step(Input::EngineAway(k.clone(), engine_away()), at(2));
    let told = core.snapshot(at(2)).status;
    assert_eq!(told.state, StatusState::NeedsYou);
    assert_eq!(told.problem.unwrap().code, ErrorCode::EngineStopped);
    let effects = core.step(Input::Tick, at(5002));
    assert!(effects.contains(&Effect::VerifyEngine));
    assert!(core.step(engine_ready(), at(5003)).contains(&Effect::FindContainers));
    let stray =
        OwnContainer { container: "x".into(), key: Some(key("old", 1)), gpus: Vec::new(), frozen: false };
    let mine = OwnContainer { container: "c".into(), key: Some(k), gpus: Vec::new(), frozen: false };
    let effects = core.step(Input::Containers(Ok(vec![stray, mine])), at(5004));
    assert!(effects.contains(&Effect::RemoveStray("x".into())));
    assert!(!effects.contains(&Effect::RemoveStray("c".into())));
    assert!(effects.iter().any(|e| matches!(e, Effect::Persist(_, todo) if *todo == vec![TaskEffect::Run])));
}

#[test]
fn an_outage_longer_than_the_time_out_is_neither_held_against_a_task_nor_counted() {
    let mut core = online(vec![]);
    give(&mut core, "t1", at(0));
    let k = key("t1", 1);
    let prepared = || TaskInput::Prepared { container: "c".into(), image_digest: "d".into() };
    core.step(Input::Task(k.clone(), prepared()), at(1));
    core.step(Input::Task(k.clone(), TaskInput::Started), at(1));
    core.step(Input::EngineAway(k.clone(), engine_away()), at(10_000));
    core.step(Input::Tick, at(200_000));
    assert_eq!(core.live_task(&k).unwrap().verdict, None, "nobody knows whether it runs");
    core.step(engine_ready(), at(200_001));
    core.step(Input::Containers(Ok(vec![])), at(200_002));
    assert_eq!(core.live_task(&k).unwrap().phase, Phase::Preparing);
    core.step(Input::Tick, at(400_000));
    core.step(Input::Task(k.clone(), prepared()), at(400_000));
    core.step(Input::Task(k.clone(), TaskInput::Started), at(400_000));
    core.step(Input::Tick, at(459_000));
    assert_eq!(core.live_task(&k).unwrap().verdict, None, "its time begins with it");
    core.step(Input::Tick, at(460_001));
    assert_eq!(core.live_task(&k).unwrap().verdict.as_ref().unwrap().word(), "timed_out");
}

#[test]
fn an_engine_that_goes_while_nothing_runs_is_asked_once_and_told_as_missing() {
    let mut core = online(vec![]);
    assert_eq!(core.snapshot(at(1)).status.state, StatusState::Ready);
    assert!(core.step(Input::EngineGone, at(2)).contains(&Effect::VerifyEngine));
    assert!(!core.step(Input::EngineGone, at(3)).contains(&Effect::VerifyEngine), "it was not answered yet");
    core.step(Input::EngineChecked(Err(engine_away())), at(4));
    let told = core.snapshot(at(4)).status;
    assert_eq!((told.state, told.problem.unwrap().code), (StatusState::NeedsYou, ErrorCode::EngineStopped));
    assert!(core.step(Input::Tick, at(5_005)).contains(&Effect::VerifyEngine));
    core.step(engine_ready(), at(5_006));
    assert_eq!(core.snapshot(at(5_006)).status.state, StatusState::Ready);
}

#[test]
fn after_a_restart_the_container_is_adopted_and_its_time_counts() {
    let mut before = online(vec![]);
    give(&mut before, "t1", at(0));
    let k = key("t1", 1);
    let prepared = TaskInput::Prepared { container: "c".into(), image_digest: "d".into() };
    before.step(Input::Task(k.clone(), prepared), at(0));
    before.step(Input::Task(k.clone(), TaskInput::Started), at(0));
    let kept = before.live_task(&k).unwrap().clone();
    let mut core = new_core();
    core.step(restored(vec![kept]), at(8000));
    core.step(engine_ready(), at(8000));
    assert_eq!(core.held(), vec![k.clone()], "the pool is told about it at once");
    let own = OwnContainer { container: "c".into(), key: Some(k.clone()), gpus: Vec::new(), frozen: false };
    let effects = core.step(Input::Containers(Ok(vec![own])), at(8000));
    assert!(effects.iter().any(|e| matches!(e, Effect::Persist(_, todo) if *todo == vec![TaskEffect::Run])));
    assert_eq!(core.snapshot(at(8000)).tasks[0].active_ms, 8000);
}

#[test]
fn what_this_program_fell_over_is_handed_back_wherever_it_stood_and_nothing_else() {
    let mut before = online(vec![]);
    for name in ["runs", "sends", "innocent"] {
        give(&mut before, name, at(0));
    }
    let (runs, sends, innocent) = (key("runs", 1), key("sends", 1), key("innocent", 1));
    for k in [&sends, &innocent] {
        run_to_result(&mut before, k);
    }
    let kept = |k: &TaskKey| before.live_task(k).unwrap().clone();
    let tasks = vec![kept(&runs), kept(&sends), kept(&innocent)];
    let mut core = new_core();
    let suspects = Suspects { named: vec![sends.clone()], all_begun: true };
    let effects = core.step(Input::Restored { tasks, contribute: true, found: vec![], suspects }, at(9000));
    let todo = |k: &TaskKey| {
        effects.iter().find_map(|e| {
            let Effect::Persist(task, todo) = e else { return None };
            (task.key() == k).then(|| (task.phase, todo.clone()))
        })
    };
    assert_eq!(todo(&runs), Some((Phase::Preparing, vec![TaskEffect::Halt])));
    let back = vec![TaskEffect::HandBack, TaskEffect::RemoveContainer];
    assert_eq!(todo(&sends), Some((Phase::Uploading, back)));
    assert_eq!(todo(&innocent), None);
    let result = |k: &TaskKey| core.live_task(k).unwrap().result.is_some();
    assert_eq!((result(&sends), result(&innocent)), (false, true), "a whole result is kept");
}

#[test]
fn stopping_hands_back_what_runs_and_keeps_the_link_until_the_pool_knows() {
    let mut core = online(vec![]);
    give(&mut core, "t1", at(0));
    let k = key("t1", 1);
    let effects = core.step(Input::Owner(OwnerAsks::Stop), at(1));
    assert!(effects.contains(&Effect::KeepWish(false)));
    assert_eq!(core.snapshot(at(1)).status.state, StatusState::Off);
    let effects = core.step(Input::Task(k.clone(), TaskInput::Stopped), at(2));
    let handed_back = |e: &Effect| matches!(e, Effect::Perform(_, TaskEffect::HandBack));
    assert!(!effects.iter().any(handed_back), "told before it was written");
    assert!(core.step(Input::Kept(k.clone()), at(2)).iter().any(handed_back));
    let effects = core.step(Input::Task(k, TaskInput::HandBackTaken), at(3));
    assert!(effects.contains(&Effect::Pool(Todo::Disconnect)));
}

#[test]
fn shutdown_ends_only_when_nothing_is_left_to_tell() {
    let mut core = online(vec![]);
    give(&mut core, "t1", at(0));
    assert!(!core.step(Input::Shutdown, at(1)).contains(&Effect::Ended));
    core.step(Input::Task(key("t1", 1), TaskInput::Stopped), at(2));
    let effects = core.step(Input::Task(key("t1", 1), TaskInput::HandBackTaken), at(3));
    assert!(effects.contains(&Effect::Ended));
}

#[test]
fn a_cancellation_reaches_a_running_task_and_its_report() {
    let mut core = online(vec![]);
    give(&mut core, "t1", at(0));
    let cancelled = vec![(key("t1", 1), CancelledBy::Requester)];
    let answer = HeartbeatAnswer { cancelled, lease: Duration::from_secs(10), ..Default::default() };
    core.step(Input::Heartbeat { sent: at(5).mono, answer }, at(6));
    core.step(Input::Task(key("t1", 1), TaskInput::Stopped), at(7));
    assert!(submits(&core.step(Input::Kept(key("t1", 1)), at(7))));
}

#[test]
fn a_failed_call_for_work_waits_and_never_spins() {
    let mut core = online(vec![]);
    let number = core.ask_number;
    let effects = core.step(Input::Asked { number, answer: Err(unreachable()), unit: 1.0 }, at(10));
    assert_eq!(ask_number(&effects), None);
    assert_eq!(core.next_wake(at(10).mono), Some(at(510).mono));
    assert_eq!(ask_number(&core.step(Input::Tick, at(509))), None);
    assert!(ask_number(&core.step(Input::Tick, at(510))).is_some());
    assert_eq!(core.snapshot(at(510)).pool.state, PoolState::Online, "heartbeats decide about the link");
}

#[test]
fn a_call_that_a_newer_one_replaced_is_no_failure() {
    let mut core = online(vec![]);
    let older = core.ask_number;
    let effects = give(&mut core, "t1", at(100));
    assert!(ask_number(&effects).is_some_and(|newer| newer > older));
    let answer = Err(unreachable());
    core.step(Input::Asked { number: older, answer, unit: 1.0 }, at(110));
    assert!(core.snapshot(at(110)).notices.is_empty());
    assert_eq!(core.ask_after, Mono::default(), "no pause before the next call");
}

#[test]
fn a_store_that_fails_stops_new_work_until_it_writes_again() {
    let mut core = online(vec![]);
    let full = StoreError { disk_full: true, message: "no space".into() };
    core.step(Input::Written(Written::Records, Err(full)), at(1));
    assert_eq!(core.snapshot(at(1)).status.problem.unwrap().code, ErrorCode::JournalFailed);
    core.step(Input::Written(Written::Records, Ok(())), at(2));
    assert_eq!(core.snapshot(at(2)).status.state, StatusState::Ready);
}

#[test]
fn each_thing_that_cannot_be_written_stops_new_work_and_is_told_once() {
    let mut core = online(vec![]);
    give(&mut core, "t1", at(0));
    let full = || Err(StoreError { disk_full: true, message: "no space".into() });
    let package = Written::Package(key("t1", 1));
    for second in 1..=9 {
        core.step(Input::Written(Written::Records, full()), at(second * 1000));
    }
    core.step(Input::Written(package.clone(), full()), at(10_000));
    assert_eq!(core.snapshot(at(10_000)).notices.len(), 2);
    core.step(Input::Written(Written::Records, Ok(())), at(11_000));
    let state = |core: &Core| core.snapshot(at(12_000)).status.problem.map(|problem| problem.code);
    assert_eq!(state(&core), Some(ErrorCode::JournalFailed), "the package still cannot be written");
    core.step(Input::Task(key("t1", 1), TaskInput::Revoked), at(12_000));
    assert_eq!(state(&core), None, "nobody waits for it any more");
    core.step(Input::Written(package, full()), at(13_000));
    assert_eq!(state(&core), None, "not even for a try that goes on a little");
}

#[test]
fn a_result_from_the_journal_needs_no_engine_to_be_delivered() {
    let mut before = online(vec![]);
    give(&mut before, "t1", at(0));
    let k = key("t1", 1);
    run_to_result(&mut before, &k);
    let kept = before.live_task(&k).unwrap().clone();
    let mut core = new_core();
    core.step(restored(vec![kept]), at(8000));
    core.step(Input::EngineChecked(Err(engine_away())), at(8000));
    core.step(Input::Authenticated(AccountView::default()), at(8000));
    core.step(registered(), at(8000));
    assert!(submits(&renew(&mut core, at(8001))));
}

#[test]
fn a_container_that_its_engine_took_along_is_begun_anew_once() {
    for code in [137, 143, 255] {
        let mut core = online(vec![]);
        give(&mut core, "t1", at(0));
        let k = key("t1", 1);
        let prepared = || TaskInput::Prepared { container: "c".into(), image_digest: "d".into() };
        let exited = || TaskInput::Exited { code, out_of_memory: false };
        core.step(Input::Task(k.clone(), prepared()), at(1));
        core.step(Input::Task(k.clone(), TaskInput::Started), at(1));
        core.step(Input::EngineAway(k.clone(), engine_away()), at(1000));
        core.step(Input::Tick, at(6001));
        core.step(engine_ready(), at(6002));
        let own =
            OwnContainer { container: "c".into(), key: Some(k.clone()), gpus: Vec::new(), frozen: false };
        core.step(Input::Containers(Ok(vec![own])), at(6003));
        let effects = core.step(Input::Task(k.clone(), exited()), at(6004));
        let again = |e: &Effect| matches!(e, Effect::Persist(_, todo) if *todo == vec![TaskEffect::Prepare]);
        assert!(effects.iter().any(again), "{code}: {effects:?}");
        // While somebody watches, the same code is the program's own.
        core.step(Input::Task(k.clone(), prepared()), at(7000));
        core.step(Input::Task(k.clone(), TaskInput::Started), at(7000));
        core.step(Input::Task(k.clone(), exited()), at(8000));
        assert_eq!(core.live_task(&k).unwrap().verdict.as_ref().unwrap().word(), "failed");
    }
}

#[test]
fn a_lease_at_stake_makes_the_next_try_come_soon_and_a_lapsed_one_does_not() {
    let mut core = online(vec![]);
    give(&mut core, "t1", at(0));
    for failures in 0..3 {
        let now = at(1000 + failures * 1000);
        core.step(Input::PoolFailed { error: unreachable(), unit: 1.0 }, now);
        assert!(core.next_wake(now.mono).unwrap() <= at(1700 + failures * 1000).mono);
        core.step(Input::Tick, at(1700 + failures * 1000));
    }
    core.step(Input::PoolFailed { error: unreachable(), unit: 1.0 }, at(11_000));
    let next = core.next_wake(at(11_000).mono).unwrap();
    assert!(next.since(at(11_000).mono) >= Duration::from_secs(2), "{next:?}");
}

mod delivering;
mod engine_room;
fn offered(core: &mut Core, name: &str, hosts: &[&str]) -> Vec<Effect> {
    let mut wants = assigned(name);
    wants.assignment.network = NetworkNeed::Hosts(hosts.iter().map(|host| (*host).to_owned()).collect());
    let number = core.ask_number;
    core.step(Input::Asked { number, answer: Ok(Some(wants)), unit: 0.5 }, at(5))
}

#[test]
fn the_owner_is_asked_about_a_host_and_answers() {
    use hivemind_control::ErrorCode;
    use hivemind_domain::hosts::HostRule;
    use hivemind_domain::settings::{Settings, Source};
    let mut core = online(vec![]);
    let mut settings = Settings::default();
    settings.apply("network_policy", "ask", Source::File).unwrap();
    settings.apply("allowed_hosts", "fine.org", Source::File).unwrap();
    core.limits.network = NetworkRules::from_settings(&settings);
    let declined =
        |effects: &[Effect]| matches!(&effects[0], Effect::Decline(_, _, why) if why.contains("b.org"));
    for name in ["t1", "t2"] {
        assert!(declined(&offered(&mut core, name, &["fine.org", "b.org"])));
    }
    let snapshot = core.snapshot(at(6));
    assert_eq!(snapshot.host_questions.len(), 1, "one question however often it is asked");
    assert_eq!(
        (snapshot.host_questions[0].host.as_str(), snapshot.host_questions[0].task_name.as_str()),
        ("b.org", "t2")
    );
    let asked = snapshot.notices.iter().filter(|n| n.error.code == ErrorCode::NetworkQuestion).count();
    assert_eq!(asked, 1, "told once");
    let host = HostRule::parse("b.org").unwrap();
    core.step(Input::Owner(OwnerAsks::HostDecided { host, once: true }), at(7));
    assert!(core.snapshot(at(7)).host_questions.is_empty());
    assert!(matches!(&offered(&mut core, "t3", &["fine.org", "b.org"])[0], Effect::Persist(..)));
    assert!(declined(&offered(&mut core, "t4", &["b.org"])), "once is once");
    assert!(matches!(&offered(&mut core, "t5", &["fine.org"])[0], Effect::Persist(..)));
}

#[test]
fn a_broken_box_stops_everything_until_it_is_whole_again() {
    let mut core = online(vec![]);
    give(&mut core, "t1", at(100));
    let effects = core.step(Input::Proved(vec!["Reach the internet".into()]), at(200));
    assert_eq!(ask_number(&effects), None);
    let snapshot = core.snapshot(at(200));
    assert_eq!(snapshot.status.state, StatusState::NeedsYou);
    assert_eq!(snapshot.status.problem.unwrap().code, ErrorCode::SandboxBroken);
    assert!(snapshot.notices.iter().any(|n| n.error.message.contains("Reach the internet")));
    let task = core.live_task(&key("t1", 1)).unwrap();
    assert!(matches!(&task.verdict, Some(Verdict::HandedBack { reason: HandBack::CannotRun, .. })));
    // The call that was under way comes back; no other follows it.
    let number = core.ask_number;
    let effects = core.step(Input::Asked { number, answer: Ok(None), unit: 0.5 }, at(300));
    assert_eq!(ask_number(&effects), None);
    let effects = core.step(Input::Proved(vec![]), at(60_000));
    assert!(ask_number(&effects).is_some(), "goes on");
}

#[test]
fn what_arrives_just_as_work_stops_is_handed_back_for_now_and_not_as_impossible() {
    let mut core = online(vec![]);
    let full = StoreError { disk_full: true, message: "no space".into() };
    let number = core.ask_number;
    core.step(Input::Written(Written::Records, Err(full)), at(1));
    let late = Input::Asked { number, answer: Ok(Some(assigned("late"))), unit: 0.5 };
    let effects = core.step(late, at(2));
    assert!(
        matches!(&effects[0], Effect::Decline(_, HandBack::OwnerStopped, why) if why.contains("journal"))
    );
}
