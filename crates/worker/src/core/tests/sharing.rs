//! What tasks may have while the owner is here or away.

use super::*;
use hivemind_control::DecisionReason;
use hivemind_domain::rules::{Sensed, Signal};

fn second(s: u64) -> Now {
    at(s * 1000)
}

fn limits(effects: &[Effect]) -> Vec<(String, u32)> {
    let mut limits = Vec::new();
    for effect in effects {
        if let Effect::Limit(container, millis) = effect {
            limits.push((container.clone(), *millis));
        }
    }
    limits
}

/// Eight cores, 16 GiB, two tasks with two cores each.
fn busy() -> Core {
    let mut core = online(vec![]);
    let host = Capabilities { cpu_cores: 8, memory_bytes: 16 * GIB, ..Capabilities::default() };
    core.step(Input::Host(Box::new(host)), at(0));
    for name in ["a", "b"] {
        let number = core.ask_number;
        let mut task = assigned(name);
        task.assignment.limits.resources.cpu_millis = 2000;
        task.assignment.limits.timeout = Duration::from_secs(86_400);
        core.step(Input::Asked { number, answer: Ok(Some(task)), unit: 0.5 }, at(0));
        let prepared =
            TaskInput::Prepared { container: format!("c-{name}"), image_digest: "sha256:1".into() };
        core.step(Input::Task(key(name, 1), prepared), at(0));
        let effects = core.step(Input::Task(key(name, 1), TaskInput::Started), at(0));
        assert_eq!(limits(&effects), [], "away there is enough for what was granted");
    }
    core
}

fn sense(core: &mut Core, sensed: Sensed, now: Now) -> Vec<Effect> {
    core.step(Input::Sensed(sensed, now.mono), now)
}

#[test]
fn somebody_who_comes_back_gets_three_quarters_and_gives_them_back_when_gone() {
    let mut core = busy();
    assert_eq!(
        core.snapshot(at(0)).limits.now_memory_bytes,
        8 * GIB,
        "the owner's own limit is less than 60 %"
    );
    let effects = sense(&mut core, Sensed::Idle(Signal::Value(Duration::ZERO)), second(10));
    // A quarter of eight cores for both.
    assert_eq!(limits(&effects), [("c-a".to_owned(), 1000), ("c-b".to_owned(), 1000)]);
    let here = core.snapshot(second(10));
    assert_eq!((here.decision.reason, here.decision.takes_work), (DecisionReason::InUse, true));
    assert_eq!((here.limits.now_cpu_millis, here.limits.now_memory_bytes), (2000, 16 * GIB / 100 * 25));
    assert_eq!(here.status.state, StatusState::Earning, "they go on, with less");
    // Nobody has touched anything for three minutes; nothing tells so, the core looks by itself.
    assert_eq!(limits(&core.step(Input::Tick, second(180))), []);
    let wake = core.rules.wake().unwrap();
    assert!(wake <= second(191).mono, "{wake:?}");
    assert_eq!(
        limits(&core.step(Input::Tick, second(191))),
        [("c-a".to_owned(), 2000), ("c-b".to_owned(), 2000)]
    );
    assert_eq!(core.snapshot(second(191)).decision.reason, DecisionReason::Free);
}

#[test]
fn a_locked_session_is_away_and_an_unreadable_one_is_not() {
    let mut core = busy();
    sense(&mut core, Sensed::Idle(Signal::Value(Duration::ZERO)), second(1));
    sense(&mut core, Sensed::Locked(Signal::Value(true)), second(2));
    core.step(Input::Tick, second(63));
    assert_eq!(core.snapshot(second(63)).decision.reason, DecisionReason::Free);
    sense(&mut core, Sensed::OnBattery(Signal::Unreadable), second(64));
    let odd = core.snapshot(second(64)).decision;
    assert_eq!((odd.reason, odd.unreadable), (DecisionReason::InUse, vec!["battery".to_owned()]));
}

#[test]
fn every_second_is_booked_to_one_reason() {
    let mut core = busy();
    let mut booked = 0;
    let mut take = |effects: Vec<Effect>| {
        for effect in effects {
            if let Effect::Book(span) = effect {
                booked += span.ms();
            }
        }
    };
    for s in 0..4000_u64 {
        let battery = Signal::Value(s % 700 > 650);
        take(sense(&mut core, Sensed::OnBattery(battery), second(s)));
        if s % 97 == 0 {
            take(sense(&mut core, Sensed::Idle(Signal::Value(Duration::ZERO)), second(s)));
        }
    }
    let open = core.present_span().unwrap().ms();
    assert!(booked > 3_000_000 && (booked + open).abs_diff(3_999_000) <= 1000, "{booked} {open}");
}

#[test]
fn forcing_sets_the_rules_aside_until_its_time_and_a_pause_ends_it() {
    let mut core = busy();
    sense(&mut core, Sensed::FullScreen(Signal::Value(true)), second(1));
    assert!(!core.snapshot(second(1)).decision.takes_work);
    let until = second(3601).wall;
    core.step(Input::Owner(OwnerAsks::Force(Some(until))), second(2));
    let forced = core.snapshot(second(2)).decision;
    assert_eq!(
        (forced.takes_work, forced.reason, forced.until_ms),
        (true, DecisionReason::Forced, Some(until.0))
    );
    core.step(Input::Tick, second(3602));
    assert_eq!(core.snapshot(second(3602)).decision.reason, DecisionReason::FullScreen);
    core.step(Input::Owner(OwnerAsks::Force(Some(second(9000).wall))), second(3603));
    let pause = Some(hivemind_domain::rules::Snooze::Until(second(4000).wall));
    core.step(Input::Owner(OwnerAsks::Snooze(pause)), second(3604));
    core.step(Input::Tick, second(4001));
    assert_eq!(
        core.snapshot(second(4001)).decision.reason,
        DecisionReason::FullScreen,
        "what was asked last counts"
    );
}
