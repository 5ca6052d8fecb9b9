//! Tasks that fail by this computer's fault.

use super::*;
use hivemind_control::{Action, DecisionReason};
use hivemind_domain::task::FailureClass;

fn fail(core: &mut Core, name: &str, class: FailureClass, now: Now) {
    give(core, name, now);
    assert!(core.live.contains_key(&key(name, 1)), "{name} was not taken: {:?}", core.rules.decision());
    let why = TaskInput::Failed { class, message: "no space in the engine".into() };
    core.step(Input::Task(key(name, 1), why), now);
}

#[test]
fn five_in_a_row_stop_the_work_until_the_owner_resumes() {
    let mut core = online(vec![]);
    let mut now = 0;
    for (n, pause) in [2_000, 4_000, 8_000, 16_000].into_iter().enumerate() {
        fail(&mut core, &format!("t{n}"), FailureClass::Engine, at(now));
        let held = core.snapshot(at(now));
        assert_eq!(held.decision.reason, DecisionReason::TasksFailing);
        assert_eq!(held.status.state, StatusState::Yielding, "{:?}", held.status);
        assert_eq!(held.decision.until_ms, Some(at(now + pause).wall.0));
        assert_eq!(core.rules.wake(), Some(at(now + pause).mono));
        now += pause;
        core.step(Input::Tick, at(now));
        assert!(core.snapshot(at(now)).decision.takes_work);
    }
    fail(&mut core, "last", FailureClass::Engine, at(now));
    let stopped = core.snapshot(at(now));
    assert_eq!((stopped.status.state, stopped.decision.remedy.as_str()), (StatusState::NeedsYou, "resume"));
    let problem = stopped.status.problem.expect("a problem");
    assert_eq!((problem.code, problem.action), (ErrorCode::FailingEngine, Some(Action::Resume)));
    assert!(problem.message.ends_with("no space in the engine"), "{problem}");
    assert_eq!(stopped.notices.iter().filter(|n| n.error.code == ErrorCode::FailingEngine).count(), 1);
    core.step(Input::Tick, at(now + 2_000_000));
    assert!(!core.snapshot(at(now + 2_000_000)).decision.takes_work, "time alone lifts nothing");
    core.step(Input::Owner(OwnerAsks::Start), at(now + 2_000_000));
    let on = core.snapshot(at(now + 2_000_000));
    assert_eq!((on.status.state, on.decision.takes_work), (StatusState::Ready, true));
}

#[test]
fn programs_that_fail_by_themselves_stop_nothing() {
    let mut core = online(vec![]);
    for n in 0..12 {
        let name = format!("t{n}");
        give(&mut core, &name, at(n * 100));
        for input in [
            TaskInput::Prepared { container: "c1".into(), image_digest: "sha256:1".into() },
            TaskInput::Started,
            TaskInput::Exited { code: 1, out_of_memory: false },
        ] {
            core.step(Input::Task(key(&name, 1), input), at(n * 100));
        }
        let file = ResultFile { sha256: "a".repeat(64), size_bytes: 1, entries: 1 };
        core.step(Input::Task(key(&name, 1), TaskInput::Collected(file)), at(n * 100));
        assert!(core.snapshot(at(n * 100)).decision.takes_work);
    }
    for n in 12..24 {
        fail(&mut core, &format!("t{n}"), FailureClass::Package, at(n * 100));
        assert!(core.snapshot(at(n * 100)).decision.takes_work);
    }
}
