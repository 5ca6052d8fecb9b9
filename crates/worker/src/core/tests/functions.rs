//! Managed functions: asked for without an engine, held to what one takes, begun anew without asking anybody.

use super::*;
use crate::port::{EngineErrorKind, Offer};
use hivemind_control::{DecisionReason, NetworkStanding, Reach};
use hivemind_domain::resources::MIB;
use hivemind_domain::task::{ManagedFunction, PackageRef};

fn function(name: &str) -> Assigned {
    let mut assigned = assigned(name);
    assigned.assignment.function = Some(ManagedFunction { source: "print(1);".into(), input: String::new() });
    assigned.assignment.limits.resources = Resources { cpu_millis: 1000, memory_bytes: 128 * MIB, gpus: 0 };
    assigned
}

fn missing() -> Input {
    Input::EngineChecked(Err(EngineError::new(EngineErrorKind::Missing, "no container engine is installed")))
}

fn stands(core: &mut Core, reach: Reach, now: Now) -> Vec<Effect> {
    let standing = Some(NetworkStanding { reach, ..NetworkStanding::default() });
    let answer = HeartbeatAnswer { lease: Duration::from_secs(10), standing, ..HeartbeatAnswer::default() };
    core.step(Input::Heartbeat { sent: now.mono, answer }, now)
}

fn allowed(functions: bool) -> Limits {
    let allowed = Resources { cpu_millis: 4000, memory_bytes: 8 * GIB, gpus: 0 };
    Limits { max_tasks: 3, allowed, cpu_only: true, functions, ..Limits::default() }
}

/// Online without an engine.
fn alone(functions: bool, tasks: Vec<Task>) -> Core {
    let mut core = Core::new(allowed(functions), Capabilities::default());
    core.step(restored(tasks), at(0));
    core.step(missing(), at(0));
    core.step(Input::Authenticated(AccountView::default()), at(0));
    core.step(registered(), at(0));
    core
}

fn offered(effects: &[Effect]) -> Option<Offer> {
    effects.iter().find_map(|e| if let Effect::Ask { offer, .. } = e { Some(*offer) } else { None })
}

fn offer(core: &mut Core, assigned: Assigned, now: Now) -> Vec<Effect> {
    let number = core.ask_number;
    core.step(Input::Asked { number, answer: Ok(Some(assigned)), unit: 0.5 }, now)
}

fn declined(effects: &[Effect]) -> Option<&str> {
    effects.iter().find_map(|e| {
        if let Effect::Decline(_, HandBack::CannotRun, why) = e { Some(why.as_str()) } else { None }
    })
}

#[test]
fn without_an_engine_functions_alone_are_asked_for_where_the_pool_calls() {
    let mut core = alone(true, vec![]);
    let told = core.snapshot(at(0));
    assert_eq!(told.status.problem.map(|p| p.code), Some(ErrorCode::EngineMissing), "nobody calls yet");
    assert!(!told.engine.functions_only);
    for reach in [Reach::Pull, Reach::Neither] {
        assert_eq!(offered(&stands(&mut core, reach, at(10))), None, "{reach:?}");
        assert_eq!(core.snapshot(at(10)).status.state, StatusState::NeedsYou);
    }
    let asked = offered(&stands(&mut core, Reach::Push, at(20))).expect("a call for work");
    assert!(!asked.containers && asked.free.gpus == 0 && asked.free.cpu_millis == 4000, "{asked:?}");
    let told = core.snapshot(at(20));
    assert_eq!((told.status.state, told.status.problem), (StatusState::Ready, None));
    assert!(told.decision.takes_work && !told.decision.all.contains(&DecisionReason::EngineUnavailable));
    assert!(told.engine.functions_only && told.engine.ready == Some(false));
    assert_eq!(told.engine.problem.map(|p| p.code), Some(ErrorCode::EngineMissing), "that is still told");
    assert_eq!(core.paused_word(), "");
    // The pool calls no more: then nothing is left to do here.
    stands(&mut core, Reach::Pull, at(30));
    assert_eq!(core.snapshot(at(30)).status.state, StatusState::NeedsYou);
    assert_eq!(core.paused_word(), "engine_unavailable");
}

#[test]
fn the_owner_may_say_no() {
    let mut core = alone(false, vec![]);
    assert_eq!(offered(&stands(&mut core, Reach::Push, at(1))), None);
    assert!(!core.snapshot(at(1)).engine.functions_only);
    core.step(Input::Limits(allowed(true)), at(2));
    assert!(core.snapshot(at(2)).engine.functions_only);
    core.step(engine_ready(), at(3));
    core.step(Input::Limits(allowed(false)), at(4));
    let effects = offer(&mut core, function("f"), at(5));
    assert!(declined(&effects).is_some_and(|why| why.contains("do not allow")), "{effects:?}");
}

#[test]
fn without_an_engine_a_function_is_taken_and_a_container_handed_back() {
    let mut core = alone(true, vec![]);
    stands(&mut core, Reach::Push, at(1));
    let effects = offer(&mut core, assigned("contained"), at(2));
    assert!(declined(&effects).is_some_and(|why| why.starts_with("ENGINE_MISSING: ")), "{effects:?}");
    let effects = offer(&mut core, function("f"), at(10_000));
    assert!(matches!(&effects[0], Effect::Persist(task, todo)
        if task.assignment.function.is_some() && *todo == vec![TaskEffect::Prepare]));
    assert!(run_to_result(&mut core, &key("f", 1)).iter().any(|e| matches!(e,
        Effect::Perform(task, TaskEffect::Submit) if task.result.is_some())));
}

#[test]
fn an_engine_that_is_full_is_nothing_to_a_function() {
    let mut core = online(vec![]);
    core.step(Input::Limits(allowed(true)), at(0));
    let small = EngineInfo { memory_bytes: MIB, ..EngineInfo::default() };
    core.step(Input::EngineChecked(Ok(small)), at(1));
    let effects = offer(&mut core, assigned("contained"), at(2));
    assert!(declined(&effects).is_some(), "{effects:?}");
    let effects = offer(&mut core, function("f"), at(3));
    assert!(
        matches!(&effects[0], Effect::Persist(task, _) if task.assignment.function.is_some()),
        "{effects:?}"
    );
}

#[test]
fn a_call_for_work_follows_the_engine() {
    let mut core = alone(true, vec![]);
    assert!(!offered(&stands(&mut core, Reach::Push, at(1))).expect("asked").containers);
    assert_eq!(offered(&core.step(Input::Tick, at(2))), None, "the call stands");
    assert!(offered(&core.step(engine_ready(), at(3))).expect("asked anew").containers);
    let gone = core.step(Input::EngineChecked(Err(engine_away())), at(4));
    assert!(!offered(&gone).expect("asked anew").containers);
}

#[test]
fn too_little_room_for_one_is_not_offered() {
    let mut core = alone(true, vec![]);
    let little = Resources { cpu_millis: 500, memory_bytes: GIB, gpus: 0 };
    core.step(Input::Limits(Limits { allowed: little, ..allowed(true) }), at(1));
    assert_eq!(offered(&stands(&mut core, Reach::Push, at(2))), None);
}

#[test]
fn a_function_is_held_to_what_one_takes_and_comes_alone() {
    let mut core = alone(true, vec![]);
    stands(&mut core, Reach::Push, at(1));
    let mut modest = function("modest");
    modest.assignment.limits.resources = Resources { cpu_millis: 10, memory_bytes: 16 * MIB, gpus: 0 };
    offer(&mut core, modest, at(2));
    assert_eq!(core.granted().0, ManagedFunction::NEEDS);
    let mut greedy = function("greedy");
    greedy.assignment.limits.resources.memory_bytes = 100 * GIB;
    assert!(declined(&offer(&mut core, greedy, at(60_000))).is_some_and(|why| why.contains("memory")));
    let with = |change: fn(&mut Assignment)| {
        let mut assigned = function("f");
        change(&mut assigned.assignment);
        assigned
    };
    let package = |a: &mut Assignment| {
        a.package = Some(PackageRef { id: "p".into(), sha256: "a".repeat(64), size_bytes: 1 });
    };
    let long = |a: &mut Assignment| {
        a.function = Some(ManagedFunction { source: "1".repeat((1 << 20) + 1), input: String::new() });
    };
    let wrong: [(&str, Assigned); 6] = [
        ("image", with(|a| a.image = Some("any".into()))),
        ("package", with(package)),
        ("command", with(|a| a.command = vec!["sh".into()])),
        ("network", with(|a| a.network = NetworkNeed::Hosts(vec!["example.org".into()]))),
        ("GPU", with(|a| a.limits.resources.gpus = 1)),
        ("1048577 bytes", with(long)),
    ];
    for ((what, assigned), minute) in wrong.into_iter().zip(2..) {
        let effects = offer(&mut core, assigned, at(60_000 * minute));
        assert!(declined(&effects).is_some_and(|why| why.contains(what)), "{what}: {effects:?}");
    }
}

#[test]
fn rules_about_containers_are_none_for_functions() {
    let strict = Limits {
        minimum_isolation: hivemind_domain::isolation::Isolation::from_word("vm"),
        images: hivemind_domain::images::ImageRules {
            deny: hivemind_domain::images::ImageList::parse("*").unwrap(),
            ..hivemind_domain::images::ImageRules::default()
        },
        ..allowed(true)
    };
    let mut core = alone(true, vec![]);
    core.step(Input::Limits(strict), at(1));
    stands(&mut core, Reach::Push, at(2));
    assert_eq!(declined(&offer(&mut core, function("f"), at(3))), None);
    assert!(core.live_task(&key("f", 1)).is_some());
}

#[test]
fn after_a_restart_a_function_begins_anew_without_an_engine() {
    let mut before = alone(true, vec![]);
    stands(&mut before, Reach::Push, at(1));
    offer(&mut before, function("f"), at(2));
    let k = key("f", 1);
    let prepared = TaskInput::Prepared { container: "function:f#1/1".into(), image_digest: String::new() };
    before.step(Input::Task(k.clone(), prepared), at(3));
    before.step(Input::Task(k.clone(), TaskInput::Started), at(4));
    let kept = before.live_task(&k).unwrap().clone();
    assert_eq!(kept.phase, Phase::Running);
    let mut core = Core::new(allowed(true), Capabilities::default());
    let effects = core.step(restored(vec![kept]), at(9));
    assert!(
        effects.iter().any(|e| matches!(e, Effect::Persist(task, todo)
        if task.phase == Phase::Preparing && task.container.is_none() && *todo == vec![TaskEffect::Prepare]))
    );
    assert_eq!(core.held(), vec![k.clone()]);
    // The engine comes, and knows nothing of it: that changes nothing.
    core.step(engine_ready(), at(10));
    assert_eq!(core.step(Input::Containers(Ok(vec![])), at(11)), vec![]);
    assert_eq!(core.live_task(&k).unwrap().phase, Phase::Preparing);
    let view = core.snapshot(at(12)).tasks.remove(0);
    assert!(view.function && view.image_digest.is_none());
}

#[test]
fn a_container_that_waits_for_its_engine_keeps_its_place_beside_functions() {
    let mut core = online(vec![]);
    core.step(Input::Limits(allowed(true)), at(1));
    give(&mut core, "contained", at(2));
    core.step(Input::EngineAway(key("contained", 1), engine_away()), at(3));
    let asked = offered(&stands(&mut core, Reach::Push, at(4))).expect("asked for functions");
    assert_eq!((asked.free.cpu_millis, asked.running, asked.containers), (3000, 1, false));
}
